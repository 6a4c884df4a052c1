//! The operations of `events`.

use waypost_types::params::{EventsListParams, EventsStreamParams};
use waypost_types::{
    CustomEvent, Event, EventOrigin, EventPage, EventTypeInfo, EventTypeList, PruneEvents, PrunedEvents,
    PublishEvent,
};

use super::document::{Attributes, Stored, source};
use super::fact::KINDS;
use super::rules::{Filter, hidden, is_reserved};
use super::storage::{self, New, Order, Span};
use super::stream::{self, Stream};
use crate::Gateway;
use crate::generated::{Created, EventsApi, Streamed, Success};
use crate::http::{Context, Error, FieldError};
use crate::secrets::id;
use crate::store::System;
use crate::store::clock;
use crate::store::cursor::Scope;
use crate::store::list::time;

/// Bytes of an event's data as JSON.
const DATA: usize = 256 * 1024;

/// Types of a tenant's own that are listed.
const OWN_TYPES: i64 = 200;

/// Events that are removed by one call, and in one transaction of it.
const PRUNED: u64 = 10_000;
const STEP: i64 = 200;

fn wrong(pointer: &str, code: &'static str, detail: String) -> Error {
    Error::invalid(vec![FieldError { pointer: pointer.to_owned(), code: code.into(), detail }])
}

fn filter(context: &Context, patterns: Vec<String>, subject: Option<String>) -> Result<Filter, Error> {
    Ok(Filter { patterns, subject, hidden: hidden(context.identity()?) })
}

fn bound(time: Option<i64>) -> Option<String> {
    time.map(|time| id::first_at("evt", time))
}

impl EventsApi<Context, Error> for Gateway {
    async fn events_publish(
        &self,
        context: Context,
        body: PublishEvent,
    ) -> Result<Created<CustomEvent>, Error> {
        let identity = context.identity()?;
        if is_reserved(&body.r#type) {
            let detail = format!(
                "`{}` is of an area of the platform, which alone tells of it. Begin with a word of your own, such as `order.shipped`.",
                body.r#type
            );
            return Err(Error::unprocessable("reserved_event_type", detail));
        }
        let data = serde_json::to_string(&body.data).map_err(Error::internal)?;
        if data.len() > DATA {
            let detail = format!("The data has {} bytes as JSON; {DATA} are the most.", data.len());
            return Err(wrong("/data", "too_large", detail));
        }
        let attributes = Attributes::of(&body).map_err(Error::internal)?;
        let from = body.source.unwrap_or_else(|| source(&identity.tenant_id));
        let mut tx = self.store.begin(&context).await?;
        let known = match &body.id {
            Some(origin_id) => storage::find_origin(&mut tx, &from, origin_id).await?,
            None => None,
        };
        let event = match known {
            Some(event) => event,
            None => {
                let event = New {
                    kind: &body.r#type,
                    subject: body.subject.as_deref(),
                    actor_id: Some(&identity.user_id),
                    source: Some(&from),
                    origin_id: body.id.as_deref(),
                    attributes: attributes.as_deref(),
                    data: &data,
                };
                let id = storage::insert(&mut tx, event).await?;
                let written = storage::find(&mut tx, &id).await?;
                written.ok_or_else(|| Error::internal("an event that was just written is not there"))?
            }
        };
        let answer: CustomEvent = event.read()?;
        tx.commit(&answer).await?;
        Ok(Created(answer))
    }

