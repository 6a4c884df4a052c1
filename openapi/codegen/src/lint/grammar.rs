//! OpenAPI 3.0.3 as a table: which kind of object may stand where, which keywords it knows, and of what kind their values are.
//! The walk over a document is driven by it, so a keyword that is not in here is found wherever it stands, and none of the other
//! rules has to look for objects itself.

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// A string.
    Text,
    /// true or false.
    Flag,
    /// A number.
    Number,
    /// A whole number from 0.
    Whole,
    /// Anything.
    Any,
    /// An object of this kind.
    Object(Kind),
    /// An object of this kind, or a reference to one.
    OrReference(Kind),
    /// A sequence.
    List(&'static Form),
    /// A mapping from names; names that start with `x-` are extensions where `true`.
    Map(&'static Form, bool),
    /// `additionalProperties`: true, false, or a schema.
    SchemaOrFlag,
}

/// The kinds of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Document,
    Info,
    Contact,
    License,
    Server,
    ServerVariable,
    Components,
    PathItem,
    Operation,
    ExternalDocs,
    Parameter,
    RequestBody,
    MediaType,
    Encoding,
    Response,
    Link,
    Example,
    Header,
    Tag,
    Schema,
    Discriminator,
    Xml,
    SecurityScheme,
    Flows,
    Flow,
}

/// One keyword of a kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keyword {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) required: bool,
}

const fn may(name: &'static str, form: Form) -> Keyword {
    Keyword { name, form, required: false }
}

const fn must(name: &'static str, form: Form) -> Keyword {
    Keyword { name, form, required: true }
}

use Form::{Any, Flag, List, Map, Number, Object, OrReference, SchemaOrFlag, Text, Whole};

const TEXTS: Form = List(&Text);
const SCHEMA: Form = OrReference(Kind::Schema);
const REQUIREMENTS: Form = List(&Map(&TEXTS, false));

impl Kind {
    /// How the kind is called in a message.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Document => "an OpenAPI document",
            Self::Info => "`info`",
            Self::Contact => "a contact",
            Self::License => "a licence",
            Self::Server => "a server",
            Self::ServerVariable => "a server variable",
            Self::Components => "`components`",
            Self::PathItem => "a path item",
            Self::Operation => "an operation",
            Self::ExternalDocs => "`externalDocs`",
            Self::Parameter => "a parameter",
            Self::RequestBody => "a request body",
            Self::MediaType => "a media type",
            Self::Encoding => "an encoding",
            Self::Response => "a response",
            Self::Link => "a link",
            Self::Example => "an example",
            Self::Header => "a header",
            Self::Tag => "a tag",
            Self::Schema => "a schema",
            Self::Discriminator => "a discriminator",
            Self::Xml => "`xml`",
            Self::SecurityScheme => "a security scheme",
            Self::Flows => "`flows`",
            Self::Flow => "a flow",
        }
    }

    /// The folder of `components` that holds objects of this kind.
    pub(super) const fn folder(self) -> Option<&'static str> {
        Some(match self {
            Self::Schema => "schemas",
            Self::Response => "responses",
            Self::Parameter => "parameters",
            Self::Example => "examples",
            Self::RequestBody => "requestBodies",
            Self::Header => "headers",
            Self::SecurityScheme => "securitySchemes",
            Self::Link => "links",
            _ => return None,
        })
    }

    /// Its keywords; extensions (`x-…`) come on top.
    pub(super) const fn keywords(self) -> &'static [Keyword] {
        match self {
            Self::Document => DOCUMENT,
            Self::Info => INFO,
            Self::Contact => CONTACT,
            Self::License => LICENSE,
            Self::Server => SERVER,
            Self::ServerVariable => SERVER_VARIABLE,
            Self::Components => COMPONENTS,
            Self::PathItem => PATH_ITEM,
            Self::Operation => OPERATION,
            Self::ExternalDocs => EXTERNAL_DOCS,
            Self::Parameter => PARAMETER,
            Self::RequestBody => REQUEST_BODY,
            Self::MediaType => MEDIA_TYPE,
            Self::Encoding => ENCODING,
            Self::Response => RESPONSE,
            Self::Link => LINK,
            Self::Example => EXAMPLE,
            Self::Header => HEADER,
            Self::Tag => TAG,
            Self::Schema => SCHEMA_KEYWORDS,
            Self::Discriminator => DISCRIMINATOR,
            Self::Xml => XML,
            Self::SecurityScheme => SECURITY_SCHEME,
            Self::Flows => FLOWS,
            Self::Flow => FLOW,
        }
    }
}

