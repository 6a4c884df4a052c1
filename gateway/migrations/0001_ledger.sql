-- Wallets, the double-entry ledger behind them, payments, and the recorded answers of idempotent requests.
-- Written in the subset that SQLite and PostgreSQL share. Times are microseconds since the Unix epoch, amounts minor units.

CREATE TABLE wallets (
    id          TEXT   NOT NULL PRIMARY KEY,
    tenant_id   TEXT   NOT NULL,
    name        TEXT,
    currency    TEXT   NOT NULL,
    status      TEXT   NOT NULL CHECK (status IN ('active', 'frozen', 'closed')),
    metadata    TEXT,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    closed_at   BIGINT,
    CHECK ((status = 'closed') = (closed_at IS NOT NULL))
);

CREATE INDEX wallets_by_time ON wallets (tenant_id, created_at, id);

-- Who changed a wallet's status, when and why.
CREATE TABLE wallet_history (
    wallet_id   TEXT   NOT NULL REFERENCES wallets (id),
    created_at  BIGINT NOT NULL,
    status      TEXT   NOT NULL,
    user_id     TEXT   NOT NULL,
    request_id  TEXT   NOT NULL,
    reason      TEXT,
    PRIMARY KEY (wallet_id, created_at)
);

-- A wallet has two accounts: what it may spend, and what payments hold. Money enters and leaves through the tenant's
-- `world` account of the currency, the only kind that may go below zero.
CREATE TABLE ledger_accounts (
    id          TEXT   NOT NULL PRIMARY KEY,
    tenant_id   TEXT   NOT NULL,
    wallet_id   TEXT   REFERENCES wallets (id),
    kind        TEXT   NOT NULL CHECK (kind IN ('available', 'held', 'world')),
    currency    TEXT   NOT NULL,
    balance     BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    -- Wallets hold at most 2^53 - 1; the bound of the world keeps sums of balances within 64 bits.
    CHECK (balance BETWEEN -4000000000000000000 AND 4000000000000000000),
    CHECK (kind = 'world' OR balance BETWEEN 0 AND 9007199254740991),
    CHECK ((kind = 'world') = (wallet_id IS NULL))
);

CREATE TABLE ledger_entries (
    id          TEXT   NOT NULL PRIMARY KEY,
    tenant_id   TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    created_at  BIGINT NOT NULL
);

-- The postings of an entry sum to zero; `waypost_gateway::ledger::verify` proves it for the whole file.
CREATE TABLE ledger_postings (
    entry_id    TEXT   NOT NULL REFERENCES ledger_entries (id),
    account_id  TEXT   NOT NULL REFERENCES ledger_accounts (id),
    amount      BIGINT NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (entry_id, account_id)
);

CREATE TABLE payments (
    id                     TEXT   NOT NULL PRIMARY KEY,
    tenant_id              TEXT   NOT NULL,
    status                 TEXT   NOT NULL
        CHECK (status IN ('authorized', 'captured', 'partially_refunded', 'refunded', 'canceled')),
    payer_wallet_id        TEXT   NOT NULL REFERENCES wallets (id),
    destination_wallet_id  TEXT   REFERENCES wallets (id),
    destination_reference  TEXT,
    destination_name       TEXT,
    currency               TEXT   NOT NULL,
    amount                 BIGINT NOT NULL CHECK (amount > 0),
    captured_amount        BIGINT NOT NULL CHECK (captured_amount BETWEEN 0 AND amount),
    refunded_amount        BIGINT NOT NULL CHECK (refunded_amount BETWEEN 0 AND captured_amount),
    capture_method         TEXT   NOT NULL CHECK (capture_method IN ('automatic', 'manual')),
    description            TEXT,
    metadata               TEXT,
    created_at             BIGINT NOT NULL,
    updated_at             BIGINT NOT NULL,
    CHECK ((destination_wallet_id IS NULL) <> (destination_reference IS NULL))
);

CREATE INDEX payments_by_time ON payments (tenant_id, created_at, id);
CREATE INDEX payments_by_payer ON payments (payer_wallet_id, created_at, id);

-- One side of an entry, as the owner of a wallet sees it.
CREATE TABLE transactions (
    id                     TEXT   NOT NULL PRIMARY KEY,
    tenant_id              TEXT   NOT NULL,
    wallet_id              TEXT   NOT NULL REFERENCES wallets (id),
    entry_id               TEXT   NOT NULL REFERENCES ledger_entries (id),
    type                   TEXT   NOT NULL,
    amount                 BIGINT NOT NULL,
    currency               TEXT   NOT NULL,
    balance_after          BIGINT NOT NULL,
    available_after        BIGINT NOT NULL,
    counterpart_wallet_id  TEXT,
    payment_id             TEXT   REFERENCES payments (id),
    description            TEXT,
    metadata               TEXT,
    created_at             BIGINT NOT NULL
);

CREATE INDEX transactions_by_time ON transactions (wallet_id, created_at, id);

CREATE TABLE idempotency (
    scope        BLOB   NOT NULL PRIMARY KEY,
    fingerprint  BLOB   NOT NULL,
    status       BIGINT NOT NULL,
    body         BLOB   NOT NULL,
    created_at   BIGINT NOT NULL
);

CREATE INDEX idempotency_by_time ON idempotency (created_at);
