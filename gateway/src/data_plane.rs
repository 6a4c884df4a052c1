//! The data plane in front of the gateway's own API: one pipeline for it and for an integrator's services, with a file of services or without. What the data
//! plane asks the program around it is answered here; its configuration is put together from the file and the gateway's own settings, and the file is watched.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, Request, Response};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use waypost_proxy::config::watch::{self, Look};
use waypost_proxy::config::{self, Cors, Fault, Faulty, Limits, Listener, Match, Route, Size, Time};
use waypost_proxy::observe::Finished;
use waypost_proxy::{Body, Caller, Config, Host, Proxy, Refusal, Sockets, Visit};

use crate::Gateway;
use crate::config::{Origins, RateLimitsConfig, Rates};
use crate::control::FileLayer;
use crate::http::{self, Service, problem};
use crate::telemetry;

/// The service and the provider that stand for the gateway itself.
const PLATFORM: &str = "platform";

/// The authorization endpoint has a route of its own: pages of other origins never read its answers, whatever the settings say (RFC 9700, section 2.6).
const AUTHORIZE: &str = "platform_authorize";

/// The gateway's own API, as the data plane's service `platform`.
struct Platform(Service);

impl Host for Platform {
    fn answer(&self, request: Request<Body>, visit: Visit) -> BoxFuture<'_, Response<Body>> {
        async move { self.0.receive(request.map(axum::body::Body::new), visit).await.map(Body::new) }.boxed()
    }

    fn ended(&self, ended: &Finished<'_>) {
        telemetry::request(ended);
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
                    name: identity.user_id.clone(),
                    tenant: Some(identity.tenant_id.clone()),
                    tier: Some(identity.tier.clone()),
                    permissions: identity.permissions.to_vec(),
                }))),
                Err(error) => Err(problem::refusal(&error)),
            }
        }
        .boxed()
    }
}

/// The data plane's file, as it was read.
#[derive(Debug)]
pub struct File {
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
    pub fn read(path: &Path) -> Result<Self, Faulty> {
        let look = Look::at(path);
        let read = config::read_file(path)?;
        for warning in &read.warnings {
            tracing::warn!(file = %path.display(), %warning, "the data plane's configuration has a warning");
        }
        Ok(Self { path: path.to_owned(), look, config: read.config })
    }
}

/// What the data plane is to do: what a file says, where there is one, and what follows from the gateway's own settings.
#[derive(Debug)]
pub struct Plan {
    file: Option<File>,
    own: Own,
}

impl Plan {
    /// For a gateway with these settings, in front of the services of a file or of none.
    pub fn new(file: Option<File>, settings: &crate::Config) -> Self {
        Self { file, own: Own::new(settings) }
    }

    /// Takes the addresses: those of the file, or the gateway's own where it names none.
    ///
    /// # Errors
    /// One that cannot be taken, or a certificate that cannot be read.
    pub fn bind(&self) -> io::Result<Sockets> {
        Sockets::bind(&self.first())
    }

    /// What the file says, and what follows from the settings.
    pub(crate) fn first(&self) -> Config {
        self.own.complete(self.file.as_ref().map(|file| file.config.clone()).unwrap_or_default())
    }

    /// What holds until something changes: the same with what was made through the API.
    pub(crate) fn begin(&self, gateway: &Gateway) -> Result<Config, Vec<Fault>> {
        let file = self
            .file
            .as_ref()
            .map(|file| FileLayer { path: file.path.clone(), config: Arc::new(file.config.clone()) });
        let own = self.own.clone();
        gateway.control.begin(file, Arc::new(move |config| own.complete(config)))
    }

    /// Faults, told of where they are: in the file, or in what was made of the settings.
    pub(crate) fn faulty(&self, faults: Vec<Fault>) -> Faulty {
        let file = self.file.as_ref().map(|file| file.path.display().to_string());
        Faulty { file: file.unwrap_or_else(|| "the gateway's settings".to_owned()), faults }
    }
}

/// The data plane at work, with the gateway behind it. Handlers reach it by [`Gateway::data_plane`](crate::Gateway::data_plane).
#[derive(Debug)]
pub struct DataPlane {
    proxy: Proxy,
    plan: Plan,
    gateway: Arc<Gateway>,
}

impl DataPlane {
    /// Puts the data plane in front of a gateway.
    ///
    /// # Errors
    /// What shows only when the configuration is carried out, such as a file of keys that cannot be read.
    pub fn new(plan: Plan, service: Service) -> Result<Arc<Self>, Faulty> {
        let gateway = Arc::clone(service.gateway());
        let host: Arc<dyn Host> = Arc::new(Platform(service));
        let config = plan.begin(&gateway).map_err(|faults| plan.faulty(faults))?;
        let proxy = Proxy::new(config, Some(host)).map_err(|faults| plan.faulty(faults))?;
        let data_plane = Arc::new(Self { proxy, plan, gateway });
        data_plane.gateway.behind(&data_plane);
        Ok(data_plane)
    }

