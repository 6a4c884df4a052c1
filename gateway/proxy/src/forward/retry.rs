//! Second tries. One is made only where nothing of the request was sent, or where sending it twice does no harm (its method says so, or the client by an
//! `Idempotency-Key`) and it can be sent again; and only as long as second tries are a small part of all, so that they do not bury a service that is in trouble.

use http::request::Parts;
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
    /// The request once more, where sending it twice does no harm; its body, if it has one.
    again: Option<(Box<Parts>, Option<Kept>)>,
}

/// A request for another try.
#[derive(Debug)]
pub(crate) enum Again {
    /// The same: nothing of it was sent.
    Unsent(Request<Body>),
    /// A copy.
    Copy(Request<Body>),
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
        Self { left, again: Some((Box::new(copy(request)), kept)) }
    }

    /// Whether the request may be sent again, and can be.
    fn can_repeat(&self) -> bool {
        self.again.as_ref().is_some_and(|(_, kept)| kept.as_ref().is_none_or(Kept::is_whole))
    }

    fn take(&mut self, upstream: &Upstream) -> bool {
        if self.left == 0 || !upstream.service.may_retry() {
            return false;
        }
        self.left -= 1;
        true
    }

    fn repeat(&mut self) -> Option<Request<Body>> {
        let (head, kept) = self.again.take()?;
        let body = match &kept {
            Some(kept) => kept.read()?,
            None => Body::empty(),
        };
        let request = Request::from_parts(*head, body);
        if self.left > 0 {
            self.again = Some((Box::new(copy(&request)), kept));
        }
        Some(request)
    }

    /// The request for another try after an answer that is none.
    pub(crate) fn after_answer(&mut self, upstream: &Upstream, status: StatusCode) -> Option<Request<Body>> {
        if !status.is_server_error()
            || !upstream.written.retry.statuses.contains(&status.as_u16())
            || !self.can_repeat()
        {
            return None;
        }
        if self.take(upstream) { self.repeat() } else { None }
    }

    /// The request for another try after no answer, or what became of it.
    pub(crate) fn after_failure(&mut self, upstream: &Upstream, failure: Failure) -> Result<Again, What> {
        let Failure { what, unsent } = failure;
        let hopeless = what.of_client() || matches!(what, What::TotalTimeout);
        if hopeless || (unsent.is_none() && !self.can_repeat()) || !self.take(upstream) {
            return Err(what);
        }
        match unsent {
            Some(request) => Ok(Again::Unsent(*request)),
            None => self.repeat().map(Again::Copy).ok_or(what),
        }
    }
}

/// Whether it does no harm that a service gets a request twice.
fn is_harmless(request: &Request<Body>) -> bool {
    request.method().is_idempotent()
        || request.headers().get(IDEMPOTENCY_KEY).is_some_and(|key| !key.is_empty())
}

fn copy(request: &Request<Body>) -> Parts {
    let mut copy = Request::new(());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy.into_parts().0
}
