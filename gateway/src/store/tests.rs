//! The promises of the store, on a real file.

use std::time::Duration;

use super::{Recorded, Store, StoreConfig, StoreError, System, SystemTx, idempotency};
use crate::http::{Caller, Context, Idempotency};
use crate::secrets::{MasterKey, Secrets};

struct Fixture {
    store: Store,
    folder: tempfile::TempDir,
}

fn secrets() -> Secrets {
    Secrets::new(MasterKey::generate().unwrap())
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::new(folder.path().join("new/folder/waypost.db"));
        let store = Store::open(&config, secrets().sealer().clone()).await.unwrap();
        Self { store, folder }
    }

    async fn wallets(&self) -> i64 {
        sqlx::query_scalar("SELECT COUNT(*) FROM wallets")
            .fetch_one(self.store.system(System::Inspection))
            .await
            .unwrap()
    }
}

async fn insert(tx: &mut SystemTx, id: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO wallets (id, tenant_id, currency, status, created_at, updated_at)
         VALUES ($1, 'ten_1', 'EUR', 'active', $2, $2)",
    )
    .bind(id)
    .bind(tx.now())
    .execute(tx.connection())
    .await
    .map(drop)
}

fn keyed(key: u8) -> Context {
    let idempotency = Idempotency { scope: [key; 32], fingerprint: [7; 32], status: 201 };
    let caller = Caller::Anonymous { address: [127, 0, 0, 1].into() };
    Context::new("req_1".to_owned(), caller, Some(idempotency))
}

#[tokio::test]
async fn a_committed_change_is_seen_by_readers() {
    let fixture = Fixture::new().await;
    let mut tx = fixture.store.begin_system(System::Inspection).await.unwrap();
    insert(&mut tx, "wal_1").await.unwrap();
    assert_eq!(fixture.wallets().await, 0, "not before the commit");
    tx.commit_empty().await.unwrap();
    assert_eq!(fixture.wallets().await, 1);
}

