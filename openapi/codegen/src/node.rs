//! A cursor over the document: a value that knows its own JSON pointer, and follows references. What both the linter and the
//! builder walk with. Every step answers an `Option`; nothing here can fail on a malformed document.

use serde_json::{Map, Value};

use crate::load::{Document, escape};

/// How many references in a row are followed before they are taken for a circle.
const MAX_HOPS: usize = 32;

/// A value and where it is.
#[derive(Debug, Clone)]
pub struct Node<'d> {
    document: &'d Document,
    /// The value.
    pub value: &'d Value,
    /// Its JSON pointer.
    pub pointer: String,
}

impl<'d> Node<'d> {
    /// The whole document.
    pub fn root(document: &'d Document) -> Self {
        Self { document, value: &document.value, pointer: String::new() }
    }

    /// The document it belongs to.
    pub fn document(&self) -> &'d Document {
        self.document
    }

    /// The node at a pointer.
    pub fn at(document: &'d Document, pointer: &str) -> Option<Self> {
        let value = document.value.pointer(pointer)?;
        Some(Self { document, value, pointer: pointer.to_owned() })
    }

    /// The entry of this key.
    pub fn get(&self, key: &str) -> Option<Self> {
        Some(self.child(key, self.value.as_object()?.get(key)?))
    }

    /// The entry at the end of these keys.
    pub fn walk(&self, keys: &[&str]) -> Option<Self> {
        keys.iter().try_fold(self.clone(), |node, key| node.get(key))
    }

    fn child(&self, key: &str, value: &'d Value) -> Self {
        Self { document: self.document, value, pointer: format!("{}/{}", self.pointer, escape(key)) }
    }

    /// The mapping, if it is one.
    pub fn object(&self) -> Option<&'d Map<String, Value>> {
        self.value.as_object()
    }

    /// Keys and their nodes; none if it is no mapping.
    pub fn entries(&self) -> impl Iterator<Item = (&'d str, Self)> + use<'d> {
        let this = self.clone();
        self.value
            .as_object()
            .into_iter()
            .flatten()
            .map(move |(key, value)| (key.as_str(), this.child(key, value)))
    }

    /// Keys and nodes of the entry of this key.
    pub fn entries_of(&self, key: &str) -> impl Iterator<Item = (&'d str, Self)> + use<'d> {
        self.get(key).into_iter().flat_map(|node| node.entries())
    }

    /// Elements; none if it is no sequence.
    pub fn items(&self) -> impl Iterator<Item = Self> + use<'d> {
        let this = self.clone();
        self.value.as_array().into_iter().flatten().enumerate().map(move |(index, value)| Self {
            document: this.document,
            value,
            pointer: format!("{}/{index}", this.pointer),
        })
    }

    /// Elements of the entry of this key.
    pub fn items_of(&self, key: &str) -> impl Iterator<Item = Self> + use<'d> {
        self.get(key).into_iter().flat_map(|node| node.items())
    }

    /// Whether it has this key.
    pub fn has(&self, key: &str) -> bool {
        self.value.as_object().is_some_and(|map| map.contains_key(key))
    }

    /// The string under this key.
    pub fn text(&self, key: &str) -> Option<&'d str> {
        self.value.as_object()?.get(key)?.as_str()
    }

    /// Whether the key holds `true`.
    pub fn flag(&self, key: &str) -> bool {
        self.value.as_object().and_then(|map| map.get(key)).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The pointer inside this document that `$ref` names, if this is a reference to one.
    pub fn reference(&self) -> Option<String> {
        self.text("$ref")?.strip_prefix('#').map(str::to_owned)
    }

    /// The name of the schema that this refers to: `$ref: '#/components/schemas/Name'`.
    pub fn schema_name(&self) -> Option<&'d str> {
        self.text("$ref")?.strip_prefix("#/components/schemas/").filter(|name| !name.contains(['/', '~']))
    }

    /// What a reference stands for, through any number of them; itself if it is none.
    pub fn resolve(&self) -> Option<Self> {
        let mut node = self.clone();
        for _ in 0..MAX_HOPS {
            if !node.has("$ref") {
                return Some(node);
            }
            node = Self::at(self.document, &node.reference()?)?;
        }
        None
    }
}
