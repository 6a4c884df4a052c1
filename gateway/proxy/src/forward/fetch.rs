//! Documents that a policy needs, such as the keys of those who issue tokens: asked for over a connection of its own, within bounds.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::uri::{PathAndQuery, Uri};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use rustls::ClientConfig;

use super::endpoint::Endpoint;
use super::http1;
use super::{Pool, tls};
use crate::Body;
use crate::config::Service;
use crate::identity::Fetch;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(10);
/// The largest document, in bytes.
const LARGEST: usize = 1 << 20;

/// Fetches documents, trusting what the system trusts.
#[derive(Debug, Default)]
pub(crate) struct Fetcher {
    tls: OnceLock<Option<Arc<ClientConfig>>>,
    pool: Pool,
}

impl Fetcher {
    fn tls(&self) -> Option<&Arc<ClientConfig>> {
        self.tls.get_or_init(|| tls::client(&Service::default().tls, false).ok().map(Arc::new)).as_ref()
    }

    async fn get(&self, url: &str) -> Result<Bytes, String> {
        let uri: Uri = url.parse().map_err(|error| format!("`{url}` is no URL: {error}"))?;
        let endpoint = Endpoint::of(&uri, self.tls())?;
        let (stream, _) = endpoint.connect(None, false).await.map_err(|what| what.to_string())?;
        let connection = http1::upgradeable(stream, self.pool.opened()).await;
        let (mut send, drive, _open) = connection.map_err(|what| what.to_string())?;
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let request = Request::get(path)
            .header(header::HOST, endpoint.host.clone())
            .header(header::ACCEPT, "application/json")
            .body(Body::empty())
            .map_err(|error| error.to_string())?;
        let asked = async move {
            let answer = send.send_request(request).await.map_err(|error| error.to_string())?;
            if answer.status() != StatusCode::OK {
                return Err(format!("`{url}` answered {}", answer.status()));
            }
            let body = Limited::new(answer.into_body(), LARGEST).collect().await;
            body.map(http_body_util::Collected::to_bytes).map_err(|error| error.to_string())
        };
        // The connection ends when nobody can send over it any more.
        let (asked, _) = tokio::join!(asked, drive);
        asked
    }
}

impl Fetch for Fetcher {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Bytes, String>> {
        async move {
            match tokio::time::timeout(LIMIT, self.get(url)).await {
                Ok(document) => document,
                Err(_) => Err(format!("`{url}` did not answer in {} s", LIMIT.as_secs())),
            }
        }
        .boxed()
    }
}
