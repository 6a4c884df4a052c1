//! The model: what every writer reads. Built once from a spec that passed the linter, so nothing in here is partial:
//! references are resolved to names, inherited parameters are merged, defaults of the contract are filled in.
//! It knows no language; a name is kept as the spec spells it and each writer turns it into its own convention.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

/// A whole API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Api {
    /// `info.title`.
    pub title: String,
    /// `info.version`.
    pub version: String,
    /// `info.description`, Markdown.
    pub description: String,
    /// `components/securitySchemes` by name, in the order of the spec.
    pub security_schemes: IndexMap<String, SecurityScheme>,
    /// Resources in the order of the spec's `tags`, each with its operations in the order of the file.
    pub resources: Vec<Resource>,
    /// Every named schema, in the order of the file.
    pub types: IndexMap<String, TypeDef>,
    /// The name of the schema that every error body has (`Problem`).
    pub problem: String,
    /// Response headers that the contract declares once in `components/headers`: name and description.
    pub headers: IndexMap<String, String>,
}

impl Api {
    /// The alternatives of an operation's credentials that differ on the wire: of several kinds of bearer token, one.
    pub fn distinct_security<'a>(
        &'a self,
        operation: &'a Operation,
    ) -> impl Iterator<Item = &'a Vec<String>> {
        let sent = |names: &'a Vec<String>| -> Vec<_> {
            let scheme = |name: &'a String| match self.security_schemes.get(name) {
                Some(SecurityScheme::OAuth2) => Some(&SecurityScheme::Bearer),
                other => other,
            };
            // What is not declared is kept, for whoever looks it up to complain of.
            names.iter().map(|name| scheme(name).ok_or(name)).collect()
        };
        let alternatives = &operation.security;
        alternatives.iter().enumerate().filter_map(move |(index, names)| {
            let before = alternatives.get(..index).unwrap_or_default();
            (!before.iter().any(|other| sent(other) == sent(names))).then_some(names)
        })
    }

    /// The API as programs see it: without what only browsers call.
    pub fn for_programs(&self) -> Self {
        let mut api = self.clone();
        for resource in &mut api.resources {
            resource.operations.retain(|operation| !operation.browser);
        }
        api
    }

    /// Every operation, in the order of the resources.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.resources.iter().flat_map(|resource| &resource.operations)
    }

    /// What a type is under its aliases: `WalletId` is a string. Stops at an alias of itself.
    pub fn resolve<'a>(&'a self, ty: &'a TypeRef) -> &'a TypeRef {
        crate::build::behind_aliases(&self.types, ty)
    }
}

/// One tag: `client.<name>()`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resource {
    /// snake_case, as in the tag: `api_keys`.
    pub name: String,
    /// Markdown.
    pub description: String,
    /// In the order of the file.
    pub operations: Vec<Operation>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Operation {
    /// `wallets_create`.
    pub id: String,
    /// `wallets`.
    pub resource: String,
    /// `create`.
    pub verb: String,
    /// Upper case: `POST`.
    pub method: String,
    /// `/v1/wallets/{wallet_id}/credit`.
    pub path: String,
    /// Other paths with the same answer (`x-aliases`).
    pub aliases: Vec<String>,
    /// One line.
    pub summary: String,
    /// Markdown: what it does and its errors by `code`.
    pub description: String,
    /// Path parameters first (in path order), then query, then header, each in file order.
    /// `Idempotency-Key` and other parameters that the engine owns are not in here: see `idempotency_key`.
    pub parameters: Vec<Parameter>,
    /// Whether the operation takes `Idempotency-Key`.
    pub idempotency_key: bool,
    /// `x-browser`: a person's browser calls it, not a program. It is in no client, and its answers are pages and redirects.
    pub browser: bool,
    /// The media type of its errors: `application/problem+json`, or `application/json` where another protocol says so.
    pub error_media_type: String,
    /// The request body, always required where there is one.
    pub body: Option<Body>,
    /// The one success.
    pub success: Success,
    /// May a failed attempt be sent again?
    pub retry: Retry,
    /// `x-permission`: what the caller must hold.
    pub permission: Option<String>,
    /// Alternatives; each is a set of scheme names that must all be present. Empty: no credentials needed.
    pub security: Vec<Vec<String>>,
    /// Present on lists.
    pub paginate: Option<Paginate>,
    /// `x-rate-cost`: what one call takes from the caller's limit. 1 unless told.
    pub rate_cost: u32,
    /// `x-since`: the API version that brought it.
    pub since: Option<String>,
    /// `x-deprecated`.
    pub deprecated: Option<Deprecated>,
    /// The errors that the description lists by `code`: `(status, code, meaning)`, from `x-errors`.
    pub errors: Vec<ErrorCode>,
    /// Values for every required parameter (`example` on each), by name.
    pub parameter_examples: IndexMap<String, Value>,
    /// The request body's example.
    pub request_example: Option<Value>,
    /// The success body's example (JSON results), or its text.
    pub response_example: Option<Value>,
}

