//! Clients with small times, on either transport.

use std::time::Duration;

use bytes::Bytes;
use waypost::engine::envelope::Cause;
use waypost::engine::{Arguments, Envelope, FailureKind, Operation};
use waypost::transport::Proxy;
use waypost::{CallOptions, Client, ClientBuilder, Error};

/// Which transport a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Reqwest,
    Hyper,
}

impl Kind {
    /// A builder with two quick retries, small timeouts, and no proxy.
    pub(crate) fn builder(self, url: &str) -> ClientBuilder {
        let builder = Client::builder(url)
            .api_key("hunter2")
            .proxy(Proxy::Off)
            .timeout(Duration::from_secs(5))
            .options(|options| {
                options.backoff.base = Duration::from_millis(2);
                options.cache = None;
            });
        match self {
            Self::Reqwest => builder.own_reqwest(),
            Self::Hyper => builder.hyper(),
        }
    }

    /// The client of [`Self::builder`].
    pub(crate) fn client(self, url: &str) -> Client {
        self.builder(url).build().unwrap()
    }
}

/// Calls an operation that needs no arguments, with an empty object as the body where it takes one.
pub(crate) async fn call(client: &Client, operation: &'static Operation) -> Result<Envelope, Error> {
    let arguments = match operation.method {
        "POST" => Arguments::new().json_bytes(Bytes::from_static(b"{}")),
        _ => Arguments::new(),
    };
    client.call(operation, &arguments, &CallOptions::default()).await
}

/// The causes of an error's attempts, one a failed attempt.
pub(crate) fn causes(error: &Error) -> Vec<Cause> {
    error.attempts().iter().filter_map(|attempt| attempt.cause).collect()
}

/// A cause that a transport reports.
pub(crate) const fn transport(kind: FailureKind) -> Cause {
    Cause::Transport(kind)
}
