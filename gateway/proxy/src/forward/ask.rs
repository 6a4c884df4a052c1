//! Asking a target how it is, the way requests would reach it: the same TLS, the same protocol, over a connection of its own.

use std::sync::{Arc, Weak};
use std::time::Instant;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Request, StatusCode, header};

use super::http1::Http1;
use super::http2::Http2;
use super::{Limits, Pool, aim, for_http2};
use crate::Body;
use crate::body::BodyError;
use crate::config::HostHeader;
use crate::proxy::Shared;
use crate::upstream::{Asker, Target};

/// Asks the targets of one service, as the snapshot that holds says.
#[derive(Debug)]
pub(crate) struct Asking {
    shared: Weak<Shared>,
    service: Arc<str>,
    pool: Pool,
}

impl Asking {
    /// For the service of that name.
    pub(crate) fn new(shared: &Arc<Shared>, service: Arc<str>) -> Arc<Self> {
        Arc::new(Self { shared: Arc::downgrade(shared), service, pool: Pool::default() })
    }

    async fn status(&self, target: &Target, path: &str) -> Result<StatusCode, BodyError> {
        let shared = self.shared.upgrade().ok_or("the proxy is gone")?;
        let snapshot = shared.snapshot.load_full();
        drop(shared);
        let upstream = snapshot.upstream(&self.service).ok_or("the service is gone")?;
        let endpoint = upstream.endpoint(target).map_err(|what| what.to_string())?;
        let (stream, http2) = endpoint.connect(None, false).await.map_err(|what| what.to_string())?;
        let mut request = Request::get(path).body(Body::empty())?;
        request.headers_mut().insert(header::USER_AGENT, http::HeaderValue::from_static("waypost-health"));
        let path = request.uri().path_and_query().cloned();
        aim(&mut request, &endpoint, HostHeader::Target, path.as_ref());
        // How long it may take is the asker's matter.
        let zero = std::time::Duration::ZERO;
        let limits =
            Limits { started: Instant::now(), first_byte: zero, idle: zero, until: None, upload: None };
        let open = self.pool.opened();
        let answer = if http2 {
            let mut connection = Http2::new(stream, open).await.map_err(|what| what.to_string())?;
            let (request, mut back) = (for_http2(&mut request, &endpoint), Body::empty());
            connection.exchange(request, &mut back, &limits).await.map(|answer| answer.status())
        } else {
            let mut connection = Http1::new(stream, open);
            connection.exchange(&mut request, &limits).await.map(|answer| answer.status)
        };
        answer.map_err(|failure| failure.what.to_string().into())
    }
}

impl Asker for Asking {
    fn ask<'a>(
        &'a self,
        target: &'a Arc<Target>,
        path: &'a str,
    ) -> BoxFuture<'a, Result<StatusCode, BodyError>> {
        self.status(target, path).boxed()
    }
}
