//! YAML as a tree whose every node knows its line: what comes before a configuration is looked at. Bounded in size, depth and number of nodes, so that
//! no file (aliases of aliases) takes more than it looks like.

use std::collections::HashMap;

use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value};

use super::{Fault, Mark, Step};

/// The largest file, in bytes.
pub(super) const MAX_FILE: usize = 4 << 20;
/// How deep a file may be nested.
pub(super) const MAX_DEPTH: usize = 64;
/// How many values a file may have, aliases counted as what they stand for.
pub(super) const MAX_NODES: usize = 500_000;

/// A value and where it is.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) mark: Mark,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    /// A text, and whether it came from the environment: then it may be meant as a number.
    Text(String, bool),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) mark: Mark,
    pub(super) key: String,
    pub(super) value: Node,
}

impl Node {
    /// What it is, for a person.
    pub(super) const fn name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Number(_) => "a number",
            Kind::Text(..) => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a block of names",
        }
    }

    pub(super) fn value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(value) => Value::Number(value.clone()),
            Kind::Text(text, _) => Value::String(text.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            Kind::Map(entries) => {
                let pairs = entries.iter().map(|entry| (entry.key.clone(), entry.value.value()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// Where a place is, or as far on the way to it as there is something.
    pub(super) fn locate(&self, place: &[Step]) -> Mark {
        let mut node = self;
        let mut mark = self.mark;
        for step in place {
            match (step, &node.kind) {
                (Step::Key(key), Kind::Map(entries)) => {
                    let Some(entry) = entries.iter().find(|entry| entry.key == *key) else { return mark };
                    (node, mark) = (&entry.value, entry.mark);
                }
                (Step::Index(index), Kind::List(items)) => {
                    let Some(item) = items.get(*index) else { return mark };
                    (node, mark) = (item, item.mark);
                }
                _ => return mark,
            }
        }
        match node.kind {
            Kind::Map(_) | Kind::List(_) | Kind::Null => mark,
            _ => node.mark,
        }
    }
}

/// Reads one document. What can be gone on after (a key twice, a variable that is not set) is added to `faults`.
pub(super) fn parse(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    faults: &mut Vec<Fault>,
) -> Result<Node, Fault> {
    if text.len() > MAX_FILE {
        return Err(Fault::new(format!("the file has {} bytes; {MAX_FILE} is the most", text.len())));
    }
    let mut reader =
        Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0, variable, faults };
    let node = reader.document()?;
    Ok(node)
}

struct Reader<'t, 'r> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    variable: &'r dyn Fn(&str) -> Option<String>,
    faults: &'r mut Vec<Fault>,
}

fn mark(span: Span) -> Mark {
    Mark { line: span.start.line(), column: span.start.col() + 1 }
}

fn fault(mark: Mark, message: impl Into<String>) -> Fault {
    Fault { mark: Some(mark), ..Fault::new(message) }
}

impl<'t> Reader<'t, '_> {
    fn next(&mut self) -> Result<(Event<'t>, Mark), Fault> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, mark(span))),
            Some(Err(error)) => {
                let at = Mark { line: error.marker().line(), column: error.marker().col() + 1 };
                Err(fault(at, format!("this is no YAML: {}", error.info())))
            }
            None => Ok((Event::StreamEnd, Mark { line: 1, column: 1 })),
        }
    }

    fn document(&mut self) -> Result<Node, Fault> {
        let empty = Node { mark: Mark { line: 1, column: 1 }, kind: Kind::Map(Vec::new()) };
        let mut root = None;
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(fault(at, "a second document begins here; a configuration is one"));
                }
                Event::DocumentStart(_) => {}
                Event::StreamEnd => return Ok(root.unwrap_or(empty)),
                event => {
                    let node = self.node(event, at, 0)?;
                    root = Some(if matches!(node.kind, Kind::Null) { empty.clone() } else { node });
                }
            }
        }
    }

    fn count(&mut self, nodes: usize, at: Mark) -> Result<(), Fault> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            return Err(fault(
                at,
                format!("more than {MAX_NODES} values, aliases counted as what they stand for"),
            ));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'t>, at: Mark, depth: usize) -> Result<Node, Fault> {
        if depth > MAX_DEPTH {
            return Err(fault(at, format!("nested more than {MAX_DEPTH} deep")));
        }
        let before = self.nodes;
        self.count(1, at)?;
        let (kind, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let as_text = tag.is_some_and(|tag| tag.suffix == "str");
                (self.scalar(&text, style == ScalarStyle::Plain && !as_text, at), anchor)
            }
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break (Kind::List(items), anchor),
                        (event, at) => items.push(self.node(event, at, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(anchor, _) => (self.map(depth)?, anchor),
            Event::Alias(anchor) => {
                let Some((node, nodes)) = self.anchors.get(&anchor).cloned() else {
                    return Err(fault(at, "an alias of something that contains it"));
                };
                self.count(nodes, at)?;
                return Ok(Node { mark: at, ..node });
            }
            _ => return Err(fault(at, "this is no YAML value")),
        };
        let node = Node { mark: at, kind };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes.saturating_sub(before)));
        }
        Ok(node)
    }

    fn map(&mut self, depth: usize) -> Result<Kind, Fault> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        loop {
            let (event, at) = self.next()?;
            let key = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(fault(at, "a name has to be a text")),
            };
            let (event, value_at) = self.next()?;
            let value = self.node(event, value_at, depth + 1)?;
            match value.kind {
                Kind::Map(more) if key == "<<" => merged.extend(more),
                _ if entries.iter().any(|entry| entry.key == key) => {
                    self.faults.push(fault(at, format!("`{key}` is here twice")));
                }
                _ => entries.push(Entry { mark: at, key, value }),
            }
        }
        for entry in merged {
            if !entries.iter().any(|known| known.key == entry.key) {
                entries.push(entry);
            }
        }
        Ok(Kind::Map(entries))
    }

    fn scalar(&mut self, text: &str, plain: bool, at: Mark) -> Kind {
        match fill(text, self.variable) {
            Ok(None) if plain => match Scalar::parse_from_cow(text.into()) {
                Scalar::Null => Kind::Null,
                Scalar::Boolean(value) => Kind::Bool(value),
                Scalar::Integer(value) => Kind::Number(value.into()),
                // Not a number that JSON has: a text, which then is none of what was wanted.
                Scalar::FloatingPoint(value) => {
                    Number::from_f64(*value).map_or_else(|| Kind::Text(text.to_owned(), false), Kind::Number)
                }
                Scalar::String(text) => Kind::Text(text.into_owned(), false),
            },
            Ok(None) => Kind::Text(text.to_owned(), false),
            Ok(Some(filled)) => Kind::Text(filled, true),
            Err(message) => {
                self.faults.push(fault(at, message));
                Kind::Text(String::new(), true)
            }
        }
    }
}

