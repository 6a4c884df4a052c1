//! The messages between JavaScript and the engine: values of the JSON kinds and bytes, in a binary form that takes no parser and no tables on
//! either side. `glue.js` writes and reads the same form.
//!
//! ```text
//! value  = tag payload          lengths and counts are u32, numbers f64, all little-endian
//! tag    = 0 null | 1 false | 2 true | 3 number f64 | 4 text length utf-8 | 5 bytes length … | 6 list count value* | 7 map count (text value)*
//!          8 number as JSON text: length … (only to JavaScript, which has a reader of numbers)
//! ```
//!
//! Promises: what is read was written whole (a message that is cut short or nested too deep is refused, never guessed at); reading copies no text.

/// Deeper than any message of ours; a problem's unknown members are the only values whose depth somebody else chooses.
const DEEPEST: u32 = 64;

/// A value that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Flag(bool),
    Number(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    List(Vec<Value<'a>>),
    Map(Vec<(&'a str, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// Reads one message.
    pub(crate) fn read(message: &'a [u8]) -> Option<Self> {
        let mut reader = Reader { rest: message };
        let value = reader.value(DEEPEST)?;
        reader.rest.is_empty().then_some(value)
    }

    pub(crate) fn text(&self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    pub(crate) fn flag(&self) -> Option<bool> {
        if let Self::Flag(flag) = self { Some(*flag) } else { None }
    }

    pub(crate) fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Text(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// The items of a list; of anything else none.
    pub(crate) fn items(&self) -> &[Value<'a>] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// The members of a map; of anything else none.
    pub(crate) fn members(&self) -> &[(&'a str, Value<'a>)] {
        if let Self::Map(members) = self { members } else { &[] }
    }

    /// The item at a place of a list; null where there is none.
    pub(crate) fn at(&self, place: usize) -> &Value<'a> {
        self.items().get(place).unwrap_or(&Value::Null)
    }

    /// The member of this name; null where there is none.
    pub(crate) fn member(&self, name: &str) -> &Value<'a> {
        self.members().iter().find(|(key, _)| *key == name).map_or(&Value::Null, |(_, value)| value)
    }

    /// Pairs of name and value, written one after the other in a list.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> + '_ {
        self.items().chunks_exact(2).filter_map(|pair| match pair {
            [Value::Text(name), Value::Text(value)] => Some((*name, *value)),
            _ => None,
        })
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: u32) -> Option<Value<'a>> {
        let depth = depth.checked_sub(1)?;
        Some(match *self.take(1)?.first()? {
            0 => Value::Null,
            1 => Value::Flag(false),
            2 => Value::Flag(true),
            3 => Value::Number(f64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            4 => Value::Text(self.text()?),
            5 => {
                let length = self.length()?;
                Value::Bytes(self.take(length)?)
            }
            6 => {
                let count = self.length()?;
                // A value has at least one byte, so a false count cannot ask for more room than the message has.
                let mut items = Vec::with_capacity(count.min(self.rest.len()));
                for _ in 0..count {
                    items.push(self.value(depth)?);
                }
                Value::List(items)
            }
            7 => {
                let count = self.length()?;
                let mut members = Vec::with_capacity(count.min(self.rest.len()));
                for _ in 0..count {
                    members.push((self.text()?, self.value(depth)?));
                }
                Value::Map(members)
            }
            _ => return None,
        })
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        str::from_utf8(self.take(length)?).ok()
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.take(4)?.try_into().ok()?)).ok()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}

/// Writes one message. A list or map is told its count first, and then given that many values.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) message: Vec<u8>,
}

impl Writer {
    pub(crate) fn null(&mut self) {
        self.message.push(0);
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.message.push(1 + u8::from(flag));
    }

    pub(crate) fn number(&mut self, number: f64) {
        self.message.push(3);
        self.message.extend_from_slice(&number.to_le_bytes());
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.message.push(4);
        self.name(text);
    }

    /// A number as it was written.
    pub(crate) fn written_number(&mut self, number: &str) {
        self.message.push(8);
        self.name(number);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.message.push(5);
        self.length(bytes.len());
        self.message.extend_from_slice(bytes);
    }

    pub(crate) fn list(&mut self, count: usize) {
        self.message.push(6);
        self.length(count);
    }

    pub(crate) fn map(&mut self, count: usize) {
        self.message.push(7);
        self.length(count);
    }

    /// The name of the member whose value is written next.
    pub(crate) fn name(&mut self, name: &str) {
        self.length(name.len());
        self.message.extend_from_slice(name.as_bytes());
    }

    pub(crate) fn maybe_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.null(),
        }
    }

    pub(crate) fn maybe_number(&mut self, number: Option<f64>) {
        match number {
            Some(number) => self.number(number),
            None => self.null(),
        }
    }

    fn length(&mut self, length: usize) {
        // The memory of a wasm module ends at 4 GiB, so every length fits.
        self.message.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Vec<u8> {
        let mut writer = Writer::default();
        writer.list(6);
        writer.null();
        writer.flag(true);
        writer.number(-1.5);
        writer.text("é");
        writer.bytes(&[0, 255]);
        writer.map(2);
        writer.name("a");
        writer.list(0);
        writer.name("b");
        writer.flag(false);
        writer.message
    }

    #[test]
    fn what_was_written_is_read() {
        let message = message();
        let value = Value::read(&message).unwrap();
        let map = Value::Map(vec![("a", Value::List(vec![])), ("b", Value::Flag(false))]);
        let items = vec![
            Value::Null,
            Value::Flag(true),
            Value::Number(-1.5),
            Value::Text("é"),
            Value::Bytes(&[0, 255]),
            map,
        ];
        assert_eq!(value, Value::List(items));
        assert_eq!(value.at(5).member("b").flag(), Some(false));
        assert_eq!(value.at(9), &Value::Null);
    }

    #[test]
    fn a_message_that_is_cut_short_or_has_more_than_one_value_is_none() {
        let message = message();
        for length in 0..message.len() {
            assert_eq!(Value::read(&message[..length]), None, "{length} bytes");
        }
        assert_eq!(Value::read(&[message.as_slice(), &[0]].concat()), None);
    }

    #[test]
    fn a_count_that_lies_and_a_depth_without_end_are_refused() {
        assert_eq!(Value::read(&[6, 255, 255, 255, 255, 0]), None);
        assert_eq!(Value::read(&[4, 255, 255, 255, 255]), None);
        let deep: Vec<u8> = [6, 1, 0, 0, 0].repeat(1000);
        assert_eq!(Value::read(&deep), None);
        assert_eq!(Value::read(&[4, 1, 0, 0, 0, 0xff]), None, "no UTF-8");
    }
}
