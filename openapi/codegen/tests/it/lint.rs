//! The linter: every case of `golden/lint_cases.yaml`, and that there is a case for every rule.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use waypost_codegen::lint::Profile;
use waypost_codegen::load::load;
use waypost_codegen::{Finding, Rule, read};

use super::golden::folder;

/// The spec that keeps every rule.
pub(crate) fn base() -> Value {
    load(&fs::read_to_string(folder().join("things.yaml")).unwrap()).unwrap().value
}

fn cases(group: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder().join("lint_cases.yaml")).unwrap();
    load(&text).unwrap_or_else(|findings| panic!("{findings:#?}")).value[group].as_array().unwrap().clone()
}

/// Puts a value at a pointer, or takes away what is there.
fn set(document: &mut Value, pointer: &str, value: &Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/").replace("~0", "~");
    match document.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}")) {
        Value::Object(map) if value.is_null() => {
            map.shift_remove(&key).unwrap_or_else(|| panic!("nothing to remove at {pointer}"));
        }
        Value::Object(map) => {
            map.insert(key, value.clone());
        }
        Value::Array(list) => match key.parse::<usize>().unwrap() {
            index if index < list.len() => list[index] = value.clone(),
            _ => list.push(value.clone()),
        },
        other => panic!("{parent} is {other}"),
    }
}

fn findings(case: &Value, profile: Profile) -> Vec<Finding> {
    let mut document = base();
    for (pointer, value) in case["set"].as_object().unwrap() {
        set(&mut document, pointer, value);
    }
    let text = serde_json::to_string_pretty(&document).unwrap();
    read(&text, profile).err().unwrap_or_default()
}

/// What differs between what a case expects and what it gets.
fn complaint(case: &Value, profile: Profile) -> Option<String> {
    let told: Vec<String> = findings(case, profile)
        .iter()
        .map(|finding| format!("{} {}", finding.rule, finding.pointer))
        .collect();
    let list = |key: &str| -> Vec<String> {
        let texts = case[key].as_array().into_iter().flatten();
        texts.map(|text| text.as_str().unwrap().replace(" ''", " ")).collect()
    };
    let exact = list("expect");
    let fits = if case["holds"].is_array() {
        list("holds").iter().all(|expected| told.contains(expected))
    } else {
        let sorted = |list: &[String]| {
            let mut list = list.to_vec();
            list.sort();
            list
        };
        sorted(&told) == sorted(&exact)
    };
    (!fits).then(|| {
        format!(
            "{}\n  expected {}\n  told     {told:?}",
            case["case"],
            if exact.is_empty() { &case["holds"] } else { &case["expect"] }
        )
    })
}

fn check(group: &str, profile: Profile) {
    let complaints: Vec<String> = cases(group).iter().filter_map(|case| complaint(case, profile)).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_spec_that_the_cases_change_keeps_every_rule() {
    let text = fs::read_to_string(folder().join("things.yaml")).unwrap();
    let told = read(&text, Profile::Strict).err().unwrap_or_default();
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn every_construct_that_progenitor_gets_wrong_is_stopped_first() {
    check("facts", Profile::Lenient);
}

#[test]
fn every_construct_that_cannot_be_carried_is_refused_in_any_spec() {
    check("cases", Profile::Lenient);
}

#[test]
fn the_house_style_is_held_where_it_is_asked_for() {
    check("house", Profile::Strict);
}

#[test]
fn the_house_style_is_not_asked_of_other_specs() {
    for case in cases("house") {
        assert_eq!(findings(&case, Profile::Lenient), [], "{}", case["case"]);
    }
}

#[test]
fn there_is_a_case_for_every_rule() {
    let covered: BTreeSet<String> = ["facts", "cases", "house"]
        .iter()
        .flat_map(|group| cases(group))
        .flat_map(|case| [case["expect"].clone(), case["holds"].clone()])
        .flat_map(|list| list.as_array().cloned().unwrap_or_default())
        .filter_map(|text| Some(text.as_str()?.split(' ').next()?.to_owned()))
        .collect();
    // These two come from the reader, whose tests are in `load`.
    let read_by_loader = [Rule::Yaml, Rule::DuplicateKey];
    let missing: Vec<Rule> = Rule::ALL
        .iter()
        .filter(|rule| !read_by_loader.contains(rule) && !covered.contains(rule.as_str()))
        .copied()
        .collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}

#[test]
fn every_finding_says_where_why_and_what_to_write_instead() {
    for case in ["facts", "cases", "house"].iter().flat_map(|group| cases(group)) {
        for finding in findings(&case, Profile::Strict) {
            let shown = finding.render("things.yaml");
            assert!(finding.reason.len() > 10 && finding.reason.ends_with(['.', '?']), "{shown}");
            assert!(finding.remedy.len() > 5 && finding.remedy.ends_with(['.', '?', '`']), "{shown}");
            assert!(finding.place.line > 0 && shown.starts_with("things.yaml:"), "{shown}");
        }
    }
}

#[test]
fn findings_stand_in_the_order_of_the_file() {
    for case in cases("cases") {
        assert!(
            findings(&case, Profile::Strict).is_sorted_by_key(|finding| finding.place),
            "{}",
            case["case"]
        );
    }
}
