//! A field of a PATCH body has three states: it is left out, it is `null`, or it has a value. `Option` can tell two of them
//! apart; this tells all three, and keeps them apart through serde in both directions.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A field that may be absent, null or a value.
///
/// A struct's field needs `#[serde(default, skip_serializing_if = "Patch::is_absent")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Patch<T> {
    /// Not in the document: leave it as it is.
    #[default]
    Absent,
    /// `null`: take the value away.
    Null,
    /// This value.
    Value(T),
}

impl<T> Patch<T> {
    /// Whether the field is not in the document.
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether the field is `null`.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The value, if there is one.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The value by value, if there is one.
    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The two states of a change, if there is one: `None` leaves as it is, `Some(None)` takes away, `Some(Some(value))` sets.
    pub fn into_change(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Value(value) => Some(Some(value)),
        }
    }

    /// The same state with another value.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Absent => Patch::Absent,
            Self::Null => Patch::Null,
            Self::Value(value) => Patch::Value(map(value)),
        }
    }
}

impl Patch<()> {
    /// For an optional field that takes any JSON value (`#[serde(default, deserialize_with = "Patch::present")]`): a `null` in the
    /// document is a value that is there, where `Option` alone would read it as nothing.
    ///
    /// # Errors
    /// Those of the value.
    pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        T::deserialize(deserializer).map(Some)
    }
}

impl<T> From<T> for Patch<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}

impl<T> From<Option<T>> for Patch<T> {
    /// `None` is [`Patch::Null`]: whoever names the field means it.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }
}

impl From<&str> for Patch<String> {
    fn from(value: &str) -> Self {
        Self::Value(value.to_owned())
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // A field that is absent is skipped by its struct and does not come here.
            Self::Absent | Self::Null => serializer.serialize_none(),
            Self::Value(value) => serializer.serialize_some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A field that is not there does not come here: its struct takes the default.
        Option::deserialize(deserializer).map(Self::from)
    }
}
