//! progenitor's typed client, sent through the engine. Its methods are positional and answer with progenitor's own types; what happens between is the same
//! as for a resource's call: retries, deadline, key, budget, errors.
//!
//! progenitor's hook can answer only with a `reqwest::Response` or `reqwest::Error`, neither of which can hold a typed [`Error`]. So the typed
//! error is kept beside: [`Inner::take_error`] reads it after a call, and where no answer came, it is also the source of the `reqwest::Error`.

use std::error::Error as StdError;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use progenitor_client::{ClientHooks, ClientInfo, OperationInfo};

use super::Client;
use super::stream::{Open, Streamed};
use crate::drive::{Failed, Outcome, native, seed};
use crate::engine::Plan;
use crate::engine::build::accept;
use crate::engine::encode::BaseUrl;
use crate::engine::envelope::Body;
use crate::engine::error::Error;
use crate::engine::message::{Headers, Request};
use crate::engine::options::CallOptions;
use crate::generated::operations;
use crate::transport::convert;

pub use crate::generated::client::Client as ProgenitorClient;

/// What progenitor's client carries: the client that sends, the options of its calls, and the typed error of its last call.
#[derive(Debug, Clone)]
pub struct Inner {
    client: Client,
    options: CallOptions,
    error: Arc<Mutex<Option<Error>>>,
}

impl Inner {
    fn new(client: Client, options: CallOptions) -> Self {
        Self { client, options, error: Arc::default() }
    }

    /// The typed error of the last call that failed, once. Make one progenitor client for each task: the place is one for all calls of a client.
    pub fn take_error(&self) -> Option<Error> {
        match self.error.lock() {
            Ok(mut error) => error.take(),
            Err(poisoned) => poisoned.into_inner().take(),
        }
    }

    fn keep(&self, error: Option<Error>) {
        match self.error.lock() {
            Ok(mut kept) => *kept = error,
            Err(poisoned) => *poisoned.into_inner() = error,
        }
    }
}

impl Client {
    /// progenitor's client, on this one's settings and connections.
    ///
    /// ```no_run
    /// # async fn example(client: waypost::Client) -> Result<(), waypost::Error> {
    /// let progenitor = client.progenitor()?;
    /// match progenitor.wallets_get("wal_1").await {
    ///     Ok(wallet) => println!("{:?}", wallet.into_inner()),
    ///     Err(_) => println!("{:?}", progenitor.take_error()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] when no request builder can be made.
    pub fn progenitor(&self) -> Result<ProgenitorClient, Error> {
        self.progenitor_with(CallOptions::default())
    }

    /// progenitor's client, with options for all of its calls.
    ///
    /// # Errors
    /// As [`Self::progenitor`].
    pub fn progenitor_with(&self, options: CallOptions) -> Result<ProgenitorClient, Error> {
        let builder = match self.core.connections.request_builder.get() {
            Some(builder) => builder.clone(),
            None => {
                // It builds requests and never sends one, so it needs no certificates.
                let made =
                    reqwest::Client::builder().tls_certs_only([]).no_proxy().build().map_err(|error| {
                        Error::config(format!("progenitor's client cannot be made: {error}"))
                    })?;
                self.core.connections.request_builder.get_or_init(|| made).clone()
            }
        };
        let base_url = self.options().base_url.trim_end_matches('/');
        Ok(ProgenitorClient::new_with_client(base_url, builder, Inner::new(self.clone(), options)))
    }
}

impl ProgenitorClient {
    /// The typed error of the last call that failed; see [`Inner::take_error`].
    pub fn take_error(&self) -> Option<Error> {
        self.inner().take_error()
    }
}

impl ClientHooks<Inner> for ProgenitorClient {
    async fn exec(
        &self,
        request: reqwest::Request,
        info: &OperationInfo,
    ) -> reqwest::Result<reqwest::Response> {
        let inner = self.inner();
        inner.keep(None);
        match send(inner, request, info).await {
            Ok(outcome) => {
                Ok(succeeded(outcome, inner.options.timeout.unwrap_or(inner.client.options().timeout)))
            }
            Err(failed) => {
                let outcome = refused(&failed).await;
                inner.keep(Some(failed.error));
                outcome
            }
        }
    }
}

