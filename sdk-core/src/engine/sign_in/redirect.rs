//! What a redirect brings back to the program, and where the person is sent for it.

use super::metadata::Endpoints;
use super::pkce;
use super::refusal::{Refusal, said};
use crate::engine::encode;

/// The address at which a person signs in and agrees (RFC 6749, section 4.1.1).
pub(super) fn authorization_url(
    endpoint: &str,
    parameters: &[(&str, Option<&str>)],
    verifier: &str,
) -> String {
    let mut url = endpoint.to_owned();
    let mut separator = if endpoint.contains('?') { '&' } else { '?' };
    let challenge = pkce::challenge(verifier);
    let own = [
        ("response_type", Some("code")),
        ("code_challenge", Some(&*challenge)),
        ("code_challenge_method", Some("S256")),
    ];
    for (name, value) in own.iter().chain(parameters) {
        if let Some(value) = value {
            encode::pair(&mut url, Some(separator), name, value);
            separator = '&';
        }
    }
    url
}

/// The code of a redirect.
///
/// # Errors
/// `state_mismatch` when it belongs to another sign-in, `issuer_mismatch` when another server sent it, the server's own word when it refused.
pub(super) fn code(url: &str, state: &str, endpoints: &Endpoints) -> Result<String, Refusal> {
    let query = url.split_once('?').map_or("", |(_, query)| query.split('#').next().unwrap_or_default());
    let pairs: Vec<(String, String)> = query.split('&').map(pair).collect();
    let told = |name: &str| {
        let mut values = pairs.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str());
        (values.next().filter(|value| !value.is_empty()), values.next().is_some())
    };
    let [given, issuer, error, code, description, uri] =
        ["state", "iss", "error", "code", "error_description", "error_uri"].map(told);
    if given.0 != Some(state) || given.1 {
        return Err(Refusal::own(
            "state_mismatch",
            "the redirect belongs to another sign-in: its `state` is not the one that was sent",
            "Begin again, and follow no link that somebody else sent",
        ));
    }
    let named = issuer.0.is_some() || endpoints.names_issuer;
    if issuer.1 || (named && issuer.0 != Some(&*endpoints.issuer)) {
        return Err(Refusal::own(
            "issuer_mismatch",
            "the redirect came from another authorization server: its `iss` is not the issuer",
            "Begin again; if it happens again, somebody may be mixing servers up",
        ));
    }
    if let Some(error) = error.0 {
        let told = said(error, description.0, uri.0);
        return Err(Refusal::told("the authorization server did not let the person sign in", told, None));
    }
    code.0.filter(|_| !code.1).map(str::to_owned).ok_or_else(|| {
        Refusal::own("invalid_response", "the redirect has neither one code nor an error", "Begin again")
    })
}

/// Name and value of a query pair, decoded; what is no UTF-8 becomes a replacement character.
fn pair(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (decoded(name), decoded(value))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let mut ahead = rest.clone();
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = ahead;
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
