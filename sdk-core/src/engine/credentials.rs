//! Who is calling. Credentials are applied to a request by the operation's security schemes and to no other request: an operation without
//! security gets none, and the caller's own header of the same name stands.

use std::borrow::Cow;
use std::fmt;

use super::message::Headers;
use super::oauth::OAuthClient;
use super::operation::{Operation, Scheme};
use super::redact::{REDACTED, Secret};
use super::text;

/// What a client may show a server. Several can be set; each operation takes the first alternative of its schemes that is complete.
///
/// ```
/// use waypost::engine::credentials::Credentials;
/// let credentials = Credentials::api_key("wp_123_abc");
/// assert!(!format!("{credentials:?}").contains("abc"));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    bearer: Option<Secret>,
    headers: Vec<(Cow<'static, str>, Secret)>,
    cookies: Vec<(Cow<'static, str>, Secret)>,
    client: Option<OAuthClient>,
}

impl Credentials {
    /// None at all.
    pub const fn none() -> Self {
        Self { bearer: None, headers: Vec::new(), cookies: Vec::new(), client: None }
    }

    /// An API key, sent as `X-API-Key`.
    pub fn api_key(key: impl Into<Secret>) -> Self {
        Self::none().with_header("x-api-key", key)
    }

    /// An access token, sent as `Authorization: Bearer`.
    pub fn bearer(token: impl Into<Secret>) -> Self {
        Self::none().with_bearer(token)
    }

    /// Adds an access token.
    #[must_use]
    pub fn with_bearer(mut self, token: impl Into<Secret>) -> Self {
        self.bearer = Some(token.into());
        self
    }

    /// Adds a credential that travels in a header of its own.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Secret>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a credential that travels in a cookie.
    #[must_use]
    pub fn with_cookie(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Secret>) -> Self {
        self.cookies.push((name.into(), value.into()));
        self
    }

    /// Adds an OAuth client, which gets access tokens.
    #[must_use]
    pub fn with_client(mut self, client: OAuthClient) -> Self {
        self.client = Some(client);
        self
    }

    /// The OAuth client.
    pub fn client(&self) -> Option<&OAuthClient> {
        self.client.as_ref()
    }

    /// The OAuth client, made where there was none.
    pub fn client_mut(&mut self) -> &mut OAuthClient {
        self.client.get_or_insert_default()
    }

    /// Every header that may be sent, for a check of the values.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let bearer = self.bearer.iter().map(|token| ("authorization", token.expose()));
        let headers = self.headers.iter().map(|(name, value)| (name.as_ref(), value.expose()));
        bearer.chain(headers).chain(self.cookies.iter().map(|(_, value)| ("cookie", value.expose())))
    }

    /// Is there nothing to show?
    pub fn is_empty(&self) -> bool {
        self.bearer.is_none() && self.headers.is_empty() && self.cookies.is_empty() && self.client.is_none()
    }

    /// Writes what the operation takes into `headers`. A header that is already there stands. Without a complete alternative nothing is written: the
    /// server's 401 says best what it takes. Answers whether the operation is to be sent with an access token that the OAuth client has to get, since nothing
    /// else that it takes is there.
    #[must_use]
    pub fn apply(&self, operation: &Operation, headers: &mut Headers) -> bool {
        let complete =
            operation.security.iter().find(|schemes| schemes.iter().all(|scheme| self.has(scheme)));
        let Some(schemes) = complete else {
            let needs_token = operation.security.iter().any(|schemes| schemes.contains(&Scheme::Bearer));
            return needs_token && self.client.is_some() && !headers.contains("authorization");
        };
        for scheme in *schemes {
            let (name, value): (Cow<'static, str>, String) = match scheme {
                Scheme::Bearer => {
                    let Some(token) = &self.bearer else { continue };
                    ("authorization".into(), text::concat(&["Bearer ", token.expose()]))
                }
                Scheme::Header(name) => {
                    let Some(value) = find(&self.headers, name) else { continue };
                    ((*name).into(), value.expose().to_owned())
                }
                Scheme::Cookie(name) => {
                    let Some(value) = find(&self.cookies, name) else { continue };
                    let pair = text::concat(&[name, "=", value.expose()]);
                    let joined = match headers.get("cookie") {
                        Some(present) => text::concat(&[present, "; ", &pair]),
                        None => pair,
                    };
                    headers.insert("cookie", joined);
                    continue;
                }
            };
            if !headers.contains(&name) {
                headers.insert(name, value);
            }
        }
        false
    }

    fn has(&self, scheme: &Scheme) -> bool {
        match scheme {
            Scheme::Bearer => self.bearer.is_some(),
            Scheme::Header(name) => find(&self.headers, name).is_some(),
            Scheme::Cookie(name) => find(&self.cookies, name).is_some(),
        }
    }
}

fn find<'a>(entries: &'a [(Cow<'static, str>, Secret)], name: &str) -> Option<&'a Secret> {
    entries.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printed = formatter.debug_struct("Credentials");
        if self.bearer.is_some() {
            printed.field("bearer", &format_args!("{REDACTED}"));
        }
        for (name, _) in self.headers.iter().chain(&self.cookies) {
            printed.field(name, &format_args!("{REDACTED}"));
        }
        if let Some(client) = &self.client {
            printed.field("client", client);
        }
        printed.finish()
    }
}
