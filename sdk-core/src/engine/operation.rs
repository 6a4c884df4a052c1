//! The operation table's row types. `generated/operations.rs` is one static array of these; the engine runs on it and
//! nothing else, in every language. Everything is `'static` and const, so that the table costs no start-up time.

/// One operation of the contract, as much of it as sending a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// `wallets_create`.
    pub id: &'static str,
    /// Upper case: `POST`.
    pub method: &'static str,
    /// `/v1/wallets/{wallet_id}/credit`.
    pub path: &'static str,
    /// Every parameter: path parameters in path order, then query, then header.
    pub parameters: &'static [Parameter],
    /// What the request carries.
    pub body: Body,
    /// Whether a POST key is made for it.
    pub idempotency_key: bool,
    /// May a failed attempt be sent again?
    pub retry: Retry,
    /// Which credentials it takes: alternatives of scheme sets. Empty: none needed.
    pub security: &'static [&'static [Scheme]],
    /// Present on lists.
    pub paginate: Option<Paginate>,
    /// What the success carries.
    pub result: ResultKind,
    /// The success status.
    pub status: u16,
}

/// A path, query or header parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// As on the wire.
    pub name: &'static str,
    /// Where it goes.
    pub location: Location,
    /// An argument must be given.
    pub required: bool,
}

/// Where a parameter goes, and how it is written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// One path segment, percent-encoded (RFC 3986 unreserved characters stay).
    Path,
    /// `name=value`, repeated for an array.
    Query,
    /// A header.
    Header,
}

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    None,
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// Bytes of this media type.
    Bytes(&'static str),
}

/// May a failed attempt be sent again?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It changes nothing: yes.
    Safe,
    /// The effect is the same, or an idempotency key protects it: yes, with the key.
    Idempotent,
    /// Not once a byte may have been sent.
    Never,
}

/// A security scheme, as it appears on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `Authorization: Bearer` (a JWT or an OAuth access token).
    Bearer,
    /// A header of this name (`X-API-Key`, a service token).
    Header(&'static str),
    /// A cookie of this name.
    Cookie(&'static str),
}

/// How a list continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paginate {
    /// The array of items in the answer.
    pub items: &'static str,
    /// The query parameter that takes the cursor.
    pub cursor: &'static str,
    /// The answer's next cursor.
    pub next_cursor: &'static str,
    /// The answer's flag that tells whether there is more.
    pub has_more: &'static str,
}

/// What a success carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultKind {
    /// Nothing.
    None,
    /// JSON.
    Json,
    /// Text of this media type.
    Text(&'static str),
    /// Streamed bytes; the media types that may be asked for, the default first.
    Bytes(&'static [&'static str]),
    /// Server-sent events.
    EventStream,
}
