//! Whether what was written has the form of a configuration: a walk of the JSON Schema that the types give, made for messages. All faults are found; what is
//! faulty is taken out of the tree, so that the rest can be looked at further.

use serde_json::{Map, Value};

use super::yaml::{Entry, Kind, Node};
use super::{Fault, Mark, Size, Step, Time};

/// The walk.
pub(super) struct Form<'a> {
    definitions: Option<&'a Map<String, Value>>,
    place: Vec<Step>,
    faults: Vec<Fault>,
    hidden: Vec<Vec<Step>>,
}

/// What the walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) faults: Vec<Fault>,
    /// Places of which less is left than was meant: what is missed there, or because of it, is no fault of its own.
    pub(super) hidden: Vec<Vec<Step>>,
}

type Object = Map<String, Value>;

impl<'a> Form<'a> {
    /// The faults of a tree; afterwards it has the form.
    pub(super) fn check(schema: &'a Value, node: &mut Node) -> Found {
        let definitions = schema.get("$defs").and_then(Value::as_object);
        let mut form = Form { definitions, place: Vec::new(), faults: Vec::new(), hidden: Vec::new() };
        if let Some(schema) = schema.as_object()
            && !form.visit(schema, node)
        {
            node.kind = Kind::Map(Vec::new());
        }
        Found { faults: form.faults, hidden: form.hidden }
    }

    fn fault(&mut self, mark: Mark, message: String) {
        self.hidden.push(self.place.clone());
        self.tell(mark, message);
    }

    fn tell(&mut self, mark: Mark, message: String) {
        self.faults.push(Fault { place: self.place.clone(), mark: Some(mark), ..Fault::new(message) });
    }

    fn within<T>(&mut self, step: impl Into<Step>, visit: impl FnOnce(&mut Self) -> T) -> T {
        self.place.push(step.into());
        let result = visit(self);
        self.place.pop();
        result
    }

    fn definition(&self, schema: &'a Object) -> Option<(&'a str, &'a Object)> {
        let name = schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
        Some((name, self.definitions?.get(name)?.as_object()?))
    }

    /// Whether the node can stay.
    fn visit(&mut self, schema: &'a Object, node: &mut Node) -> bool {
        if let Some((name, definition)) = self.definition(schema) {
            return match name {
                "Time" => self.written::<Time>(node, "a duration; write 250ms, 5s, 1m, 2h or 1d"),
                "Size" => self.written::<Size>(node, "a size; write 4096, 64KiB, 2MiB or 1GiB"),
                _ => self.visit(definition, node),
            };
        }
        let choices = self.choices(schema);
        if !choices.is_empty() {
            return self.choose(&choices, node);
        }
        let types = types(schema);
        if types.contains(&"null") && matches!(node.kind, Kind::Null) {
            return true;
        }
        self.coerce(&types, node);
        if !types.is_empty() && !types.iter().any(|kind| is(node, kind)) {
            return self.other_kind(&types, node);
        }
        match &mut node.kind {
            Kind::Map(entries) => {
                let mark = node.mark;
                self.object(schema, entries, mark)
            }
            Kind::List(items) => {
                self.list(schema, items);
                true
            }
            Kind::Number(number) => {
                let number = number.clone();
                self.bounds(schema, &number, node.mark)
            }
            Kind::Text(text, _) => {
                let text = text.clone();
                self.words(schema, &text, node.mark)
            }
            _ => true,
        }
    }

    /// A value that reads itself.
    fn written<T: serde::de::DeserializeOwned>(&mut self, node: &mut Node, what: &str) -> bool {
        if matches!(node.kind, Kind::List(_) | Kind::Map(_) | Kind::Bool(_) | Kind::Null) {
            self.fault(node.mark, format!("{} is not {what}", node.name()));
            return false;
        }
        match serde_json::from_value::<T>(node.value()) {
            Ok(_) => true,
            Err(error) => {
                let message = match &node.kind {
                    Kind::Number(number) => format!("`{number}` is not {what}"),
                    _ => error.to_string(),
                };
                self.fault(node.mark, message);
                false
            }
        }
    }

    /// The alternatives of a schema, theirs included; none where it is no choice.
    fn choices(&self, schema: &'a Object) -> Vec<&'a Object> {
        let some = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array);
        let mut choices = Vec::new();
        for choice in some.into_iter().flatten().filter_map(Value::as_object) {
            match self.definition(choice) {
                Some(("Time" | "Size", _)) | None => {
                    let inner = self.choices(choice);
                    if inner.is_empty() { choices.push(choice) } else { choices.extend(inner) }
                }
                Some((_, definition)) => {
                    let inner = self.choices(definition);
                    if inner.is_empty() { choices.push(definition) } else { choices.extend(inner) }
                }
            }
        }
        choices
    }

