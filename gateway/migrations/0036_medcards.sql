-- Medical cards, and the claims on them.
-- Written in the subset that SQLite and PostgreSQL share. Times are microseconds since the Unix epoch, amounts minor units.

CREATE TABLE medcards (
    id                TEXT   NOT NULL PRIMARY KEY,
    tenant_id         TEXT   NOT NULL REFERENCES tenants (id),
    status            TEXT   NOT NULL CHECK (status IN ('active', 'suspended', 'revoked')),
    holder_name       TEXT   NOT NULL,
    holder_reference  TEXT,
    plan              TEXT   NOT NULL,
    currency          TEXT   NOT NULL,
    coverage_limit    BIGINT NOT NULL,
    covered_amount    BIGINT NOT NULL,
    valid_until       BIGINT,
    metadata          TEXT,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    CHECK (covered_amount BETWEEN 0 AND coverage_limit)
);

CREATE INDEX medcards_by_time ON medcards (tenant_id, created_at, id);
CREATE INDEX medcards_by_holder ON medcards (tenant_id, holder_reference, created_at, id);

-- Who changed a card's status, when and why.
CREATE TABLE medcard_history (
    tenant_id   TEXT   NOT NULL,
    medcard_id  TEXT   NOT NULL REFERENCES medcards (id),
    created_at  BIGINT NOT NULL,
    status      TEXT   NOT NULL,
    user_id     TEXT   NOT NULL,
    request_id  TEXT   NOT NULL,
    reason      TEXT,
    PRIMARY KEY (medcard_id, created_at)
);

CREATE TABLE claims (
    id                TEXT   NOT NULL PRIMARY KEY,
    tenant_id         TEXT   NOT NULL REFERENCES tenants (id),
    status            TEXT   NOT NULL CHECK (status IN ('submitted', 'approved', 'rejected')),
    medcard_id        TEXT   NOT NULL REFERENCES medcards (id),
    amount            BIGINT NOT NULL,
    approved_amount   BIGINT NOT NULL,
    currency          TEXT   NOT NULL,
    provider_name     TEXT,
    description       TEXT,
    payout_wallet_id  TEXT   REFERENCES wallets (id),
    transaction_id    TEXT,
    decision_reason   TEXT,
    decided_at        BIGINT,
    metadata          TEXT,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    CHECK (approved_amount BETWEEN 0 AND amount),
    CHECK ((status = 'submitted') = (decided_at IS NULL))
);

CREATE INDEX claims_by_time ON claims (tenant_id, created_at, id);
CREATE INDEX claims_by_medcard ON claims (tenant_id, medcard_id, created_at, id);
