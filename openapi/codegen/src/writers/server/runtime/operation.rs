//! What the table of operations is made of: everything that a server must know of an operation before it runs it.

/// One operation of the contract.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operation {
    /// Its place in `OPERATIONS`, for arrays with one entry an operation.
    pub index: usize,
    /// `orders_create`.
    pub id: &'static str,
    /// `orders`.
    pub resource: &'static str,
    /// Upper case: `POST`.
    pub method: &'static str,
    /// `/v1/orders/{order_id}/pay`.
    pub path: &'static str,
    /// Other paths with the same answer.
    pub aliases: &'static [&'static str],
    /// Path parameters in path order, then query, then header.
    pub parameters: &'static [Parameter],
    /// What the request carries.
    pub body: Body,
    /// The success status; a page may have others.
    pub status: u16,
    /// The media types that a success may have, the default first; empty where a success has no body.
    pub produces: &'static [&'static str],
    /// The media type of its errors.
    pub errors: &'static str,
    /// Whether fields and query parameters that it does not know are ignored, and empty ones are as if they were not there.
    pub lenient: bool,
    /// What the caller must hold.
    pub permission: Option<&'static str>,
    /// Which credentials it takes: alternatives of scheme sets. Empty: none needed. An empty set: none needed either.
    pub security: &'static [&'static [Scheme]],
    /// May a client send a failed attempt again?
    pub retry: Retry,
    /// What one call takes from the caller's limit.
    pub rate_cost: u32,
    /// Whether it takes `Idempotency-Key`.
    pub idempotency_key: bool,
    /// The API version that brought it.
    pub since: Option<&'static str>,
    /// Present when it should not be used any more.
    pub deprecated: Option<Deprecated>,
}

/// A path, query, header or form parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// As on the wire.
    pub name: &'static str,
    /// Where it goes.
    pub location: Location,
    /// How its text is read.
    pub kind: Kind,
    /// Whether it may be repeated (`name=a&name=b`).
    pub repeated: bool,
    /// Its default as JSON text; filled in when the request does not have it.
    pub default: Option<&'static str>,
}

/// Where a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// One path segment.
    Path,
    /// The query string.
    Query,
    /// A header.
    Header,
    /// A field of a form body.
    Form,
}

/// How a parameter's text is read before it is validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As it stands.
    String,
    /// As a whole number.
    Integer,
    /// As a number.
    Number,
    /// `true` or `false`.
    Boolean,
}

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Body {
    /// Nothing.
    None,
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded` with these fields.
    Form(&'static [Parameter]),
    /// Bytes of this media type.
    Bytes(&'static str),
}

impl Body {
    /// The media type that the request must declare.
    pub fn media_type(&self) -> Option<&'static str> {
        match self {
            Body::None => None,
            Body::Json => Some("application/json"),
            Body::Form(_) => Some("application/x-www-form-urlencoded"),
            Body::Bytes(media_type) => Some(media_type),
        }
    }

    /// Whether a `Content-Type` (parameters such as `charset` aside) is the one that the operation takes. JSON may say more closely what it is, by the
    /// suffix `+json` (RFC 6839, section 3.1).
    pub fn accepts(&self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let is_json = || {
            let subtype = essence.to_ascii_lowercase();
            subtype.strip_prefix("application/").is_some_and(|subtype| subtype.ends_with("+json"))
        };
        if *self == Body::Json && is_json() {
            return true;
        }
        self.media_type().is_none_or(|expected| essence.eq_ignore_ascii_case(expected))
    }
}

/// May a client send a failed attempt again?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It changes nothing: yes.
    Safe,
    /// The effect is the same, or an idempotency key protects it: yes.
    Idempotent,
    /// No.
    Never,
}

/// A security scheme as it appears on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `Authorization: Bearer`.
    Bearer,
    /// `Authorization: Bearer` with an access token of OAuth 2.
    OAuth2,
    /// A header of this name.
    Header(&'static str),
    /// A cookie of this name.
    Cookie(&'static str),
}

/// Since when, until when, and what instead (RFC 9745, RFC 8594).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deprecated {
    /// RFC 3339.
    pub since: &'static str,
    /// RFC 3339.
    pub sunset: Option<&'static str>,
    /// Where the successor is described.
    pub link: Option<&'static str>,
}