    fn choose(&mut self, choices: &[&'a Object], node: &mut Node) -> bool {
        if matches!(node.kind, Kind::Null) && choices.iter().any(|choice| types(choice).contains(&"null")) {
            return true;
        }
        let choices: Vec<_> =
            choices.iter().copied().filter(|choice| types(choice).as_slice() != ["null"]).collect();
        if let [only] = choices.as_slice() {
            return self.visit(only, node);
        }
        let words: Vec<&str> = choices.iter().flat_map(|choice| words(choice)).collect();
        let tags: Vec<&str> = choices.iter().filter_map(|choice| tag(choice)).map(|(tag, _)| tag).collect();
        let all = || words.iter().copied().chain(tags.iter().copied());
        match &mut node.kind {
            Kind::Text(text, _) if !words.is_empty() || !tags.is_empty() => {
                if words.contains(&text.as_str()) {
                    return true;
                }
                let message = match tags.iter().find(|tag| *tag == text) {
                    Some(tag) => format!("`{tag}` needs its value: `{{ {tag}: … }}`"),
                    None => no_such(text, all()),
                };
                self.fault(node.mark, message);
                false
            }
            Kind::Map(entries) if !tags.is_empty() => {
                let mark = node.mark;
                let [entry] = entries.as_mut_slice() else {
                    self.fault(mark, format!("exactly one of {} is wanted here", one_of(tags.into_iter())));
                    return false;
                };
                let found =
                    choices.iter().filter_map(|choice| tag(choice)).find(|(tag, _)| *tag == entry.key);
                let Some((_, schema)) = found else {
                    let message = if words.contains(&entry.key.as_str()) {
                        format!("`{}` stands alone, without a value", entry.key)
                    } else {
                        no_such(&entry.key, all())
                    };
                    self.fault(entry.mark, message);
                    return false;
                };
                self.within(entry.key.as_str(), |form| form.visit(schema, &mut entry.value))
            }
            _ => match choices.iter().find(|choice| types(choice).iter().any(|kind| is(node, kind))) {
                Some(choice) => self.visit(choice, node),
                None => {
                    let mut kinds: Vec<_> = choices.iter().flat_map(|choice| types(choice)).collect();
                    kinds.dedup();
                    self.other_kind(&kinds, node)
                }
            },
        }
    }

    /// A text from the environment may be meant as something else.
    fn coerce(&self, types: &[&str], node: &mut Node) {
        let Kind::Text(text, true) = &node.kind else { return };
        if types.contains(&"string") {
            return;
        }
        let value = serde_json::from_str::<Value>(text.trim());
        match value {
            Ok(Value::Number(number)) => node.kind = Kind::Number(number),
            Ok(Value::Bool(value)) => node.kind = Kind::Bool(value),
            _ => {}
        }
    }

    fn other_kind(&mut self, types: &[&str], node: &Node) -> bool {
        let wanted = types.iter().filter(|kind| **kind != "null").map(|kind| match *kind {
            "string" => "a text",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "true or false",
            "array" => "a list",
            _ => "a block of names",
        });
        let mut wanted: Vec<_> = wanted.collect();
        wanted.dedup();
        let wanted = wanted.join(" or ");
        let message = match &node.kind {
            Kind::Null => format!("{wanted} is missing"),
            Kind::Number(number) if types.contains(&"string") => {
                format!("{wanted} is wanted; write \"{number}\" in quotes")
            }
            Kind::Bool(value) if types.contains(&"string") => {
                format!("{wanted} is wanted; write \"{value}\" in quotes")
            }
            Kind::Text(..) if types.contains(&"array") => {
                format!("{wanted} is wanted, and this is a text; put it in `[ ]`")
            }
            _ => format!("{wanted} is wanted, and this is {}", node.name()),
        };
        self.fault(node.mark, message);
        false
    }

    fn object(&mut self, schema: &'a Object, entries: &mut Vec<Entry>, mark: Mark) -> bool {
        let empty = Object::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        let further = schema.get("additionalProperties");
        let names: Vec<&str> = properties.unwrap_or(&empty).keys().map(String::as_str).collect();
        entries.retain_mut(|entry| {
            let known = properties.and_then(|properties| properties.get(&entry.key));
            match known.or(further) {
                Some(Value::Bool(false)) => {
                    let message = no_such(&entry.key, names.iter().copied());
                    if let Some(meant) = near(&entry.key, names.iter().copied()) {
                        self.within(meant, |form| form.hidden.push(form.place.clone()));
                    }
                    self.within(entry.key.as_str(), |form| form.tell(entry.mark, message));
                    false
                }
                Some(Value::Object(schema)) => {
                    self.within(entry.key.as_str(), |form| form.visit(schema, &mut entry.value))
                }
                _ => true,
            }
        });
        let required = schema.get("required").and_then(Value::as_array);
        let missing: Vec<_> = required
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|name| !entries.iter().any(|entry| entry.key == *name))
            .collect();
        // What is required and was taken out has been told of already.
        for name in &missing {
            let told = self.faults.iter().any(|fault| {
                fault
                    .place
                    .split_last()
                    .is_some_and(|(last, place)| *last == Step::from(*name) && *place == *self.place)
            });
            if !told {
                self.fault(mark, format!("`{name}` is missing"));
            }
        }
        missing.is_empty()
    }