const DOCUMENT: &[Keyword] = &[
    must("openapi", Any),
    must("info", Object(Kind::Info)),
    may("servers", List(&Object(Kind::Server))),
    must("paths", Map(&Object(Kind::PathItem), true)),
    may("components", Object(Kind::Components)),
    may("security", REQUIREMENTS),
    may("tags", List(&Object(Kind::Tag))),
    may("externalDocs", Object(Kind::ExternalDocs)),
];

const INFO: &[Keyword] = &[
    must("title", Text),
    must("version", Text),
    may("description", Text),
    may("termsOfService", Text),
    may("contact", Object(Kind::Contact)),
    may("license", Object(Kind::License)),
];

const COMPONENTS: &[Keyword] = &[
    may("schemas", Map(&SCHEMA, false)),
    may("responses", Map(&OrReference(Kind::Response), false)),
    may("parameters", Map(&OrReference(Kind::Parameter), false)),
    may("examples", Map(&OrReference(Kind::Example), false)),
    may("requestBodies", Map(&OrReference(Kind::RequestBody), false)),
    may("headers", Map(&OrReference(Kind::Header), false)),
    may("securitySchemes", Map(&OrReference(Kind::SecurityScheme), false)),
    may("links", Map(&OrReference(Kind::Link), false)),
    may("callbacks", Any),
];

const PATH_ITEM: &[Keyword] = &[
    may("$ref", Text),
    may("summary", Text),
    may("description", Text),
    may("get", Object(Kind::Operation)),
    may("put", Object(Kind::Operation)),
    may("post", Object(Kind::Operation)),
    may("delete", Object(Kind::Operation)),
    may("options", Any),
    may("head", Any),
    may("patch", Object(Kind::Operation)),
    may("trace", Any),
    may("servers", Any),
    may("parameters", List(&OrReference(Kind::Parameter))),
];

const OPERATION: &[Keyword] = &[
    may("tags", TEXTS),
    may("summary", Text),
    may("description", Text),
    may("externalDocs", Object(Kind::ExternalDocs)),
    may("operationId", Text),
    may("parameters", List(&OrReference(Kind::Parameter))),
    may("requestBody", OrReference(Kind::RequestBody)),
    must("responses", Map(&OrReference(Kind::Response), true)),
    may("callbacks", Any),
    may("deprecated", Flag),
    may("security", REQUIREMENTS),
    may("servers", Any),
];

const PARAMETER: &[Keyword] = &[
    must("name", Text),
    must("in", Text),
    may("description", Text),
    may("required", Flag),
    may("deprecated", Flag),
    may("allowEmptyValue", Flag),
    may("style", Text),
    may("explode", Flag),
    may("allowReserved", Flag),
    may("schema", SCHEMA),
    may("example", Any),
    may("examples", Map(&OrReference(Kind::Example), false)),
    may("content", Map(&Object(Kind::MediaType), false)),
];

const HEADER: &[Keyword] = &[
    may("description", Text),
    may("required", Flag),
    may("deprecated", Flag),
    may("style", Text),
    may("explode", Flag),
    may("schema", SCHEMA),
    may("example", Any),
    may("examples", Map(&OrReference(Kind::Example), false)),
    may("content", Map(&Object(Kind::MediaType), false)),
];

