//! The SQL of steps.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Row as _, SqliteExecutor};
use waypost_proxy::observe::analytics::Step;

use crate::store::StoreError;

/// One run's step.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) at: i64,
    pub(super) node: String,
    pub(super) step: Step,
}

/// Writes a step; once more is the same.
pub(super) async fn save(
    connection: &mut SqliteConnection,
    node: &str,
    step: &Step,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO analytics_steps (at, node, document) VALUES ($1, $2, $3)
         ON CONFLICT (at, node) DO UPDATE SET document = excluded.document",
    )
    .bind(i64::try_from(step.at).unwrap_or(i64::MAX))
    .bind(node)
    .bind(serde_json::to_string(step)?)
    .execute(connection)
    .await?;
    Ok(())
}

/// Some steps from a place on, to before a time.
pub(super) async fn steps(
    executor: impl SqliteExecutor<'_>,
    (at, node): &(i64, String),
    to: i64,
    most: i64,
) -> Result<Vec<Stored>, StoreError> {
    let rows = sqlx::query(
        "SELECT at, node, document FROM analytics_steps
         WHERE (at, node) > ($1, $2) AND at < $3 ORDER BY at, node LIMIT $4",
    )
    .bind(*at)
    .bind(node.as_str())
    .bind(to)
    .bind(most)
    .fetch_all(executor)
    .await?;
    rows.iter()
        .map(|row| {
            let document: &str = row.try_get(2)?;
            Ok(Stored { at: row.try_get(0)?, node: row.try_get(1)?, step: serde_json::from_str(document)? })
        })
        .collect()
}

/// Removes steps from before a time.
pub(super) async fn prune(connection: &mut SqliteConnection, before: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM analytics_steps WHERE at < $1").bind(before).execute(connection).await?;
    Ok(())
}
