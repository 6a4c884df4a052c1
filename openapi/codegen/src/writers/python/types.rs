//! Uses of types as annotations, and bounds: as words for people and as `Meta` for msgspec.

use std::collections::BTreeSet;

use serde_json::Value;

use super::code::{Code, call};
use super::names::Names;
use super::text::pattern;
use crate::model::{Api, Bounds, Field, Shape, TypeRef};

/// What a file refers to: names to import, and schemas of which modules.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// Names of the standard library, msgspec and the runtime.
    pub(super) names: BTreeSet<&'static str>,
    /// Names of models, each after the module that it is in.
    pub(super) types: BTreeSet<(String, String)>,
    /// Names that the file has already: a model of such a name is imported under another.
    pub(super) taken: &'static [&'static str],
}

impl Needs {
    /// What a model is called in this file.
    pub(super) fn local(&self, name: &str) -> String {
        if self.taken.contains(&name) { format!("{name}Model") } else { name.to_owned() }
    }

    /// Notes a name and answers it.
    pub(super) fn name(&mut self, name: &'static str) -> &'static str {
        self.names.insert(name);
        name
    }
}

/// Which way a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The program gives it: any sequence or mapping will do.
    In,
    /// The server gives it, or both do.
    Out,
}

/// A use of a type.
pub(super) fn annotation(api: &Api, names: &Names, ty: &TypeRef, way: Way, needs: &mut Needs) -> String {
    match ty {
        TypeRef::Named(name) => {
            let is_enum = matches!(api.types.get(name).map(|def| &def.shape), Some(Shape::Enum(_)));
            let text = if is_enum { names.values(name) } else { names.ty(name) };
            needs.types.insert((names.module_of(name).to_owned(), text.clone()));
            needs.local(&text)
        }
        TypeRef::String(_) => "str".into(),
        TypeRef::Integer { .. } => "int".into(),
        TypeRef::Number => "float".into(),
        TypeRef::Boolean => "bool".into(),
        TypeRef::Array(item) => {
            let item = annotation(api, names, item, way, needs);
            let list = if way == Way::In { needs.name("Sequence") } else { "list" };
            format!("{list}[{item}]")
        }
        TypeRef::Map(value) => {
            let value = annotation(api, names, value, way, needs);
            let map = if way == Way::In { needs.name("Mapping") } else { "dict" };
            format!("{map}[str, {value}]")
        }
        TypeRef::Any => needs.name("Any").into(),
    }
}

/// The alternatives beside a field's type.
pub(super) fn states(field: &Field, needs: &mut Needs) -> String {
    let mut text = String::new();
    if field.nullable {
        text.push_str(" | None");
    }
    if !field.required {
        text.push_str(&format!(" | {}", needs.name("UnsetType")));
    }
    text
}

/// The bounds of a field with those of the aliases that it goes by; its own win.
pub(super) fn bounds_of(api: &Api, ty: &TypeRef, own: &Bounds) -> Bounds {
    let mut bounds = own.clone();
    let mut ty = ty;
    for _ in 0..api.types.len() {
        let TypeRef::Named(name) = ty else { break };
        let Some(Shape::Alias(inner, more)) = api.types.get(name).map(|def| &def.shape) else { break };
        bounds.minimum = bounds.minimum.or(more.minimum);
        bounds.maximum = bounds.maximum.or(more.maximum);
        bounds.min_length = bounds.min_length.or(more.min_length);
        bounds.max_length = bounds.max_length.or(more.max_length);
        bounds.pattern = bounds.pattern.or_else(|| more.pattern.clone());
        ty = inner;
    }
    bounds
}

/// `Meta(ge=1)`: what msgspec checks of the bounds; none if it checks nothing.
pub(super) fn meta(api: &Api, ty: &TypeRef, bounds: &Bounds, needs: &mut Needs) -> Option<Code> {
    let mut checks = Vec::new();
    match api.resolve(ty) {
        TypeRef::Integer { .. } => {
            checks.extend(bounds.minimum.and_then(|least| whole("ge", least.ceil())));
            checks.extend(bounds.maximum.and_then(|most| whole("le", most.floor())));
        }
        TypeRef::Number => {
            checks.extend(bounds.minimum.map(|least| format!("ge={}", number(least))));
            checks.extend(bounds.maximum.map(|most| format!("le={}", number(most))));
        }
        TypeRef::String(_) => {
            checks.extend(lengths(bounds));
            let usable = bounds.pattern.as_ref().filter(|pattern| is_common(pattern));
            checks.extend(usable.map(|text| format!("pattern={}", pattern(text))));
        }
        TypeRef::Array(_) => checks.extend(lengths(bounds)),
        _ => {}
    }
    if checks.is_empty() {
        return None;
    }
    Some(call(needs.name("Meta"), checks.into_iter().map(Code::text).collect()))
}

/// A bound that is exact in a double.
fn whole(name: &str, bound: f64) -> Option<String> {
    (bound.abs() <= 9_007_199_254_740_992.0).then(|| format!("{name}={bound:.0}"))
}

fn number(bound: f64) -> String {
    if bound.fract() == 0.0 && bound.abs() < 1e15 { format!("{bound:.0}") } else { format!("{bound:?}") }
}

fn lengths(bounds: &Bounds) -> impl Iterator<Item = String> {
    let most = i64::MAX as u64;
    let least = bounds.min_length.filter(|least| *least > 0 && *least <= most);
    let greatest = bounds.max_length.filter(|greatest| *greatest <= most);
    let least = least.map(|least| format!("min_length={least}"));
    least.into_iter().chain(greatest.map(|greatest| format!("max_length={greatest}")))
}

