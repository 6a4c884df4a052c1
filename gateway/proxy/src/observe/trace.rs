//! W3C trace context (Recommendation, level 1, and `00` of level 2): a trace that came is continued, else one begins.

use http::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A request's place in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The trace, 32 hex digits; never 0.
    pub trace_id: u128,
    /// This request's span; never 0.
    pub span_id: u64,
    /// The caller's span, where one came.
    pub parent_id: Option<u64>,
    /// Whether it is recorded.
    pub sampled: bool,
}

impl Trace {
    /// From what a request says. A `traceparent` that is none counts as absent, and the `tracestate` beside it goes. `sample` is the part of new traces that
    /// is recorded.
    pub fn begin(headers: &mut HeaderMap, sample: f64) -> Self {
        let span_id = fastrand::u64(1..);
        let any = headers.keys().any(|name| matches!(name.as_str(), "traceparent" | "tracestate"));
        let came = any.then(|| {
            let mut values = headers.get_all(TRACEPARENT).iter();
            match (values.next(), values.next()) {
                (Some(one), None) => one.to_str().ok().and_then(parse),
                _ => None,
            }
        });
        let trace = match came.flatten() {
            Some((trace_id, parent, sampled)) => Self { trace_id, span_id, parent_id: Some(parent), sampled },
            None => {
                if any {
                    headers.remove(TRACESTATE);
                }
                Self {
                    trace_id: fastrand::u128(1..),
                    span_id,
                    parent_id: None,
                    sampled: fastrand::f64() < sample,
                }
            }
        };
        trace.tell(headers);
        trace
    }

    /// Names this span as the parent of what follows. `tracestate` stays as it came.
    pub fn tell(&self, headers: &mut HeaderMap) {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let flags = u8::from(self.sampled);
        let (trace, span) = (self.trace_id.to_be_bytes(), self.span_id.to_be_bytes());
        for (place, bytes) in [(3..35, trace.as_slice()), (36..52, &span), (53..55, &[flags])] {
            hexadecimal(text.get_mut(place).unwrap_or_default(), bytes);
        }
        if let Ok(value) = HeaderValue::from_bytes(&text) {
            headers.insert(TRACEPARENT, value);
        }
    }
}

/// Writes bytes as lower-case digits, two each.
pub(crate) fn hexadecimal(to: &mut [u8], bytes: &[u8]) {
    // Without a look into a table, so that a processor does many at once.
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    let (pairs, _) = to.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>`; a later version may go on after another `-`. Lower case only, as the grammar says.
fn parse(text: &str) -> Option<(u128, u64, bool)> {
    let text = text.trim();
    let mut parts = text.splitn(5, '-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lower = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let known = lower(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    if !known || !lower(trace, 32) || !lower(span, 16) || !lower(flags, 2) {
        return None;
    }
    let trace = u128::from_str_radix(trace, 16).ok().filter(|trace| *trace != 0)?;
    let span = u64::from_str_radix(span, 16).ok().filter(|span| *span != 0)?;
    Some((trace, span, u8::from_str_radix(flags, 16).ok()? & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAME: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(parent: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_str(parent).unwrap());
        headers.insert(TRACESTATE, HeaderValue::from_static("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"));
        headers
    }

    #[test]
    fn a_trace_that_came_goes_on_with_a_span_of_ours() {
        let mut headers = headers(CAME);
        let trace = Trace::begin(&mut headers, 0.0);
        assert_eq!(trace.parent_id, Some(0x00f0_67aa_0ba9_02b7));
        assert!(trace.sampled);
        let told = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{:016x}-01", trace.span_id);
        assert_eq!(headers[TRACEPARENT], told);
        assert!(headers[TRACESTATE].to_str().unwrap().starts_with("congo="));
    }

    #[test]
    fn what_is_no_trace_begins_one() {
        let zero = "00000000000000000000000000000000";
        for wrong in [
            "",
            "00",
            &CAME.to_uppercase(),
            &CAME.replace("00-4b", "ff-4b"),
            &format!("{CAME}-x"),
            &CAME.replace("4bf92f3577b34da6a3ce929d0e0e4736", zero),
            &CAME.replace("00f067aa0ba902b7", "0000000000000000"),
            &CAME.replace("-01", "-1"),
            &CAME.replace("4bf9", "4bg9"),
        ] {
            let mut headers = headers(wrong);
            let trace = Trace::begin(&mut headers, 1.0);
            assert_eq!((trace.parent_id, trace.sampled), (None, true), "{wrong}");
            assert!(!headers.contains_key(TRACESTATE));
            assert_eq!(
                parse(headers[TRACEPARENT].to_str().unwrap()),
                Some((trace.trace_id, trace.span_id, true))
            );
        }
        assert!(parse(&CAME.replace("00-4b", "01-4b").replace("-01", "-01-later")).is_some());
        let mut twice = headers(CAME);
        twice.append(TRACEPARENT, HeaderValue::from_static(CAME));
        assert_eq!(Trace::begin(&mut twice, 0.0).parent_id, None);
    }
}
