//! The operations of `breakers`. What is done by hand is done on this node, and logged with who did it and why.

use std::time::Duration;

use waypost_proxy::breaker::Status;
use waypost_types::params::BreakersListParams;
use waypost_types::{Breaker, BreakerPage, OpenBreaker, ResetBreaker};

use crate::Gateway;
use crate::control::page::page;
use crate::events::{self, Fact};
use crate::generated::{BreakersApi, Success};
use crate::http::{Context, Error};

/// A breaker's name in paths: a slash within a segment means different things to different programs.
fn shown(name: &str) -> String {
    name.replacen('/', ":", 1)
}

fn breaker(status: &Status) -> Breaker {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (service, route) = match status.name.split_once('/') {
        Some((service, route)) => (service, Some(route.to_owned())),
        None => (status.name.as_str(), None),
    };
    let mut breaker = Breaker::new(
        shown(&status.name),
        service,
        status.state.name().into(),
        status.for_seconds,
        status.by_hand,
        count(status.requests),
        count(status.failures),
        i64::from(status.probes),
        count(status.refused),
        count(status.openings),
    );
    breaker.route = route;
    breaker.retry_after_seconds = status.retry_after_seconds;
    breaker
}

fn no_breaker(name: &str) -> Error {
    Error::not_found("breaker", name)
}

impl Gateway {
    /// The data plane's name of a breaker, from the API's.
    fn breaker_called(&self, name: &str) -> Result<String, Error> {
        let found = self.proxy()?.breakers().into_iter().find(|status| shown(&status.name) == name);
        found.map(|status| status.name).ok_or_else(|| no_breaker(name))
    }

    /// Logs what was done by hand, tells of it, and records the answer under the request's idempotency key, where it came with one.
    async fn by_hand(
        &self,
        context: &Context,
        done: &'static str,
        fact: fn(&Breaker) -> Fact<'_>,
        reason: Option<&str>,
        answer: Breaker,
    ) -> Result<Success<Breaker>, Error> {
        let identity = context.identity()?;
        tracing::warn!(
            breaker = %answer.name,
            done,
            user = %identity.user_id,
            credential = %identity.credential_id,
            request_id = %context.request_id(),
            reason,
            "a breaker was set by hand"
        );
        let mut tx = self.store.begin(context).await?;
        events::record(&mut tx, context, fact(&answer)).await?;
        tx.commit(&answer).await?;
        Ok(Success(answer))
    }
}

impl BreakersApi<Context, Error> for Gateway {
    async fn breakers_list(
        &self,
        _context: Context,
        params: BreakersListParams,
    ) -> Result<Success<BreakerPage>, Error> {
        let mut all: Vec<_> = self.proxy()?.breakers().iter().map(breaker).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        let page = page("breakers", params.limit, params.cursor.as_deref(), all, |breaker| &breaker.name)?;
        let has_more = page.next_cursor.is_some();
        Ok(Success(BreakerPage {
            data: page.data,
            next_cursor: page.next_cursor,
            has_more,
            ..BreakerPage::default()
        }))
    }

    async fn breakers_get(&self, _context: Context, breaker_name: String) -> Result<Success<Breaker>, Error> {
        let name = self.breaker_called(&breaker_name)?;
        let status = self.proxy()?.breaker(&name).ok_or_else(|| no_breaker(&breaker_name))?;
        Ok(Success(breaker(&status)))
    }

    async fn breakers_reset(
        &self,
        context: Context,
        breaker_name: String,
        body: ResetBreaker,
    ) -> Result<Success<Breaker>, Error> {
        let name = self.breaker_called(&breaker_name)?;
        let status = self.proxy()?.reset_breaker(&name).ok_or_else(|| no_breaker(&breaker_name))?;
        self.by_hand(
            &context,
            "reset",
            |breaker| Fact::BreakerReset(breaker),
            body.reason.as_deref(),
            breaker(&status),
        )
        .await
    }

    async fn breakers_open(
        &self,
        context: Context,
        breaker_name: String,
        body: OpenBreaker,
    ) -> Result<Success<Breaker>, Error> {
        let name = self.breaker_called(&breaker_name)?;
        let length = body.seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
        let status = self.proxy()?.open_breaker(&name, length).ok_or_else(|| no_breaker(&breaker_name))?;
        self.by_hand(
            &context,
            "open",
            |breaker| Fact::BreakerOpened(breaker),
            body.reason.as_deref(),
            breaker(&status),
        )
        .await
    }
}
