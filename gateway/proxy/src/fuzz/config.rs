//! Configuration files.

use crate::Proxy;
use crate::config::{Fault, Level, read_with};

pub(super) fn holds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let variable = |name: &str| (name == "PORT").then(|| "9001".to_owned());
    // Files that it names are looked for in a folder that is not there.
    let file = "/nowhere/waypost.yaml";
    match read_with(text, file, &variable) {
        Err(faulty) => {
            assert!(
                faulty.faults.iter().any(|fault| fault.level == Level::Error),
                "refused without an error"
            );
            told(text, &faulty.faults);
        }
        Ok(read) => {
            assert!(read.warnings.iter().all(|fault| fault.level == Level::Warning), "an error is a warning");
            told(text, &read.warnings);
            // Written down again it is the same. `$${` is the sign itself only once.
            if !text.contains('$') {
                let json = serde_json::to_string(&read.config).expect("a configuration is JSON");
                let again = read_with(&json, file, &variable);
                assert_eq!(again.map(|again| again.config), Ok(read.config.clone()), "written as {json}");
            }
            if let Err(faults) = Proxy::new(read.config, None) {
                panic!("it is read without a fault, and cannot be carried out: {faults:?}");
            }
        }
    }
}

/// Every fault has words, and a line that is there.
fn told(text: &str, faults: &[Fault]) {
    let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count() + 1;
    for fault in faults {
        assert!(!fault.message.is_empty(), "a fault without words at {:?}", fault.place);
        let mark = fault.mark.unwrap_or_else(|| panic!("a fault without a line: {fault}"));
        assert!((1..=lines).contains(&mark.line) && mark.column > 0, "there is no such place: {fault}");
    }
}
