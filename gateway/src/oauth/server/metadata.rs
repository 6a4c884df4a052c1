//! What this authorization server can do and where (RFC 8414), and its keys (RFC 7517).

use waypost_types::{JsonWebKey, JsonWebKeySet, OAuthServerMetadata};

use crate::Gateway;
use crate::auth::roles;
use crate::http::Error;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

impl Gateway {
    /// The metadata.
    pub(in crate::oauth) fn server_metadata(&self) -> OAuthServerMetadata {
        let issuer = self.issuer();
        let at = |path: &str| format!("{issuer}{path}");
        let confidential = texts(&["client_secret_basic", "client_secret_post", "private_key_jwt"]);
        let any = [confidential.clone(), texts(&["none"])].concat();
        let mut metadata = OAuthServerMetadata::new(
            issuer.as_str(),
            at("/oauth/authorize"),
            at("/oauth/token"),
            at("/.well-known/jwks.json"),
            texts(&["code"]),
        );
        metadata.device_authorization_endpoint = Some(at("/oauth/device_authorization"));
        metadata.revocation_endpoint = Some(at("/oauth/revoke"));
        metadata.introspection_endpoint = Some(at("/oauth/introspect"));
        metadata.scopes_supported = Some(texts(&roles::known()));
        metadata.response_modes_supported = Some(texts(&["query"]));
        metadata.grant_types_supported = Some(texts(&[
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code",
        ]));
        metadata.token_endpoint_auth_methods_supported = Some(any.clone());
        metadata.revocation_endpoint_auth_methods_supported = Some(any);
        metadata.introspection_endpoint_auth_methods_supported = Some(confidential);
        metadata.token_endpoint_auth_signing_alg_values_supported =
            Some(super::client::ALGORITHMS.iter().map(|algorithm| format!("{algorithm:?}")).collect());
        metadata.code_challenge_methods_supported = Some(texts(&["S256"]));
        metadata.authorization_response_iss_parameter_supported = Some(true);
        metadata.service_documentation = self.config.docs.then(|| at("/docs"));
        metadata
    }

    /// The keys that are published now.
    pub(in crate::oauth) fn key_set(&self) -> Result<JsonWebKeySet, Error> {
        let public = self.oauth.tokens.keys.published(self.store.now());
        let keys = public.into_iter().map(|key| {
            let mut json = serde_json::to_value(key).map_err(Error::internal)?;
            json["use"] = "sig".into();
            json["alg"] = "EdDSA".into();
            serde_json::from_value::<JsonWebKey>(json).map_err(Error::internal)
        });
        Ok(JsonWebKeySet::new(keys.collect::<Result<Vec<_>, _>>()?))
    }
}
