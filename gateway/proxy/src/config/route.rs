//! Which request goes where, and what is done with it on the way.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Access, RouteLimit, Size, Time};

/// A route. Exactly one of `service`, `redirect` and `respond` says what happens to a request that it takes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Route {
    /// Its name, once in the file; metrics, logs and errors name it.
    pub name: String,
    /// Which requests it takes.
    #[serde(rename = "match")]
    pub matches: Match,
    /// Of several that take a request, the highest number; then the more exact path, then more conditions, then the first in the file.
    pub priority: i32,
    /// The service that answers.
    pub service: Option<String>,
    /// Sent elsewhere.
    pub redirect: Option<Redirect>,
    /// Answered at once.
    pub respond: Option<Fixed>,
    /// The path that the service sees; as it came when absent.
    pub path: PathRewrite,
    /// Who may call.
    pub access: Access,
    /// How often, beyond what the caller's tier says.
    pub limit: RouteLimit,
    /// Which API versions it serves; any when empty.
    pub versions: Vec<String>,
    /// What clients are told of its end.
    pub deprecated: Option<Deprecation>,
    /// How a request and an answer of another version become those that the service knows, by the client's version.
    pub shims: BTreeMap<String, Shim>,
    /// Pages of other origins.
    pub cors: Option<Cors>,
    /// Changes to headers and JSON bodies, and to what answers look like.
    pub transform: Transform,
    /// Requests that the service's own OpenAPI file does not allow are refused.
    pub validate: Option<Validation>,
    /// Answers that are kept (RFC 9111).
    pub cache: Option<CacheRule>,
    /// Addresses that may call.
    pub addresses: Addresses,
    /// Answers are compressed for clients that take it.
    pub compress: bool,
    /// The largest request body.
    pub max_body: Option<Size>,
    /// For the whole exchange, instead of the service's.
    pub timeout: Option<Time>,
    /// What is answered while the service is not asked (breaker) or has no target.
    pub fallback: Option<Fallback>,
}

/// Conditions; all have to hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// `api.example.com`, `*.example.com`; any when empty.
    pub hosts: Vec<String>,
    /// `/health` exactly; `/wallets/{id}` with one segment; `/api/orders/*` with whatever follows, `/api/orders` itself included. Any when absent.
    pub path: Option<String>,
    /// Methods; any when empty. `GET` takes `HEAD` as well.
    pub methods: Vec<String>,
    /// Headers by name: a value, or `*` for any value.
    pub headers: BTreeMap<String, String>,
    /// Query parameters by name: a value, or `*` for any value.
    pub query: BTreeMap<String, String>,
}

/// The path that a service sees.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PathRewrite {
    /// As it came.
    #[default]
    Keep,
    /// Without this beginning: whole segments.
    Strip(String),
    /// Another one: `/v2/{id}/{*}`, from the parameters of the match; `{*}` is what its `*` stands for.
    Replace(String),
}

/// Sent elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// A URL or path, with the parameters of the match; the query is kept when it has none of its own.
    pub to: String,
    /// 301, 302, 303, 307 or 308.
    #[serde(default = "permanent")]
    pub status: u16,
}

const fn permanent() -> u16 {
    308
}

/// An answer that is always the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Fixed {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
}

impl Default for Fixed {
    fn default() -> Self {
        Self { status: 200, headers: BTreeMap::new(), body: String::new() }
    }
}

/// What is answered instead of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fallback {
    /// Always the same.
    Respond(Fixed),
    /// What the cache still has, however old.
    Cached,
    /// Another service.
    Service(String),
}

/// The versions of an API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Versions {
    /// The one that a request means which names none; without it such a request is refused where a route has versions.
    pub default: Option<String>,
    /// Known ones, by name (`v1`).
    pub known: BTreeMap<String, Version>,
    /// The first segment of a path names a version: `/v1/orders` is `/orders` of `v1` to a match.
    pub in_path: bool,
    /// The header that names one.
    pub header: Option<String>,
    /// The vendor of `Accept: application/vnd.<vendor>.v1+json`.
    pub vendor: Option<String>,
}

