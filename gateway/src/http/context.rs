//! Who calls, and what the pipeline knows about the request: the first argument of every handler.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};

/// One request's context. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    request_id: String,
    caller: Caller,
    idempotency: Option<Idempotency>,
    user_agent: Option<HeaderValue>,
    headers: HeaderMap,
    peer: Option<IpAddr>,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody signed in; limits are kept by address.
    Anonymous {
        /// The peer's address.
        address: std::net::IpAddr,
    },
    /// Somebody.
    Known(Arc<Identity>),
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `ten_…`: everything that the caller sees belongs to it.
    pub tenant_id: String,
    /// `usr_…`: the user behind the token or the key.
    pub user_id: String,
    /// `ses_…`, `key_…` or `stk_…`: what was presented.
    pub credential_id: String,
    /// What the caller may do: `wallets:write`, `wallets:*`, `*`.
    pub permissions: Arc<[String]>,
    /// `free`, `basic`, `premium`, `enterprise` or `admin`.
    pub tier: String,
    /// Whether the tenant is that of those who run the gateway, who alone may use what is every tenant's.
    pub platform: bool,
}

impl Identity {
    /// Whether the caller may do what this permission stands for.
    pub fn may(&self, permission: &str) -> bool {
        super::permits(&self.permissions, permission)
            && (self.platform || !crate::auth::roles::is_platform(permission))
    }
}

/// A POST's idempotency key, to be recorded in the transaction that makes the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Caller, operation and key, hashed.
    pub scope: [u8; 32],
    /// Keyed hash of the request body.
    pub fingerprint: [u8; 32],
    /// The success status of the operation.
    pub status: u16,
}

impl Context {
    /// Used by the pipeline only.
    pub fn new(request_id: String, caller: Caller, idempotency: Option<Idempotency>) -> Self {
        Self {
            inner: Arc::new(Inner {
                request_id,
                caller,
                idempotency,
                user_agent: None,
                headers: HeaderMap::new(),
                peer: None,
            }),
        }
    }

    /// Takes the caller's program from its `User-Agent`. Used by the pipeline only, before the context is cloned.
    #[must_use]
    pub fn with_headers(mut self, headers: &HeaderMap) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.user_agent = headers.get(header::USER_AGENT).cloned();
        }
        self
    }

    /// Keeps the request's headers, for an operation that reads cookies or a client's credentials itself. Used by the pipeline only, before the context
    /// is cloned.
    #[must_use]
    pub fn with_all_headers(mut self, headers: &HeaderMap) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.headers = headers.clone();
        }
        self
    }

    /// Takes the address that the request came from. Used by the pipeline only, before the context is cloned.
    #[must_use]
    pub fn with_peer(mut self, peer: IpAddr) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.peer = Some(peer);
        }
        self
    }

    /// The request's headers where the operation is one of browsers or takes a form; otherwise none.
    pub fn headers(&self) -> &HeaderMap {
        &self.inner.headers
    }

    /// The address that the request came from, if it came over a network.
    pub fn peer(&self) -> Option<IpAddr> {
        let anonymous = match &self.inner.caller {
            Caller::Anonymous { address } => Some(*address),
            Caller::Known(_) => None,
        };
        self.inner.peer.or(anonymous).map(|peer| peer.to_canonical())
    }

    /// The caller's program, as it names itself.
    pub fn user_agent(&self) -> Option<&str> {
        self.inner.user_agent.as_ref()?.to_str().ok()
    }

    /// The id that the answer's `X-Request-Id` carries.
    pub fn request_id(&self) -> &str {
        &self.inner.request_id
    }

    /// Who calls.
    pub fn caller(&self) -> &Caller {
        &self.inner.caller
    }

    /// The authenticated caller; an error where the operation let an anonymous one through.
    pub fn identity(&self) -> Result<&Identity, super::Error> {
        match &self.inner.caller {
            Caller::Known(identity) => Ok(identity.as_ref()),
            Caller::Anonymous { .. } => Err(super::Error::unauthenticated()),
        }
    }

    /// The idempotency key that came with the request, if any.
    pub fn idempotency(&self) -> Option<&Idempotency> {
        self.inner.idempotency.as_ref()
    }
}
