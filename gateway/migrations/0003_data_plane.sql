-- What was made of the data plane's configuration through the API, who changed it, and what the data plane counted.
-- Written in the subset that SQLite and PostgreSQL share. Times are microseconds since the Unix epoch.

-- One service, route or tier each; `document` is JSON in the form of the data plane's file.
CREATE TABLE data_plane_parts (
    kind        TEXT   NOT NULL CHECK (kind IN ('service', 'route', 'tier')),
    name        TEXT   NOT NULL,
    position    BIGINT NOT NULL,
    document    TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);

-- Every change, the newest of which is the present revision. `author` is a user, or the command that did it.
CREATE TABLE data_plane_changes (
    revision    BIGINT NOT NULL PRIMARY KEY,
    created_at  BIGINT NOT NULL,
    author      TEXT   NOT NULL,
    request_id  TEXT,
    action      TEXT   NOT NULL
);

-- What one run of one node counted in one step (a minute), as JSON. `at` is when the step began, milliseconds of the Unix time.
CREATE TABLE analytics_steps (
    at          BIGINT NOT NULL,
    node        TEXT   NOT NULL,
    document    TEXT   NOT NULL,
    PRIMARY KEY (at, node)
);
