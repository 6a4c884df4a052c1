//! The path that a service sees.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Pattern, Template};
use crate::config::{Fault, PathRewrite};

/// What becomes of a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewrite(Kind);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Keep,
    Strip(Box<str>),
    Replace(Template),
}

impl Rewrite {
    /// For a route's `path` and the pattern of its match.
    ///
    /// # Errors
    /// A beginning that the pattern does not have; a blank that the pattern does not fill.
    pub fn new(rewrite: &PathRewrite, pattern: &Pattern) -> Result<Self, Fault> {
        match rewrite {
            PathRewrite::Keep => Ok(Self(Kind::Keep)),
            PathRewrite::Strip(beginning) => {
                let plain = Pattern::new(Some(beginning)).map_err(|message| Fault::at("strip", message))?;
                let beginning = plain.fixed();
                if plain.knows(super::REST) || plain.parameters().next().is_some() {
                    let message =
                        format!("only a text can be stripped; write `replace: /{{{}}}`", super::REST);
                    return Err(Fault::at("strip", message));
                }
                let beginning = beginning.trim_end_matches('/');
                if below(&pattern.fixed(), beginning).is_none() {
                    let message = format!("the paths of this route do not all begin with `{beginning}`");
                    return Err(Fault::at("strip", message));
                }
                Ok(Self(Kind::Strip(beginning.into())))
            }
            PathRewrite::Replace(text) => {
                if !text.starts_with('/') {
                    return Err(Fault::at("replace", format!("`{text}` does not begin with `/`")));
                }
                if let Some(bad) =
                    text.chars().find(|c| matches!(c, '?' | '#' | '\\') || !c.is_ascii_graphic())
                {
                    return Err(Fault::at("replace", format!("`{text}` has {bad:?}; encode it as `%..`")));
                }
                let template = Template::new(text, |name| pattern.knows(name));
                template
                    .map(|template| Self(Kind::Replace(template)))
                    .map_err(|message| Fault::at("replace", message))
            }
        }
    }

    /// The path for the service; always begins with one `/` only.
    pub fn apply<'a>(&self, path: &'a str, parameters: &[(Arc<str>, String)]) -> Cow<'a, str> {
        match &self.0 {
            Kind::Keep => Cow::Borrowed(path),
            Kind::Strip(beginning) => match below(path, beginning) {
                None => Cow::Borrowed(path),
                Some("") => Cow::Borrowed("/"),
                Some(rest) => one_slash(Cow::Borrowed(rest)),
            },
            Kind::Replace(template) => one_slash(Cow::Owned(template.fill(|name| value(parameters, name)))),
        }
    }
}

/// What a parameter stands for.
pub(super) fn value<'a>(parameters: &'a [(Arc<str>, String)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(known, _)| **known == *name).map(|(_, value)| value.as_str())
}

/// What follows a beginning of whole segments.
fn below<'a>(path: &'a str, beginning: &str) -> Option<&'a str> {
    path.strip_prefix(beginning).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A path that begins with `//` would be a host to whoever reads it as a reference (RFC 3986 section 4.2).
pub(super) fn one_slash(path: Cow<'_, str>) -> Cow<'_, str> {
    let doubled = |text: &str| text.starts_with("//") || text.starts_with("/\\");
    if !doubled(&path) {
        return path;
    }
    Cow::Owned(format!("/{}", path.trim_start_matches(['/', '\\'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(rewrite: PathRewrite, pattern: &str, path: &str) -> String {
        let pattern = Pattern::new(Some(pattern)).unwrap();
        assert!(pattern.matches(path));
        Rewrite::new(&rewrite, &pattern).unwrap().apply(path, &pattern.parameters_of(path)).into_owned()
    }

    #[test]
    fn a_path_is_kept_stripped_of_whole_segments_or_replaced() {
        let strip = |text: &str| PathRewrite::Strip(text.to_owned());
        let replace = |text: &str| PathRewrite::Replace(text.to_owned());
        assert_eq!(apply(PathRewrite::Keep, "/a/*", "/a/b"), "/a/b");
        assert_eq!(apply(strip("/api"), "/api/orders/*", "/api/orders/7"), "/orders/7");
        assert_eq!(apply(strip("/api/"), "/api/*", "/api"), "/");
        assert_eq!(apply(replace("/v2/{id}/{*}"), "/t/{id}/*", "/t/7/x/y"), "/v2/7/x/y");
        assert_eq!(apply(replace("/{*}"), "/t/*", "/t"), "/");
        assert_eq!(apply(replace("/{*}"), "/t/*", "/t//evil.example"), "/evil.example");
        assert_eq!(apply(strip("/t"), "/t/*", "/t//evil.example"), "/evil.example");
    }

    #[test]
    fn a_rewrite_that_cannot_be_is_refused() {
        let pattern = Pattern::new(Some("/api/{id}")).unwrap();
        for rewrite in [
            PathRewrite::Strip("/other".to_owned()),
            PathRewrite::Strip("/ap".to_owned()),
            PathRewrite::Strip("/api/{id}".to_owned()),
            PathRewrite::Replace("{id}".to_owned()),
            PathRewrite::Replace("/{name}".to_owned()),
            PathRewrite::Replace("/{*}".to_owned()),
            PathRewrite::Replace("/a?b".to_owned()),
        ] {
            assert!(Rewrite::new(&rewrite, &pattern).is_err(), "{rewrite:?}");
        }
    }
}
