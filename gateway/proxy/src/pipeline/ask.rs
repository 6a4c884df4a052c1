//! The end of the pipeline: who answers a request that may go on, and what stands in for a service that cannot be asked.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderValue, Request, Response, StatusCode, header};

use super::record::Notes;
use super::{Walk, client};
use crate::breaker::Breaker;
use crate::forward::hop::Hop;
use crate::forward::{self, Call, Unanswered, Upstream};
use crate::identity;
use crate::snapshot::{Compiled, End, Instead};
use crate::{Body, Exchange, Refusal, Visit};

impl Walk<'_> {
    /// Who answers.
    pub(super) async fn end(
        &self,
        route: &Compiled,
        hop: Hop,
        request: &mut Request<Body>,
        exchange: &Exchange,
        notes: &mut Notes,
    ) -> Result<Response<Body>, Refusal> {
        let headers = request.headers_mut();
        match &route.end {
            End::Redirect(redirect) => Ok(redirect.answer(&exchange.parameters, request.uri().query())),
            End::Fixed(fixed) => Ok(fixed.answer()),
            End::Platform => match &self.shared.host {
                Some(host) => {
                    if let Some(upgrade) = hop.upgrade {
                        headers.insert(header::UPGRADE, upgrade);
                    }
                    let visit = Visit::new(self.shared, self.snapshot, route.index, exchange);
                    let answer = host.answer(std::mem::take(request), visit.clone()).await;
                    notes.told(visit.told());
                    Ok(answer)
                }
                None => Err(Refusal::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "no_platform",
                    "This proxy runs without the platform that this route leads to.",
                )),
            },
            End::Service(upstream) => {
                client::tell(headers, &self.snapshot.trusted, self.peer, exchange, self.id, hop.trailers);
                identity::forward(exchange, headers);
                if let Some(changes) = &route.edge.request_headers {
                    changes.apply(exchange, &route.name, headers);
                }
                self.ask(route, upstream, hop.upgrade, request, exchange, notes).await
            }
        }
    }

    /// Asks a service, or what stands in for it while it cannot be asked.
    async fn ask(
        &self,
        route: &Compiled,
        upstream: &Upstream,
        upgrade: Option<HeaderValue>,
        request: &mut Request<Body>,
        exchange: &Exchange,
        notes: &mut Notes,
    ) -> Result<Response<Body>, Refusal> {
        let mut call = Call {
            pool: self.pool,
            upstream,
            exchange,
            total: route.edge.timeout,
            max_body: route.edge.max_body,
            patience: self.peer.patience,
            upgrade,
        };
        let refusal = match guarded(&call, route.breaker.as_ref(), request, notes).await {
            Ok(answer) => return Ok(answer),
            Err(Unanswered { refusal, unasked: true, .. }) => refusal,
            Err(Unanswered { refusal, .. }) => return Err(refusal),
        };
        match &route.fallback {
            Some(Instead::Fixed(fixed)) => Ok(fixed.answer()),
            Some(Instead::Service(other)) => {
                call.upstream = other;
                Box::pin(guarded(&call, None, request, notes)).await.map_err(|unanswered| unanswered.refusal)
            }
            // What is kept is looked for where answers are kept.
            Some(Instead::Cached) | None => Err(refusal),
        }
    }
}

/// Sends a request if the breakers of the service and of the route let it, and tells them what became of it.
async fn guarded(
    call: &Call<'_>,
    own: Option<&Arc<Breaker>>,
    request: &mut Request<Body>,
    notes: &mut Notes,
) -> Result<Response<Body>, Unanswered> {
    let begun = Instant::now();
    let mut permits = [None, None];
    for (permit, breaker) in permits.iter_mut().zip([Some(&call.upstream.breaker), own]) {
        let Some(breaker) = breaker else { continue };
        match breaker.admit(begun) {
            Ok(admitted) => *permit = Some(admitted),
            Err(open) => {
                let refusal = open.refusal(call.upstream.service.name());
                return Err(Unanswered { refusal, failed: false, unasked: true });
            }
        }
    }
    let result = forward::send(call, request, notes, begun).await;
    let now = notes.heard.unwrap_or(begun);
    for permit in permits.into_iter().flatten() {
        match &result {
            Ok(answer) if answer.status().is_server_error() => permit.failure(now),
            Ok(_) => permit.success(now, now.saturating_duration_since(begun)),
            Err(unanswered) if unanswered.failed => permit.failure(now),
            // It says nothing of the service.
            Err(_) => drop(permit),
        }
    }
    result
}
