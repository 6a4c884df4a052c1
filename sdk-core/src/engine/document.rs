//! JSON of somebody else's, read whole: the body of an error. It is a reader and nothing more, so that a build for the browser carries no JSON library
//! for the sake of problems.
//!
//! Promises: exactly the texts of RFC 8259 are read (what is cut short is not); numbers stay as they were written, so none is rounded; depth is bounded.

use std::fmt;

use super::redact;

/// Deeper nesting is refused, as a parser of unknown bodies must.
const DEEPEST: u32 = 128;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// `null`
    Null,
    /// `true` or `false`
    Flag(bool),
    /// A number, as it was written.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Document>),
    /// An object's members in order. Of a name that occurs twice, the last one counts.
    Map(Vec<(String, Document)>),
}

/// A member of an object: its name, its value, and how that was written.
pub(crate) type Member<'a> = (String, Document, &'a str);

impl Document {
    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The member of this name.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        let Self::Map(members) = self else { return None };
        members.iter().rfind(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// [`redact::scrub`] for every text within.
    pub(crate) fn scrub(&mut self, secrets: &[&str]) {
        match self {
            Self::Text(text) => *text = redact::scrub(text, secrets),
            Self::List(items) => items.iter_mut().for_each(|item| item.scrub(secrets)),
            Self::Map(members) => members.iter_mut().for_each(|(_, value)| value.scrub(secrets)),
            Self::Null | Self::Flag(_) | Self::Number(_) => {}
        }
    }

    /// The same as the JSON library's value.
    pub(crate) fn value(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Self::Null => Value::Null,
            Self::Flag(flag) => Value::Bool(*flag),
            Self::Number(number) => number.parse().map_or(Value::Null, Value::Number),
            Self::Text(text) => Value::String(text.clone()),
            Self::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            Self::Map(members) => {
                Value::Object(members.iter().map(|(name, value)| (name.clone(), value.value())).collect())
            }
        }
    }
}

/// The members of a body that is one JSON object.
pub(crate) fn object(body: &[u8]) -> Option<Vec<Member<'_>>> {
    let mut reader = Reader { text: str::from_utf8(body).ok()?, place: 0 };
    let members = reader.object(DEEPEST)?;
    reader.space();
    (reader.place == body.len()).then_some(members)
}

struct Reader<'a> {
    text: &'a str,
    place: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.place).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.place += 1;
        }
    }

    /// Takes this byte, if it comes next.
    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.place += usize::from(there);
        there
    }

    fn word(&mut self, word: &str, value: Document) -> Option<Document> {
        let rest = self.text.as_bytes().get(self.place..)?;
        rest.starts_with(word.as_bytes()).then(|| {
            self.place += word.len();
            value
        })
    }

    fn value(&mut self, depth: u32) -> Option<Document> {
        self.space();
        match self.peek()? {
            b'{' => {
                let members = self.object(depth)?;
                Some(Document::Map(members.into_iter().map(|(name, value, _)| (name, value)).collect()))
            }
            b'[' => self.list(depth),
            b'"' => self.string().map(Document::Text),
            b'n' => self.word("null", Document::Null),
            b't' => self.word("true", Document::Flag(true)),
            b'f' => self.word("false", Document::Flag(false)),
            _ => self.number(),
        }
    }

    fn list(&mut self, depth: u32) -> Option<Document> {
        let depth = depth.checked_sub(1)?;
        let mut items = Vec::new();
        self.place += 1;
        self.space();
        if self.take(b']') {
            return Some(Document::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.space();
            if self.take(b']') {
                return Some(Document::List(items));
            }
            self.take(b',').then_some(())?;
        }
    }

    fn object(&mut self, depth: u32) -> Option<Vec<Member<'a>>> {
        let depth = depth.checked_sub(1)?;
        let mut members = Vec::new();
        self.space();
        self.take(b'{').then_some(())?;
        self.space();
        if self.take(b'}') {
            return Some(members);
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            self.take(b':').then_some(())?;
            self.space();
            let from = self.place;
            let value = self.value(depth)?;
            members.push((name, value, self.text.get(from..self.place)?));
            self.space();
            if self.take(b'}') {
                return Some(members);
            }
            self.take(b',').then_some(())?;
        }
    }

    fn string(&mut self) -> Option<String> {
        self.take(b'"').then_some(())?;
        let mut string = String::new();
        loop {
            let from = self.place;
            while !matches!(self.peek()?, b'"' | b'\\' | 0..=0x1f) {
                self.place += 1;
            }
            string.push_str(self.text.get(from..self.place)?);
            if self.take(b'"') {
                return Some(string);
            }
            self.take(b'\\').then_some(())?;
            string.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.place += 1;
        Some(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                if first & 0xfc00 != 0xd800 {
                    return char::from_u32(first);
                }
                (self.take(b'\\') && self.take(b'u')).then_some(())?;
                let second = self.unit().filter(|unit| unit & 0xfc00 == 0xdc00)?;
                char::from_u32(0x10000 + ((first & 0x3ff) << 10) + (second & 0x3ff))?
            }
            _ => return None,
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        let digits = self.text.as_bytes().get(self.place..)?.get(..4)?;
        self.place += 4;
        digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
    }

    fn number(&mut self) -> Option<Document> {
        let from = self.place;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Some(Document::Number(self.text.get(from..self.place)?.to_owned()))
    }

    /// At least one.
    fn digits(&mut self) -> Option<()> {
        let from = self.place;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.place += 1;
        }
        (self.place > from).then_some(())
    }
}

impl fmt::Display for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_what_the_json_library_reads_is_read_and_as_the_same() {
        let texts = [
            r#"{}"#,
            r#" { "a" : [ ] , "b" : [1, -0, 2.50, 1e3, -1.5E-2] } "#,
            r#"{"a":{"b":{"c":null}},"d":true,"e":false,"f":"x"}"#,
            r#"{"a":"\" \\ \/ \b \f \n \r \t \u00e9 \ud83d\ude00 é"}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":+1}"#,
            r#"{"a":1e}"#,
            r#"{"a":"\ud83d"}"#,
            r#"{"a":"\ud83d\u0041"}"#,
            r#"{"a":"\x"}"#,
            "{\"a\":\"line\nbreak\"}",
            r#"{"a":"cut"#,
            r#"{"a":tru}"#,
            r#"{"a" 1}"#,
            r#"{"a":1,}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":1} x"#,
            r#"{,}"#,
            r#"[1]"#,
            r#"null"#,
            "",
        ];
        let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        for text in texts.into_iter().map(str::to_owned).chain([deep(100), deep(200)]) {
            let theirs = serde_json::from_str::<serde_json::Map<_, _>>(&text).ok();
            let ours = object(text.as_bytes())
                .map(|members| members.into_iter().map(|(name, value, _)| (name, value.value())).collect());
            assert_eq!(ours, theirs, "{text}");
        }
        assert!(object(b"{\"a\":\"\xff\"}").is_none());
    }
}
