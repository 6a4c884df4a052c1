//! Text to a document whose every node knows its place in the file.
//!
//! The YAML parser's events are read directly, so that what a loader would swallow is found: keys that come twice, tags, several
//! documents, numbers that JSON does not have. The result is JSON (the order of the file kept), because OpenAPI is defined on JSON.
//! Aliases are copied, under a limit on the number of nodes; depth and size have limits as well.

use std::collections::HashMap;

use saphyr::{Scalar, ScalarStyle};
use saphyr_parser::{Event, Parser, Span, StrInput};
use serde_json::{Map, Number, Value};

use crate::diagnostic::{Finding, Place, Rule};

/// The largest file, in bytes.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The deepest nesting.
pub const MAX_DEPTH: usize = 64;
/// The most nodes, those copied by aliases counted each time.
pub const MAX_NODES: usize = 500_000;

/// A loaded spec.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file as JSON.
    pub value: Value,
    places: HashMap<String, Place>,
}

impl Document {
    /// The place of the node at this pointer, or of its nearest ancestor that is there.
    pub fn place(&self, pointer: &str) -> Place {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return *place;
            }
            match pointer.rfind('/') {
                Some(cut) => pointer = pointer.get(..cut).unwrap_or_default(),
                None => return Place::START,
            }
        }
    }
}

/// One segment of a JSON pointer, escaped (RFC 6901).
pub fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

/// Reads YAML (and so JSON as well).
pub fn load(text: &str) -> Result<Document, Vec<Finding>> {
    if text.len() > MAX_BYTES {
        return Err(vec![Finding {
            place: Place::START,
            pointer: String::new(),
            rule: Rule::Yaml,
            reason: format!("The file has {} bytes; the limit is {MAX_BYTES}.", text.len()),
            remedy: "Split the API into several specs.".to_owned(),
        }]);
    }
    let mut loader = Loader {
        parser: Parser::new_from_str(text),
        places: HashMap::new(),
        anchors: HashMap::new(),
        nodes: 0,
        findings: Vec::new(),
    };
    match loader.document() {
        Ok(value) if loader.findings.is_empty() => Ok(Document { value, places: loader.places }),
        Ok(_) => Err(loader.findings),
        Err(fatal) => {
            loader.findings.push(*fatal);
            Err(loader.findings)
        }
    }
}

struct Loader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    places: HashMap<String, Place>,
    /// Anchored values with their number of nodes.
    anchors: HashMap<usize, (Value, usize)>,
    nodes: usize,
    findings: Vec<Finding>,
}

/// Ends the reading: nothing after it can be trusted.
type Fatal = Box<Finding>;

fn yaml(place: Place, pointer: &str, reason: impl Into<String>, remedy: &str) -> Finding {
    Finding {
        place,
        pointer: pointer.to_owned(),
        rule: Rule::Yaml,
        reason: reason.into(),
        remedy: remedy.to_owned(),
    }
}

fn start(span: Span) -> Place {
    Place { line: span.start.line(), column: span.start.col() + 1 }
}