#[tokio::test]
async fn a_reader_that_is_not_to_be_had_is_a_503_and_worth_another_try() {
    let fixture = Fixture::new().await;
    fixture.store.close().await;
    let closed = sqlx::query("SELECT 1").execute(fixture.store.system(System::Inspection)).await.unwrap_err();
    for error in [closed, sqlx::Error::PoolTimedOut] {
        let error = crate::http::Error::from(error);
        assert_eq!((error.status, error.code), (503, "storage_unavailable"));
        assert!(error.retry_after.is_some());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_on_the_machine_can_read_the_database() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = Fixture::new().await;
    let folder = fixture.folder.path().join("new/folder");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for name in ["waypost.db", "waypost.db-wal", "waypost.db-shm"] {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn readers_cannot_write() {
    let fixture = Fixture::new().await;
    let refused = sqlx::query("DELETE FROM wallets").execute(fixture.store.system(System::Inspection)).await;
    assert!(refused.unwrap_err().to_string().contains("readonly"));
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing_and_the_next_one_begins_at_once() {
    let fixture = Fixture::new().await;
    let mut tx = fixture.store.begin_system(System::Inspection).await.unwrap();
    insert(&mut tx, "wal_1").await.unwrap();
    drop(tx);
    let mut tx = fixture.store.begin_system(System::Inspection).await.unwrap();
    insert(&mut tx, "wal_2").await.unwrap();
    tx.commit_empty().await.unwrap();
    assert_eq!(fixture.wallets().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_one_shared_commit_each_transaction_stands_or_falls_alone() {
    let fixture = Fixture::new().await;
    // All queue behind this one, so they are of one batch with it.
    let blocker = fixture.store.begin_system(System::Inspection).await.unwrap();
    let members: Vec<_> = (0..40)
        .map(|number| {
            let store = fixture.store.clone();
            tokio::spawn(async move {
                let mut tx = store.begin_system(System::Inspection).await.unwrap();
                insert(&mut tx, &format!("wal_{number}")).await.unwrap();
                match number % 4 {
                    0 => drop(tx),
                    1 => assert!(insert(&mut tx, &format!("wal_{number}")).await.is_err(), "a duplicate"),
                    _ => tx.commit_empty().await.unwrap(),
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    blocker.commit_empty().await.unwrap();
    for member in members {
        member.await.unwrap();
    }
    assert_eq!(fixture.wallets().await, 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_refusals_does_not_keep_others_from_their_commit() {
    let fixture = Fixture::new().await;
    let refusals: Vec<_> = (0..4)
        .map(|_| {
            let store = fixture.store.clone();
            tokio::spawn(async move {
                loop {
                    drop(store.begin_system(System::Inspection).await);
                }
            })
        })
        .collect();
    for number in 0..5 {
        let mut tx = fixture.store.begin_system(System::Inspection).await.unwrap();
        insert(&mut tx, &format!("wal_{number}")).await.unwrap();
        tokio::time::timeout(Duration::from_secs(20), tx.commit_empty()).await.expect("starved").unwrap();
    }
    refusals.iter().for_each(tokio::task::JoinHandle::abort);
    assert_eq!(fixture.wallets().await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_cancelled_anywhere_leave_the_writer_working() {
    let fixture = Fixture::new().await;
    for number in 0..300u64 {
        let store = fixture.store.clone();
        let task = tokio::spawn(async move {
            let mut tx = store.begin_system(System::Inspection).await?;
            insert(&mut tx, &format!("wal_{number}")).await?;
            tx.commit_empty().await
        });
        tokio::time::sleep(Duration::from_micros(number * 7 % 400)).await;
        task.abort();
    }
    let before = fixture.wallets().await;
    let mut tx = fixture.store.begin_system(System::Inspection).await.unwrap();
    insert(&mut tx, "wal_last").await.unwrap();
    tx.commit_empty().await.unwrap();
    assert!(fixture.wallets().await > before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_fails_what_does_not_fit_and_keeps_exactly_what_was_acknowledged() {
    let fixture = Fixture::new().await;
    let mut tx = fixture.store.begin_system(System::Inspection).await.unwrap();
    sqlx::query("PRAGMA max_page_count = 120").execute(tx.connection()).await.unwrap();
    tx.commit_empty().await.unwrap();
    // Queued behind this one, the others share commits. SQLite rolls all of a transaction back when the disk is full, so
    // those that share it with one that does not fit fail as well: told so, and to try again.
    let tx = fixture.store.begin_system(System::Inspection).await.unwrap();
    let members: Vec<_> = (0..60)
        .map(|number| {
            let store = fixture.store.clone();
            tokio::spawn(async move {
                let mut tx = store.begin_system(System::Inspection).await?;
                insert(&mut tx, &format!("wal_{number}")).await?;
                sqlx::query("UPDATE wallets SET metadata = $1 WHERE id = $2")
                    .bind("x".repeat(number * 800))
                    .bind(format!("wal_{number}"))
                    .execute(tx.connection())
                    .await?;
                tx.commit_empty().await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(tx);
    let (mut acknowledged, mut refused) = (0, Vec::new());
    for member in members {
        match member.await.unwrap() {
            Ok(()) => acknowledged += 1,
            Err(error) => refused.push(crate::http::Error::from(error)),
        }
    }
    assert!(acknowledged > 0 && !refused.is_empty(), "{acknowledged} went through");
    assert!(
        refused.iter().all(|error| (error.status, error.code) == (503, "storage_unavailable")),
        "{refused:?}"
    );
    assert_eq!(fixture.wallets().await, acknowledged);
    let mut tx = fixture.store.begin_system(System::Inspection).await.unwrap();
    sqlx::query("PRAGMA max_page_count = 1000000").execute(tx.connection()).await.unwrap();
    insert(&mut tx, "wal_last").await.unwrap();
    tx.commit_empty().await.unwrap();
    assert_eq!(fixture.wallets().await, acknowledged + 1);
}

#[tokio::test]
async fn times_of_transactions_only_grow() {
    let fixture = Fixture::new().await;
    let mut last = 0;
    for _ in 0..50 {
        let tx = fixture.store.begin_system(System::Inspection).await.unwrap();
        assert!(tx.now() > last);
        last = tx.now();
        tx.commit_empty().await.unwrap();
    }
}

#[tokio::test]
async fn the_answer_is_recorded_with_the_change_and_sealed() {
    let fixture = Fixture::new().await;
    let mut tx = fixture.store.begin_system_for(&keyed(1), System::Inspection).await.unwrap();
    insert(&mut tx, "wal_1").await.unwrap();
    tx.commit(&serde_json::json!({"secret": "tell nobody"})).await.unwrap();
    let recorded = fixture.store.find(&[1; 32]).await.unwrap().unwrap();
    let expected =
        Recorded { fingerprint: [7; 32], status: 201, body: br#"{"secret":"tell nobody"}"#.to_vec() };
    assert_eq!(recorded, expected);
    assert_eq!(fixture.store.find(&[2; 32]).await.unwrap(), None);
    fixture.store.close().await;
    let file = std::fs::read(fixture.folder.path().join("new/folder/waypost.db")).unwrap();
    assert!(!file.windows(11).any(|part| part == b"tell nobody"));
}

#[tokio::test]
async fn a_second_change_under_a_key_that_is_kept_does_not_happen() {
    let fixture = Fixture::new().await;
    for id in ["wal_1", "wal_2"] {
        let mut tx = fixture.store.begin_system_for(&keyed(1), System::Inspection).await.unwrap();
        insert(&mut tx, id).await.unwrap();
        let outcome = tx.commit(&()).await;
        assert_eq!(matches!(outcome, Err(StoreError::KeyInFlight)), id == "wal_2");
    }
    assert_eq!(fixture.wallets().await, 1);
}

#[tokio::test]
async fn answers_are_pruned_after_a_day_and_not_before() {
    let fixture = Fixture::new().await;
    fixture.store.record(&[1; 32], &[2; 32], 422, b"{}").await.unwrap();
    let now = fixture.store.now();
    assert_eq!(fixture.store.prune(now + idempotency::KEPT - 60_000_000).await.unwrap(), 0);
    assert_eq!(fixture.store.prune(now + idempotency::KEPT + 1).await.unwrap(), 1);
    assert_eq!(fixture.store.find(&[1; 32]).await.unwrap(), None);
}

#[tokio::test]
async fn an_expired_answer_makes_room_for_a_new_one() {
    let fixture = Fixture::new().await;
    fixture.store.record(&[1; 32], &[2; 32], 422, b"old").await.unwrap();
    let mut tx = fixture.store.begin_system(System::Inspection).await.unwrap();
    sqlx::query("UPDATE idempotency SET created_at = created_at - $1")
        .bind(idempotency::KEPT)
        .execute(tx.connection())
        .await
        .unwrap();
    tx.commit_empty().await.unwrap();
    assert_eq!(fixture.store.find(&[1; 32]).await.unwrap(), None, "expired");
    fixture.store.record(&[1; 32], &[3; 32], 422, b"new").await.unwrap();
    assert_eq!(fixture.store.find(&[1; 32]).await.unwrap().unwrap().body, b"new");
}

#[tokio::test]
async fn a_closed_store_refuses_and_opens_again_with_everything() {
    let fixture = Fixture::new().await;
    let mut tx = fixture.store.begin_system(System::Inspection).await.unwrap();
    insert(&mut tx, "wal_1").await.unwrap();
    tx.commit_empty().await.unwrap();
    fixture.store.close().await;
    assert!(matches!(fixture.store.begin_system(System::Inspection).await, Err(StoreError::Closed)));
    let path = fixture.folder.path().join("new/folder/waypost.db");
    assert!(!path.with_extension("db-wal").exists(), "the log was written back");
    let store = Store::open(&StoreConfig::new(path), secrets().sealer().clone()).await.unwrap();
    let again = Fixture { store, folder: fixture.folder };
    assert_eq!(again.wallets().await, 1);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "just text, and long enough to be looked at as a database header".repeat(20))
        .unwrap();
    let error = Store::open(&StoreConfig::new(&path), secrets().sealer().clone()).await.unwrap_err();
    assert!(error.to_string().contains("notes.txt"), "{error}");
}

#[tokio::test]
async fn two_stores_on_one_file_take_turns() {
    let fixture = Fixture::new().await;
    let config = StoreConfig::new(fixture.folder.path().join("new/folder/waypost.db"));
    let other = Store::open(&config, secrets().sealer().clone()).await.unwrap();
    let stores = [fixture.store.clone(), other];
    let tasks: Vec<_> = (0..20)
        .map(|number: usize| {
            let store = stores[number % 2].clone();
            tokio::spawn(async move {
                let mut tx = store.begin_system(System::Inspection).await.unwrap();
                insert(&mut tx, &format!("wal_{number}")).await.unwrap();
                tx.commit_empty().await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(fixture.wallets().await, 20);
}

#[tokio::test]
async fn every_table_has_a_tenant_or_is_a_part_of_one_that_has() {
    /// What is no tenant's: the tenants themselves, what is found by a hash alone, what is the whole platform's, and what may be for all tenants.
    const OF_NOBODY: [&str; 16] = [
        "tenants",
        "idempotency",
        "_sqlx_migrations",
        "data_plane_parts",
        "data_plane_changes",
        "analytics_steps",
        "event_positions",
        "attempts",
        "oauth_signing_keys",
        "oauth_codes",
        "oauth_refresh_tokens",
        "oauth_device_codes",
        "oauth_assertions",
        "browser_sessions",
        "sign_in_states",
        "realtime_broadcasts",
    ];
    let fixture = Fixture::new().await;
    let tables: Vec<(String, bool)> = sqlx::query_as(
        "SELECT t.name, EXISTS (SELECT 1 FROM pragma_table_info(t.name) c WHERE c.name = 'tenant_id' AND c.\"notnull\" = 1)
         FROM sqlite_schema t WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'",
    )
    .fetch_all(fixture.store.system(System::Inspection))
    .await
    .unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    for (table, has_tenant) in tables {
        let known = OF_NOBODY.contains(&table.as_str()) || super::statement::PARTS.contains(&table.as_str());
        assert!(
            has_tenant != known,
            "{table}: tenant_id is {}",
            if has_tenant { "there" } else { "missing" }
        );
    }
}