/// One documented error of an operation (`x-errors: [{status, code, when}]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorCode {
    /// HTTP status.
    pub status: u16,
    /// The problem's `code`.
    pub code: String,
    /// When it is answered, one line.
    pub when: String,
}

/// Where a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Location {
    /// One path segment, percent-encoded.
    Path,
    /// `name=value`; an array repeats the name (form, exploded).
    Query,
    /// A header, scalar.
    Header,
}

/// A path, query or header parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parameter {
    /// As on the wire.
    pub name: String,
    /// Where it goes.
    pub location: Location,
    /// Its type: a scalar, a named enum, or an array of these (query only).
    pub ty: TypeRef,
    /// Bounds, as in the spec.
    pub bounds: Bounds,
    /// Path parameters always are.
    pub required: bool,
    /// Markdown.
    pub description: String,
    /// `schema.default`.
    pub default: Option<Value>,
    /// `example`.
    pub example: Option<Value>,
    /// Its schema as JSON Schema, in the form of [`TypeDef::json_schema`].
    pub json_schema: Value,
}

/// A request body.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Body {
    /// `application/json` of a named schema.
    Json(TypeRef),
    /// `application/x-www-form-urlencoded` of a named object schema.
    Form(TypeRef),
    /// Plain bytes of this media type.
    Bytes(String),
}

/// The one success of an operation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Success {
    /// 200, 201, 202 or 204; 303 for a browser.
    pub status: u16,
    /// One line.
    pub description: String,
    /// What it carries.
    pub content: Content,
    /// Response headers by name.
    pub headers: Vec<String>,
}

/// What a success carries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Content {
    /// Nothing (204).
    None,
    /// `application/json`.
    Json(TypeRef),
    /// Text of this media type (`text/plain`, `text/html`, `application/yaml`).
    Text(String),
    /// A streamed body of one of these media types; the first is the default, the caller chooses by a parameter.
    Bytes(Vec<String>),
    /// `text/event-stream` whose `data` is this type.
    EventStream(Option<TypeRef>),
}

/// `x-retry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Retry {
    /// No effect on the server: always resent.
    Safe,
    /// Resent because the effect is the same or the idempotency key protects it.
    Idempotent,
    /// Never resent once a byte may have been sent.
    Never,
}

/// `x-paginate`, names of the fields of the list's answer and of its query.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Paginate {
    /// The array of items: `data`.
    pub items: String,
    /// The type of one item.
    pub item: TypeRef,
    /// The query parameter: `cursor`.
    pub cursor: String,
    /// The answer's next cursor: `next_cursor`.
    pub next_cursor: String,
    /// The answer's flag: `has_more`.
    pub has_more: String,
}

/// `x-deprecated`: RFC 9745 and RFC 8594.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deprecated {
    /// RFC 3339 date.
    pub since: String,
    /// RFC 3339 date.
    pub sunset: Option<String>,
    /// Where the successor is described.
    pub link: Option<String>,
}

