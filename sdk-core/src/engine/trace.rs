//! W3C Trace Context (the `traceparent` header, level 1). A call is one trace or part of its caller's; every attempt is a span of it, so
//! that a server's logs tell the attempts of one call apart.

use std::fmt;

use super::random::Generator;

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
        let mut parts = text.trim().split('-');
        let version = hex(parts.next()?, 2)?;
        let trace_id = hex(parts.next()?, 32)?;
        let span_id = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
        let valid =
            version != 0xff && trace_id != 0 && span_id != 0 && (version != 0 || parts.next().is_none());
        valid.then_some(Self { trace_id, span_id, flags })
    }

    /// A new trace.
    pub(crate) fn start(random: &mut Generator) -> Self {
        let trace_id = (u128::from(random.next()) << 64) | u128::from(random.next());
        Self { trace_id: trace_id.max(1), span_id: random.next().max(1), flags: 1 }
    }

    /// Another span of the same trace.
    pub(crate) fn child(self, random: &mut Generator) -> Self {
        Self { span_id: random.next().max(1), ..self }
    }
}

impl TraceParent {
    /// The header's value. One of it is written for every attempt, without the growing of `to_string`.
    pub(crate) fn header(self) -> String {
        use fmt::Write as _;
        let mut text = String::with_capacity(55);
        // Writing to a string does not fail.
        let _ = write!(text, "{self}");
        text
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

/// Exactly `length` lower-case hexadecimal digits.
fn hex(text: &str, length: usize) -> Option<u128> {
    let valid = text.len() == length
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    valid.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}
