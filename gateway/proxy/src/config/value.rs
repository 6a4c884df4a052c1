//! Values that people write: `250ms`, `2MiB`.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration: a whole number and `ms`, `s`, `m`, `h` or `d`. `0s` is none.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub Duration);

/// A size in bytes: a whole number, or one with `KiB`, `MiB` or `GiB`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

const TIMES: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
const SIZES: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl Time {
    /// So many milliseconds.
    pub const fn ms(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }

    /// So many seconds.
    pub const fn s(s: u64) -> Self {
        Self(Duration::from_secs(s))
    }

    fn read(text: &str) -> Option<Self> {
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        let (_, ms) = TIMES.iter().find(|(name, _)| *name == unit)?;
        Some(Self(Duration::from_millis(number.checked_mul(*ms)?)))
    }
}

impl Size {
    fn read(text: &str) -> Option<Self> {
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        let factor = if unit.is_empty() { 1 } else { SIZES.iter().find(|(name, _)| *name == unit)?.1 };
        Some(Self(number.checked_mul(factor)?))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if ms == 0 {
            return formatter.write_str("0s");
        }
        let (unit, size) = TIMES.iter().find(|(_, size)| ms.is_multiple_of(*size)).unwrap_or(&("ms", 1));
        write!(formatter, "{}{unit}", ms.checked_div(*size).unwrap_or(ms))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIZES.iter().find(|(_, size)| self.0 != 0 && self.0.is_multiple_of(*size)) {
            Some((unit, size)) => write!(formatter, "{}{unit}", self.0.checked_div(*size).unwrap_or(0)),
            None => write!(formatter, "{}", self.0),
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Debug for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| {
            D::Error::custom(format!("`{text}` is no duration; write 250ms, 5s, 1m, 2h or 1d"))
        })
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(bytes) => Ok(Self(bytes)),
            Written::Text(text) => Self::read(&text).ok_or_else(|| {
                D::Error::custom(format!("`{text}` is no size; write 4096, 64KiB, 2MiB or 1GiB"))
            }),
        }
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]{1,15}(ms|s|m|h|d)$", "description": "A duration: 250ms, 5s, 1m, 2h, 1d." })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A size in bytes: 4096, 64KiB, 2MiB, 1GiB.",
            "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^[0-9]{1,15}(KiB|MiB|GiB)?$" }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_and_shown_as_written() {
        for text in ["0s", "250ms", "5s", "90s", "1m", "2h", "1d"] {
            assert_eq!(Time::read(text).map(|time| time.to_string()).as_deref(), Some(text));
        }
        for text in ["0", "4096", "64KiB", "2MiB", "1GiB"] {
            let shown = Size::read(text).map(|size| size.to_string());
            assert_eq!(shown.as_deref(), Some(if text == "4096" { "4KiB" } else { text }));
        }
        for text in ["", "5", "s", "-1s", "1.5s", "5 s", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(Time::read(text), None, "{text}");
        }
    }
}
