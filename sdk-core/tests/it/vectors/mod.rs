//! Runs `openapi/vectors/*.json`, the behaviour that every language shares. This module knows no test harness: the native tests and the wasm module
//! both call [`run`], so what holds here holds in a browser.
//!
//! A runner is a function from a case's `input` to what happened; [`contains`] compares that with `expect` by the rules of `openapi/vectors/README.md`.

// Every index here is into a JSON value, where a member that is missing reads as null.
#![allow(clippy::indexing_slicing)]

mod calls;
mod encoding;
mod outcomes;
mod policies;
mod sign_in;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod tokens;

use serde_json::Value;

/// A file of vectors: its name and its text.
pub(crate) type File = (&'static str, &'static str);

macro_rules! files {
    ($($name:literal),* $(,)?) => { &[$(($name, include_str!(concat!("../../../../openapi/vectors/", $name)))),*] };
}

/// Every file. A test compares this with the folder.
pub(crate) const FILES: &[File] = files![
    "answers.json",
    "authorize.json",
    "backoff.json",
    "base_url.json",
    "breaker.json",
    "budget.json",
    "cache.json",
    "deadlines.json",
    "device.json",
    "environment.json",
    "form.json",
    "idempotency.json",
    "pacing.json",
    "paging.json",
    "path.json",
    "problem.json",
    "query.json",
    "redaction.json",
    "retry.json",
    "retry_after.json",
    "secrets.json",
    "tokens.json",
    "traceparent.json",
    "webhook.json",
];

/// What running all files came to.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Cases that were run.
    pub(crate) cases: usize,
    /// One line or more for each case that did not hold.
    pub(crate) failures: Vec<String>,
}

/// Runs every case of every file.
pub(crate) fn run() -> Report {
    let mut report = Report::default();
    for (name, text) in FILES {
        // Token sets are held by who drives the engine, which in a browser is JavaScript: it runs these.
        if cfg!(target_arch = "wasm32") && *name == "tokens.json" {
            continue;
        }
        run_file(name, text, &mut report);
    }
    report
}

fn run_file(name: &str, text: &str, report: &mut Report) {
    let file: Value = match serde_json::from_str(text) {
        Ok(file) => file,
        Err(error) => return report.failures.push(format!("{name}: not JSON: {error}")),
    };
    let Some(runner) = file["runner"].as_str().and_then(runner) else {
        return report.failures.push(format!("{name}: nobody runs the runner {}", file["runner"]));
    };
    let cases = file["cases"].as_array().map(Vec::as_slice).unwrap_or_default();
    if cases.is_empty() || !file["description"].is_string() {
        report.failures.push(format!("{name}: a file needs a description and cases"));
    }
    for case in cases {
        report.cases += 1;
        let title = case["name"].as_str().unwrap_or("(a case without a name)");
        let actual = runner(&case["input"]);
        let differences = compare(&case["expect"], &actual);
        if !differences.is_empty() {
            report
                .failures
                .push(format!("{name}: {title}\n    {}\n    got {actual}", differences.join("\n    ")));
        }
    }
}

fn runner(name: &str) -> Option<fn(&Value) -> Value> {
    Some(match name {
        "backoff" => policies::backoff,
        "base_url" => encoding::base_url,
        "call" => calls::call,
        "environment" => outcomes::environment,
        "form" => encoding::form,
        "paging" => outcomes::paging,
        "redaction" => outcomes::redaction,
        "request" => encoding::request,
        "retry_after" => policies::retry_after,
        "sign_in" => sign_in::sign_in,
        #[cfg(not(target_arch = "wasm32"))]
        "tokens" => tokens::tokens,
        "traceparent" => policies::traceparent,
        "webhook" => outcomes::webhook,
        _ => return None,
    })
}

/// What was expected and did not happen.
pub(crate) fn compare(expect: &Value, actual: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    if expect.as_object().is_none_or(serde_json::Map::is_empty) {
        differences.push("it expects nothing".to_owned());
    }
    contains(expect, actual, "", &mut differences);
    differences
}

fn contains(expect: &Value, actual: &Value, place: &str, differences: &mut Vec<String>) {
    match (expect, actual) {
        (Value::Object(members), Value::Number(number))
            if members.contains_key("min") || members.contains_key("max") =>
        {
            let number = number.as_f64().unwrap_or(f64::NAN);
            let (min, max) =
                (members.get("min").and_then(Value::as_f64), members.get("max").and_then(Value::as_f64));
            if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) || number.is_nan() {
                differences.push(format!("{place}: expected {expect}, got {actual}"));
            }
        }
        (Value::Object(members), Value::String(text))
            if members.contains_key("mentions") || members.contains_key("omits") =>
        {
            for (rule, wanted) in [("mentions", true), ("omits", false)] {
                for word in members
                    .get(rule)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                {
                    if text.contains(word) != wanted {
                        differences.push(format!("{place}: {rule} {word:?} does not hold of {text:?}"));
                    }
                }
            }
        }
        (Value::Object(members), Value::Object(_)) => {
            for (name, member) in members {
                let place = format!("{place}/{name}");
                match actual.get(name) {
                    Some(found) => contains(member, found, &place, differences),
                    None => differences.push(format!("{place}: there is no such outcome")),
                }
            }
        }
        (Value::Array(wanted), Value::Array(items)) if wanted.len() == items.len() => {
            for (index, (wanted, item)) in wanted.iter().zip(items).enumerate() {
                contains(wanted, item, &format!("{place}/{index}"), differences);
            }
        }
        _ if expect == actual => {}
        _ => differences.push(format!("{place}: expected {expect}, got {actual}")),
    }
}