async fn send(inner: &Inner, request: reqwest::Request, info: &OperationInfo) -> Result<Outcome, Failed> {
    let Some(operation) = operations::find(info.operation_id) else {
        return Err(Error::config(format!("{} is not in the table of operations", info.operation_id)).into());
    };
    let body = match request.body().map(|body| (body, body.as_bytes())) {
        None => Bytes::new(),
        Some((_, Some(bytes))) => Bytes::copy_from_slice(bytes),
        Some((_, None)) => {
            return Err(
                Error::config("a streamed request body cannot be sent again, so it is not sent").into()
            );
        }
    };
    let mut headers: Headers = convert::from_http(request.headers());
    // progenitor sends the version of the spec on every request, with no setting against it.
    headers.remove("api-version");
    // For a stream it asks for nothing, where the contract names media types.
    if !headers.contains("accept") {
        headers.insert("accept", accept(operation.result));
    }
    let url = within_base(request.url(), &inner.client.options().base_url);
    let request = Request { method: operation.method, url, headers, body };
    let plan = Plan::of_request(operation, request, inner.client.options(), &inner.options, seed()?)?;
    native::execute(&inner.client, plan).await
}

/// The request's URL with the base URL's own way of writing its origin, so that a port that says nothing (`http://host:80`) makes no difference. One of
/// another origin is left as it is, and the engine refuses it.
fn within_base(url: &reqwest::Url, base_url: &str) -> String {
    let (Ok(base), Ok(parsed)) = (BaseUrl::parse(base_url), reqwest::Url::parse(base_url)) else {
        return url.as_str().to_owned();
    };
    if parsed.origin() != url.origin() {
        return url.as_str().to_owned();
    }
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}{}{query}", base.origin(), url.path())
}

/// A success as a response that progenitor can read.
fn succeeded(outcome: Outcome, idle: std::time::Duration) -> reqwest::Response {
    let Outcome { envelope, stream } = outcome;
    let (status, headers) = (envelope.status, envelope.headers.clone());
    let body = match (&envelope.body, stream) {
        (Body::Stream, Some(stream)) => {
            reqwest::Body::wrap_stream(Streamed::new(Open::new(envelope, stream, idle)))
        }
        _ => envelope.bytes().into(),
    };
    response(status, &headers, body)
}

/// A failure as what progenitor can read: the error answer, or a `reqwest::Error` whose source is the typed error.
async fn refused(failed: &Failed) -> reqwest::Result<reqwest::Response> {
    let failure = failed.error.failure();
    if let Some(status) = failure.status.filter(|status| *status >= 400) {
        return Ok(response(status, &failure.headers, failed.body.clone().into()));
    }
    // reqwest makes errors for nobody else; reading a body that fails with ours is how to get one with ours inside.
    let broken = reqwest::Body::wrap_stream(stream::iter([Err::<Bytes, _>(failed.error.clone())]));
    let answer = response(200, &Headers::new(), broken);
    let headers = answer.headers().clone();
    let bytes = answer.bytes().await?;
    Ok(response(200, &convert::from_http(&headers), bytes.into()))
}

fn response(status: u16, headers: &Headers, body: reqwest::Body) -> reqwest::Response {
    let mut answer = http::Response::new(body);
    if let Ok(status) = http::StatusCode::from_u16(status) {
        *answer.status_mut() = status;
    }
    // They came from the wire, so they can be written again.
    if let Ok(headers) = convert::to_http(headers) {
        *answer.headers_mut() = headers;
    }
    answer.into()
}

/// The typed error inside of progenitor's, where no answer came.
///
/// ```no_run
/// # async fn example(client: waypost::Client) -> Result<(), waypost::Error> {
/// let progenitor = client.progenitor()?;
/// if let Err(error) = progenitor.wallets_get("wal_1").await {
///     println!("{:?}", waypost::client::progenitor::typed_error(&error));
/// }
/// # Ok(())
/// # }
/// ```
pub fn typed_error<E: std::fmt::Debug + 'static>(error: &progenitor_client::Error<E>) -> Option<&Error> {
    let mut cause = match error {
        progenitor_client::Error::CommunicationError(error)
        | progenitor_client::Error::ResponseBodyError(error)
        | progenitor_client::Error::InvalidUpgrade(error) => error.source(),
        _ => None,
    };
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