    fn list(&mut self, schema: &'a Object, items: &mut Vec<Node>) {
        let prefix = schema.get("prefixItems").and_then(Value::as_array);
        let mut index = 0;
        let length = prefix.map(Vec::len);
        if let (Some(length), Some(first)) = (length, items.first())
            && items.len() != length
        {
            let message = format!("{length} items are wanted, and these are {}", items.len());
            self.fault(first.mark, message);
            items.clear();
        }
        items.retain_mut(|item| {
            let here = index;
            index += 1;
            let schema = prefix.and_then(|prefix| prefix.get(here)).or_else(|| schema.get("items"));
            let Some(schema) = schema.and_then(Value::as_object) else { return true };
            let kept = self.within(here, |form| form.visit(schema, item));
            // An item that may be empty stays as such, so that those after it keep their numbers.
            let whole = self.definition(schema).map_or(schema, |(_, definition)| definition);
            if !kept && types(whole) == ["object"] && !whole.contains_key("required") {
                item.kind = Kind::Map(Vec::new());
                return true;
            }
            kept
        });
    }

    fn bounds(&mut self, schema: &'a Object, number: &serde_json::Number, mark: Mark) -> bool {
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
        let widest = match format {
            "uint8" => Some((0.0, f64::from(u8::MAX))),
            "uint16" => Some((0.0, f64::from(u16::MAX))),
            "uint32" => Some((0.0, f64::from(u32::MAX))),
            "int32" => Some((f64::from(i32::MIN), f64::from(i32::MAX))),
            _ => None,
        };
        let least = bound("minimum").or(widest.map(|(least, _)| least));
        let most = bound("maximum").or(widest.map(|(_, most)| most));
        let value = number.as_f64().unwrap_or(f64::NAN);
        let fits = least.is_none_or(|least| value >= least) && most.is_none_or(|most| value <= most);
        if !fits {
            let message = match (least, most) {
                (Some(least), Some(most)) => format!("{number} is not within {least} and {most}"),
                (Some(least), None) => format!("{number} is less than {least}"),
                _ => format!("{number} is more than {}", most.unwrap_or_default()),
            };
            self.fault(mark, message);
        }
        fits
    }

    fn words(&mut self, schema: &'a Object, text: &str, mark: Mark) -> bool {
        let words = words(schema);
        if words.is_empty() || words.contains(&text) {
            return true;
        }
        self.fault(mark, no_such(text, words.into_iter()));
        false
    }
}

fn types(schema: &Object) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is(node: &Node, kind: &str) -> bool {
    match &node.kind {
        Kind::Null => kind == "null",
        Kind::Bool(_) => kind == "boolean",
        Kind::Number(number) => kind == "number" || kind == "integer" && !number.is_f64(),
        Kind::Text(..) => kind == "string",
        Kind::List(_) => kind == "array",
        Kind::Map(_) => kind == "object",
    }
}

/// The words that a schema names.
fn words(schema: &Object) -> Vec<&str> {
    let one = schema.get("const").and_then(Value::as_str);
    let some = schema.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    one.into_iter().chain(some).collect()
}

/// The name and the value's schema of an alternative that is `{ name: value }`.
fn tag(schema: &Object) -> Option<(&str, &Object)> {
    let [Value::String(required)] = schema.get("required")?.as_array()?.as_slice() else { return None };
    let properties = schema.get("properties")?.as_object()?;
    if properties.len() != 1 {
        return None;
    }
    let (name, value) = properties.iter().next()?;
    (name == required).then_some((name.as_str(), value.as_object()?))
}

fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// What is not there, and what may have been meant.
pub(crate) fn no_such<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.collect();
    match (near(word, known.iter().copied()), known.as_slice()) {
        (_, []) => format!("`{word}` is not known here; nothing is wanted"),
        (Some(near), _) => format!("`{word}` is not known here; is `{near}` meant?"),
        (None, _) => format!("`{word}` is not known here; write one of {}", known.join(", ")),
    }
}

/// The word that is most like another, if one is enough so.
fn near<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::normalized_damerau_levenshtein(word, candidate), candidate))
        .filter(|(near, _)| *near > 0.6)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, candidate)| candidate)
}