    async fn events_list(
        &self,
        context: Context,
        params: EventsListParams,
    ) -> Result<Success<EventPage>, Error> {
        let tenant = self.store.tenant(&context)?;
        let scope = Scope::new("events")
            .with(Some(tenant.tenant_id()))
            .with(Some(&params.r#type.join(",")))
            .with(params.subject.as_deref())
            .with(params.since.as_deref())
            .with(params.until.as_deref());
        let after = params.cursor.as_deref().map(|cursor| scope.decode(cursor)).transpose()?;
        let until = bound(time("until", params.until.as_deref())?);
        // The cursor's event is before `until` by itself.
        let before = after.map(|position| position.id).or(until);
        let span = Span { from: bound(time("since", params.since.as_deref())?), before, after: None };
        let filter = filter(&context, params.r#type, params.subject)?;
        let limit = params.limit.unwrap_or(20);
        // One more than wanted tells whether there is a next page.
        let mut events =
            storage::list(tenant, &filter, &span, Order::Newest, limit.saturating_add(1)).await?;
        let page = usize::try_from(limit).unwrap_or(20);
        let has_more = events.len() > page;
        events.truncate(page);
        let last = events.last().filter(|_| has_more);
        let next_cursor = last.map(|event| scope.encode(event.created_at, &event.id));
        let data = events.iter().map(Stored::read).collect::<Result<Vec<Event>, _>>()?;
        Ok(Success(EventPage::new(data, next_cursor, has_more)))
    }

    async fn events_types(&self, context: Context) -> Result<Success<EventTypeList>, Error> {
        let tenant = self.store.tenant(&context)?;
        let shown = filter(&context, Vec::new(), None)?;
        let platform = KINDS.iter().filter(|kind| shown.shows(kind.name)).map(|kind| EventTypeInfo {
            description: Some(kind.description.to_owned()),
            schema: Some(kind.schema.to_owned()),
            ..EventTypeInfo::new(kind.name, EventOrigin::Platform)
        });
        let most = OWN_TYPES.saturating_add(i64::try_from(KINDS.len()).unwrap_or_default());
        let own = storage::types(tenant, most).await?;
        let own = own.into_iter().filter(|kind| !is_reserved(kind));
        let own = own.take(usize::try_from(OWN_TYPES).unwrap_or_default());
        let own = own.map(|kind| EventTypeInfo::new(kind, EventOrigin::Tenant));
        Ok(Success(EventTypeList::new(platform.chain(own).collect())))
    }

    async fn events_stream(&self, context: Context, params: EventsStreamParams) -> Result<Streamed, Error> {
        let tenant_id = context.identity()?.tenant_id.clone();
        let since = bound(time("since", params.since.as_deref())?);
        let after = match params.last_event_id {
            Some(last) if id::is("evt", &last) => last,
            Some(last) => {
                let detail = format!(
                    "`{last}` is not the id of an event. Send the last one that the stream gave, or none."
                );
                return Err(wrong("header:Last-Event-ID", "pattern", detail));
            }
            None => match since {
                Some(since) => since,
                None => stream::now(&self.store, &context).await?,
            },
        };
        let waiter = self.events.wait(&tenant_id, stream::MOST).ok_or_else(stream::too_many)?;
        let filter = filter(&context, params.r#type, params.subject)?;
        let heartbeat = self.config.events.heartbeat;
        let stream = Stream { store: self.store.clone(), context, filter, after, heartbeat };
        Ok(Streamed::new("text/event-stream", stream.body(waiter)))
    }

    async fn events_prune(
        &self,
        context: Context,
        body: PruneEvents,
    ) -> Result<Success<PrunedEvents>, Error> {
        let before = clock::from_rfc3339(&body.before).ok_or_else(|| {
            wrong("/before", "format", format!("`{}` is not an RFC 3339 time.", body.before))
        })?;
        // What is in this process is told first.
        let before = id::first_at("evt", before).min(self.events.position());
        let filter = Filter { patterns: body.types.unwrap_or_default(), ..Filter::default() };
        let tenant_id = context.identity()?.tenant_id.as_str();
        let (mut removed, mut has_more) = (0, true);
        while has_more && removed < PRUNED {
            let mut tx = self.store.begin_system(System::Housekeeping).await?.in_tenant(tenant_id);
            let step = storage::prune(&mut tx, &filter, &before, STEP).await?;
            tx.commit_empty().await?;
            removed += step;
            has_more = i64::try_from(step).is_ok_and(|step| step == STEP);
        }
        let answer = PrunedEvents::new(i64::try_from(removed).map_err(Error::internal)?, has_more);
        self.store.begin(&context).await?.commit(&answer).await?;
        Ok(Success(answer))
    }

    async fn events_get(&self, context: Context, event_id: String) -> Result<Success<Event>, Error> {
        let missing = || Error::not_found("event", &event_id);
        let event = storage::find(self.store.tenant(&context)?, &event_id).await?.ok_or_else(missing)?;
        // What the caller may not see is not there.
        if !filter(&context, Vec::new(), None)?.shows(&event.r#type) {
            return Err(missing());
        }
        Ok(Success(event.read()?))
    }
}
