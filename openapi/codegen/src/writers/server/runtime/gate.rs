//! Between the router and the handlers: the [`Gate`] that the integrator implements once, and the [`Call`] that it is given.
//!
//! ```text
//! router -> Gate::serve(call, request)
//!             admit the caller, read the body            (the gate's own business)
//!             call.decode(parts, body)  -> Input         (every wrong field at once)
//!             call.run(context, input)  -> Answer        (the handler)
//!           <- the response
//! ```

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter};

use super::input::{Input, Rejection};
use super::operation::{Location, Operation};
use super::outcome::Answer;
use super::validate::{SchemaError, Validator};

/// What stands between the network and the handlers.
pub trait Gate: Send + Sync + 'static {
    /// The first argument of every handler.
    type Context: Send + 'static;
    /// The error of every handler.
    type Error: Send + 'static;

    /// Serves one request of one operation.
    fn serve(
        &self,
        call: &Call<Self::Context, Self::Error>,
        request: Request,
    ) -> impl Future<Output = Response> + Send;

    /// Answers a request that is no operation of the contract.
    fn unrouted(&self, request: Request, reason: Unrouted) -> impl Future<Output = Response> + Send;
}

/// Why a request is no operation of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unrouted {
    /// No such path.
    Path,
    /// The path takes other methods: the value of the `Allow` header.
    Method(&'static str),
}

/// What a call of a handler comes to, while it is running.
pub type Running<E> = Pin<Box<dyn Future<Output = Result<Answer, Failure<E>>> + Send>>;

/// Why a call gave no answer.
#[derive(Debug)]
pub enum Failure<E> {
    /// The input cannot be had in the handler's types.
    Rejected(Rejection),
    /// The handler's own error.
    Handler(E),
    /// The handler's value cannot be written as JSON.
    Unwritable(serde_json::Error),
}

impl<E> From<Rejection> for Failure<E> {
    fn from(rejection: Rejection) -> Self {
        Failure::Rejected(rejection)
    }
}

impl<E> From<serde_json::Error> for Failure<E> {
    fn from(error: serde_json::Error) -> Self {
        Failure::Unwritable(error)
    }
}

/// One operation, ready to be called: what can be worked out before the first request is.
pub struct Call<C, E> {
    /// The operation.
    pub operation: &'static Operation,
    validator: Validator,
    /// Which segments of the path are parameters, in path order.
    segments: Vec<usize>,
    handler: Handler<C, E>,
}

type Handler<C, E> = Arc<dyn Fn(C, Input) -> Running<E> + Send + Sync>;

impl<C, E> std::fmt::Debug for Call<C, E> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Call").field("operation", &self.operation.id).finish_non_exhaustive()
    }
}

impl<C, E> Call<C, E> {
    /// A call outside of a router: for the tests of a gate.
    pub fn new(
        operation: &'static Operation,
        handler: impl Fn(C, Input) -> Running<E> + Send + Sync + 'static,
    ) -> Result<Self, SchemaError> {
        let validator = super::validate::Validators::compile()?.of(operation);
        Ok(Self { operation, validator, segments: parameter_segments(operation.path), handler: Arc::new(handler) })
    }

    /// Reads and checks the path, the query, the headers and the body. `body` is whole, of the operation's media type, and
    /// within the limit: that is the gate's to check, as it has the configuration.
    pub fn decode(&self, parts: &Parts, body: Bytes) -> Result<Input, Rejection> {
        Input::read(self.operation, &self.validator, &self.segments, parts, body)
    }

    /// Runs the handler.
    pub fn run(&self, context: C, input: Input) -> Running<E> {
        (self.handler)(context, input)
    }
}

/// Collects the operations by path; used by the generated `router` function only.
pub(super) struct Routes<G: Gate> {
    gate: Arc<G>,
    validators: super::validate::Validators,
    paths: BTreeMap<String, Path<G::Context, G::Error>>,
}

type Path<C, E> = Vec<(&'static str, Arc<Call<C, E>>)>;

impl<G: Gate> Routes<G> {
    pub(super) fn new(gate: Arc<G>) -> Result<Self, SchemaError> {
        Ok(Self { gate, validators: super::validate::Validators::compile()?, paths: BTreeMap::new() })
    }

    pub(super) fn add(
        &mut self,
        operation: &'static Operation,
        handler: impl Fn(G::Context, Input) -> Running<G::Error> + Send + Sync + 'static,
    ) {
        let handler: Handler<G::Context, G::Error> = Arc::new(handler);
        for path in std::iter::once(&operation.path).chain(operation.aliases) {
            let call = Call {
                operation,
                validator: self.validators.of(operation),
                segments: parameter_segments(path),
                handler: Arc::clone(&handler),
            };
            self.paths.entry(route(path)).or_default().push((operation.method, Arc::new(call)));
        }
    }

    pub(super) fn finish(self) -> axum::Router {
        let mut router = axum::Router::new();
        for (path, calls) in self.paths {
            let mut methods = MethodRouter::new();
            // Once a path at start-up, for as long as the process lives.
            let allow: &'static str = Box::leak(allowed(calls.iter().map(|(method, _)| *method)).into_boxed_str());
            for (method, call) in calls {
                let Some(filter) = filter(method) else { continue };
                let gate = Arc::clone(&self.gate);
                methods = methods.on(filter, move |request: Request| {
                    let (gate, call) = (Arc::clone(&gate), Arc::clone(&call));
                    async move { gate.serve(&call, request).await }
                });
            }
            let gate = Arc::clone(&self.gate);
            let methods = methods.fallback(move |request: Request| {
                let gate = Arc::clone(&gate);
                async move { gate.unrouted(request, Unrouted::Method(allow)).await }
            });
            router = router.route(&path, methods);
        }
        let gate = self.gate;
        router.fallback(move |request: Request| {
            let gate = Arc::clone(&gate);
            async move { gate.unrouted(request, Unrouted::Path).await }
        })
    }
}

/// The path with parameters named by position, so that two operations may name the same segment differently.
fn route(path: &str) -> String {
    let segments = path.split('/').enumerate().map(|(index, segment)| match segment.starts_with('{') {
        true => format!("{{p{index}}}"),
        false => segment.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}

fn parameter_segments(path: &str) -> Vec<usize> {
    let segments = path.split('/').enumerate();
    segments.filter(|(_, segment)| segment.starts_with('{')).map(|(index, _)| index).collect()
}

fn filter(method: &str) -> Option<MethodFilter> {
    Some(match method {
        "GET" => MethodFilter::GET,
        "POST" => MethodFilter::POST,
        "PUT" => MethodFilter::PUT,
        "PATCH" => MethodFilter::PATCH,
        "DELETE" => MethodFilter::DELETE,
        "HEAD" => MethodFilter::HEAD,
        "OPTIONS" => MethodFilter::OPTIONS,
        "TRACE" => MethodFilter::TRACE,
        _ => return None,
    })
}

/// `GET, HEAD, POST, OPTIONS`: HEAD is answered wherever GET is.
fn allowed<'m>(methods: impl Iterator<Item = &'m str>) -> String {
    let mut allowed = Vec::new();
    for method in methods {
        allowed.push(method);
        if method == "GET" {
            allowed.push("HEAD");
        }
    }
    allowed.push("OPTIONS");
    allowed.dedup();
    allowed.join(", ")
}

/// The operation's path parameters, in path order.
pub(super) fn path_parameters(operation: &'static Operation) -> impl Iterator<Item = &'static super::operation::Parameter> {
    operation.parameters.iter().filter(|parameter| parameter.location == Location::Path)
}
