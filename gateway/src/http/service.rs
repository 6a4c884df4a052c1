//! The whole gateway as one function from a request to an answer. The listener calls it; so can a test, without a socket.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use tower::Service as _;

use super::gate::{Arrival, Pipeline};
use super::{cors, refuse};
use crate::Gateway;
use crate::generated::{self, SchemaError};

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

    /// Answers one request of this peer.
    pub async fn answer(&self, request: Request<Body>, peer: IpAddr) -> Response {
        let _in_flight = self.gateway().metrics.request_started();
        let (parts, body) = request.into_parts();
        let Some(origins) = &self.gateway().config.cors.allowed_origins else {
            return self.walk(parts, body, peer).await;
        };
        let origin = parts.headers.get(http::header::ORIGIN).cloned();
        let mut answer = match cors::preflight(origins, &parts) {
            Some(answer) => self.pipeline.complete(answer, &parts, &Arrival::new(&parts.headers, peer)),
            None => self.walk(parts, body, peer).await,
        };
        cors::admit(origins, origin.as_ref(), answer.headers_mut());
        answer
    }

    async fn walk(&self, mut parts: http::request::Parts, body: Body, peer: IpAddr) -> Response {
        let arrival = Arrival::new(&parts.headers, peer);
        let header_bytes = usize::try_from(self.gateway().config.limits.header_bytes).unwrap_or(usize::MAX);
        if let Err(error) = refuse::check(&parts, header_bytes) {
            return self.pipeline.refuse(&error, &parts, &arrival);
        }
        parts.extensions.insert(arrival);
        let answer = self.router.clone().call(Request::from_parts(parts, body)).await;
        answer.unwrap_or_else(|never| match never {})
    }
}
