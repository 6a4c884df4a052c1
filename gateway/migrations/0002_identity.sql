-- Tenants, users, sessions with their refresh tokens, and API keys.
-- Written in the subset that SQLite and PostgreSQL share. Times are microseconds since the Unix epoch.

CREATE TABLE tenants (
    id          TEXT   NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL,
    tier        TEXT   NOT NULL,
    created_at  BIGINT NOT NULL
);

-- `email` is in its normal form (lower case), which is what makes it unique. A user without a password cannot sign in.
CREATE TABLE users (
    id             TEXT   NOT NULL PRIMARY KEY,
    tenant_id      TEXT   NOT NULL REFERENCES tenants (id),
    email          TEXT   NOT NULL UNIQUE,
    name           TEXT   NOT NULL,
    role           TEXT   NOT NULL CHECK (role IN ('admin', 'manager', 'user', 'service')),
    password_hash  TEXT,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL
);

CREATE INDEX users_by_tenant ON users (tenant_id, created_at, id);

CREATE TABLE sessions (
    id            TEXT   NOT NULL PRIMARY KEY,
    tenant_id     TEXT   NOT NULL REFERENCES tenants (id),
    user_id       TEXT   NOT NULL REFERENCES users (id),
    user_agent    TEXT,
    ip_address    TEXT,
    created_at    BIGINT NOT NULL,
    last_used_at  BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    ended_at      BIGINT
);

CREATE INDEX sessions_by_user ON sessions (user_id, created_at, id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Every refresh token that a session was given, until it expires: a used one that comes back is how a leak is noticed.
CREATE TABLE refresh_tokens (
    hash        BLOB   NOT NULL PRIMARY KEY,
    session_id  TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    used_at     BIGINT
);

CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

-- `permissions` is a JSON array of texts. `hash` and `previous_hash` are keyed hashes of the whole secrets.
CREATE TABLE api_keys (
    id                   TEXT   NOT NULL PRIMARY KEY,
    tenant_id            TEXT   NOT NULL REFERENCES tenants (id),
    user_id              TEXT   NOT NULL REFERENCES users (id),
    name                 TEXT   NOT NULL,
    hint                 TEXT   NOT NULL,
    permissions          TEXT   NOT NULL,
    tier                 TEXT   NOT NULL,
    hash                 BLOB   NOT NULL,
    previous_hash        BLOB,
    previous_expires_at  BIGINT,
    created_at           BIGINT NOT NULL,
    expires_at           BIGINT,
    rotated_at           BIGINT,
    revoked_at           BIGINT,
    last_used_at         BIGINT
);

CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id, created_at, id);
