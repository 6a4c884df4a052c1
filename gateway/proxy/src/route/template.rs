//! Texts with blanks: `/v2/{id}/{*}`. Read once; filled in for each request.

use std::sync::Arc;

/// A text with blanks. `{{` and `}}` are braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Blank(Arc<str>),
}

impl Template {
    /// Reads a text whose blanks all have to be known.
    ///
    /// # Errors
    /// A sentence: a blank that is not known, or a brace without its other half.
    pub fn new(text: &str, known: impl Fn(&str) -> bool) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            if let Some(further) = from.strip_prefix("{{") {
                plain.push('{');
                rest = further;
            } else if let Some(further) = from.strip_prefix("}}") {
                plain.push('}');
                rest = further;
            } else if let Some((name, further)) = from.strip_prefix('{').and_then(|from| from.split_once('}'))
            {
                if !known(name) {
                    return Err(format!(
                        "nothing fills in `{{{name}}}` of `{text}`; a brace itself is written twice"
                    ));
                }
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain).into()));
                }
                parts.push(Part::Blank(Arc::from(name)));
                rest = further;
            } else {
                return Err(format!(
                    "`{text}` has a brace without its other half; a brace itself is written twice"
                ));
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain.into()));
        }
        Ok(Self { parts })
    }

    /// Fills in; a blank for which there is nothing stays empty.
    pub fn fill<'a>(&'a self, mut value: impl FnMut(&'a str) -> Option<&'a str>) -> String {
        let mut filled = String::new();
        for part in &self.parts {
            filled.push_str(match part {
                Part::Text(text) => text,
                Part::Blank(name) => value(name).unwrap_or_default(),
            });
        }
        filled
    }

    /// Fills in with texts that are made for it.
    pub(crate) fn fill_with(&self, mut value: impl FnMut(&str) -> Option<String>) -> String {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Blank(name) => filled.push_str(&value(name).unwrap_or_default()),
            }
        }
        filled
    }

    /// The text in front of the first blank, which is always the same.
    pub fn fixed(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The whole text, if nothing is to be filled in.
    pub fn constant(&self) -> Option<&str> {
        (self.parts.len() < 2 && self.blanks().next().is_none()).then(|| self.fixed())
    }

    /// The names of its blanks.
    pub fn blanks(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Blank(name) => Some(&**name),
            Part::Text(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blanks_are_filled_in_and_doubled_braces_are_braces() {
        let template = Template::new("/a/{id}/{*}{{x}}", |_| true).unwrap();
        assert_eq!(template.fill(|name| (name == "id").then_some("7")), "/a/7/{x}");
        assert_eq!((template.fixed(), template.constant()), ("/a/", None));
        assert_eq!(Template::new("a{{", |_| false).unwrap().constant(), Some("a{"));
        assert_eq!(Template::new("", |_| false).unwrap().constant(), Some(""));
    }

    #[test]
    fn what_cannot_be_filled_in_is_named() {
        assert!(Template::new("{who}", |name| name == "id").unwrap_err().contains("`{who}`"));
        assert!(Template::new("{id", |_| true).is_err());
        assert!(Template::new("id}", |_| true).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_escaped_text_comes_back(text in ".{0,40}") {
            let _ = Template::new(&text, |_| true);
            let escaped = text.replace('{', "{{").replace('}', "}}");
            let template = Template::new(&escaped, |_| false).unwrap();
            prop_assert_eq!(template.constant(), Some(text.as_str()));
        }
    }
}
