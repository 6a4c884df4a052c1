//! Where requests leave the process. A transport sends one request and hands back one answer: it never retries, never follows a redirect, never
//! looks at a status; all of that is the engine's. What it owes the engine is a true account of a failure: of which kind, and whether a byte of
//! the request may have left (see [`TransportFailure`]).
//!
//! Two live here, behind one trait and held to one test suite: `hyper` (the SDKs' own, in every language), and `reqwest` (which takes a caller's
//! `reqwest::Client`, with its connections, proxies and certificates).

mod body;
#[cfg(any(feature = "hyper", feature = "reqwest"))]
mod classify;
#[cfg(any(feature = "hyper", feature = "reqwest"))]
pub(crate) mod convert;
mod options;
mod place;

#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "reqwest")]
pub mod reqwest;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use body::Body;
pub use options::{Proxy, TransportOptions};
pub use place::{Adopted, Place};

use crate::engine::error::Error;
use crate::engine::failure::TransportFailure;
use crate::engine::message::{Request, ResponseHead};

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends requests. One value serves all calls of a client, at once.
///
/// Dropping the future, or the body, cancels the request.
///
/// ```
/// use waypost::engine::{Request, ResponseHead, Headers, TransportFailure};
/// use waypost::transport::{Body, BoxFuture, Response, Transport};
///
/// /// Answers every request with an empty wallet page.
/// #[derive(Debug)]
/// struct Canned;
///
/// impl Transport for Canned {
///     fn send(&self, _request: Request) -> BoxFuture<'_, Result<Response, TransportFailure>> {
///         let head = ResponseHead { status: 200, headers: Headers::new() };
///         let body = Body::full(r#"{"data":[],"has_more":false}"#);
///         Box::pin(async move { Ok(Response { head, body }) })
///     }
/// }
/// ```
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends `request` and resolves when the answer's head is there. The caller sets the time limit; the connect timeout is the transport's own.
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportFailure>>;

    /// A transport like this one for a runtime of its own: blocking calls run on their thread's runtime, and a connection that another runtime opened
    /// stands still while that one does. One without connections may return itself.
    ///
    /// # Errors
    /// [`Error::Config`] where there can be none, which is the default: this transport is for async calls.
    fn in_place(&self) -> Result<Arc<dyn Transport>, Error> {
        Err(Error::config(format!("{self:?} serves async calls only; let the client make its own transport")))
    }

    /// A transport like this one whose connections live elsewhere. `None`, which is the default: it has none that could.
    fn placed(&self, place: Arc<dyn Place>) -> Option<Arc<dyn Transport>> {
        let _ = place;
        None
    }
}

/// An answer whose body has yet to be read.
#[derive(Debug)]
pub struct Response {
    /// Status and headers. Of a body that the transport decodes, without `content-encoding` and `content-length`.
    pub head: ResponseHead,
    /// The body, decoded.
    pub body: Body,
}
