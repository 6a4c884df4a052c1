//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): the same request with the same key is done once.
//!
//! The order matters: a request first takes its key ([`InFlight::enter`]), then looks for a recorded answer, then runs. So of two
//! requests with one key either the second finds the first in flight, or it finds what the first recorded.
//! A success is recorded in the transaction that makes the change (`store`), a client error afterwards, a server error never.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use http::request::Parts;

use super::{Caller, Error, FieldError, Idempotency};
use crate::generated::Operation;
use crate::secrets::Secrets;

/// The header.
const HEADER: &str = "idempotency-key";

/// Longest key in characters.
const LONGEST: usize = 255;

/// What keys and bodies are hashed with.
pub(super) struct Hashes {
    scope: [u8; 32],
    fingerprint: [u8; 32],
}

impl Hashes {
    /// The same after every restart: recorded answers outlive the process.
    pub(super) fn new(secrets: &Secrets) -> Self {
        let key = |purpose| *secrets.tokens().hash(purpose, b"").as_bytes();
        Self { scope: key("idempotency scope"), fingerprint: key("idempotency fingerprint") }
    }

    /// What is recorded under `key`, and what must be the same the next time: method, target and body.
    pub(super) fn of(
        &self,
        operation: &Operation,
        caller: &Caller,
        key: &str,
        parts: &Parts,
        body: &[u8],
    ) -> Idempotency {
        let mut scope = blake3::Hasher::new_keyed(&self.scope);
        match caller {
            Caller::Anonymous { address } => part(&mut scope, address.to_string().as_bytes()),
            // A user's sessions may do the same and are one caller: what is sent again after signing in again is known. A user's
            // API keys, service tokens and grants are programs of their own, and one that may do less must not be given the answers of one that may do more.
            Caller::Known(identity) => {
                part(&mut scope, identity.tenant_id.as_bytes());
                part(&mut scope, identity.user_id.as_bytes());
                let program = Some(&identity.credential_id).filter(|id| !crate::secrets::id::is("ses", id));
                part(&mut scope, program.map_or(&[], |id| id.as_bytes()));
            }
        }
        part(&mut scope, operation.id.as_bytes());
        part(&mut scope, key.as_bytes());
        let mut fingerprint = blake3::Hasher::new_keyed(&self.fingerprint);
        part(&mut fingerprint, parts.uri.path().as_bytes());
        part(&mut fingerprint, parts.uri.query().unwrap_or_default().as_bytes());
        part(&mut fingerprint, body);
        Idempotency {
            scope: *scope.finalize().as_bytes(),
            fingerprint: *fingerprint.finalize().as_bytes(),
            status: operation.status,
        }
    }
}

/// Each part with its length, so that no two lists of parts hash alike.
fn part(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

/// The key of a request, if it has one. The draft's quoted form and the bare one are the same key.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let Some(value) = super::single::single(headers, HEADER)? else { return Ok(None) };
    let value = value.trim();
    let key = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    if !(1..=LONGEST).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
    {
        return Err(Error::invalid(vec![FieldError {
            pointer: "header:Idempotency-Key".to_owned(),
            code: "pattern".into(),
            detail: format!(
                "must have 1 to {LONGEST} visible ASCII characters and no quotes inside; a UUID is a good key"
            ),
        }]));
    }
    Ok(Some(key))
}

/// 409: the first request is still running.
fn in_flight() -> Error {
    let detail = "A request with this Idempotency-Key is still running. Ask again in a moment.";
    Error { retry_after: Some(1), ..Error::conflict("idempotency_in_flight", detail) }
}

/// 422: the key was used for another request.
pub(super) fn reused() -> Error {
    let detail = "This Idempotency-Key was used for another request. Take a new key for each new request.";
    Error::unprocessable("idempotency_key_reused", detail)
}

/// The keys of the requests that are running, with their fingerprints.
#[derive(Debug, Clone, Default)]
pub(super) struct InFlight {
    keys: Arc<Mutex<HashMap<[u8; 32], [u8; 32]>>>,
}

/// A key that is taken; given back when dropped.
#[derive(Debug)]
pub(super) struct Taken {
    keys: InFlight,
    scope: [u8; 32],
}

impl InFlight {
    /// Takes the key, or says why it cannot be had.
    pub(super) fn enter(&self, idempotency: &Idempotency) -> Result<Taken, Error> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        match keys.entry(idempotency.scope) {
            Entry::Occupied(other) if *other.get() != idempotency.fingerprint => Err(reused()),
            Entry::Occupied(_) => Err(in_flight()),
            Entry::Vacant(free) => {
                free.insert(idempotency.fingerprint);
                Ok(Taken { keys: self.clone(), scope: idempotency.scope })
            }
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.keys.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.scope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn key_of(value: &str) -> Result<Option<String>, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_str(value).unwrap());
        key(&headers).map(|key| key.map(str::to_owned))
    }

    #[test]
    fn a_key_is_1_to_255_visible_characters_quoted_or_not() {
        assert_eq!(key(&HeaderMap::new()).unwrap(), None);
        assert_eq!(key_of("abc").unwrap().as_deref(), Some("abc"));
        assert_eq!(key_of("\"abc\"").unwrap().as_deref(), Some("abc"));
        for wrong in ["", "\"\"", "a b", "a\"b", &"k".repeat(256)] {
            assert_eq!(key_of(wrong).unwrap_err().status, 422, "{wrong}");
        }
        let mut twice = HeaderMap::new();
        twice.append(HEADER, HeaderValue::from_static("a"));
        twice.append(HEADER, HeaderValue::from_static("b"));
        assert_eq!(key(&twice).unwrap_err().status, 400);
    }

    #[test]
    fn a_key_is_taken_once_at_a_time_and_given_back() {
        let in_flight = InFlight::default();
        let first = Idempotency { scope: [1; 32], fingerprint: [1; 32], status: 201 };
        let taken = in_flight.enter(&first).unwrap();
        assert_eq!(in_flight.enter(&first).unwrap_err().code, "idempotency_in_flight");
        let other = Idempotency { fingerprint: [2; 32], ..first.clone() };
        assert_eq!(in_flight.enter(&other).unwrap_err().code, "idempotency_key_reused");
        let elsewhere = Idempotency { scope: [2; 32], ..first.clone() };
        assert!(in_flight.enter(&elsewhere).is_ok());
        drop(taken);
        assert!(in_flight.enter(&first).is_ok());
    }
}
