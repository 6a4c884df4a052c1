//! The options of one call, as JSON. Most calls have none, and then nothing is read.

use super::members::Members;
use crate::engine::error::Error;
use crate::engine::options::CallOptions;
use crate::engine::trace::TraceParent;

/// Reads the options of a call.
///
/// ```
/// let options = waypost::binding::options(Some(br#"{"timeout_ms": 250, "max_retries": 0}"#))?;
/// assert_eq!(options.max_retries, Some(0));
/// # Ok::<(), waypost::Error>(())
/// ```
///
/// # Errors
/// [`Error::Config`] that names every member that is unknown or wrong.
pub fn options(json: Option<&[u8]>) -> Result<CallOptions, Error> {
    let Some(json) = json else { return Ok(CallOptions::default()) };
    let mut members = Members::parse("the call's options", json)?;
    let trace_parent = members.text("trace_parent").and_then(|text| {
        let parsed = TraceParent::parse(&text);
        if parsed.is_none() {
            members.mistake("trace_parent", "is not a W3C traceparent");
        }
        parsed
    });
    let options = CallOptions {
        timeout: members.millis("timeout_ms"),
        deadline: members.millis("deadline_ms"),
        max_retries: members.count("max_retries"),
        idempotency_key: members.text("idempotency_key"),
        headers: members.headers("headers").unwrap_or_default(),
        accept: members.text("accept"),
        trace_parent,
    };
    members.finish()?;
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_option_is_an_error_and_not_a_default() {
        let told = options(Some(br#"{"timout_ms": 1, "trace_parent": "x"}"#)).unwrap_err().to_string();
        assert!(told.contains("`timout_ms` is not known") && told.contains("traceparent"), "{told}");
    }

    #[test]
    fn zero_retries_are_none_and_not_unset() {
        assert_eq!(options(Some(br#"{"max_retries": 0}"#)).unwrap().max_retries, Some(0));
        assert_eq!(options(Some(br#"{"max_retries": null}"#)).unwrap().max_retries, None);
    }
}
