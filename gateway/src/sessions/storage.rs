//! Sessions as their user sees them.

use sqlx::FromRow;
use waypost_types::Session;

use crate::store::clock::to_rfc3339;
use crate::store::cursor::Position;
use crate::store::{TenantExecutor as _, TenantReader, sql};

/// A session that has not ended.
#[derive(Debug, FromRow)]
pub(super) struct SessionRow {
    pub(super) id: String,
    user_id: String,
    user_agent: Option<String>,
    ip_address: Option<String>,
    pub(super) created_at: i64,
    last_used_at: i64,
    expires_at: i64,
}

impl SessionRow {
    /// `current` is the credential that the request was made with.
    pub(super) fn session(self, current: &str) -> Session {
        let mut session = Session::new(
            self.id.as_str(),
            self.user_id,
            self.id == current,
            to_rfc3339(self.created_at),
            to_rfc3339(self.last_used_at),
            to_rfc3339(self.expires_at),
        );
        session.user_agent = self.user_agent;
        session.ip_address = self.ip_address;
        session
    }
}

/// The user's sessions that have not ended at `now`, newest first, after a position.
pub(super) async fn list(
    tenant: TenantReader<'_>,
    user_id: &str,
    after: Option<&Position>,
    limit: i64,
    now: i64,
) -> Result<Vec<SessionRow>, sqlx::Error> {
    let (time, id) = after.map_or((i64::MAX, ""), |position| (position.created_at, position.id.as_str()));
    let query = tenant.query(sql!(
        "SELECT id, user_id, user_agent, ip_address, created_at, last_used_at, expires_at FROM sessions
         WHERE tenant_id = $1 AND user_id = $2 AND ended_at IS NULL AND expires_at > $3 AND (created_at, id) < ($4, $5)
         ORDER BY created_at DESC, id DESC LIMIT $6"
    ));
    query.bind(user_id).bind(now).bind(time).bind(id).bind(limit).fetch_all_as().await
}
