-- The gateway as an authorization server, browsers' sessions, and accounts at providers.
-- Written in the subset that SQLite and PostgreSQL share. Times are microseconds since the Unix epoch; hashes are keyed.

-- The seeds of the keys that sign access tokens, sealed. A key signs from `active_from` until the next one does.
CREATE TABLE oauth_signing_keys (
    kid          TEXT   NOT NULL PRIMARY KEY,
    seed         BLOB   NOT NULL,
    created_at   BIGINT NOT NULL,
    active_from  BIGINT NOT NULL
);

-- `redirect_uris`, `grant_types` and `scopes` are JSON arrays of texts, `jwks` a JSON object. `user_id` is who registered it: what it gets for itself, it may
-- do as that user.
CREATE TABLE oauth_clients (
    id              TEXT   NOT NULL PRIMARY KEY,
    tenant_id       TEXT   NOT NULL REFERENCES tenants (id),
    user_id         TEXT   NOT NULL REFERENCES users (id),
    name            TEXT   NOT NULL,
    type            TEXT   NOT NULL,
    authentication  TEXT   NOT NULL,
    grant_types     TEXT   NOT NULL,
    redirect_uris   TEXT   NOT NULL,
    scopes          TEXT   NOT NULL,
    secret_hash     BLOB,
    jwks            TEXT,
    created_at      BIGINT NOT NULL
);

CREATE INDEX oauth_clients_by_tenant ON oauth_clients (tenant_id, created_at, id);

-- What a client was granted: the family that its tokens belong to. `subject` is whom the tokens name: the user, or the client itself.
CREATE TABLE oauth_grants (
    id          TEXT   NOT NULL PRIMARY KEY,
    tenant_id   TEXT   NOT NULL REFERENCES tenants (id),
    client_id   TEXT   NOT NULL REFERENCES oauth_clients (id) ON DELETE CASCADE,
    user_id     TEXT   NOT NULL REFERENCES users (id),
    subject     TEXT   NOT NULL,
    scope       TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    ended_at    BIGINT
);

CREATE INDEX oauth_grants_by_client ON oauth_grants (client_id);
CREATE INDEX oauth_grants_by_expiry ON oauth_grants (expires_at);

-- Used codes and refresh tokens stay until they expire: one that comes back is how a leak is noticed.
CREATE TABLE oauth_codes (
    hash          BLOB   NOT NULL PRIMARY KEY,
    grant_id      TEXT   NOT NULL REFERENCES oauth_grants (id) ON DELETE CASCADE,
    redirect_uri  TEXT,
    challenge     TEXT   NOT NULL,
    expires_at    BIGINT NOT NULL,
    used_at       BIGINT
);

CREATE INDEX oauth_codes_by_grant ON oauth_codes (grant_id);
CREATE INDEX oauth_codes_by_expiry ON oauth_codes (expires_at);

CREATE TABLE oauth_refresh_tokens (
    hash        BLOB   NOT NULL PRIMARY KEY,
    grant_id    TEXT   NOT NULL REFERENCES oauth_grants (id) ON DELETE CASCADE,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    used_at     BIGINT
);

CREATE INDEX oauth_refresh_tokens_by_grant ON oauth_refresh_tokens (grant_id);
CREATE INDEX oauth_refresh_tokens_by_expiry ON oauth_refresh_tokens (expires_at);

-- `grant_id` is there once a person has agreed, `denied_at` once one has not.
CREATE TABLE oauth_device_codes (
    hash            BLOB   NOT NULL PRIMARY KEY,
    user_code_hash  BLOB   NOT NULL UNIQUE,
    client_id       TEXT   NOT NULL REFERENCES oauth_clients (id) ON DELETE CASCADE,
    scope           TEXT   NOT NULL,
    grant_id        TEXT   REFERENCES oauth_grants (id) ON DELETE CASCADE,
    denied_at       BIGINT,
    used_at         BIGINT,
    asked_at        BIGINT,
    wait_seconds    BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL
);

CREATE INDEX oauth_device_codes_by_client ON oauth_device_codes (client_id);
CREATE INDEX oauth_device_codes_by_grant ON oauth_device_codes (grant_id);
CREATE INDEX oauth_device_codes_by_expiry ON oauth_device_codes (expires_at);

-- Assertions that were taken, until they expire: each is good once.
CREATE TABLE oauth_assertions (
    hash        BLOB   NOT NULL PRIMARY KEY,
    expires_at  BIGINT NOT NULL
);

CREATE INDEX oauth_assertions_by_expiry ON oauth_assertions (expires_at);

-- The cookie of a session that a browser holds. `expires_at` ends it however much it is used; the session's own moves with its use.
CREATE TABLE browser_sessions (
    hash        BLOB   NOT NULL PRIMARY KEY,
    session_id  TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at  BIGINT NOT NULL
);

CREATE INDEX browser_sessions_by_session ON browser_sessions (session_id);

-- Sign-ins with a provider that were begun. `verifier` is sealed; `browser_hash` is of the cookie of the browser that began it.
CREATE TABLE sign_in_states (
    hash          BLOB   NOT NULL PRIMARY KEY,
    provider      TEXT   NOT NULL,
    browser_hash  BLOB   NOT NULL,
    nonce         TEXT   NOT NULL,
    verifier      BLOB   NOT NULL,
    return_to     TEXT   NOT NULL,
    user_id       TEXT   REFERENCES users (id),
    expires_at    BIGINT NOT NULL
);

CREATE INDEX sign_in_states_by_expiry ON sign_in_states (expires_at);

-- Accounts at providers that can be signed in with.
CREATE TABLE identities (
    id            TEXT   NOT NULL PRIMARY KEY,
    tenant_id     TEXT   NOT NULL REFERENCES tenants (id),
    user_id       TEXT   NOT NULL REFERENCES users (id),
    provider      TEXT   NOT NULL,
    subject       TEXT   NOT NULL,
    email         TEXT,
    created_at    BIGINT NOT NULL,
    last_used_at  BIGINT,
    UNIQUE (provider, subject)
);

CREATE INDEX identities_by_user ON identities (user_id, created_at, id);
