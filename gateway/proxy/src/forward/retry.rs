//! Second tries. One is made only where nothing of the request was sent, or where sending it twice does no harm and it can be sent again; and only as long
//! as second tries are a small part of all, so that they do not bury a service that is in trouble.

use std::sync::atomic::{AtomicI64, Ordering};

use http::request::Parts;
use http::{Request, StatusCode};
use hyper::body::Body as _;

use super::failure::{Failure, What};
use super::upstream::Upstream;
use crate::Body;

/// One try costs so much; a request brings its part of it.
const TRY: i64 = 1000;
/// What is saved at most: as many tries at once.
const MOST: i64 = 20 * TRY;

/// Second tries as a part of first ones.
#[derive(Debug)]
pub(crate) struct Budget {
    left: AtomicI64,
    each: i64,
}

impl Budget {
    /// `part` is from 0 to 1. A service that has had no requests yet may try ten times.
    #[expect(clippy::cast_possible_truncation, reason = "a part of 1 is at most 1000")]
    pub(crate) fn new(part: f64) -> Self {
        let each = (part.clamp(0.0, 1.0) * 1000.0) as i64;
        Self { left: AtomicI64::new(if each == 0 { 0 } else { MOST / 2 }), each }
    }

    /// A first try.
    pub(crate) fn first(&self) {
        if self.left.load(Ordering::Relaxed) < MOST {
            self.left.fetch_add(self.each, Ordering::Relaxed);
        }
    }

    /// Whether a second try may be made; it is counted.
    pub(crate) fn second(&self) -> bool {
        self.left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| (left >= TRY).then(|| left - TRY)).is_ok()
    }
}

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
        upstream.budget.first();
        let left = upstream.retry.retries;
        let harmless = left > 0 && request.method().is_idempotent() && request.body().is_end_stream();
        let again = harmless.then(|| Box::new(copy(request)));
        Self { left, again }
    }

    fn take(&mut self, upstream: &Upstream) -> bool {
        if self.left == 0 || !upstream.budget.second() {
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
        if !status.is_server_error() || !upstream.retry.statuses.contains(&status.as_u16()) || self.again.is_none() {
            return None;
        }
        if self.take(upstream) { self.repeat() } else { None }
    }

    /// The request for another try after no answer, or what became of it.
    pub(crate) fn after_failure(&mut self, upstream: &Upstream, failure: Failure) -> Result<Request<Body>, What> {
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