/// A security scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum SecurityScheme {
    /// `Authorization: Bearer`.
    Bearer,
    /// A header of this name.
    Header(String),
    /// A cookie of this name.
    Cookie(String),
    /// OAuth 2; on the wire a bearer token.
    OAuth2,
}

/// A named schema.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TypeDef {
    /// As in `components/schemas`, PascalCase.
    pub name: String,
    /// Markdown.
    pub description: String,
    /// What it is.
    pub shape: Shape,
    /// `example`.
    pub example: Option<Value>,
    /// Used in a request body (directly or inside).
    pub in_request: bool,
    /// Used in a response body (directly or inside).
    pub in_response: bool,
    /// The schema itself as JSON Schema (2020-12, `nullable` already turned into `type: [.., "null"]`, references
    /// as `#/$defs/Name`): what the server validates with. A union is a list of `if` its tag `then` that variant, so that
    /// an error points into the chosen variant; integers carry the limits of their width.
    pub json_schema: Value,
}

/// What a named schema is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Shape {
    /// An object with fields.
    Object(Object),
    /// Strings from a list. Open: a reader keeps a value it does not know.
    Enum(Vec<EnumValue>),
    /// One of several objects, told apart by a discriminator.
    Union(Union),
    /// Another name for a type, with bounds (an identifier, an amount).
    Alias(TypeRef, Bounds),
}

/// An object schema.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Object {
    /// In file order. Of a variant of a union without the discriminator: see `tag`.
    pub fields: Vec<Field>,
    /// The object is a variant of a union: the property that holds its tag. It is used through the union only, which reads
    /// and writes the tag, so no value of the wrong tag can be made.
    pub tag: Option<String>,
    /// False: `additionalProperties: false` (requests only); unknown fields are refused by the server.
    /// True: unknown fields are kept and survive a round trip.
    pub open: bool,
}

/// One property.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// As on the wire.
    pub name: String,
    /// Its type, without null.
    pub ty: TypeRef,
    /// In `required`.
    pub required: bool,
    /// `nullable: true`. Not required and nullable together are three states: absent, null, value.
    pub nullable: bool,
    /// Bounds, as in the spec.
    pub bounds: Bounds,
    /// Markdown.
    pub description: String,
    /// `default`.
    pub default: Option<Value>,
    /// `example`.
    pub example: Option<Value>,
    /// `format: password` or `x-secret: true`: hidden in Debug output and logs.
    pub secret: bool,
}

/// One value of an enum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnumValue {
    /// As on the wire.
    pub value: String,
    /// From `x-enum-descriptions`, if any.
    pub description: String,
}

/// A tagged union.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Union {
    /// The property that tells: `type`.
    pub discriminator: String,
    /// Tag value and the named object schema it stands for. A reader keeps a tag it does not know.
    pub variants: Vec<Variant>,
}

/// One variant of a tagged union.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variant {
    /// The discriminator's value.
    pub tag: String,
    /// The named schema.
    pub ty: String,
}

/// A use of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum TypeRef {
    /// A named schema.
    Named(String),
    /// A string; `format` as in the spec (`date-time`, `uri`, `email`, `uuid`, ...).
    String(Option<String>),
    /// An integer of 32 or 64 bits.
    Integer {
        /// 32 or 64.
        bits: u8,
    },
    /// A double.
    Number,
    /// true or false.
    Boolean,
    /// A list.
    Array(Box<TypeRef>),
    /// An object used as a map from any string.
    Map(Box<TypeRef>),
    /// Any JSON value.
    Any,
}

/// Bounds of a value, as in the spec; for documentation and facades. The server validates with `json_schema`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Bounds {
    /// `minimum`.
    pub minimum: Option<f64>,
    /// `maximum`.
    pub maximum: Option<f64>,
    /// `minLength` or `minItems`.
    pub min_length: Option<u64>,
    /// `maxLength` or `maxItems`.
    pub max_length: Option<u64>,
    /// `pattern`.
    pub pattern: Option<String>,
}
