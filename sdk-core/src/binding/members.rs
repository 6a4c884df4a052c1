//! Reads a JSON object member by member. All mistakes are collected and told at once, each by its member's name; values are never repeated, since they
//! may be secrets. Null is as good as missing.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::engine::error::Error;
use crate::engine::message::Headers;

pub(super) struct Members {
    about: &'static str,
    place: String,
    members: Map<String, Value>,
    mistakes: Vec<String>,
}

impl Members {
    /// The members of a JSON text, which `about` names in errors.
    pub(super) fn parse(about: &'static str, json: &[u8]) -> Result<Self, Error> {
        match serde_json::from_slice(json) {
            Ok(Value::Object(members)) => Ok(Self::of(about, String::new(), members)),
            Ok(_) => Err(Error::config(format!("{about}: not a JSON object"))),
            Err(error) => Err(Error::config(format!("{about}: not JSON: {error}"))),
        }
    }

    pub(super) fn of(about: &'static str, place: String, members: Map<String, Value>) -> Self {
        Self { about, place, members, mistakes: Vec::new() }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        // `remove` would move the last member into the gap; the order matters to nobody.
        self.members.swap_remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    pub(super) fn mistake(&mut self, name: &str, what: &str) {
        self.mistakes.push(format!("`{}{name}` {what}", self.place));
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            _ => {
                self.mistake(name, "is not a text");
                None
            }
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => Some(flag),
            _ => {
                self.mistake(name, "is not true or false");
                None
            }
        }
    }

    /// A duration in milliseconds.
    pub(super) fn millis(&mut self, name: &str) -> Option<Duration> {
        let value = self.take(name)?;
        let seconds = value.as_f64().map(|millis| millis / 1000.0);
        match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
            Some(duration) => Some(duration),
            None => {
                self.mistake(name, "is not a number of milliseconds from 0 on");
                None
            }
        }
    }

    pub(super) fn count(&mut self, name: &str) -> Option<u32> {
        let value = self.take(name)?;
        let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
        if count.is_none() {
            self.mistake(name, "is not a whole number from 0 on");
        }
        count
    }

    pub(super) fn size(&mut self, name: &str) -> Option<usize> {
        let value = self.take(name)?;
        let size = value.as_u64().and_then(|size| usize::try_from(size).ok());
        if size.is_none() {
            self.mistake(name, "is not a whole number from 0 on");
        }
        size
    }

    /// A list of pairs of name and value.
    pub(super) fn headers(&mut self, name: &str) -> Option<Headers> {
        let value = self.take(name)?;
        let pair = |pair: &Value| match pair.as_array().map(Vec::as_slice) {
            Some([Value::String(name), Value::String(value)]) => Some((name.clone(), value.clone())),
            _ => None,
        };
        let headers: Option<Headers> = value
            .as_array()
            .and_then(|pairs| pairs.iter().map(pair).collect::<Option<Vec<_>>>())
            .map(|pairs| pairs.into_iter().collect());
        if headers.is_none() {
            self.mistake(name, "is not a list of pairs of two texts, name and value");
        }
        headers
    }

    /// `false`, or an object: `Some(None)` and `Some(Some(..))`. `true` is an empty object, which means the defaults.
    pub(super) fn switch<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> Option<Option<T>> {
        let members = match self.take(name)? {
            Value::Bool(false) => return Some(None),
            Value::Bool(true) => Map::new(),
            Value::Object(members) => members,
            _ => {
                self.mistake(name, "is neither false nor an object");
                return None;
            }
        };
        let mut inner = Self::of(self.about, format!("{}{name}.", self.place), members);
        let value = read(&mut inner);
        inner.unknown();
        self.mistakes.append(&mut inner.mistakes);
        Some(Some(value))
    }

    /// What was not taken is not known.
    fn unknown(&mut self) {
        let rest: Vec<String> = self.members.keys().cloned().collect();
        for name in rest {
            self.mistake(
                &name,
                "is not known; is it misspelt, or are the package's two halves of different versions?",
            );
        }
    }

    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.unknown();
        Error::config_of(self.about, &self.mistakes).map_or(Ok(()), Err)
    }
}
