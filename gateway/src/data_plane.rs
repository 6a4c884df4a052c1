//! The data plane in front of the gateway's own API: one pipeline for both. What the data plane asks the program around it is answered here, and its file is
//! read, checked and watched.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use waypost_proxy::config::watch::{self, Look};
use waypost_proxy::config::{self, Fault, Faulty, Listener, Route, RouteLimit, Size, Time};
use waypost_proxy::{Body, Caller, Config, Exchange, Host, Listening, Proxy, Refusal};

use crate::config::LimitsConfig;
use crate::http::{self, Service};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The service and the provider that stand for the gateway itself.
const PLATFORM: &str = "platform";

/// The gateway's own API, as the data plane's service `platform`.
struct Platform(Service);

impl Host for Platform {
    fn answer(&self, mut request: Request<Body>, exchange: Exchange) -> BoxFuture<'_, Response<Body>> {
        // One id for both: in the log, in the answer and in what the client sees.
        if let Ok(id) = HeaderValue::try_from(exchange.request_id) {
            request.headers_mut().insert(X_REQUEST_ID, id);
        }
        async move { self.0.answer(request.map(axum::body::Body::new), exchange.client).await.map(Body::new) }
            .boxed()
    }

    fn identify<'a>(
        &'a self,
        headers: &'a HeaderMap,
        client: IpAddr,
    ) -> BoxFuture<'a, Result<Option<Arc<Caller>>, Refusal>> {
        async move {
            match self.0.gateway().authenticate(headers, client).await {
                Ok(http::Caller::Anonymous { .. }) => Ok(None),
                Ok(http::Caller::Known(identity)) => Ok(Some(Arc::new(Caller {
                    name: identity.user_id,
                    tenant: Some(identity.tenant_id),
                    tier: Some(identity.tier),
                    permissions: identity.permissions.to_vec(),
                }))),
                Err(error) => Err(refusal(&error)),
            }
        }
        .boxed()
    }
}

fn refusal(error: &http::Error) -> Refusal {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // Every code of ours is a constant.
    let code = if let Cow::Borrowed(code) = error.code { code } else { "unauthenticated" };
    let refusal = Refusal::new(status, code, error.detail.clone());
    if status == StatusCode::UNAUTHORIZED {
        return refusal.header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    refusal
}

/// The data plane's file, as it was read.
#[derive(Debug)]
pub(crate) struct File {
    path: PathBuf,
    /// What it looked like before it was read.
    look: Option<Look>,
    config: Config,
}

impl File {
    /// Reads it; what its writer can hardly have meant is logged.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn read(path: &Path) -> Result<Self, Faulty> {
        let look = Look::at(path);
        let read = config::read_file(path)?;
        for warning in &read.warnings {
            tracing::warn!(file = %path.display(), %warning, "the data plane's configuration has a warning");
        }
        Ok(Self { path: path.to_owned(), look, config: read.config })
    }

    /// Whether it says where to listen. Otherwise the data plane listens where the gateway would.
    pub(crate) const fn has_listeners(&self) -> bool {
        !self.config.listeners.is_empty()
    }
}

/// The gateway behind the data plane.
pub(crate) struct DataPlane {
    proxy: Proxy,
    file: File,
    own: Own,
}

/// What follows from the gateway's own settings.
struct Own {
    listener: Listener,
}

impl DataPlane {
    /// Puts the data plane of a file in front of the gateway.
    ///
    /// # Errors
    /// What shows only when the configuration is carried out, such as a file of keys that cannot be read.
    pub(crate) fn new(file: File, service: Service, listen: SocketAddr) -> Result<Self, Faulty> {
        let own = Own::new(listen, &service.gateway().config.limits);
        let config = own.complete(file.config.clone());
        let proxy =
            Proxy::new(config, Some(Arc::new(Platform(service)))).map_err(|faults| file.faulty(faults))?;
        Ok(Self { proxy, file, own })
    }

    /// Takes the addresses.
    ///
    /// # Errors
    /// One that cannot be taken, or a certificate that cannot be read.
    pub(crate) fn bind(&self) -> std::io::Result<Listening> {
        self.proxy.bind()
    }

    /// Carries out what the file becomes; one that is wrong changes nothing. Never ends by itself.
    pub(crate) async fn watch(&self) {
        watch::watch(self.file.path.clone(), self.file.look, watch::INTERVAL, |read| {
            // What is wrong with it was logged.
            let Ok(read) = read else { return };
            if let Err(faults) = self.proxy.apply(self.own.complete(read.config)) {
                tracing::error!(faulty = %self.file.faulty(faults), "the configuration cannot be carried out; the one that was there stays");
            }
        })
        .await;
    }
}

impl File {
    fn faulty(&self, faults: Vec<Fault>) -> Faulty {
        Faulty { file: self.path.display().to_string(), faults }
    }
}

impl Own {
    fn new(listen: SocketAddr, limits: &LimitsConfig) -> Self {
        let listener = Listener {
            address: listen.to_string(),
            h2c: true,
            max_connections: limits.max_connections,
            max_head: Size(limits.header_bytes.into()),
            head_timeout: Time(limits.header_timeout),
            body_timeout: Time(limits.body_timeout),
            drain_timeout: Time(limits.drain_timeout),
            ..Listener::default()
        };
        Self { listener }
    }

    /// It listens where the gateway does unless the file says otherwise, and what no route takes is the gateway's own.
    fn complete(&self, mut config: Config) -> Config {
        if config.listeners.is_empty() {
            config.listeners.push(self.listener.clone());
        }
        config.routes.push(Route {
            name: PLATFORM.to_owned(),
            priority: i32::MIN,
            service: Some(PLATFORM.to_owned()),
            limit: RouteLimit { exempt: true, ..RouteLimit::default() },
            ..Route::default()
        });
        config
    }
}
