//! What fits together in a client. Pure.

use waypost_types::{CreateOAuthClient, OAuthClientAuthentication, OAuthClientType, OAuthGrantType};

use crate::http::FieldError;
use crate::oauth::server::redirect;

/// A registration with what was left out filled in.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) authentication: OAuthClientAuthentication,
    pub(super) grant_types: Vec<OAuthGrantType>,
    pub(super) redirect_uris: Vec<String>,
}

/// Everything that is wrong with a registration, or what it comes to.
pub(super) fn check(body: &CreateOAuthClient) -> Result<Checked, Vec<FieldError>> {
    let mut wrong = Vec::new();
    let mut add = |pointer: String, code: &'static str, detail: &str| {
        wrong.push(FieldError { pointer, code: code.into(), detail: detail.to_owned() });
    };
    let is_public = body.r#type == OAuthClientType::Public;
    let authentication = body.authentication.clone().unwrap_or(match is_public {
        true => OAuthClientAuthentication::None,
        false => OAuthClientAuthentication::ClientSecretBasic,
    });
    if is_public != (authentication == OAuthClientAuthentication::None) {
        add(
            "/authentication".into(),
            "mismatch",
            "a public client has `none`, and only a public client has.",
        );
    }
    let grant_types = body
        .grant_types
        .clone()
        .unwrap_or_else(|| vec![OAuthGrantType::AuthorizationCode, OAuthGrantType::RefreshToken]);
    if is_public && grant_types.contains(&OAuthGrantType::ClientCredentials) {
        add(
            "/grant_types".into(),
            "mismatch",
            "a public client cannot prove that it is itself, so it gets nothing for itself.",
        );
    }
    let redirect_uris = body.redirect_uris.clone().unwrap_or_default();
    if grant_types.contains(&OAuthGrantType::AuthorizationCode) == redirect_uris.is_empty() {
        add(
            "/redirect_uris".into(),
            "mismatch",
            "a client with the grant `authorization_code` has at least one address, and no other has.",
        );
    }
    for (index, address) in redirect_uris.iter().enumerate() {
        if let Err(reason) = redirect::check(address) {
            add(format!("/redirect_uris/{index}"), "redirect_uri", &format!("{reason}."));
        }
    }
    let wants_keys = authentication == OAuthClientAuthentication::PrivateKeyJwt;
    match &body.jwks {
        None if wants_keys => {
            add("/jwks".into(), "required", "a client with `private_key_jwt` registers its public keys.")
        }
        Some(_) if !wants_keys => {
            add("/jwks".into(), "mismatch", "only a client with `private_key_jwt` has keys.")
        }
        Some(keys) => {
            for (index, key) in keys.keys.iter().enumerate() {
                let json = serde_json::to_value(key).unwrap_or_default();
                // A private half that was pasted along must not be kept.
                let secret =
                    ["d", "p", "q", "dp", "dq", "qi", "k"].iter().any(|name| json.get(name).is_some());
                let readable = serde_json::from_value(json).is_ok_and(|key: jsonwebtoken::jwk::Jwk| {
                    jsonwebtoken::DecodingKey::from_jwk(&key).is_ok()
                });
                if secret || !readable {
                    add(
                        format!("/jwks/keys/{index}"),
                        "key",
                        "is not a public key of the kind EC, OKP or RSA.",
                    );
                }
            }
        }
        None => {}
    }
    if wrong.is_empty() { Ok(Checked { authentication, grant_types, redirect_uris }) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(change: serde_json::Value) -> Vec<String> {
        let mut body = json!({
            "name": "Bookkeeper", "type": "confidential", "scopes": ["wallets:read"], "redirect_uris": ["https://a.example/cb"],
        });
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let body = serde_json::from_value(body).unwrap();
        let wrong = check(&body).map(|_| Vec::new()).unwrap_or_else(|wrong| wrong);
        wrong.into_iter().map(|field| field.pointer).collect()
    }

    #[test]
    fn what_fits_is_taken() {
        assert!(fields(json!({})).is_empty());
        assert!(fields(json!({"type": "public"})).is_empty());
        let itself = json!({"grant_types": ["client_credentials"], "redirect_uris": []});
        assert!(fields(itself).is_empty());
        let key = json!({"kty": "OKP", "kid": "1", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        assert!(fields(json!({"authentication": "private_key_jwt", "jwks": {"keys": [key]}})).is_empty());
    }

    #[test]
    fn what_does_not_fit_is_told_by_field() {
        assert_eq!(
            fields(json!({"type": "public", "authentication": "client_secret_basic"})),
            ["/authentication"]
        );
        assert_eq!(fields(json!({"authentication": "none"})), ["/authentication"]);
        assert_eq!(fields(json!({"redirect_uris": []})), ["/redirect_uris"]);
        assert_eq!(
            fields(json!({"redirect_uris": ["http://a.example/", "https://b.example/#x"]})),
            ["/redirect_uris/0", "/redirect_uris/1"]
        );
        assert_eq!(fields(json!({"authentication": "private_key_jwt"})), ["/jwks"]);
        let public = json!({"type": "public", "grant_types": ["client_credentials"], "redirect_uris": []});
        assert_eq!(fields(public), ["/grant_types"]);
        for key in [
            json!({"kty": "oct", "kid": "1"}),
            json!({"kty": "OKP", "kid": "1", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "secret"}),
        ] {
            let keys = json!({"authentication": "private_key_jwt", "jwks": {"keys": [key]}});
            assert_eq!(fields(keys), ["/jwks/keys/0"]);
        }
    }
}
