//! From a request to a socket (RFC 6455, section 4.2).

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::credential::{self, Credential, PERMISSION};
use super::hub::Hub;
use super::socket::Socket;
use crate::Gateway;
use crate::browser::origin;
use crate::http::{Caller, Error};

/// Where sockets are.
pub(crate) const PATH: &str = "/v1/ws";

/// Who asks, as far as the request says: whoever has a ticket or says nothing yet is nobody in particular.
pub(crate) async fn caller(gateway: &Gateway, headers: &HeaderMap, peer: IpAddr) -> Result<Caller, Error> {
    let caller = gateway.authenticate(headers, peer).await?;
    let Caller::Known(identity) = &caller else { return Ok(caller) };
    let by_cookie = !headers.contains_key(header::AUTHORIZATION) && !headers.contains_key("x-api-key");
    if by_cookie && !origin::is_own(headers) {
        let detail = "The session counts for sockets of the gateway's own pages only. Ask for a ticket.";
        return Err(Error::new(403, "cross_site", detail));
    }
    if identity.credential_id.starts_with("ogr_") {
        let detail = "Sockets take a session's access token, an API key or a service token.";
        return Err(Error { detail: detail.to_owned(), ..Error::unauthenticated() });
    }
    if identity.may(PERMISSION) { Ok(caller) } else { Err(Error::permission_denied(PERMISSION)) }
}

/// Answers the upgrade, and lets the socket begin when it has happened.
pub(crate) async fn upgrade(
    gateway: &Arc<Gateway>,
    parts: &mut Parts,
    caller: &Caller,
    peer: IpAddr,
) -> Result<Response, Error> {
    let key = key(&parts.headers)?;
    let Some(on_upgrade) = parts.extensions.remove::<OnUpgrade>() else {
        return Err(not_asked_for());
    };
    let credential = match caller {
        Caller::Known(_) => Credential::of(&parts.headers),
        Caller::Anonymous { .. } => match ticket(parts.uri.query()) {
            Some(ticket) => {
                let used = "The ticket is unknown, used or expired. Ask for another one.";
                let found = credential::redeem(gateway, &ticket).await?;
                Some(found.ok_or_else(|| Error::new(401, "unauthenticated", used))?)
            }
            None => None,
        },
    };
    let place = Hub::place(gateway, peer).map_err(|_| {
        let detail = "The address has as many sockets at this gateway as it may.";
        Error { retry_after: Some(30), ..Error::new(429, "too_many_sockets", detail) }
    })?;
    let gateway = Arc::clone(gateway);
    tokio::spawn(async move {
        match on_upgrade.await {
            Ok(upgraded) => Socket::new(gateway, upgraded, peer, place).await.run(credential).await,
            Err(error) => tracing::debug!(%error, "an upgrade came to nothing"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).map_err(Error::internal)?;
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

fn not_asked_for() -> Error {
    Error::new(
        426,
        "upgrade_required",
        "This address takes WebSockets (RFC 6455, version 13) and nothing else.",
    )
}

/// The handshake's key, where it is a handshake that we understand.
fn key(headers: &HeaderMap) -> Result<HeaderValue, Error> {
    let is = |name: HeaderName, value: &str| {
        headers.get(name).and_then(|own| own.to_str().ok()).is_some_and(|own| own.eq_ignore_ascii_case(value))
    };
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    match key {
        Some(key) if is(header::UPGRADE, "websocket") && is(header::SEC_WEBSOCKET_VERSION, "13") => {
            Ok(key.clone())
        }
        _ => Err(not_asked_for()),
    }
}

fn ticket(query: Option<&str>) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query?.as_bytes());
    pairs.find(|(name, _)| name == "ticket").map(|(_, ticket)| ticket.into_owned())
}
