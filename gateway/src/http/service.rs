//! The gateway's own API as one function from a request to an answer. The data plane calls it; so can a test, without a socket.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use tower::Service as _;
use waypost_proxy::Visit;

use super::gate::{Arrival, Pipeline};
use crate::Gateway;
use crate::generated::{self, SchemaError};
use crate::realtime::upgrade;

/// Answers requests. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    router: axum::Router,
    pipeline: Arc<Pipeline>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Service").finish_non_exhaustive()
    }
}

impl Service {
    /// Binds the contract's operations to the gateway.
    pub fn new(gateway: Arc<Gateway>) -> Result<Self, SchemaError> {
        let pipeline = Arc::new(Pipeline::new(Arc::clone(&gateway)));
        let router = generated::router(Arc::clone(&pipeline), gateway)?;
        Ok(Self { router, pipeline })
    }

    /// The gateway behind it.
    pub fn gateway(&self) -> &Arc<Gateway> {
        self.pipeline.gateway()
    }

    /// Answers one request of this peer by itself: nobody is counted, and only what the gate refuses is.
    pub async fn answer(&self, request: Request<Body>, peer: IpAddr) -> Response {
        self.walk(request, Arrival::alone(peer)).await
    }

    /// Answers one request that the data plane lets through.
    pub(crate) async fn receive(&self, request: Request<Body>, visit: Visit) -> Response {
        self.walk(request, visit.into()).await
    }

    async fn walk(&self, mut request: Request<Body>, arrival: Arrival) -> Response {
        let _in_flight = self.gateway().metrics.request_started();
        request.extensions_mut().insert(arrival);
        if request.uri().path() == upgrade::PATH && request.method() == http::Method::GET {
            return self.pipeline.socket(request).await;
        }
        self.router.clone().call(request).await.unwrap_or_else(|never| match never {})
    }
}
