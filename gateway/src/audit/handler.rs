//! The operations of `audit`.

use waypost_types::params::AuditListParams;
use waypost_types::{AuditPage, AuditType};

use super::storage::{self, EventRow, Filter};
use crate::Gateway;
use crate::generated::{AuditApi, Success};
use crate::http::{Context, Error};
use crate::store::cursor::Scope;
use crate::store::list::Window;

impl AuditApi<Context, Error> for Gateway {
    async fn audit_list(
        &self,
        context: Context,
        params: AuditListParams,
    ) -> Result<Success<AuditPage>, Error> {
        let tenant = self.store.tenant(&context)?;
        let types: Vec<&str> = params.r#type.iter().map(AuditType::as_str).collect();
        let scope = Scope::new("audit")
            .with(Some(tenant.tenant_id()))
            .with(Some(&types.join(",")))
            .with(params.actor_id.as_deref());
        let window = Window::new(
            scope,
            params.limit,
            params.cursor.as_deref(),
            params.created_after.as_deref(),
            params.created_before.as_deref(),
        )?;
        // Whoever was refused a moment ago finds it here.
        self.refusals.flush(&self.store).await?;
        let filter = Filter { types: &types, actor_id: params.actor_id.as_deref() };
        let page = storage::list(tenant, filter, &window).await?;
        let data = page.rows.into_iter().map(EventRow::event).collect();
        let has_more = page.next_cursor.is_some();
        Ok(Success(AuditPage::new(data, page.next_cursor, has_more)))
    }
}
