//! The SQL of what was made through the API, and of who changed it.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteExecutor};

use super::layers::Record;
use super::{ApiLayer, Author, Kind, Revision};
use crate::store::{StoreError, SystemTx};

fn record_of(row: &SqliteRow) -> Result<Record, StoreError> {
    let kind: &str = row.try_get(0)?;
    let kind = Kind::parse(kind).ok_or_else(|| sqlx::Error::Decode(format!("part `{kind}`").into()))?;
    let document: &str = row.try_get(2)?;
    Ok(Record {
        kind,
        name: row.try_get(1)?,
        document: serde_json::from_str(document)?,
        created_at: row.try_get(3)?,
        updated_at: row.try_get(4)?,
    })
}

/// The present revision.
pub(crate) async fn revision(executor: impl SqliteExecutor<'_>) -> Result<Revision, StoreError> {
    let row = sqlx::query(
        "SELECT revision, created_at, author FROM data_plane_changes ORDER BY revision DESC LIMIT 1",
    )
    .fetch_optional(executor)
    .await?;
    let Some(row) = row else { return Ok(Revision::default()) };
    Ok(Revision { number: row.try_get(0)?, changed: Some((row.try_get(1)?, row.try_get(2)?)) })
}

/// Everything that was made through the API.
pub(crate) async fn parts(executor: impl SqliteExecutor<'_>) -> Result<ApiLayer, StoreError> {
    let rows = sqlx::query(
        "SELECT kind, name, document, created_at, updated_at FROM data_plane_parts ORDER BY kind, position, name",
    )
    .fetch_all(executor)
    .await?;
    Ok(ApiLayer(rows.iter().map(record_of).collect::<Result<_, _>>()?))
}

/// Writes what differs from before, and that somebody did it. Gives the new revision.
pub(crate) async fn save(
    tx: &mut SystemTx,
    before: &ApiLayer,
    after: &ApiLayer,
    revision: i64,
    author: Author<'_>,
    action: &str,
) -> Result<Revision, StoreError> {
    for record in &before.0 {
        if after.find(record.kind, &record.name).is_none() {
            sqlx::query("DELETE FROM data_plane_parts WHERE kind = $1 AND name = $2")
                .bind(record.kind.name())
                .bind(record.name.as_str())
                .execute(tx.connection())
                .await?;
        }
    }
    for (position, record) in after.0.iter().enumerate() {
        if before.0.get(position) == Some(record) {
            continue;
        }
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        sqlx::query(
            "INSERT INTO data_plane_parts (kind, name, position, document, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (kind, name) DO UPDATE SET position = excluded.position, document = excluded.document,
               created_at = excluded.created_at, updated_at = excluded.updated_at",
        )
        .bind(record.kind.name())
        .bind(record.name.as_str())
        .bind(position)
        .bind(record.document.to_string())
        .bind(record.created_at)
        .bind(record.updated_at)
        .execute(tx.connection())
        .await?;
    }
    let (number, now) = (revision + 1, tx.now());
    sqlx::query(
        "INSERT INTO data_plane_changes (revision, created_at, author, request_id, action)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(number)
    .bind(now)
    .bind(author.name)
    .bind(author.request_id)
    .bind(action)
    .execute(tx.connection())
    .await?;
    Ok(Revision { number, changed: Some((now, author.name.to_owned())) })
}
