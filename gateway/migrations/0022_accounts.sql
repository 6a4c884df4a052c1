-- Wrong passwords and codes, invitations, people who were taken out of a tenant, and what finds the credentials of one person.
-- Written in the subset that SQLite and PostgreSQL share. Times are microseconds since the Unix epoch; hashes are keyed.

-- How often somebody was wrong lately, by account, by address, or by both, each hashed; and until when the next attempt has to wait.
CREATE TABLE attempts (
    counter      BLOB   NOT NULL PRIMARY KEY,
    wrong        BIGINT NOT NULL,
    waits_until  BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);

CREATE INDEX attempts_by_expiry ON attempts (expires_at);

-- `hash` is of the whole secret. A used one stays until it expires.
CREATE TABLE invitations (
    id          TEXT   NOT NULL PRIMARY KEY,
    tenant_id   TEXT   NOT NULL REFERENCES tenants (id),
    hash        BLOB   NOT NULL UNIQUE,
    email       TEXT   NOT NULL,
    role        TEXT   NOT NULL,
    created_by  TEXT   NOT NULL REFERENCES users (id),
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    used_at     BIGINT
);

CREATE INDEX invitations_by_tenant ON invitations (tenant_id, expires_at);
CREATE INDEX invitations_by_expiry ON invitations (expires_at);

-- What a person did stays, under an identifier that nobody can sign in with.
ALTER TABLE users ADD COLUMN removed_at BIGINT;

CREATE INDEX api_keys_by_user ON api_keys (user_id);
CREATE INDEX oauth_clients_by_user ON oauth_clients (user_id);
CREATE INDEX oauth_grants_by_user ON oauth_grants (user_id);
CREATE INDEX audit_events_by_age ON audit_events (created_at);
