//! One who asks for all who want the same, and what becomes of the answer.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use tokio::sync::watch;

use super::rules::{Kept, Times, keepable};
use super::tee::Tee;
use super::{Asked, CACHE_STATUS, Cache, unix};
use crate::Body;
use crate::config::CacheRule;

/// The right to ask for all; those who wait go on when it is dropped.
#[derive(Debug)]
pub(super) struct Lead {
    cache: Arc<Cache>,
    id: u128,
    _sender: watch::Sender<()>,
}

impl Lead {
    pub(super) const fn new(cache: Arc<Cache>, id: u128, sender: watch::Sender<()>) -> Self {
        Self { cache, id, _sender: sender }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.cache.landed(self.id);
    }
}

/// A request on its way to the service, whose answer may be kept.
#[derive(Debug)]
pub struct Flight {
    cache: Arc<Cache>,
    rule: Arc<CacheRule>,
    asked: Asked,
    /// The client's, before anything was added for the service.
    head: Parts,
    kept: Option<Arc<Kept>>,
    lead: Option<Lead>,
    begun: u64,
}

impl Flight {
    pub(super) fn new(
        cache: &Arc<Cache>,
        rule: &Arc<CacheRule>,
        asked: Asked,
        head: &Parts,
        kept: Option<Arc<Kept>>,
        lead: Option<Lead>,
    ) -> Self {
        let head = head.clone();
        Self { cache: Arc::clone(cache), rule: Arc::clone(rule), asked, head, kept, lead, begun: unix() }
    }

    /// Changes the request for the service: it is asked whether what is kept still holds, where anything is.
    pub fn prepare(&self, headers: &mut HeaderMap) {
        if let Some(kept) = &self.kept {
            kept.ask_whether_it_holds(headers);
        }
    }

    /// The service's answer; gives the client's. It is kept, where it may be, while it flows to the client.
    pub fn answered(self, answer: Response<Body>) -> Response<Body> {
        let now = unix();
        let (mut head, body) = answer.into_parts();
        if let Some(kept) = self.kept.clone() {
            if head.status == StatusCode::NOT_MODIFIED {
                return self.holds(&kept, &head.headers, now);
            }
            if head.status.is_server_error() && kept.times.usable_if_error(now) {
                return kept.answer(now, &self.head, "hit; detail=stale-if-error");
            }
        }
        let times = Times::of(&self.rule, &self.asked, head.status, &head.headers, self.begun, now);
        // An answer to HEAD has no body to keep, and one who did not ask for all leaves keeping to those who do.
        let keeps = self.head.method == Method::GET && self.lead.is_some();
        let why = if self.kept.is_some() { "stale" } else { "uri-miss" };
        let stored = times.filter(|_| keeps);
        let told = format!(
            "waypost; fwd={why}; fwd-status={}{}",
            head.status.as_u16(),
            if stored.is_some() { "; stored" } else { "" }
        );
        let Some(times) = stored else {
            head.headers.extend(HeaderValue::try_from(told).ok().map(|value| (CACHE_STATUS, value)));
            return Response::from_parts(head, body);
        };
        let kept = Kept {
            status: head.status,
            headers: keepable(head.headers.clone()),
            body: bytes::Bytes::new(),
            times,
        };
        head.headers
            .append(CACHE_STATUS, HeaderValue::try_from(told).unwrap_or(HeaderValue::from_static("waypost")));
        let largest = self.cache.largest();
        Response::from_parts(head, Body::new(Tee::new(body, largest, Keeping { flight: self, kept })))
    }

    /// The service did not answer: what is kept, where it may be used for that.
    pub fn failed(self) -> Option<Response<Body>> {
        let now = unix();
        let kept = self.kept.as_ref().filter(|kept| kept.times.usable_if_error(now))?;
        Some(kept.answer(now, &self.head, "hit; detail=stale-if-error"))
    }

    /// What is kept still holds.
    fn holds(&self, kept: &Kept, headers: &HeaderMap, now: u64) -> Response<Body> {
        let headers = kept.freshened(headers);
        let times = Times::of(&self.rule, &self.asked, kept.status, &headers, self.begun, now);
        let fresh = Kept {
            status: kept.status,
            headers,
            body: kept.body.clone(),
            times: times.unwrap_or(kept.times),
        };
        let answer = fresh.answer(now, &self.head, "fwd=stale; fwd-status=304");
        if times.is_some() {
            self.cache.keep(&self.asked, &self.head.headers, fresh);
        }
        answer
    }
}

/// An answer that is kept as soon as its body is whole.
#[derive(Debug)]
pub(super) struct Keeping {
    flight: Flight,
    kept: Kept,
}

impl Keeping {
    pub(super) fn whole(mut self, body: bytes::Bytes) {
        self.kept.body = body;
        self.flight.cache.keep(&self.flight.asked, &self.flight.head.headers, self.kept);
    }
}