/// A version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Version {
    /// What clients are told of its end.
    pub deprecated: Option<Deprecation>,
}

/// The end of something: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Deprecation {
    /// Since when it is advised against, RFC 3339.
    pub since: String,
    /// When it stops, RFC 3339.
    pub sunset: Option<String>,
    /// Where that is explained.
    pub link: Option<String>,
}

/// How one version becomes another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Shim {
    /// Changes to a request's body on its way to the service.
    pub request: Vec<Change>,
    /// Changes to an answer's body on its way back.
    pub response: Vec<Change>,
}

/// A change to a JSON body. A place is a JSON pointer (RFC 6901), in which `*` stands for every item of an array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// Another name, in the same object: place, name.
    Rename(String, String),
    /// To another place: from, to. Both with as many `*`.
    Move(String, String),
    /// A value where there is none: place, value.
    Default(String, Value),
    /// A value whatever is there: place, value.
    Set(String, Value),
    /// Nothing at that place.
    Drop(String),
}

/// Changes on the way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Transform {
    /// To the request's headers.
    pub request_headers: HeaderChanges,
    /// To the answer's headers.
    pub response_headers: HeaderChanges,
    /// To the request's JSON body.
    pub request_body: Vec<Change>,
    /// To the answer's JSON body.
    pub response_body: Vec<Change>,
    /// The largest JSON body that is changed; a larger request is refused, a larger answer is a 502.
    pub max_body: Option<Size>,
    /// Headers that make browsers careful (`X-Content-Type-Options`, `Referrer-Policy`, `X-Frame-Options`, and HSTS over TLS), where the service sets none.
    pub security_headers: bool,
}

/// Changes to headers, in this order. Names of hops and of framing are refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeaderChanges {
    /// Taken away.
    pub remove: Vec<String>,
    /// Set, whatever was there. `{request_id}`, `{caller}`, `{tenant}`, `{client_ip}`, `{route}` and a path's parameters are filled in.
    pub set: BTreeMap<String, String>,
    /// Added to what is there.
    pub add: BTreeMap<String, String>,
}

/// Pages of other origins (the Fetch standard).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// `https://app.example`, `https://*.example`, or `*` for all.
    pub origins: Vec<String>,
    /// Methods; those of the match when empty.
    pub methods: Vec<String>,
    /// Request headers that may be sent; any that is asked for when empty.
    pub headers: Vec<String>,
    /// Response headers that a page may read.
    pub expose: Vec<String>,
    /// With cookies; then `*` is refused as an origin.
    pub credentials: bool,
    /// How long a browser may remember.
    pub max_age: Option<Time>,
}

/// What a service's own OpenAPI file says of requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// The file, 3.0 or 3.1; relative to the configuration's folder.
    pub openapi: PathBuf,
    /// The largest body that is looked at; a larger one is refused.
    #[serde(default = "mebibyte")]
    pub max_body: Size,
}

const fn mebibyte() -> Size {
    Size(1 << 20)
}

/// Answers that are kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CacheRule {
    /// How long, for answers that do not say it themselves.
    pub fresh: Option<Time>,
    /// How much longer while a new one is fetched (RFC 5861).
    pub stale_while_revalidate: Time,
    /// How much longer while the service fails.
    pub stale_if_error: Time,
    /// A part of the key for each caller, instead of none for any: answers to calls with credentials are kept only with this.
    pub per_caller: bool,
}

/// Room for answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CacheStore {
    /// All together.
    pub max_size: Size,
    /// The largest answer.
    pub max_answer: Size,
}

impl Default for CacheStore {
    fn default() -> Self {
        Self { max_size: Size(64 << 20), max_answer: Size(1 << 20) }
    }
}

/// Addresses that may call (CIDR).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Addresses {
    /// Only these; any when empty.
    pub allow: Vec<String>,
    /// Not these, even if allowed.
    pub deny: Vec<String>,
}