impl<'t> Loader<'t> {
    fn event(&mut self) -> Result<(Event<'t>, Span), Fatal> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let place = Place { line: error.marker().line(), column: error.marker().col() + 1 };
                let reason = format!("This is not YAML: {}.", error.info());
                Err(Box::new(yaml(place, "", reason, "Mend the syntax here or in the lines just above.")))
            }
            None => {
                Err(Box::new(yaml(Place::START, "", "The file ends too early.", "Complete the document.")))
            }
        }
    }

    fn document(&mut self) -> Result<Value, Fatal> {
        let mut root = None;
        loop {
            let (event, span) = self.event()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => break,
                _ if root.is_some() => {
                    let reason = "A second document starts here; a spec is one document.";
                    return Err(Box::new(yaml(
                        start(span),
                        "",
                        reason,
                        "Remove the `---` and what follows.",
                    )));
                }
                event => {
                    self.places.insert(String::new(), start(span));
                    root = Some(self.node(event, span, "", 0)?.0);
                }
            }
        }
        match root {
            Some(value @ Value::Object(_)) => Ok(value),
            Some(_) => {
                let reason = "The document is not a mapping.";
                Err(Box::new(yaml(Place::START, "", reason, "Start with `openapi: 3.0.3`.")))
            }
            None => Err(Box::new(yaml(
                Place::START,
                "",
                "The file is empty.",
                "Write an OpenAPI 3.0.3 document: `openapi`, `info`, `paths`, `components`.",
            ))),
        }
    }

    /// A node and the number of nodes in it.
    fn node(
        &mut self,
        event: Event<'t>,
        span: Span,
        pointer: &str,
        depth: usize,
    ) -> Result<(Value, usize), Fatal> {
        if depth > MAX_DEPTH {
            let reason = format!("Nested deeper than {MAX_DEPTH} levels.");
            return Err(Box::new(yaml(
                start(span),
                pointer,
                reason,
                "Name the inner parts in `components`.",
            )));
        }
        self.count(1, span, pointer)?;
        let (value, size, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(tag) = tag {
                    let reason = format!("The tag `{tag}` has no meaning in OpenAPI.");
                    self.findings.push(yaml(
                        start(span),
                        pointer,
                        reason,
                        "Remove the tag; quote the value to make it a string.",
                    ));
                }
                (self.scalar(&text, style, span, pointer), 1, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                let (value, size) = self.sequence(pointer, depth)?;
                (value, size, anchor)
            }
            Event::MappingStart(anchor, _) => {
                let (value, size) = self.mapping(pointer, depth)?;
                (value, size, anchor)
            }
            Event::Alias(anchor) => {
                let Some((value, size)) = self.anchors.get(&anchor).cloned() else {
                    let reason = "An alias to an anchor that is not complete yet.";
                    return Err(Box::new(yaml(start(span), pointer, reason, "Use a `$ref` instead.")));
                };
                self.count(size, span, pointer)?;
                return Ok((value, size));
            }
            _ => {
                let reason = "A value is missing here.";
                return Err(Box::new(yaml(start(span), pointer, reason, "Write the value.")));
            }
        };
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), size));
        }
        Ok((value, size))
    }

    fn count(&mut self, nodes: usize, span: Span, pointer: &str) -> Result<(), Fatal> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            let reason = format!("More than {MAX_NODES} nodes, aliases counted each time they are used.");
            let remedy = "Use `$ref` instead of YAML aliases, or split the spec.";
            return Err(Box::new(yaml(start(span), pointer, reason, remedy)));
        }
        Ok(())
    }

    fn sequence(&mut self, pointer: &str, depth: usize) -> Result<(Value, usize), Fatal> {
        let (mut items, mut size) = (Vec::new(), 1);
        loop {
            let (event, span) = self.event()?;
            if event == Event::SequenceEnd {
                return Ok((Value::Array(items), size));
            }
            let inner = format!("{pointer}/{}", items.len());
            self.places.insert(inner.clone(), start(span));
            let (value, nodes) = self.node(event, span, &inner, depth + 1)?;
            items.push(value);
            size += nodes;
        }
    }

    fn mapping(&mut self, pointer: &str, depth: usize) -> Result<(Value, usize), Fatal> {
        let (mut map, mut size) = (Map::new(), 1);
        loop {
            let (event, key_span) = self.event()?;
            let key = match event {
                Event::MappingEnd => return Ok((Value::Object(map), size)),
                Event::Scalar(text, ..) => text.into_owned(),
                _ => {
                    let reason = "A key that is not a plain name.";
                    return Err(Box::new(yaml(start(key_span), pointer, reason, "Keys are strings.")));
                }
            };
            let place = start(key_span);
            let inner = format!("{pointer}/{}", escape(&key));
            if key == "<<" {
                let remedy = "Write the keys out, or use a `$ref` where OpenAPI allows one.";
                self.findings.push(yaml(place, pointer, "YAML 1.2 has no merge keys (`<<`).", remedy));
            }
            if let Some(first) = self.places.get(&inner).filter(|_| map.contains_key(&key)) {
                self.findings.push(Finding {
                    place,
                    pointer: inner.clone(),
                    rule: Rule::DuplicateKey,
                    reason: format!(
                        "The key `{key}` is already on line {}; only one would count.",
                        first.line
                    ),
                    remedy: "Remove or rename one of the two.".to_owned(),
                });
            } else {
                self.places.insert(inner.clone(), place);
            }
            let (event, span) = self.event()?;
            let (value, nodes) = self.node(event, span, &inner, depth + 1)?;
            map.insert(key, value);
            size += nodes;
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span, pointer: &str) -> Value {
        if style != ScalarStyle::Plain {
            return Value::String(text.to_owned());
        }
        if text.is_empty() {
            return Value::Null;
        }
        match Scalar::parse_from_cow(text.into()) {
            Scalar::Null => Value::Null,
            Scalar::Boolean(flag) => Value::Bool(flag),
            Scalar::Integer(number) => Value::Number(number.into()),
            Scalar::FloatingPoint(number) => {
                Number::from_f64(number.into_inner()).map(Value::Number).unwrap_or_else(|| {
                    let reason = format!("`{text}` is a number that JSON does not have.");
                    self.findings.push(yaml(
                        start(span),
                        pointer,
                        reason,
                        "Write a finite number, or quote it.",
                    ));
                    Value::Null
                })
            }
            Scalar::String(text) => Value::String(text.into_owned()),
        }
    }
}
