-- What happened: the outbox, and the store that lists and streams read. An event is written in the transaction that did what it tells of.
-- Written in the subset that SQLite and PostgreSQL share. Times are microseconds since the Unix epoch.

-- `id` is made of the transaction's time, so its order is the order of the changes, within a tenant and over all.
-- Of the platform's own events `source`, `origin_id` and `attributes` are null. `attributes` and `data` are JSON objects.
CREATE TABLE events (
    id          TEXT   NOT NULL PRIMARY KEY,
    tenant_id   TEXT   NOT NULL REFERENCES tenants (id),
    type        TEXT   NOT NULL,
    subject     TEXT,
    actor_id    TEXT,
    source      TEXT,
    origin_id   TEXT,
    attributes  TEXT,
    data        TEXT   NOT NULL,
    created_at  BIGINT NOT NULL
);

CREATE INDEX events_by_tenant ON events (tenant_id, id);
CREATE INDEX events_by_type ON events (tenant_id, type, id);
CREATE INDEX events_by_subject ON events (tenant_id, subject, id);
CREATE UNIQUE INDEX events_by_origin ON events (tenant_id, source, origin_id) WHERE origin_id IS NOT NULL;

-- Up to which event each reader of the outbox has come.
CREATE TABLE event_positions (
    name        TEXT   NOT NULL PRIMARY KEY,
    event_id    TEXT   NOT NULL,
    updated_at  BIGINT NOT NULL
);