const SCHEMA_KEYWORDS: &[Keyword] = &[
    may("title", Text),
    may("multipleOf", Number),
    may("maximum", Number),
    may("exclusiveMaximum", Flag),
    may("minimum", Number),
    may("exclusiveMinimum", Flag),
    may("maxLength", Whole),
    may("minLength", Whole),
    may("pattern", Text),
    may("maxItems", Whole),
    may("minItems", Whole),
    may("uniqueItems", Flag),
    may("maxProperties", Whole),
    may("minProperties", Whole),
    may("required", TEXTS),
    may("enum", List(&Any)),
    may("type", Text),
    may("not", Any),
    may("allOf", List(&SCHEMA)),
    may("oneOf", List(&SCHEMA)),
    may("anyOf", List(&SCHEMA)),
    may("items", SCHEMA),
    may("properties", Map(&SCHEMA, false)),
    may("additionalProperties", SchemaOrFlag),
    may("description", Text),
    may("format", Text),
    may("default", Any),
    may("nullable", Flag),
    may("discriminator", Object(Kind::Discriminator)),
    may("readOnly", Flag),
    may("writeOnly", Flag),
    may("example", Any),
    may("externalDocs", Object(Kind::ExternalDocs)),
    may("deprecated", Flag),
    may("xml", Object(Kind::Xml)),
];

const CONTACT: &[Keyword] = &[may("name", Text), may("url", Text), may("email", Text)];

const LICENSE: &[Keyword] = &[must("name", Text), may("url", Text)];

const SERVER: &[Keyword] = &[
    must("url", Text),
    may("description", Text),
    may("variables", Map(&Object(Kind::ServerVariable), false)),
];

const SERVER_VARIABLE: &[Keyword] = &[must("default", Text), may("enum", TEXTS), may("description", Text)];

const EXTERNAL_DOCS: &[Keyword] = &[must("url", Text), may("description", Text)];

const REQUEST_BODY: &[Keyword] =
    &[must("content", Map(&Object(Kind::MediaType), false)), may("description", Text), may("required", Flag)];

const MEDIA_TYPE: &[Keyword] = &[
    may("schema", SCHEMA),
    may("example", Any),
    may("examples", Map(&OrReference(Kind::Example), false)),
    may("encoding", Map(&Object(Kind::Encoding), false)),
];

const ENCODING: &[Keyword] = &[
    may("contentType", Text),
    may("headers", Map(&OrReference(Kind::Header), false)),
    may("style", Text),
    may("explode", Flag),
    may("allowReserved", Flag),
];

const RESPONSE: &[Keyword] = &[
    must("description", Text),
    may("headers", Map(&OrReference(Kind::Header), false)),
    may("content", Map(&Object(Kind::MediaType), false)),
    may("links", Map(&OrReference(Kind::Link), false)),
];

const LINK: &[Keyword] = &[
    may("operationRef", Text),
    may("operationId", Text),
    may("parameters", Map(&Any, false)),
    may("requestBody", Any),
    may("description", Text),
    may("server", Object(Kind::Server)),
];

const EXAMPLE: &[Keyword] =
    &[may("summary", Text), may("description", Text), may("value", Any), may("externalValue", Text)];

const TAG: &[Keyword] =
    &[must("name", Text), may("description", Text), may("externalDocs", Object(Kind::ExternalDocs))];

const DISCRIMINATOR: &[Keyword] = &[must("propertyName", Text), may("mapping", Map(&Text, false))];

const XML: &[Keyword] = &[
    may("name", Text),
    may("namespace", Text),
    may("prefix", Text),
    may("attribute", Flag),
    may("wrapped", Flag),
];

const SECURITY_SCHEME: &[Keyword] = &[
    must("type", Text),
    may("description", Text),
    may("name", Text),
    may("in", Text),
    may("scheme", Text),
    may("bearerFormat", Text),
    may("flows", Object(Kind::Flows)),
    may("openIdConnectUrl", Text),
];

const FLOWS: &[Keyword] = &[
    may("implicit", Object(Kind::Flow)),
    may("password", Object(Kind::Flow)),
    may("clientCredentials", Object(Kind::Flow)),
    may("authorizationCode", Object(Kind::Flow)),
];

const FLOW: &[Keyword] = &[
    may("authorizationUrl", Text),
    may("tokenUrl", Text),
    may("refreshUrl", Text),
    must("scopes", Map(&Text, false)),
];
