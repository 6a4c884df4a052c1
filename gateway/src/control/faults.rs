//! What is wrong with a configuration, as the API tells it: with JSON pointers. Pure.

use waypost_proxy::config::{Fault, Level, Mark, Part, Step};
use waypost_types::{ConfigFault, ConfigFaultLevel};

use crate::http::{Error, FieldError};

/// A place as a JSON pointer (RFC 6901).
pub(crate) fn pointer(place: &[Step]) -> String {
    let mut pointer = String::new();
    for step in place {
        pointer.push('/');
        match step {
            Step::Key(key) => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => pointer.push_str(&index.to_string()),
        }
    }
    pointer
}

/// 422 `invalid_config`: what the data plane cannot carry out. `depth` steps of each place lead to what the body is about.
pub(crate) fn invalid(faults: &[Fault], depth: usize) -> Error {
    let errors = faults.iter().filter(|fault| fault.level == Level::Error);
    let fields: Vec<_> = errors
        .map(|fault| FieldError {
            pointer: pointer(fault.place.get(depth..).unwrap_or_default()),
            code: "invalid_config".into(),
            detail: fault.message.clone(),
        })
        .collect();
    let detail = match fields.as_slice() {
        [one] if one.pointer.is_empty() => format!("The data plane cannot carry this out: {}.", one.detail),
        [one] => format!("The data plane cannot carry this out: {}: {}.", one.pointer, one.detail),
        many => format!("The data plane cannot carry this out: {} faults; see `errors`.", many.len()),
    };
    Error { fields, ..Error::unprocessable("invalid_config", detail) }
}

/// A fault of a whole configuration, with its line where there is one.
pub(crate) fn told(fault: &Fault, part: &Part) -> ConfigFault {
    let level = match fault.level {
        Level::Error => ConfigFaultLevel::Error,
        Level::Warning => ConfigFaultLevel::Warning,
    };
    let mut told = ConfigFault::new(pointer(&fault.place), level, fault.message.clone());
    if let Some(Mark { line, column }) =
        part.locate(&[]).and(fault.mark.or_else(|| part.locate(&fault.place)))
    {
        told.line = i64::try_from(line).ok();
        told.column = i64::try_from(column).ok();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_json_pointer() {
        let fault = Fault::at(2, "x").under("a/b~c").under("services");
        assert_eq!(pointer(&fault.place), "/services/a~1b~0c/2");
        let error = invalid(&[fault], 1);
        assert_eq!((error.code, error.fields[0].pointer.as_str()), ("invalid_config", "/a~1b~0c/2"));
    }
}