/// Fills in `${NAME}` from the environment; `$${` is `${`. Nothing where there is nothing to fill in.
fn fill(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>, String> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            filled.push_str(before);
            filled.push_str("${");
            rest = after;
            continue;
        }
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            return Err("`${` without its `}`; write `$${` for the signs themselves".to_owned());
        };
        let named = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !named {
            return Err(format!(
                "`${{{name}}}` names no environment variable; write `$${{` for the signs themselves"
            ));
        }
        let Some(value) = variable(name) else {
            return Err(format!("the environment variable `{name}` is not set"));
        };
        filled.push_str(&value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(Some(filled))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<(Value, Vec<String>), String> {
        let mut faults = Vec::new();
        let variable = |name: &str| (name == "SECRET").then(|| "s3 {} \"cret".to_owned());
        let node = parse(text, &variable, &mut faults).map_err(|fault| fault.to_string())?;
        Ok((node.value(), faults.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn a_file_is_read_with_its_types_aliases_and_merges() {
        let (value, faults) =
            read("a: &x {n: 1, t: '1', f: 1.5, b: true, z: ~}\nc: *x\nd: {<<: *x, n: 2}\n").unwrap();
        let x = json!({"n": 1, "t": "1", "f": 1.5, "b": true, "z": null});
        assert_eq!((value["a"].clone(), value["c"].clone(), faults.len()), (x.clone(), x, 0));
        assert_eq!((&value["d"]["n"], &value["d"]["t"]), (&json!(2), &json!("1")));
        assert_eq!(read("").unwrap().0, json!({}));
        assert_eq!(read("# nothing\n").unwrap().0, json!({}));
    }

    #[test]
    fn the_environment_is_filled_in_and_what_is_not_set_is_named() {
        let (value, faults) = read("a: \"x${SECRET}y\"\nb: $${SECRET}\nc: ${GONE}\nd: a${\n").unwrap();
        assert_eq!((&value["a"], &value["b"]), (&json!("xs3 {} \"crety"), &json!("${SECRET}")));
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert_eq!(faults[0], "3:4: the environment variable `GONE` is not set");
    }

    #[test]
    fn what_is_no_configuration_is_refused_with_its_line() {
        assert!(read("a: [1\nb: 2").unwrap_err().contains(": this is no YAML"));
        assert_eq!(read("a: 1\na: 2").unwrap().1, ["2:1: `a` is here twice"]);
        assert!(read("a: 1\n---\nb: 2").unwrap_err().contains("second document"));
        assert!(read(&"[".repeat(500)).is_err());
        assert!(read(&format!("a: {}1{}", "[".repeat(70), "]".repeat(70))).unwrap_err().contains("deep"));
        let mut bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
        for level in 1..12 {
            let list = vec![format!("*a{}", level - 1); 10].join(",");
            bomb += &format!("a{level}: &a{level} [{list}]\n");
        }
        assert!(read(&bomb).unwrap_err().contains("values"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ \\n:a{}\\[\\],&*!|>'\"#$%-]{0,80}") {
            let _ = read(&text);
        }
    }
}
