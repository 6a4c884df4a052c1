//! The behaviour that every language shares, held natively. `.ci/wasm-build` holds the same in wasm.

use std::collections::BTreeSet;

use crate::vectors;

#[test]
fn every_vector_holds() {
    let report = vectors::run();
    assert!(
        report.failures.is_empty(),
        "{} of {} cases failed:\n{}",
        report.failures.len(),
        report.cases,
        report.failures.join("\n")
    );
    assert!(report.cases > 300, "only {} cases were run", report.cases);
}

#[test]
fn every_file_of_vectors_is_run() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi/vectors");
    let present: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    let run: BTreeSet<String> = vectors::FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(present, run, "a file in openapi/vectors that is not in FILES is run by nobody");
}

#[test]
fn every_runner_and_file_is_told_of_in_the_readme() {
    let readme = include_str!("../../../openapi/vectors/README.md");
    for (name, text) in vectors::FILES {
        let file: serde_json::Value = serde_json::from_str(text).unwrap();
        assert!(readme.contains(&format!("`{name}`")), "README.md does not name {name}");
        let runner = file["runner"].as_str().unwrap();
        assert!(
            readme.contains(&format!("### `{runner}`")),
            "README.md does not describe the runner {runner}"
        );
        assert_eq!(file["name"].as_str().map(|stem| format!("{stem}.json")).as_deref(), Some(*name));
    }
}

#[test]
fn a_difference_is_noticed() {
    let actual = serde_json::json!({ "n": 5, "text": "abc", "list": [1, 2], "nothing": null });
    for held in [
        r#"{"n": 5}"#,
        r#"{"n": {"min": 5, "max": 5}}"#,
        r#"{"text": {"mentions": ["b"], "omits": ["d"]}}"#,
        r#"{"list": [1, {"max": 2}], "nothing": null}"#,
    ] {
        let expect = serde_json::from_str(held).unwrap();
        assert_eq!(vectors::compare(&expect, &actual), Vec::<String>::new(), "{held}");
    }
    for broken in [
        r#"{}"#,
        r#"{"n": 6}"#,
        r#"{"n": {"min": 6}}"#,
        r#"{"n": {"max": 4}}"#,
        r#"{"text": {"mentions": ["d"]}}"#,
        r#"{"text": {"omits": ["b"]}}"#,
        r#"{"list": [1]}"#,
        r#"{"list": [2, 1]}"#,
        r#"{"missing": null}"#,
        r#"{"nothing": {"mentions": ["x"]}}"#,
    ] {
        let expect = serde_json::from_str(broken).unwrap();
        assert_ne!(vectors::compare(&expect, &actual), Vec::<String>::new(), "{broken}");
    }
}