/// Whether a regular expression is sure to mean no less in Python than where the contract has it from (ECMA 262). One that is not is left to the
/// server.
fn is_common(pattern: &str) -> bool {
    let mut characters = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        let next = characters.peek().copied();
        match character {
            '\\' => match next {
                Some('d' | 'w' | 's' | 't' | 'n' | 'r') => {
                    characters.next();
                }
                Some(code @ ('x' | 'u')) => {
                    let digits = if code == 'x' { 2 } else { 4 };
                    characters.next();
                    if characters.clone().take(digits).filter(char::is_ascii_hexdigit).count() < digits {
                        return false;
                    }
                }
                Some(other) if other.is_ascii_punctuation() => {
                    characters.next();
                }
                _ => return false,
            },
            '[' if in_class => return false,
            '[' => {
                in_class = true;
                if next == Some('^') {
                    characters.next();
                }
                if characters.peek() == Some(&']') {
                    return false;
                }
            }
            ']' => in_class = false,
            '(' if !in_class && next == Some('?') => {
                let rest: String = characters.clone().skip(1).take(1).collect();
                if rest != ":" && rest != "=" && rest != "!" {
                    return false;
                }
            }
            '&' | '|' | '~' | '-' if in_class && next == Some(character) => return false,
            other if !other.is_ascii() || other.is_control() => return false,
            _ => {}
        }
    }
    !in_class
}

/// Bounds and default, for people: `1 to 100. Default: 20.`
pub(super) fn words(api: &Api, ty: &TypeRef, bounds: &Bounds, default: Option<&Value>) -> String {
    let mut words: Vec<String> = Vec::new();
    let (least, most) = (bounds.minimum.map(number), bounds.maximum.map(number));
    match (least, most) {
        (Some(least), Some(most)) => words.push(format!("{least} to {most}")),
        (Some(least), None) => words.push(format!("at least {least}")),
        (None, Some(most)) => words.push(format!("at most {most}")),
        (None, None) => {}
    }
    let unit = match api.resolve(ty) {
        TypeRef::Array(_) => "items",
        _ => "characters",
    };
    match (bounds.min_length.filter(|least| *least > 0), bounds.max_length) {
        (Some(least), Some(most)) if least == most => words.push(format!("{least} {unit}")),
        (Some(least), Some(most)) => words.push(format!("{least} to {most} {unit}")),
        (Some(least), None) => words.push(format!("at least {least} {unit}")),
        (None, Some(most)) => words.push(format!("at most {most} {unit}")),
        (None, None) => {}
    }
    if let Some(pattern) = &bounds.pattern {
        words.push(format!("matches `{pattern}`"));
    }
    if let TypeRef::String(Some(format)) = api.resolve(ty) {
        words.extend(match format.as_str() {
            "date-time" => Some("RFC 3339".to_owned()),
            "date" => Some("a date, `2026-01-31`".to_owned()),
            "uri" | "email" | "uuid" => Some(format.clone()),
            _ => None,
        });
    }
    let mut text = capitalised(&words.join("; "));
    if !text.is_empty() {
        text.push('.');
    }
    if let Some(default) = default {
        let default = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        text.push_str(&format!("{}Default: `{default}`.", if text.is_empty() { "" } else { " " }));
    }
    text
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// A description and what follows it, each a sentence.
pub(super) fn sentences(description: &str, more: &str) -> String {
    let description = description.trim();
    match (description.is_empty(), more.is_empty()) {
        (_, true) => description.to_owned(),
        (true, false) => more.to_owned(),
        (false, false) => {
            let stop = if description.ends_with(['.', '!', '?', ':', ';', '`', '|']) { "" } else { "." };
            let stop = if description.ends_with('`') { "." } else { stop };
            format!("{description}{stop} {more}")
        }
    }
}

#[cfg(test)]
mod tests {
    //! Bounds are checked where Python means the same by them, and told everywhere.

    use super::*;

    #[test]
    fn only_patterns_that_mean_the_same_in_python_are_checked() {
        for pattern in
            ["^[A-Z]{3}$", r"^[\x21-\x7e]+$", r"^(\*|[a-z][a-z_]*:(\*|[a-z]+))$", r"^\d+(?:-\d+)?$"]
        {
            assert!(is_common(pattern), "{pattern}");
        }
        for pattern in
            [r"\p{L}", r"(?<name>a)", r"[^]", r"\W", r"\u{1F600}", "[[a]", r"(?i)a", "ß", "[a", r"\cA"]
        {
            assert!(!is_common(pattern), "{pattern}");
        }
    }

    #[test]
    fn a_bound_that_a_double_cannot_hold_is_left_to_the_server() {
        assert_eq!(whole("le", 9_007_199_254_740_991.0).as_deref(), Some("le=9007199254740991"));
        assert_eq!(whole("le", 1e300), None);
        assert_eq!((number(0.5), number(-3.0)), ("0.5".to_owned(), "-3".to_owned()));
    }

    #[test]
    fn what_is_told_reads_as_sentences() {
        assert_eq!(sentences("How many", "1 to 5."), "How many. 1 to 5.");
        assert_eq!(sentences("", "1 to 5."), "1 to 5.");
        assert_eq!(sentences("One of `a`", "Default: `a`."), "One of `a`. Default: `a`.");
    }
}
