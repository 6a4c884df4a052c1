//! The operations of `realtime`.

use waypost_types::{Broadcast, BroadcastScope, RealtimeTicket, SendBroadcast};

use super::credential::new_ticket;
use super::storage::{self, StoredBroadcast};
use crate::Gateway;
use crate::generated::{Created, RealtimeApi};
use crate::http::{Context, Error, FieldError};
use crate::secrets::id;
use crate::store::System;
use crate::store::clock::to_rfc3339;

/// How long a ticket may wait to be used, in microseconds.
const LIFETIME: i64 = 30 * 1_000_000;

/// Bytes of a broadcast's data as JSON.
const DATA: usize = 64 * 1024;

impl Gateway {
    async fn broadcast(
        &self,
        context: &Context,
        tenant_id: Option<String>,
        body: SendBroadcast,
    ) -> Result<Created<Broadcast>, Error> {
        let data = serde_json::to_string(&body.data).map_err(Error::internal)?;
        if data.len() > DATA {
            let detail = format!("The data has {} bytes as JSON; {DATA} are the most.", data.len());
            let field = FieldError { pointer: "/data".to_owned(), code: "too_large".into(), detail };
            return Err(Error::invalid(vec![field]));
        }
        let scope = if tenant_id.is_some() { BroadcastScope::Tenant } else { BroadcastScope::Server };
        let mut tx = self.store.begin_system_for(context, System::Events).await?;
        let now = tx.now();
        let stored = StoredBroadcast {
            id: id::at("brc", now, 0),
            tenant_id,
            topic: body.topic,
            data,
            created_at: now,
        };
        storage::insert_broadcast(&mut tx, &stored).await?;
        let answer = Broadcast::new(stored.id, scope, stored.topic, to_rfc3339(now));
        tx.commit(&answer).await?;
        self.realtime.written();
        Ok(Created(answer))
    }
}

impl RealtimeApi<Context, Error> for Gateway {
    async fn realtime_ticket(&self, context: Context) -> Result<Created<RealtimeTicket>, Error> {
        let (ticket, hash) = new_ticket(self)?;
        let mut tx = self.store.begin(&context).await?;
        let expires_at = tx.now().saturating_add(LIFETIME);
        let credential_id = context.identity()?.credential_id.as_str();
        storage::insert_ticket(&mut tx, hash.as_bytes(), credential_id, expires_at).await?;
        let answer = RealtimeTicket::new(ticket, to_rfc3339(expires_at));
        tx.commit(&answer).await?;
        Ok(Created(answer))
    }

    async fn realtime_broadcast(
        &self,
        context: Context,
        body: SendBroadcast,
    ) -> Result<Created<Broadcast>, Error> {
        let tenant_id = context.identity()?.tenant_id.clone();
        self.broadcast(&context, Some(tenant_id), body).await
    }

    async fn realtime_broadcast_all(
        &self,
        context: Context,
        body: SendBroadcast,
    ) -> Result<Created<Broadcast>, Error> {
        self.broadcast(&context, None, body).await
    }
}
