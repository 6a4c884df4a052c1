-- Credentials of which something changed a moment ago: how other processes on the same database learn that what they remember of them is old.
-- Written in the subset that SQLite and PostgreSQL share. Times are microseconds since the Unix epoch.

CREATE TABLE credential_changes (
    id             TEXT   NOT NULL PRIMARY KEY,
    tenant_id      TEXT   NOT NULL REFERENCES tenants (id),
    credential_id  TEXT   NOT NULL,
    created_at     BIGINT NOT NULL
);

CREATE INDEX credential_changes_by_time ON credential_changes (created_at);
