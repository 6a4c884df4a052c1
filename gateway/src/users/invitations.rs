//! Invitations: how somebody comes into a tenant that is there. The secret goes from hand to hand; what is kept of it is a keyed hash.

use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;
use waypost_types::Tenant;
use zeroize::Zeroizing;

use crate::http::FieldError;
use crate::secrets::{TokenHash, TokenHasher, random};
use crate::store::clock::{from_rfc3339, to_rfc3339};
use crate::store::{WriteTx, sql};

/// What secrets begin with.
const PREFIX: &str = "wpi_";

/// Invitations of one tenant that may be open at once.
pub(super) const MOST: i64 = 100;

const DAY: i64 = 86_400 * 1_000_000;

/// How long one is good for unless told.
const LIFETIME: i64 = 7 * DAY;

/// How long one is good for at most.
const LONGEST: i64 = 30 * DAY;

/// An invitation that works, with the tenant that it leads to.
#[derive(Debug, FromRow)]
pub(crate) struct Invited {
    pub(crate) role: String,
    tenant_id: String,
    name: String,
    description: Option<String>,
    parent_id: Option<String>,
    tier: String,
    created_at: i64,
}

impl Invited {
    pub(crate) fn tenant(self) -> Tenant {
        let made = to_rfc3339(self.created_at);
        let mut tenant = Tenant::new(self.tenant_id, self.name, self.tier.as_str().into(), made);
        tenant.description = self.description;
        tenant.parent_id = self.parent_id;
        tenant
    }
}

/// An invitation to be written.
#[derive(Debug)]
pub(super) struct Invitation<'a> {
    pub(super) id: &'a str,
    pub(super) email: &'a str,
    pub(super) role: &'a str,
    pub(super) created_by: &'a str,
    pub(super) expires_at: i64,
}

/// What is stored of a secret.
pub(crate) fn hash(hasher: &TokenHasher, secret: &str) -> TokenHash {
    hasher.hash("invitation", secret.as_bytes())
}

pub(super) fn new_secret() -> Result<Zeroizing<String>, getrandom::Error> {
    Ok(Zeroizing::new(format!("{PREFIX}{}", *random::token()?)))
}

/// When an invitation that is made at `now` stops working.
pub(super) fn expiry(asked: Option<&str>, now: i64) -> Result<i64, FieldError> {
    let Some(asked) = asked else { return Ok(now.saturating_add(LIFETIME)) };
    let wrong = |code: &'static str, detail: &str| FieldError {
        pointer: "/expires_at".to_owned(),
        code: code.into(),
        detail: detail.to_owned(),
    };
    match from_rfc3339(asked) {
        None => Err(wrong("format", "expected a time such as 2026-12-01T00:00:00Z.")),
        Some(time) if time <= now => Err(wrong("minimum", "expected a time in the future.")),
        Some(time) if time > now.saturating_add(LONGEST) => {
            Err(wrong("maximum", "expected a time within 30 days."))
        }
        Some(time) => Ok(time),
    }
}

/// How many of the tenant's are open.
pub(super) async fn open(tx: &mut WriteTx) -> Result<i64, sqlx::Error> {
    let now = tx.now();
    let count =
        sql!("SELECT COUNT(*) FROM invitations WHERE tenant_id = $1 AND used_at IS NULL AND expires_at > $2");
    let count: Option<(i64,)> = tx.query(count).bind(now).fetch_optional_as().await?;
    Ok(count.map_or(0, |(count,)| count))
}

pub(super) async fn insert(
    tx: &mut WriteTx,
    invitation: &Invitation<'_>,
    hash: &TokenHash,
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    tx.query(sql!(
        "INSERT INTO invitations (tenant_id, id, hash, email, role, created_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
    ))
    .bind(invitation.id)
    .bind(hash.as_bytes().as_slice())
    .bind(invitation.email)
    .bind(invitation.role)
    .bind(invitation.created_by)
    .bind(now)
    .bind(invitation.expires_at)
    .execute()
    .await
    .map(drop)
}

/// Takes back what somebody who leaves invited to.
pub(super) async fn withdraw(tx: &mut WriteTx, created_by: &str) -> Result<(), sqlx::Error> {
    let withdraw = tx.query(sql!("DELETE FROM invitations WHERE tenant_id = $1 AND created_by = $2"));
    withdraw.bind(created_by).execute().await.map(drop)
}

/// The invitation of a secret, if it is for this address and works at `now`.
pub(crate) async fn find(
    executor: impl sqlx::SqliteExecutor<'_>,
    hash: &TokenHash,
    email: &str,
    now: i64,
) -> Result<Option<Invited>, sqlx::Error> {
    sqlx::query_as(
        "SELECT i.role, t.id AS tenant_id, t.name, t.description, t.parent_id, t.tier, t.created_at
         FROM invitations i JOIN tenants t ON t.id = i.tenant_id
         WHERE i.hash = $1 AND i.email = $2 AND i.used_at IS NULL AND i.expires_at > $3",
    )
    .bind(hash.as_bytes().as_slice())
    .bind(email)
    .bind(now)
    .fetch_optional(executor)
    .await
}

/// Uses an invitation up.
pub(crate) async fn accept(
    connection: &mut SqliteConnection,
    hash: &TokenHash,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE invitations SET used_at = $1 WHERE hash = $2")
        .bind(now)
        .bind(hash.as_bytes().as_slice())
        .execute(connection)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_expires_in_a_week_and_at_most_in_thirty_days() {
        assert_eq!(expiry(None, 0), Ok(7 * DAY));
        assert_eq!(expiry(Some("1970-01-30T00:00:00Z"), 0), Ok(29 * DAY));
        for (time, code) in
            [("1970-02-02T00:00:00Z", "maximum"), ("1969-12-31T00:00:00Z", "minimum"), ("soon", "format")]
        {
            assert_eq!(expiry(Some(time), 0).unwrap_err().code, code, "{time}");
        }
    }
}
