//! The operation table's row types. `generated/operations.rs` is one static array of these; the engine runs on it and
//! nothing else, in every language. Everything is `'static` and const, so that the table costs no start-up time.
//!
//! Where size counts for more, in a browser, a row is text that comes with the resource that names the operation, and [`Operation::read`] reads it.

use super::text::{cut, pieces};

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

impl Operation {
    /// Reads a row that is written as text: its parts, each ended by a tab but the last.
    ///
    /// ```text
    /// id | method | path | retry class, `+key` where a key is made | body | result | security | parameters, each a part
    ///
    /// body      = none | json | form | a media type
    /// result    = none | json | events | text: a media type | media types, with commas between them
    /// security  = alternatives with commas between them, each of schemes with `+` between them: bearer | header: name | cookie: name
    /// parameter = `/` (path), `?` (query) or `#` (header), its name, and `!` where it is required
    /// ```
    ///
    /// Pagination and the status of a success are not in it: nothing that sends a request asks for them. What it makes lives for ever, as a table does.
    pub fn read(row: &'static str) -> Self {
        let mut parts = pieces(row, b'\t');
        let mut part = || parts.next().unwrap_or_default();
        let (id, method, path) = (part(), part(), part());
        let (retry, key) = halves(part(), b'+');
        let body = match part() {
            "json" => Body::Json,
            "form" => Body::Form,
            "" | "none" => Body::None,
            media => Body::Bytes(media),
        };
        let result = match halves(part(), b':') {
            ("json", _) => ResultKind::Json,
            ("events", _) => ResultKind::EventStream,
            ("" | "none", _) => ResultKind::None,
            ("text", media) => ResultKind::Text(media),
            (media, _) => ResultKind::Bytes(leak(pieces(media, b',').collect())),
        };
        let alternatives = pieces(part(), b',').filter(|schemes| !schemes.is_empty());
        let security = alternatives.map(|schemes| leak(pieces(schemes, b'+').map(Scheme::read).collect()));
        Self {
            id,
            method,
            path,
            body,
            idempotency_key: !key.is_empty(),
            retry: match retry {
                "safe" => Retry::Safe,
                "idempotent" => Retry::Idempotent,
                _ => Retry::Never,
            },
            security: leak(security.collect()),
            paginate: None,
            result,
            status: 200,
            parameters: leak(parts.map(Parameter::read).collect()),
        }
    }
}

impl Parameter {
    fn read(text: &'static str) -> Self {
        let name = text.get(1..).unwrap_or_default();
        let plain = name.strip_suffix('!');
        Self {
            name: plain.unwrap_or(name),
            location: match text.as_bytes().first() {
                Some(b'/') => Location::Path,
                Some(b'#') => Location::Header,
                _ => Location::Query,
            },
            required: plain.is_some(),
        }
    }
}

impl Scheme {
    fn read(text: &'static str) -> Self {
        match halves(text, b':') {
            ("header", name) => Self::Header(name),
            ("cookie", name) => Self::Cookie(name),
            _ => Self::Bearer,
        }
    }
}

/// A text before and after a mark; all of it where there is none.
fn halves(text: &'static str, mark: u8) -> (&'static str, &'static str) {
    cut(text, mark).unwrap_or((text, ""))
}

fn leak<T>(items: Vec<T>) -> &'static [T] {
    Vec::leak(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::{operations, packed};

    #[test]
    fn a_packed_row_reads_as_the_row_of_the_table() {
        assert_eq!(packed::ROWS.len(), operations::OPERATIONS.len());
        for (row, operation) in packed::ROWS.iter().zip(operations::OPERATIONS) {
            assert_eq!(Operation::read(row), Operation { paginate: None, status: 200, ..**operation });
        }
    }

    #[test]
    fn each_word_of_a_row_has_its_meaning() {
        let row = "a\tPUT\t/a/{b}\tidempotent+key\ttext/csv\ttext:text/html\tbearer+cookie:c,header:X-H\t/b!\t?q\t#X-T";
        let read = Operation::read(row);
        assert_eq!((read.method, read.path, read.retry), ("PUT", "/a/{b}", Retry::Idempotent));
        assert_eq!((read.body, read.result), (Body::Bytes("text/csv"), ResultKind::Text("text/html")));
        let security: &[&[Scheme]] = &[&[Scheme::Bearer, Scheme::Cookie("c")], &[Scheme::Header("X-H")]];
        assert_eq!((read.security, read.idempotency_key), (security, true));
        let [path, query, header] = read.parameters else { panic!("{:?}", read.parameters) };
        assert_eq!((path.name, path.location, path.required), ("b", Location::Path, true));
        assert_eq!((query.name, query.location, query.required), ("q", Location::Query, false));
        assert_eq!((header.name, header.location, header.required), ("X-T", Location::Header, false));
    }
}
