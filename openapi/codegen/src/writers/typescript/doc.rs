//! TSDoc: what the spec says, as an editor shows it over a name.

use serde_json::Value;

use super::literal::inline;
use super::names::Names;
use crate::model::{Api, Bounds, Shape, TypeRef};

/// The longest comment that stands on one line.
const LINE: usize = 120;

/// One comment.
#[derive(Debug, Default)]
pub(super) struct Doc {
    lines: Vec<String>,
    tagged: bool,
}

impl Doc {
    /// With this paragraph.
    pub(super) fn of(text: &str) -> Self {
        let mut doc = Self::default();
        doc.paragraph(text);
        doc
    }

    /// Another paragraph; nothing for an empty text.
    pub(super) fn paragraph(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            if !self.lines.is_empty() {
                self.lines.push(String::new());
            }
            self.lines.extend(text.lines().map(|line| line.trim_end().to_owned()));
        }
    }

    /// A block tag: `@param name - text`. Tags stand together, below the paragraphs.
    pub(super) fn tag(&mut self, text: &str) {
        if !self.tagged && !self.lines.is_empty() {
            self.lines.push(String::new());
        }
        self.tagged = true;
        self.lines.extend(text.trim_end().lines().map(|line| line.trim_end().to_owned()));
    }

    /// The comment with its line break, indented by so many spaces; nothing if there is nothing to say.
    pub(super) fn render(&self, indent: usize) -> String {
        let pad = " ".repeat(indent);
        let lines: Vec<String> = self.lines.iter().map(|line| line.replace("*/", "*\\/")).collect();
        match lines.as_slice() {
            [] => String::new(),
            [only] if only.len() + indent <= LINE => format!("{pad}/** {only} */\n"),
            lines => {
                let inner: String =
                    lines.iter().map(|line| format!("{pad} * {line}").trim_end().to_owned() + "\n").collect();
                format!("{pad}/**\n{inner}{pad} */\n")
            }
        }
    }
}

/// Prose of a spec: what TSDoc would take for a tag or a link is escaped, and an operation in backticks is called what it is called here.
pub(super) fn prose(names: &Names, markdown: &str) -> String {
    let mut output = Vec::new();
    let mut fenced = false;
    for line in markdown.trim().lines() {
        let fence = line.trim_start().starts_with("```");
        output.push(if fence || fenced { line.to_owned() } else { escaped(names, line) });
        fenced ^= fence;
    }
    output.join("\n")
}

fn escaped(names: &Names, line: &str) -> String {
    let mut output = String::with_capacity(line.len());
    // Every second piece stands between backticks, but for the last if there is no closing one.
    let pieces: Vec<&str> = line.split('`').collect();
    for (place, piece) in pieces.iter().enumerate() {
        let code = place % 2 == 1 && place + 1 < pieces.len();
        if place > 0 {
            output.push('`');
        }
        match names.called(piece) {
            Some(method) if code => output.push_str(method),
            _ if code => output.push_str(piece),
            _ => {
                for character in piece.chars() {
                    if matches!(character, '@' | '{' | '}' | '<') {
                        output.push('\\');
                    }
                    output.push(character);
                }
            }
        }
    }
    output
}

/// One line of prose.
pub(super) fn line(names: &Names, markdown: &str) -> String {
    prose(names, markdown).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a value must be besides its type, in words: unit-free, since units are in the description.
pub(super) fn facts(api: &Api, ty: &TypeRef, own: &Bounds) -> String {
    let bounds = merged(api, ty, own);
    let mut facts = Vec::new();
    match api.resolve(ty) {
        TypeRef::Integer { .. } => facts.push(join("Integer", range(bounds.minimum, bounds.maximum))),
        TypeRef::Number => {
            facts.extend(range(bounds.minimum, bounds.maximum).map(|range| join("Number", Some(range))))
        }
        TypeRef::String(format) => {
            facts.extend(format.as_deref().and_then(format_words));
            facts.extend(length(&bounds, "character"));
        }
        TypeRef::Array(_) => facts.extend(length(&bounds, "item")),
        _ => {}
    }
    if let Some(pattern) = &bounds.pattern {
        let fence = if pattern.contains('`') { "``" } else { "`" };
        facts.push(format!("Pattern {fence}{pattern}{fence}"));
    }
    facts.into_iter().map(|fact| fact + ".").collect::<Vec<_>>().join(" ")
}

/// A use's own bounds, and those of the names that it goes by.
fn merged(api: &Api, ty: &TypeRef, own: &Bounds) -> Bounds {
    let mut bounds = own.clone();
    let mut ty = ty;
    for _ in 0..api.types.len() {
        let TypeRef::Named(name) = ty else { break };
        let Some(Shape::Alias(target, alias)) = api.types.get(name).map(|def| &def.shape) else { break };
        bounds.minimum = bounds.minimum.or(alias.minimum);
        bounds.maximum = bounds.maximum.or(alias.maximum);
        bounds.min_length = bounds.min_length.or(alias.min_length);
        bounds.max_length = bounds.max_length.or(alias.max_length);
        bounds.pattern = bounds.pattern.or_else(|| alias.pattern.clone());
        ty = target;
    }
    bounds
}

fn join(word: &str, range: Option<String>) -> String {
    range.map_or_else(|| word.to_owned(), |range| format!("{word}, {range}"))
}

fn range(minimum: Option<f64>, maximum: Option<f64>) -> Option<String> {
    match (minimum, maximum) {
        (Some(minimum), Some(maximum)) => Some(format!("{minimum} to {maximum}")),
        (Some(minimum), None) => Some(format!("at least {minimum}")),
        (None, Some(maximum)) => Some(format!("at most {maximum}")),
        (None, None) => None,
    }
}

fn length(bounds: &Bounds, unit: &str) -> Option<String> {
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    match (bounds.min_length.filter(|least| *least > 0), bounds.max_length) {
        (Some(least), Some(most)) if least == most => Some(format!("{most} {unit}{}", plural(most))),
        (Some(least), Some(most)) => Some(format!("{least} to {most} {unit}s")),
        (Some(least), None) => Some(format!("At least {least} {unit}{}", plural(least))),
        (None, Some(most)) => Some(format!("At most {most} {unit}{}", plural(most))),
        (None, None) => None,
    }
}

fn format_words(format: &str) -> Option<String> {
    Some(match format {
        "date-time" => "RFC 3339 date and time".to_owned(),
        "date" => "RFC 3339 date".to_owned(),
        "uri" => "URI".to_owned(),
        "email" => "Email address".to_owned(),
        "uuid" => "UUID".to_owned(),
        // Told by the field being secret, and binary is no JSON.
        "password" | "binary" => return None,
        other => format!("Format `{other}`"),
    })
}

/// What an editor shows of a default and an example.
pub(super) fn samples(doc: &mut Doc, default: Option<&Value>, example: Option<&Value>) {
    if let Some(default) = default {
        doc.tag(&format!("@defaultValue `{}`", inline(default)));
    }
    if let Some(example) = example {
        doc.tag(&format!("@example {}", super::literal::literal(example, 12, 0)));
    }
}
