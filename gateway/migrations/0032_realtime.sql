-- What WebSockets need beside events. Written in the subset that SQLite and PostgreSQL share. Times are microseconds since the Unix epoch.

-- Tickets that nobody has used yet. `hash` is a keyed hash of the ticket, `credential_id` what it was asked for with.
CREATE TABLE realtime_tickets (
    hash           BLOB   NOT NULL PRIMARY KEY,
    tenant_id      TEXT   NOT NULL REFERENCES tenants (id),
    credential_id  TEXT   NOT NULL,
    expires_at     BIGINT NOT NULL
);

CREATE INDEX realtime_tickets_by_end ON realtime_tickets (expires_at);

-- Broadcasts of the last minutes, for the sockets of every node. `tenant_id` is null where all tenants are meant. `data` is a JSON object.
CREATE TABLE realtime_broadcasts (
    id          TEXT   NOT NULL PRIMARY KEY,
    tenant_id   TEXT   REFERENCES tenants (id),
    topic       TEXT   NOT NULL,
    data        TEXT   NOT NULL,
    created_at  BIGINT NOT NULL
);
