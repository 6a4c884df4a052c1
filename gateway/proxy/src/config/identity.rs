//! Who calls: what callers show, and what services are told.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Time;

/// How callers prove who they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// By name; a route's `access` names those that it accepts.
    pub providers: BTreeMap<String, Provider>,
}

/// A way to prove it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Provider {
    /// A signed token in `Authorization: Bearer` (RFC 7519).
    Jwt(JwtProvider),
    /// A key in a header, from a list in a file.
    Keys(KeysProvider),
    /// A signature over the request (HMAC-SHA256).
    Signature(SignatureProvider),
    /// What the program around the proxy knows: the platform's API keys, sessions and service tokens.
    Platform {},
}

/// Signed tokens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JwtProvider {
    /// A JWKS file.
    pub jwks_file: Option<PathBuf>,
    /// A JWKS URL, kept and fetched anew for a key that is not known (at most once a minute).
    pub jwks_url: Option<String>,
    /// Algorithms that are accepted: `RS256`, `ES256`, `EdDSA`. Never `none`, and none of HMAC beside a public key.
    pub algorithms: Vec<String>,
    /// Who issues; required of a token when set.
    pub issuer: Option<String>,
    /// For whom; one of them is required of a token when set.
    pub audiences: Vec<String>,
    /// How far clocks may be apart.
    pub leeway: Option<Time>,
    /// The claim that names the tenant; a dot goes into an object.
    pub tenant_claim: Option<String>,
    /// The claim with permissions: a list, or words in a text.
    pub permissions_claim: Option<String>,
    /// The claim that names the tier.
    pub tier_claim: Option<String>,
}

/// Keys from a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeysProvider {
    /// The header that carries the key.
    #[serde(default = "x_api_key")]
    pub header: String,
    /// A YAML file: a list of callers, each with `sha256` (hex, of the key), `caller`, and where wanted `tenant`, `tier`, `permissions`.
    pub file: PathBuf,
}

fn x_api_key() -> String {
    "X-API-Key".to_owned()
}

/// Signed requests: `Authorization: WAYPOST-HMAC-SHA256 key=…, time=…, nonce=…, signature=…` over method, path with query, the body's SHA-256, time and nonce.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignatureProvider {
    /// A YAML file: a list of callers, each with `key` (its name), `secret` (base64), `caller`, and where wanted `tenant`, `tier`, `permissions`.
    pub file: PathBuf,
    /// How old a signature may be. A nonce is accepted once within that time.
    #[serde(default = "five_minutes")]
    pub max_age: Time,
}

const fn five_minutes() -> Time {
    Time::s(300)
}

/// Who may call a route.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// Names of providers; the first whose credentials a request carries decides. Anybody may call when empty.
    pub providers: Vec<String>,
    /// A request without credentials may pass as well.
    pub anonymous: bool,
    /// Permissions that are needed, all: `orders:write`. A caller's may have wildcards: `orders:*`.
    pub permissions: Vec<String>,
    /// Tenants that may call; any when empty. `{name}` is a parameter of the match: the caller's tenant has to be the one in the path.
    pub tenants: Vec<String>,
}
