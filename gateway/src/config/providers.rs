//! `[oauth.providers.<name>]`: tables whose names the operator chooses, unlike those of all other settings.

use std::collections::BTreeMap;

use super::value::{Input, boolean, text};
use super::{Config, ProviderConfig};

/// What the key of a setting of a provider begins with.
pub(super) const PREFIX: &str = "oauth.providers.";

/// The settings of a provider, each with one line of help.
pub(super) const KEYS: [(&str, &str); 10] = [
    ("client_id", "What the provider calls this gateway."),
    ("client_secret", "The secret that goes with it."),
    ("label", "The provider's name for people."),
    ("issuer", "Who signs its ID tokens (OpenID Connect)."),
    ("scopes", "What is asked for, separated by spaces."),
    ("authorization_endpoint", "Where people are asked, of plain OAuth 2."),
    ("token_endpoint", "Where it gives tokens, of plain OAuth 2."),
    ("api", "Its API, of plain OAuth 2."),
    ("basic", "Send the secret in the Authorization header instead of the form."),
    ("trust_email", "Take its e-mail addresses as verified though it does not say so."),
];

/// The provider and the key of a setting, `oauth.providers.google.client_id`; none if it is no such setting.
pub(super) fn parts(path: &str) -> Option<(&str, &'static str)> {
    let (name, key) = path.strip_prefix(PREFIX)?.rsplit_once('.')?;
    let key = KEYS.iter().find(|(known, _)| *known == key)?.0;
    is_name(name).then_some((name, key))
}

/// The same of what is left of an environment variable: `GOOGLE_CLIENT_ID`. A `-` in a name is written `_` there.
pub(super) fn variable_parts(rest: &str) -> Option<(String, &'static str)> {
    let rest = rest.to_ascii_lowercase();
    KEYS.iter().find_map(|(key, _)| {
        let name = rest.strip_suffix(key)?.strip_suffix('_')?.replace('_', "-");
        is_name(&name).then_some((name, *key))
    })
}

/// Names are part of addresses.
pub(super) fn is_name(name: &str) -> bool {
    // `providers` and `identities` are addresses of their own.
    (1..=32).contains(&name.len())
        && !["providers", "identities"].contains(&name)
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// Takes one value.
pub(super) fn set(config: &mut Config, name: &str, key: &str, input: &Input<'_>) -> Result<(), String> {
    let provider = config.oauth.providers.entry(name.to_owned()).or_default();
    match key {
        "client_id" => provider.client_id = text(input)?,
        "client_secret" => {
            provider.client_secret = Some(text(input).map_err(|_| "expected a text".to_owned())?)
        }
        "label" => provider.label = Some(text(input)?),
        "issuer" => provider.issuer = Some(text(input)?),
        "scopes" => provider.scopes = Some(text(input)?),
        "authorization_endpoint" => provider.authorization_endpoint = Some(text(input)?),
        "token_endpoint" => provider.token_endpoint = Some(text(input)?),
        "api" => provider.api = Some(text(input)?),
        "basic" => provider.basic = boolean(input)?,
        "trust_email" => provider.trust_email = boolean(input)?,
        _ => {}
    }
    Ok(())
}

/// What is missing in the providers as a whole: the setting, and why.
pub(super) fn missing(providers: &BTreeMap<String, ProviderConfig>) -> Vec<(String, &'static str)> {
    let mut missing = Vec::new();
    for (name, provider) in providers {
        if provider.client_id.is_empty() {
            missing.push((
                format!("{PREFIX}{name}.client_id"),
                "is missing: the provider gives it where this gateway is registered",
            ));
        }
        if provider.issuer.is_none() && !crate::oauth::sign_in::is_known(name) {
            missing.push((
                format!("{PREFIX}{name}.issuer"),
                "is missing: nothing is known of a provider of this name",
            ));
        }
    }
    missing
}

/// The providers as TOML tables, without their secrets.
pub(super) fn show(providers: &BTreeMap<String, ProviderConfig>) -> String {
    use super::value::quoted;
    let mut tables = String::new();
    for (name, provider) in providers {
        tables.push_str(&format!("\n[{PREFIX}{name}]\nclient_id = {}\n", quoted(&provider.client_id)));
        if provider.client_secret.is_some() {
            tables.push_str("# client_secret = \"[redacted]\"\n");
        }
        for (key, value) in [
            ("label", &provider.label),
            ("issuer", &provider.issuer),
            ("scopes", &provider.scopes),
            ("authorization_endpoint", &provider.authorization_endpoint),
            ("token_endpoint", &provider.token_endpoint),
            ("api", &provider.api),
        ] {
            if let Some(value) = value {
                tables.push_str(&format!("{key} = {}\n", quoted(value)));
            }
        }
        for (key, value) in [("basic", provider.basic), ("trust_email", provider.trust_email)] {
            if value {
                tables.push_str(&format!("{key} = true\n"));
            }
        }
    }
    tables
}
