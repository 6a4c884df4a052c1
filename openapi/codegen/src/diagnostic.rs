//! What is wrong with a spec, told so that its author can mend it without reading the generator: where, which rule, why the
//! rule is there, and what to write instead. Nothing stops at the first mistake; a run answers all of them.

use std::fmt;

/// One mistake in a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where it is.
    pub place: Place,
    /// JSON pointer (RFC 6901) to the node; empty for the document itself.
    pub pointer: String,
    /// Which rule.
    pub rule: Rule,
    /// What is wrong, and why it matters.
    pub reason: String,
    /// What to write instead.
    pub remedy: String,
}

/// A place in the file, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

impl Place {
    /// The top of the file: the place of what is missing altogether.
    pub const START: Self = Self { line: 1, column: 1 };
}

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $kind:ident;)+) => {
        /// The rules. [`Rule::is_house_style`] tells those of Waypost's own contract from those that any spec must keep, because
        /// what breaks them cannot be carried into code that is right.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// As it is printed: `duplicate-key`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// Checked for the repository's own spec and with `--strict` only.
            pub const fn is_house_style(self) -> bool {
                match self { $(Self::$name => rules!(@ $kind),)+ }
            }
        }
    };
    (@ carry) => { false };
    (@ house) => { true };
}

rules! {
    /// The file is not one readable YAML document of sane size.
    Yaml = "yaml", carry;
    /// A key twice in one mapping: the second would silently win.
    DuplicateKey = "duplicate-key", carry;
    /// A node is not of the kind that OpenAPI 3.0.3 wants there, or is missing.
    Structure = "structure", carry;
    /// A keyword that OpenAPI 3.0.3 does not know there.
    UnknownKeyword = "unknown-keyword", carry;
    /// A `$ref` that is external, dangling, circular, or of the wrong kind.
    Reference = "reference", carry;
    /// A path that cannot be routed.
    Path = "path", carry;
    /// An HTTP method or a part of a path item that is not carried.
    Method = "method", carry;
    /// An operation id or a tag that does not name a resource and its verb.
    OperationId = "operation-id", carry;
    /// Two names of the spec that become one identifier, or a name that no identifier can hold.
    Name = "name", carry;
    /// A parameter that is not carried.
    Parameter = "parameter", carry;
    /// A parameter's style that is not carried.
    ParameterStyle = "parameter-style", carry;
    /// A request body that is not carried.
    RequestBody = "request-body", carry;
    /// A success that is not carried.
    Success = "success", carry;
    /// An error that is not the one problem schema.
    ErrorResponse = "error-response", carry;
    /// A response header that is not carried.
    ResponseHeader = "response-header", carry;
    /// A schema that is not carried.
    Schema = "schema", carry;
    /// `allOf`, `anyOf`, `not`, or a `oneOf` without a discriminator.
    Composition = "composition", carry;
    /// A discriminator that does not tell its variants apart.
    Discriminator = "discriminator", carry;
    /// An enum that is not a named list of strings.
    Enum = "enum", carry;
    /// `nullable` where null cannot be told from absence, or cannot be sent.
    Nullable = "nullable", carry;
    /// A schema that must have a name of its own in `components`.
    Unnamed = "unnamed", carry;
    /// `additionalProperties` that would refuse answers of tomorrow, or mixes fields and a map.
    AdditionalProperties = "additional-properties", carry;
    /// A bound or a pattern that no value can keep, or that cannot be checked.
    Bounds = "bounds", carry;
    /// An example or a default that its own schema refuses.
    Example = "example", carry;
    /// A security scheme or requirement that is not carried.
    Security = "security", carry;
    /// An `x-` extension of ours with a value that it cannot have.
    Extension = "extension", carry;
    /// House: `<resource>_<verb>`, tags declared.
    HouseOperationId = "house-operation-id", house;
    /// House: summaries, descriptions, on operations, parameters, schemas and properties.
    HouseDescription = "house-description", house;
    /// House: every value has its bounds.
    HouseBounds = "house-bounds", house;
    /// House: an example for every parameter, request and response.
    HouseExample = "house-example", house;
    /// House: errors are `4XX` and `5XX` with `application/problem+json`.
    HouseError = "house-error", house;
    /// House: lists take `limit` and `cursor` and answer `{data, next_cursor, has_more}`.
    HouseList = "house-list", house;
    /// House: every POST takes `Idempotency-Key`, and nothing else does.
    HouseIdempotency = "house-idempotency", house;
    /// House: `x-retry`, `x-permission`, `x-rate-cost`, `x-since`, `x-errors` on every operation.
    HouseExtension = "house-extension", house;
    /// House: PATCH is `application/json` with optional fields.
    HousePatch = "house-patch", house;
    /// House: names in snake_case and PascalCase.
    HouseName = "house-name", house;
    /// House: identifiers carry a prefix, money is an integer, times are `date-time`.
    HouseValue = "house-value", house;
    /// House: nothing in `components` that nobody uses.
    HouseUnused = "house-unused", house;
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Finding {
    /// As a line for a terminal: `file:line:column: rule at #/pointer: reason. Remedy`.
    pub fn render(&self, file_name: &str) -> String {
        let Self { place, pointer, rule, reason, remedy } = self;
        format!(
            "{file_name}:{}:{}: {rule} at #{pointer}\n    {reason}\n    {remedy}",
            place.line, place.column
        )
    }
}

/// Findings in the order of the file, each once.
pub fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| {
        (a.place, a.rule, &a.pointer, &a.reason).cmp(&(b.place, b.rule, &b.pointer, &b.reason))
    });
    findings.dedup();
    findings
}
