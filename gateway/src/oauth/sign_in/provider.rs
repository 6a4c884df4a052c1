//! The providers of the configuration: what is known of each beforehand, and what was said of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use waypost_types::{SignInProvider, SignInProviderList};

use super::discovery::Discovered;
use crate::Gateway;
use crate::config::ProviderConfig;
use crate::outbound::Outbound;

/// How a provider tells who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    /// By a signed ID token (OpenID Connect).
    Oidc,
    /// By its own API, asked with the access token.
    GitHub,
    LinkedIn,
    X,
}

/// One provider.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) profile: Profile,
    pub(super) client_id: String,
    pub(super) client_secret: Option<String>,
    /// Whether the secret goes into the header instead of the form.
    pub(super) basic: bool,
    pub(super) scopes: String,
    /// Of OIDC.
    pub(super) issuer: Option<String>,
    /// Of plain OAuth 2; OIDC finds out.
    pub(super) authorization_endpoint: Option<String>,
    pub(super) token_endpoint: Option<String>,
    pub(super) api: Option<String>,
    /// Whether an address counts as verified though the provider does not say so: where all its accounts are the organisation's own.
    pub(super) trust_email: bool,
    pub(super) discovered: Discovered,
}

/// What is known of a provider by its name: profile, label, issuer or endpoints, API, scopes.
struct Preset {
    label: &'static str,
    profile: Profile,
    issuer: Option<&'static str>,
    authorization_endpoint: Option<&'static str>,
    token_endpoint: Option<&'static str>,
    api: Option<&'static str>,
    scopes: &'static str,
}

const OIDC: Preset = Preset {
    label: "",
    profile: Profile::Oidc,
    issuer: None,
    authorization_endpoint: None,
    token_endpoint: None,
    api: None,
    scopes: "openid email profile",
};

fn preset(name: &str) -> Preset {
    match name {
        "google" => Preset { label: "Google", issuer: Some("https://accounts.google.com"), ..OIDC },
        // Its keys sign for every tenant; `issuer` of the configuration narrows it to one.
        "microsoft" => Preset {
            label: "Microsoft",
            issuer: Some("https://login.microsoftonline.com/common/v2.0"),
            ..OIDC
        },
        "github" => Preset {
            label: "GitHub",
            profile: Profile::GitHub,
            authorization_endpoint: Some("https://github.com/login/oauth/authorize"),
            token_endpoint: Some("https://github.com/login/oauth/access_token"),
            api: Some("https://api.github.com"),
            scopes: "read:user user:email",
            ..OIDC
        },
        "linkedin" => Preset {
            label: "LinkedIn",
            profile: Profile::LinkedIn,
            authorization_endpoint: Some("https://www.linkedin.com/oauth/v2/authorization"),
            token_endpoint: Some("https://www.linkedin.com/oauth/v2/accessToken"),
            api: Some("https://api.linkedin.com"),
            ..OIDC
        },
        "x" => Preset {
            label: "X",
            profile: Profile::X,
            authorization_endpoint: Some("https://x.com/i/oauth2/authorize"),
            token_endpoint: Some("https://api.x.com/2/oauth2/token"),
            api: Some("https://api.x.com"),
            scopes: "users.read tweet.read users.email",
            ..OIDC
        },
        _ => OIDC,
    }
}

impl Provider {
    fn new(name: &str, config: &ProviderConfig, outbound: &Outbound) -> Self {
        let preset = preset(name);
        let or = |own: &Option<String>, known: Option<&str>| own.clone().or_else(|| known.map(str::to_owned));
        let known_label = if preset.label.is_empty() { name } else { preset.label };
        let issuer = or(&config.issuer, preset.issuer);
        Self {
            name: name.to_owned(),
            label: config.label.clone().unwrap_or_else(|| known_label.to_owned()),
            profile: preset.profile,
            client_id: config.client_id.clone(),
            client_secret: config.client_secret.clone(),
            basic: preset.profile == Profile::X || config.basic,
            scopes: config.scopes.clone().unwrap_or_else(|| preset.scopes.to_owned()),
            discovered: Discovered::new(issuer.clone(), outbound.clone()),
            issuer,
            authorization_endpoint: or(&config.authorization_endpoint, preset.authorization_endpoint),
            token_endpoint: or(&config.token_endpoint, preset.token_endpoint),
            api: or(&config.api, preset.api),
            trust_email: config.trust_email,
        }
    }
}

/// All of them, by name.
#[derive(Debug)]
pub(crate) struct Providers {
    by_name: BTreeMap<String, Arc<Provider>>,
}

impl Providers {
    pub(crate) fn new(configured: &BTreeMap<String, ProviderConfig>, outbound: &Outbound) -> Self {
        let provider = |(name, config): (&String, &ProviderConfig)| {
            (name.clone(), Arc::new(Provider::new(name, config, outbound)))
        };
        Self { by_name: configured.iter().map(provider).collect() }
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<Provider>> {
        self.by_name.get(name).cloned()
    }
}

/// Whether a provider of this name needs an `issuer`, since nothing is known of it.
pub(crate) fn is_known(name: &str) -> bool {
    !preset(name).label.is_empty()
}

impl Gateway {
    /// Who people can sign in with.
    pub(in crate::oauth) fn sign_in_providers(&self) -> SignInProviderList {
        let issuer = self.issuer();
        let providers = self.oauth.providers.by_name.values().map(|provider| {
            let url = format!("{issuer}/v1/oauth/{}/authorize", provider.name);
            SignInProvider::new(provider.name.as_str(), provider.label.as_str(), url)
        });
        SignInProviderList::new(providers.collect::<Vec<_>>())
    }
}
