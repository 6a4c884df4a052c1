//! The peer: axum and sqlx and nothing else. The statements are those of `src/wallets/storage.rs`, `src/ledger/storage.rs`
//! and `src/store/idempotency.rs`, the pragmas those of `src/store/dialect.rs`; one writer and as many readers.
//! It authenticates nobody, checks no schema, limits nothing, and commits each transfer by itself.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::extract::{Json, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::{Value, json};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Row as _};
use waypost_gateway::secrets::{MasterKey, Secrets, id};
use waypost_gateway::store::clock::to_rfc3339;
use waypost_gateway::store::{Store, StoreConfig};
use waypost_types::{Transaction, TransactionType, Transfer, TransferFunds, Wallet, WalletStatus};

#[derive(Clone)]
struct Database {
    readers: SqlitePool,
    writer: SqlitePool,
}

type Answer<T> = Result<T, (StatusCode, String)>;

fn failed(error: impl std::fmt::Display) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

/// Serves on a free port.
pub(super) async fn start(directory: PathBuf) -> Result<SocketAddr, Box<dyn std::error::Error>> {
    let config = StoreConfig::new(directory.join("bare.db"));
    // Makes the same tables with the same indexes.
    Store::open(&config, Secrets::new(MasterKey::generate()?).sealer().clone()).await?.close().await;
    let options = SqliteConnectOptions::new()
        .filename(&config.path)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging();
    let pool = |size: u32| SqlitePoolOptions::new().max_connections(size).test_before_acquire(false);
    let database = Database {
        writer: pool(1).connect_with(options.clone()).await?,
        readers: pool(config.readers).connect_with(options).await?,
    };
    let router = Router::new()
        .route("/v1/wallets", post(open))
        .route("/v1/wallets/{wallet_id}", get(read))
        .route("/v1/wallets/{wallet_id}/credit", post(credit))
        .route("/v1/wallets/{wallet_id}/transfer", post(transfer))
        .with_state(database);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            stream.set_nodelay(true).ok();
        });
        axum::serve(listener, router).await
    });
    Ok(address)
}

const TENANT: &str = "ten_bare";

fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// Prepares; not measured.
async fn open(State(database): State<Database>) -> Answer<Json<Value>> {
    let wallet = id::new("wal");
    sqlx::query(
        "INSERT INTO wallets (id, tenant_id, currency, status, created_at, updated_at) VALUES ($1, $2, 'EUR', 'active', $3, $3)",
    )
    .bind(&wallet)
    .bind(TENANT)
    .bind(now())
    .execute(&database.writer)
    .await
    .map_err(failed)?;
    for kind in ["available", "held"] {
        sqlx::query(
            "INSERT INTO ledger_accounts (id, tenant_id, wallet_id, kind, currency, balance, updated_at)
             VALUES ($1, $2, $3, $4, 'EUR', 0, $5)",
        )
        .bind(format!("{wallet}:{kind}"))
        .bind(TENANT)
        .bind(&wallet)
        .bind(kind)
        .bind(now())
        .execute(&database.writer)
        .await
        .map_err(failed)?;
    }
    Ok(Json(json!({ "id": wallet })))
}

/// Prepares; not measured.
async fn credit(
    State(database): State<Database>,
    Path(wallet): Path<String>,
    Json(body): Json<Value>,
) -> Answer<Json<Value>> {
    sqlx::query("UPDATE ledger_accounts SET balance = balance + $1 WHERE id = $2")
        .bind(body["amount"].as_i64())
        .bind(format!("{wallet}:available"))
        .execute(&database.writer)
        .await
        .map_err(failed)?;
    Ok(Json(json!({})))
}

async fn read(State(database): State<Database>, Path(wallet): Path<String>) -> Answer<Json<Wallet>> {
    let row = sqlx::query(
        "SELECT w.id, w.currency, w.status, a.balance, h.balance, w.name, w.metadata,
           w.created_at, w.updated_at, w.closed_at, a.updated_at, h.updated_at
         FROM wallets w
         JOIN ledger_accounts a ON a.id = w.id || ':available'
         JOIN ledger_accounts h ON h.id = w.id || ':held'
         WHERE w.tenant_id = $1 AND w.id = $2",
    )
    .bind(TENANT)
    .bind(wallet)
    .fetch_one(&database.readers)
    .await
    .map_err(failed)?;
    wallet_of(&row).map(Json).map_err(failed)
}

fn wallet_of(row: &SqliteRow) -> Result<Wallet, sqlx::Error> {
    let (available, held): (i64, i64) = (row.try_get(3)?, row.try_get(4)?);
    Ok(Wallet::new(
        row.try_get::<String, _>(0)?,
        row.try_get::<String, _>(1)?,
        WalletStatus::from(row.try_get::<&str, _>(2)?),
        available + held,
        available,
        held,
        to_rfc3339(row.try_get(7)?),
        to_rfc3339(row.try_get::<i64, _>(8)?.max(row.try_get(10)?)),
    ))
}

