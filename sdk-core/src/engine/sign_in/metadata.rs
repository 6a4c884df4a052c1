//! Where an authorization server's endpoints are, from its metadata (RFC 8414).

use serde_json::Value;

use super::refusal::{Answer, Refusal};
use crate::engine::encode::BaseUrl;
use crate::engine::error::Error;

/// The endpoints of an authorization server that a sign-in uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Who answers: what `iss` of a redirect must be (RFC 9207).
    pub issuer: String,
    /// Where a person is sent.
    pub authorization: Option<String>,
    /// Where tokens come from.
    pub token: String,
    /// Where a device gets its code.
    pub device_authorization: Option<String>,
    /// Every redirect names the issuer.
    pub names_issuer: bool,
}

/// The issuer of a base URL, and where its metadata is: the path comes after the well-known one (RFC 8414, section 3.1).
pub(super) fn place(base_url: &str) -> Result<(String, String), Error> {
    let base = BaseUrl::parse(base_url).map_err(|reason| Error::config(format!("the base URL {reason}")))?;
    let (origin, prefix) = (base.origin(), base.prefix());
    Ok((format!("{origin}{prefix}"), format!("{origin}/.well-known/oauth-authorization-server{prefix}")))
}

impl Endpoints {
    /// Reads the metadata that was found for `issuer`.
    pub(super) fn read(issuer: &str, answer: &Answer) -> Result<Self, Refusal> {
        let wrong = |what: &str| {
            Refusal::invalid(
                answer,
                &format!("the authorization server's metadata {what}"),
                "Check the base URL: it is the authorization server's address",
            )
        };
        if answer.status != 200 {
            return Err(wrong("was not found"));
        }
        let metadata: Value = serde_json::from_slice(&answer.body).map_err(|_| wrong("is not JSON"))?;
        let member = |name: &str| metadata.get(name).and_then(Value::as_str);
        // Another server's metadata would send the person, and the code, there (RFC 8414, section 3.3).
        if member("issuer").map(|told| told.trim_end_matches('/')) != Some(issuer) {
            return Err(Refusal::own(
                "issuer_mismatch",
                "the authorization server's metadata names another issuer than the address that it came from",
                "Give the issuer's own address as the base URL",
            )
            .at(answer));
        }
        let secure = issuer.starts_with("https://");
        let endpoint = |name: &str| match member(name) {
            None => Ok(None),
            Some(url) if is_web(url, secure) => Ok(Some(url.to_owned())),
            Some(_) => {
                Err(wrong(&format!("has a `{name}` that is no URL of a web page, or one that is not secure")))
            }
        };
        Ok(Self {
            issuer: issuer.to_owned(),
            authorization: endpoint("authorization_endpoint")?,
            token: endpoint("token_endpoint")?.ok_or_else(|| wrong("has no `token_endpoint`"))?,
            device_authorization: endpoint("device_authorization_endpoint")?,
            names_issuer: metadata.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
        })
    }
}

/// Whether a browser may be sent there: no `javascript:`, no `file:`, and nothing in the clear where the server is not.
pub(super) fn is_web(url: &str, secure: bool) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://").filter(|_| !secure));
    let visible = url.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    visible && url.len() <= 2048 && rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}