    /// The proxy: what holds at the moment, what was seen, how services and their breakers are.
    pub const fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// Carries out what the file becomes; one that is wrong changes nothing. Never ends by itself.
    pub async fn watch(&self) {
        let Some(file) = &self.plan.file else { return std::future::pending().await };
        watch::watch(file.path.clone(), file.look, watch::INTERVAL, |read| {
            // What is wrong with it was logged.
            let Ok(read) = read else { return };
            if let Err(faults) = self.gateway.control.file_changed(read.config, &self.proxy) {
                let faulty = self.plan.faulty(faults);
                tracing::error!(%faulty, "the configuration cannot be carried out; the one that was there stays");
            }
        })
        .await;
    }
}

/// What follows from the gateway's own settings.
#[derive(Debug, Clone)]
struct Own {
    listener: Listener,
    limits: Limits,
    cors: Option<Cors>,
}

impl Own {
    fn new(settings: &crate::Config) -> Self {
        let limits = &settings.limits;
        let listener = Listener {
            address: settings.listen.to_string(),
            h2c: true,
            max_connections: limits.max_connections,
            max_head: Size(limits.header_bytes.into()),
            head_timeout: Time(limits.header_timeout),
            body_timeout: Time(limits.body_timeout),
            drain_timeout: Time(limits.drain_timeout),
            ..Listener::default()
        };
        let cors = settings.cors.allowed_origins.as_ref().map(cors_of);
        Self { listener, limits: limits_of(&settings.rate_limits), cors }
    }

    /// It listens where the gateway does unless the file says otherwise, and what no route takes is the gateway's own.
    ///
    /// Callers are counted once for all that they ask for, by the tiers of the file and, where it names none, of the settings. The file's `limits.enabled` is for
    /// the routes to services, the setting `rate_limits.enabled` for those to the gateway's own API.
    fn complete(&self, mut config: Config) -> Config {
        if config.listeners.is_empty() {
            config.listeners.push(self.listener.clone());
        }
        config.routes.push(Route {
            name: PLATFORM.to_owned(),
            priority: i32::MIN,
            service: Some(PLATFORM.to_owned()),
            ..Route::default()
        });
        config.routes.push(Route {
            name: AUTHORIZE.to_owned(),
            priority: i32::MIN,
            matches: Match { path: Some("/oauth/authorize".to_owned()), ..Match::default() },
            service: Some(PLATFORM.to_owned()),
            ..Route::default()
        });
        let services_are_limited = config.limits.enabled;
        for route in &mut config.routes {
            let own = route.service.as_deref() == Some(PLATFORM);
            route.limit.exempt |= !if own { self.limits.enabled } else { services_are_limited };
            if own && route.cors.is_none() && route.name != AUTHORIZE {
                route.cors.clone_from(&self.cors);
            }
        }
        config.limits.enabled |= self.limits.enabled;
        for (tier, rates) in &self.limits.tiers {
            config.limits.tiers.entry(tier.clone()).or_insert(*rates);
        }
        config
    }
}

fn limits_of(settings: &RateLimitsConfig) -> Limits {
    let tiers = [
        ("anonymous", settings.anonymous),
        ("free", settings.free),
        ("basic", settings.basic),
        ("premium", settings.premium),
        ("enterprise", settings.enterprise),
        ("admin", settings.admin),
    ];
    let tiers = tiers.map(|(name, Rates { per_second, per_minute, per_hour, per_day })| {
        (name.to_owned(), config::Rates { per_second, per_minute, per_hour, per_day, burst: 0 })
    });
    Limits { enabled: settings.enabled, tiers: tiers.into(), redis: None }
}

/// What the contract's operations take, and what their clients send.
const REQUEST_HEADERS: [&str; 12] = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-none-match",
    "last-event-id",
    "traceparent",
    "tracestate",
    "x-api-key",
    "x-api-version",
    "x-request-id",
    "x-tenant-id",
];

/// What a page may read beside the few headers that it always may.
const ANSWER_HEADERS: [&str; 15] = [
    "content-disposition",
    "deprecation",
    "etag",
    "idempotency-replayed",
    "link",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "sunset",
    "www-authenticate",
    "x-api-version",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-request-id",
];

/// Pages of these origins may ask the gateway's own API. No cookie ever counts for one: such pages show a token or a key.
fn cors_of(origins: &Origins) -> Cors {
    let texts = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    Cors {
        origins: match origins {
            Origins::Any => vec!["*".to_owned()],
            Origins::Listed(origins) => origins.clone(),
        },
        methods: texts(&["GET", "POST", "PUT", "PATCH", "DELETE"]),
        headers: texts(&REQUEST_HEADERS),
        expose: texts(&ANSWER_HEADERS),
        credentials: false,
        // The longest that Chromium takes.
        max_age: Some(Time(Duration::from_secs(7_200))),
    }
}