async fn transfer(
    State(database): State<Database>,
    headers: HeaderMap,
    Path(from): Path<String>,
    Json(body): Json<TransferFunds>,
) -> Answer<(StatusCode, Json<Transfer>)> {
    let key = headers.get("idempotency-key").map(|key| key.as_bytes().to_vec()).unwrap_or_default();
    let seen =
        sqlx::query("SELECT fingerprint, status, body FROM idempotency WHERE scope = $1 AND created_at > $2")
            .bind(key.as_slice())
            .bind(now())
            .fetch_optional(&database.readers)
            .await
            .map_err(failed)?;
    if seen.is_some() {
        return Err((StatusCode::CONFLICT, "seen".to_owned()));
    }
    let mut tx = database.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let answer = post_transfer(&mut tx, &key, &from, &body).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok((StatusCode::CREATED, Json(answer)))
}

async fn post_transfer(
    connection: &mut SqliteConnection,
    key: &[u8],
    from: &str,
    body: &TransferFunds,
) -> Result<Transfer, Box<dyn std::error::Error + Send + Sync>> {
    let rows = sqlx::query(
        "SELECT w.id, w.currency, w.status, a.balance, h.balance, w.tenant_id FROM wallets w
         JOIN ledger_accounts a ON a.id = w.id || ':available'
         JOIN ledger_accounts h ON h.id = w.id || ':held'
         WHERE w.id IN ($1, $2)",
    )
    .bind(from)
    .bind(body.to_wallet_id.as_str())
    .fetch_all(&mut *connection)
    .await?;
    let balance = |id: &str| {
        let row = rows.iter().find(|row| row.get::<&str, _>(0) == id).ok_or("no wallet")?;
        Ok::<i64, Box<dyn std::error::Error + Send + Sync>>(row.get(3))
    };
    let (payer, receiver) = (balance(from)? - body.amount, balance(&body.to_wallet_id)? + body.amount);
    if payer < 0 {
        return Err("insufficient funds".into());
    }
    let (now, entry) = (now(), id::new("trf"));
    sqlx::query("INSERT INTO ledger_entries (id, tenant_id, kind, created_at) VALUES ($1, $2, $3, $4)")
        .bind(&entry)
        .bind(TENANT)
        .bind("transfer")
        .bind(now)
        .execute(&mut *connection)
        .await?;
    let accounts = [format!("{from}:available"), format!("{}:available", body.to_wallet_id)];
    sqlx::query(
        "UPDATE ledger_accounts SET updated_at = $1, balance = balance + CASE id WHEN $2 THEN $3 ELSE $5 END
         WHERE id IN ($2, $4)",
    )
    .bind(now)
    .bind(&accounts[0])
    .bind(-body.amount)
    .bind(&accounts[1])
    .bind(body.amount)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO ledger_postings (entry_id, account_id, amount) VALUES ($1, $2, $3), ($1, $4, $5)",
    )
    .bind(&entry)
    .bind(&accounts[0])
    .bind(-body.amount)
    .bind(&accounts[1])
    .bind(body.amount)
    .execute(&mut *connection)
    .await?;
    let mut insert = sqlx::query(
        "INSERT INTO transactions (tenant_id, entry_id, currency, payment_id, description, metadata, created_at,
           id, wallet_id, type, amount, balance_after, available_after, counterpart_wallet_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14),
           ($1, $2, $3, $4, $5, $6, $7, $15, $16, $17, $18, $19, $20, $21)",
    )
    .bind(TENANT)
    .bind(&entry)
    .bind("EUR")
    .bind(None::<&str>)
    .bind(body.description.as_deref())
    .bind(None::<&str>)
    .bind(now);
    let mut lines = Vec::new();
    for (wallet, other, amount, balance) in [
        (from, body.to_wallet_id.as_str(), -body.amount, payer),
        (body.to_wallet_id.as_str(), from, body.amount, receiver),
    ] {
        let id = id::new("txn");
        insert = insert
            .bind(id.clone())
            .bind(wallet)
            .bind("transfer")
            .bind(amount)
            .bind(balance)
            .bind(balance)
            .bind(other);
        let kind = TransactionType::Transfer;
        lines.push(Transaction::new(id, wallet, kind, amount, "EUR", balance, balance, to_rfc3339(now)));
    }
    insert.execute(&mut *connection).await?;
    let [debit, credit] = <[Transaction; 2]>::try_from(lines).map_err(|_| "two lines")?;
    let answer = Transfer::new(entry, debit, credit);
    sqlx::query(
        "INSERT INTO idempotency (scope, fingerprint, status, body, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (scope) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status,
           body = excluded.body, created_at = excluded.created_at
         WHERE idempotency.created_at <= $6",
    )
    .bind(key)
    .bind(key)
    .bind(201)
    .bind(serde_json::to_vec(&answer)?)
    .bind(now)
    .bind(0)
    .execute(&mut *connection)
    .await?;
    Ok(answer)
}
