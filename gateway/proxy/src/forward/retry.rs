//! Second tries. One is made only where nothing of the request was sent, or where sending it twice does no harm and it can be sent again; and only as long
//! as second tries are a small part of all, so that they do not bury a service that is in trouble.

use http::request::Parts;
use http::{Request, StatusCode};
use hyper::body::Body as _;

use super::failure::{Failure, What};
use super::upstream::Upstream;
use crate::Body;

/// The tries of one request.
#[derive(Debug)]
pub(crate) struct Tries {
    left: u16,
    /// The request once more, where sending it twice does no harm.
    again: Option<Box<Parts>>,
}

impl Tries {
    /// Before the first.
    pub(crate) fn new(upstream: &Upstream, request: &Request<Body>) -> Self {
        let left = upstream.written.retry.retries;
        let harmless = left > 0 && request.method().is_idempotent() && request.body().is_end_stream();
        let again = harmless.then(|| Box::new(copy(request)));
        Self { left, again }
    }

    fn take(&mut self, upstream: &Upstream) -> bool {
        if self.left == 0 || !upstream.service.may_retry() {
            return false;
        }
        self.left -= 1;
        true
    }

    fn repeat(&mut self) -> Option<Request<Body>> {
        let head = self.again.take()?;
        let request = Request::from_parts(*head, Body::empty());
        if self.left > 0 {
            self.again = Some(Box::new(copy(&request)));
        }
        Some(request)
    }

    /// The request for another try after an answer that is none.
    pub(crate) fn after_answer(&mut self, upstream: &Upstream, status: StatusCode) -> Option<Request<Body>> {
        if !status.is_server_error()
            || !upstream.written.retry.statuses.contains(&status.as_u16())
            || self.again.is_none()
        {
            return None;
        }
        if self.take(upstream) { self.repeat() } else { None }
    }

    /// The request for another try after no answer, or what became of it.
    pub(crate) fn after_failure(
        &mut self,
        upstream: &Upstream,
        failure: Failure,
    ) -> Result<Request<Body>, What> {
        let Failure { what, unsent } = failure;
        let hopeless = what.of_client() || matches!(what, What::TotalTimeout);
        if hopeless || (unsent.is_none() && self.again.is_none()) || !self.take(upstream) {
            return Err(what);
        }
        match unsent {
            Some(request) => Ok(*request),
            None => self.repeat().ok_or(what),
        }
    }
}

fn copy(request: &Request<Body>) -> Parts {
    let mut copy = Request::new(());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy.into_parts().0
}
