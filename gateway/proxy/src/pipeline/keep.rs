//! Answers that are kept: looked for before a service is asked, and asked for anew behind a client's back.

use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt as _;

use super::record::Notes;
use super::{Peer, Walk};
use crate::cache::{Entered, Flight};
use crate::config::CacheRule;
use crate::forward::Pool;
use crate::forward::hop::Hop;
use crate::proxy::Shared;
use crate::snapshot::{Compiled, Instead, Snapshot};
use crate::{Body, Exchange, Refusal};

/// What is needed to ask for an answer once nobody waits for it any more.
struct Later {
    shared: Arc<Shared>,
    snapshot: Arc<Snapshot>,
    pool: Arc<Pool>,
    peer: Peer,
    route: usize,
    exchange: Exchange,
}

impl Walk<'_> {
    /// What is kept, or the service's answer, which is kept where it may be.
    pub(super) async fn kept(
        &self,
        route: &Compiled,
        hop: Hop,
        request: &mut Request<Body>,
        exchange: &Exchange,
        notes: &mut Notes,
    ) -> Result<Response<Body>, Refusal> {
        let Some(rule) = route.edge.cache.as_ref().filter(|_| hop.upgrade.is_none()) else {
            return self.changed(route, hop, request, exchange, notes).await;
        };
        Box::pin(self.through_cache(rule, route, hop, request, exchange, notes)).await
    }

    async fn through_cache(
        &self,
        rule: &Arc<CacheRule>,
        route: &Compiled,
        hop: Hop,
        request: &mut Request<Body>,
        exchange: &Exchange,
        notes: &mut Notes,
    ) -> Result<Response<Body>, Refusal> {
        let cache = &self.shared.lasting.cache;
        let (mut head, body) = std::mem::take(request).into_parts();
        match cache.enter(rule, exchange, &head).await {
            Entered::Answer(answer) => {
                notes.cache = Some("hit");
                Ok(answer)
            }
            Entered::Stale(answer, flight) => {
                notes.cache = Some("stale");
                if let Some(flight) = flight {
                    let later = Later {
                        shared: Arc::clone(self.shared),
                        snapshot: Arc::clone(self.snapshot),
                        pool: Arc::clone(self.pool),
                        peer: self.peer.clone(),
                        route: route.index,
                        exchange: exchange.clone(),
                    };
                    let mut again = Request::new(Body::empty());
                    again.method_mut().clone_from(&head.method);
                    again.uri_mut().clone_from(&head.uri);
                    again.headers_mut().clone_from(&head.headers);
                    tokio::spawn(later.refresh(flight, again));
                }
                Ok(answer)
            }
            Entered::Ask(flight) => {
                notes.cache = Some("miss");
                let old = matches!(route.fallback, Some(Instead::Cached))
                    .then(|| cache.last(rule, exchange, &head))
                    .flatten();
                flight.prepare(&mut head.headers);
                *request = Request::from_parts(head, body);
                match self.changed(route, hop, request, exchange, notes).await {
                    Ok(answer) => Ok(flight.answered(answer)),
                    Err(refusal) => flight.failed().or(old).ok_or(refusal),
                }
            }
            Entered::Bypass => {
                notes.cache = Some("bypass");
                let mut asked = Request::new(());
                asked.method_mut().clone_from(&head.method);
                asked.uri_mut().clone_from(&head.uri);
                let (asked, ()) = asked.into_parts();
                *request = Request::from_parts(head, body);
                let answer = self.changed(route, hop, request, exchange, notes).await?;
                cache.invalidate(exchange, &asked, answer.status());
                Ok(answer)
            }
        }
    }
}

impl Later {
    async fn refresh(self, flight: Flight, mut request: Request<Body>) {
        let Some(route) = self.snapshot.route(self.route) else { return };
        flight.prepare(request.headers_mut());
        let walk = Walk {
            shared: &self.shared,
            snapshot: &self.snapshot,
            pool: &self.pool,
            peer: &self.peer,
            id: None,
        };
        let result =
            walk.changed(route, Hop::default(), &mut request, &self.exchange, &mut Notes::default()).await;
        if let Ok(answer) = result {
            // It is kept as it flows by.
            let _ = flight.answered(answer).into_body().collect().await;
        }
    }
}
