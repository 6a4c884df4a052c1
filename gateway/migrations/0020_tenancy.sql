-- Tenants that tenants made, the tenants' own roles, service tokens, and the audit trail.
-- Written in the subset that SQLite and PostgreSQL share. Times are microseconds since the Unix epoch.

-- `platform` marks the tenant of those who run the gateway: it alone may see what is every tenant's.
ALTER TABLE tenants ADD COLUMN description TEXT;
ALTER TABLE tenants ADD COLUMN parent_id TEXT REFERENCES tenants (id);
ALTER TABLE tenants ADD COLUMN platform BIGINT NOT NULL DEFAULT 0;
UPDATE tenants SET platform = 1 WHERE tier = 'admin';
CREATE INDEX tenants_by_parent ON tenants (parent_id, created_at, id);

-- Until now whoever registered was the manager of a tenant that had no admin.
UPDATE users SET role = 'admin' WHERE role = 'manager';

-- A tenant's own roles. `permissions` is a JSON array of texts.
CREATE TABLE roles (
    tenant_id    TEXT   NOT NULL REFERENCES tenants (id),
    name         TEXT   NOT NULL,
    description  TEXT,
    permissions  TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- The roles of its tenant that a user has beside the built-in one.
CREATE TABLE user_roles (
    tenant_id  TEXT NOT NULL,
    user_id    TEXT NOT NULL REFERENCES users (id),
    role_name  TEXT NOT NULL,
    PRIMARY KEY (user_id, role_name),
    FOREIGN KEY (tenant_id, role_name) REFERENCES roles (tenant_id, name)
);

CREATE INDEX user_roles_by_role ON user_roles (tenant_id, role_name);

-- `permissions` is a JSON array of texts, `hash` a keyed hash of the whole secret.
CREATE TABLE service_tokens (
    id            TEXT   NOT NULL PRIMARY KEY,
    tenant_id     TEXT   NOT NULL REFERENCES tenants (id),
    created_by    TEXT   NOT NULL REFERENCES users (id),
    name          TEXT   NOT NULL,
    hint          TEXT   NOT NULL,
    permissions   TEXT   NOT NULL,
    hash          BLOB   NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    revoked_at    BIGINT,
    last_used_at  BIGINT
);

CREATE INDEX service_tokens_by_tenant ON service_tokens (tenant_id, created_at, id);

CREATE TABLE audit_events (
    id             TEXT   NOT NULL PRIMARY KEY,
    tenant_id      TEXT   NOT NULL REFERENCES tenants (id),
    type           TEXT   NOT NULL,
    outcome        TEXT   NOT NULL,
    actor_id       TEXT,
    credential_id  TEXT,
    subject_id     TEXT,
    detail         TEXT,
    ip_address     TEXT,
    request_id     TEXT,
    created_at     BIGINT NOT NULL
);

CREATE INDEX audit_events_by_time ON audit_events (tenant_id, created_at, id);
