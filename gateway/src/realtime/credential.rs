//! Who is behind a socket. What was presented is kept and asked about again, so a socket ends when its credential does.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::end::End;
use super::storage;
use crate::Gateway;
use crate::http::{Caller, Error, Identity};
use crate::secrets::TokenHash;
use crate::store::System;

/// What a caller of this needs.
pub(super) const PERMISSION: &str = "events:read";

/// What tickets begin with, so that a scanner of leaks knows one.
const PREFIX: &str = "wpt_";

/// What tickets are hashed for.
const HASH: &str = "realtime ticket";

/// What a socket was opened with.
#[derive(Debug, Clone)]
pub(super) enum Credential {
    /// This header.
    Header(HeaderName, HeaderValue),
    /// A ticket that was asked for with this credential, by its id.
    Behind(String),
}

impl Credential {
    /// The one that a request's headers have, if they have one.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        [AUTHORIZATION, HeaderName::from_static("x-api-key"), COOKIE].into_iter().find_map(|name| {
            let value = headers.get(&name)?.clone();
            Some(Self::Header(name, value))
        })
    }

    /// A token as the header that would carry it.
    pub(super) fn token(token: &str) -> Option<Self> {
        Self::secret(AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// An API key as the header that would carry it.
    pub(super) fn api_key(key: &str) -> Option<Self> {
        Self::secret(HeaderName::from_static("x-api-key"), key)
    }

    fn secret(name: HeaderName, value: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(true);
        Some(Self::Header(name, value))
    }

    /// Whose it is now.
    pub(super) async fn identity(&self, gateway: &Gateway, peer: IpAddr) -> Result<Arc<Identity>, End> {
        let identity = match self {
            Self::Header(name, value) => {
                let headers = HeaderMap::from_iter([(name.clone(), value.clone())]);
                match gateway.authenticate(&headers, peer).await {
                    Ok(Caller::Known(identity)) => identity,
                    Ok(Caller::Anonymous { .. }) => return Err(End::Unauthenticated),
                    Err(error) => return Err(ended(&error)),
                }
            }
            Self::Behind(credential_id) => {
                let found = crate::auth::identity_of(gateway, credential_id).await;
                Arc::new(found.map_err(|error| ended(&error))?.ok_or(End::Unauthenticated)?)
            }
        };
        // What a person let a program have is for what the contract says.
        if identity.credential_id.starts_with("ogr_") {
            return Err(End::Unauthenticated);
        }
        if identity.may(PERMISSION) { Ok(identity) } else { Err(End::Forbidden) }
    }
}

fn ended(error: &Error) -> End {
    if error.status == 401 { End::Unauthenticated } else { End::Internal }
}

/// A new ticket and what is stored of it.
pub(super) fn new_ticket(gateway: &Gateway) -> Result<(String, TokenHash), Error> {
    let ticket = format!("{PREFIX}{}", *crate::secrets::random::token().map_err(Error::internal)?);
    let hash = gateway.secrets.tokens().hash(HASH, ticket.as_bytes());
    Ok((ticket, hash))
}

/// What a ticket stands for. It is used up.
pub(super) async fn redeem(gateway: &Gateway, ticket: &str) -> Result<Option<Credential>, Error> {
    if !ticket.starts_with(PREFIX) {
        return Ok(None);
    }
    let hash = gateway.secrets.tokens().hash(HASH, ticket.as_bytes());
    let mut tx = gateway.store.begin_system(System::Authentication).await?;
    let found = storage::take_ticket(&mut tx, hash.as_bytes()).await?;
    tx.commit_empty().await?;
    Ok(found.map(Credential::Behind))
}
