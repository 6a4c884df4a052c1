//! The operations of `sessions`.

use waypost_types::params::SessionsListParams;
use waypost_types::{AuditType, SessionPage};

use super::storage;
use crate::Gateway;
use crate::audit;
use crate::auth::storage::end_session;
use crate::generated::{NoContent, SessionsApi, Success};
use crate::http::{Context, Error};
use crate::store::cursor::Scope;

impl SessionsApi<Context, Error> for Gateway {
    async fn sessions_list(
        &self,
        context: Context,
        params: SessionsListParams,
    ) -> Result<Success<SessionPage>, Error> {
        let caller = context.identity()?;
        let scope = Scope::new("sessions").with(Some(&caller.user_id));
        let after = params.cursor.as_deref().map(|cursor| scope.decode(cursor)).transpose()?;
        let limit = params.limit.unwrap_or(20);
        let now = self.store.now();
        // One more than asked for says whether there is a next page.
        let mut rows =
            storage::list(self.store.tenant(&context)?, &caller.user_id, after.as_ref(), limit + 1, now)
                .await?;
        let page = usize::try_from(limit).unwrap_or(20);
        let has_more = rows.len() > page;
        rows.truncate(page);
        let last = rows.last().filter(|_| has_more);
        let next_cursor = last.map(|row| scope.encode(row.created_at, &row.id));
        let data = rows.into_iter().map(|row| row.session(&caller.credential_id)).collect();
        Ok(Success(SessionPage::new(data, next_cursor, has_more)))
    }

    async fn sessions_revoke(&self, context: Context, session_id: String) -> Result<NoContent, Error> {
        let caller = context.identity()?;
        let mut tx = self.store.begin(&context).await?;
        if !end_session(&mut tx, &caller.user_id, &session_id).await? {
            return Err(Error::not_found("session", &session_id));
        }
        audit::record(&mut tx, &context, audit::Entry::new(AuditType::SessionRevoked, &session_id)).await?;
        self.auth.changed(&mut tx, &session_id).await?;
        tx.commit_empty().await?;
        Ok(NoContent)
    }
}
