//! What is wrong with a configuration, and where. A policy that cannot be made of what was written says so relative to its own piece; whoever holds that
//! piece adds where it lies ([`Fault::under`]), and the reader of the file adds the line.

use std::fmt;

use serde::Serialize;

/// Something wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where, from the outside in.
    pub place: Vec<Step>,
    /// What is wrong, and what to write instead.
    pub message: String,
    /// Whether the configuration can be used all the same.
    pub level: Level,
    /// Where in the file, if it was read from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}

/// One step into a configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum Step {
    /// A name.
    Key(String),
    /// An item of a list, from 0.
    Index(usize),
}

/// How bad a fault is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The configuration is not used.
    #[default]
    Error,
    /// It is used, but says something that its writer can hardly mean.
    Warning,
}

/// A place in a file, as editors count: from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mark {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Fault {
    /// One of the whole piece.
    pub fn new(message: impl Into<String>) -> Self {
        Self { place: Vec::new(), message: message.into(), level: Level::Error, mark: None }
    }

    /// One of something within the piece.
    pub fn at(step: impl Into<Step>, message: impl Into<String>) -> Self {
        Self::new(message).under(step)
    }

    /// The same, seen from one step further out. The last step added is the outermost: `Fault::new(…).under("origins").under("cors")` is at `cors.origins`.
    #[must_use]
    pub fn under(mut self, step: impl Into<Step>) -> Self {
        self.place.insert(0, step.into());
        self
    }

    /// The same, as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.level = Level::Warning;
        self
    }
}

impl fmt::Display for Fault {
    /// `12:7: routes[3].cors.origins: …`, without what is not known; a warning says that it is one.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Mark { line, column }) = self.mark {
            write!(formatter, "{line}:{column}: ")?;
        }
        if self.level == Level::Warning {
            formatter.write_str("warning: ")?;
        }
        for (index, step) in self.place.iter().enumerate() {
            match step {
                Step::Key(key) if plain(key) => {
                    write!(formatter, "{}{key}", if index == 0 { "" } else { "." })?;
                }
                Step::Key(key) => write!(formatter, "[{key:?}]")?,
                Step::Index(item) => write!(formatter, "[{item}]")?,
            }
        }
        if !self.place.is_empty() {
            formatter.write_str(": ")?;
        }
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

fn plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<String> for Step {
    fn from(key: String) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_where_it_is_from_the_outside_in() {
        let fault = Fault::at(2, "no origin").under("origins").under("cors").under(3).under("routes");
        assert_eq!(fault.to_string(), "routes[3].cors.origins[2]: no origin");
        let marked = Fault { mark: Some(Mark { line: 12, column: 7 }), ..fault.warning() };
        assert_eq!(marked.to_string(), "12:7: warning: routes[3].cors.origins[2]: no origin");
        assert_eq!(Fault::new("empty").to_string(), "empty");
        assert_eq!(Fault::at("a.b", "odd").under("services").to_string(), "services[\"a.b\"]: odd");
    }
}
