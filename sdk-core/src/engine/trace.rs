//! W3C Trace Context (the `traceparent` header, level 1). A call is one trace or part of its caller's; every attempt is a span of it, so
//! that a server's logs tell the attempts of one call apart.

use std::fmt;

use super::random::Generator;
use super::text::pieces;

/// A `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// 16 bytes, not all zero.
    pub trace_id: u128,
    /// 8 bytes, not all zero.
    pub span_id: u64,
    /// Bit 0: sampled.
    pub flags: u8,
}

impl TraceParent {
    /// Reads a header's value. `None` when the specification calls it invalid; a later version is read by the first version's rules.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = pieces(text.trim_ascii(), b'-');
        let version = hex(parts.next()?, 2)?;
        let trace_id = hex(parts.next()?, 32)?;
        let span_id = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
        let valid =
            version != 0xff && trace_id != 0 && span_id != 0 && (version != 0 || parts.next().is_none());
        valid.then_some(Self { trace_id, span_id, flags })
    }

    /// A new trace.
    pub fn start(random: &mut Generator) -> Self {
        let trace_id = (u128::from(random.draw()) << 64) | u128::from(random.draw());
        Self { trace_id: trace_id.max(1), span_id: random.draw().max(1), flags: 1 }
    }

    /// Another span of the same trace.
    pub fn child(self, random: &mut Generator) -> Self {
        Self { span_id: random.draw().max(1), ..self }
    }
}

impl TraceParent {
    /// The header's value. One of it is written for every attempt, without the growing of `to_string`.
    pub fn header(self) -> String {
        let mut text = String::with_capacity(55);
        text.push_str("00-");
        self.trace_id.to_be_bytes().iter().for_each(|byte| push_hex(&mut text, *byte));
        text.push('-');
        self.span_id.to_be_bytes().iter().for_each(|byte| push_hex(&mut text, *byte));
        text.push('-');
        push_hex(&mut text, self.flags);
        text
    }
}

/// Two lower-case hexadecimal digits.
pub(crate) fn push_hex(text: &mut String, byte: u8) {
    text.extend([byte >> 4, byte & 15].iter().filter_map(|digit| char::from_digit(u32::from(*digit), 16)));
}

impl fmt::Display for TraceParent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.header())
    }
}

/// Exactly `length` lower-case hexadecimal digits.
fn hex(text: &str, length: usize) -> Option<u128> {
    if text.len() != length {
        return None;
    }
    text.bytes().try_fold(0, |value, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}
