//! Second tries. One is made only where nothing of the request was sent, or where sending it twice does no harm (its method says so, or the client by an
//! `Idempotency-Key`) and it can be sent again; and only as long as second tries are a small part of all, so that they do not bury a service that is in trouble.

use http::{HeaderName, Request, StatusCode};
use hyper::body::Body as _;

use super::failure::{Failure, What};
use super::replay::Kept;
use super::upstream::Upstream;
use crate::Body;

/// The tries of one request.
#[derive(Debug)]
pub(crate) struct Tries {
    left: u16,
    /// Whether sending it twice does no harm, and then its body, if it has one.
    again: Option<Option<Kept>>,
}

/// Another try, with a request as it was before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// Nothing of it was sent.
    Unsent,
    /// Its body begins anew.
    Anew,
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

impl Tries {
    /// Before the first. The body is made one that can be sent again where that may be of use.
    pub(crate) fn new(upstream: &Upstream, request: &mut Request<Body>) -> Self {
        let settings = &upstream.written.retry;
        let left = settings.retries;
        if left == 0 || !is_harmless(request) {
            return Self { left, again: None };
        }
        let kept = if request.body().is_end_stream() {
            None
        } else {
            if request.body().size_hint().lower() > settings.max_body.0 {
                return Self { left, again: None };
            }
            let most = usize::try_from(settings.max_body.0).unwrap_or(usize::MAX);
            let kept = Kept::new(std::mem::take(request.body_mut()), most);
            *request.body_mut() = kept.read().unwrap_or_default();
            Some(kept)
        };
        Self { left, again: Some(kept) }
    }

    /// Whether the request may be sent again, and can be.
    fn can_repeat(&self) -> bool {
        self.again.as_ref().is_some_and(|kept| kept.as_ref().is_none_or(Kept::is_whole))
    }

    fn take(&mut self, upstream: &Upstream) -> bool {
        if self.left == 0 || !upstream.service.may_retry() {
            return false;
        }
        self.left -= 1;
        true
    }

    /// Makes a request's body begin anew; whether it can.
    fn repeat(&self, request: &mut Request<Body>) -> bool {
        let body = match &self.again {
            Some(Some(kept)) => kept.read(),
            Some(None) => Some(Body::empty()),
            None => None,
        };
        let can = body.is_some();
        if let Some(body) = body {
            *request.body_mut() = body;
        }
        can
    }

    /// Whether an answer is none, and the request is to be sent anew.
    pub(crate) fn after_answer(
        &mut self,
        upstream: &Upstream,
        status: StatusCode,
        request: &mut Request<Body>,
    ) -> bool {
        if !status.is_server_error()
            || !upstream.written.retry.statuses.contains(&status.as_u16())
            || !self.can_repeat()
        {
            return false;
        }
        self.take(upstream) && self.repeat(request)
    }

    /// How the request is tried again after no answer, or what became of it.
    pub(crate) fn after_failure(
        &mut self,
        upstream: &Upstream,
        failure: Failure,
        request: &mut Request<Body>,
    ) -> Result<Again, What> {
        let Failure { what, unsent } = failure;
        let hopeless = what.of_client() || matches!(what, What::TotalTimeout);
        if hopeless || (!unsent && !self.can_repeat()) || !self.take(upstream) {
            return Err(what);
        }
        if unsent {
            Ok(Again::Unsent)
        } else if self.repeat(request) {
            Ok(Again::Anew)
        } else {
            Err(what)
        }
    }
}

/// Whether it does no harm that a service gets a request twice.
fn is_harmless(request: &Request<Body>) -> bool {
    request.method().is_idempotent()
        || request.headers().get(IDEMPOTENCY_KEY).is_some_and(|key| !key.is_empty())
}
