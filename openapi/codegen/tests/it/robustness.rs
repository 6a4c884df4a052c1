//! No input makes the generator panic, and what passes the linter is written by every writer. The small spec is broken in every
//! place, one place at a time, in every way that a slip of the pen has.

use std::fs;

use serde_json::{Value, json};
use waypost_codegen::lint::Profile;
use waypost_codegen::load::load;
use waypost_codegen::read;
use waypost_codegen::writers::{Context, Layout, write_all};

use super::golden::{folder, petshop};
use super::lint::base;

fn pointers(value: &Value, pointer: &str, into: &mut Vec<String>) {
    into.push(pointer.to_owned());
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                pointers(inner, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), into);
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                pointers(inner, &format!("{pointer}/{index}"), into);
            }
        }
        _ => {}
    }
}

/// Of the broken specs that pass the linter, one in so many is written: writing takes ten times as long as reading.
const WRITTEN: u64 = 24;
/// Of the odder ways to break a spec, one in so many is tried.
const TRIED: u64 = 7;

/// Whether this one is among one in so many; the same every time.
fn is_chosen(what: &str, one_in: u64) -> bool {
    let hash = what.bytes().fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    hash % one_in == 0
}

/// Reads the broken spec; what passes must be written.
fn survives(document: &Value, what: &str) {
    let text = document.to_string();
    match read(&text, Profile::Lenient) {
        Err(findings) => assert!(!findings.is_empty(), "{what}: refused without a finding"),
        Ok(_) if !is_chosen(what, WRITTEN) => {}
        Ok(spec) => {
            let context = Context {
                spec_text: &text,
                document: &spec.document.value,
                file_name: "broken.yaml",
                layout: Layout::Standalone,
            };
            if let Err(error) = write_all(&spec.api, &context, &[]) {
                panic!("{what}: passed the linter, then: {error}");
            }
        }
    }
}

fn replaced_by(value: &Value) {
    let base = base();
    let mut all = Vec::new();
    pointers(&base, "", &mut all);
    for pointer in all {
        let what = format!("{pointer} = {value}");
        if !value.is_null() && !is_chosen(&what, TRIED) {
            continue;
        }
        let mut document = base.clone();
        *document.pointer_mut(&pointer).unwrap() = value.clone();
        survives(&document, &what);
    }
}

#[test]
fn any_node_may_be_missing() {
    let base = base();
    let mut all = Vec::new();
    pointers(&base, "", &mut all);
    for pointer in all.iter().filter(|pointer| !pointer.is_empty()) {
        let mut document = base.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        match document.pointer_mut(parent).unwrap() {
            Value::Object(map) => drop(map.shift_remove(&key.replace("~1", "/").replace("~0", "~"))),
            Value::Array(list) => drop(list.remove(key.parse().unwrap())),
            _ => {}
        }
        survives(&document, &format!("without {pointer}"));
    }
}

#[test]
fn any_node_may_be_null_or_a_number() {
    replaced_by(&Value::Null);
    replaced_by(&json!(-1.5));
}

#[test]
fn any_node_may_be_a_text_or_a_flag() {
    replaced_by(&json!("x"));
    replaced_by(&json!(true));
}

#[test]
fn any_node_may_be_an_empty_list_or_mapping() {
    replaced_by(&json!([]));
    replaced_by(&json!({}));
}

#[test]
fn any_node_may_be_a_reference_or_a_nest() {
    replaced_by(&json!({"$ref": "#/components/schemas/Thing"}));
    replaced_by(&json!([{"type": "object", "properties": {"a": {"oneOf": [{}]}}}]));
}

#[test]
fn any_key_may_have_a_name_that_no_language_takes() {
    let base = base();
    let mut all = Vec::new();
    pointers(&base, "", &mut all);
    for name in ["", "ß\u{0}", "r#self", "{}/"] {
        for pointer in all.iter().filter(|pointer| !pointer.is_empty()) {
            let mut document = base.clone();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            if let Value::Object(map) = document.pointer_mut(parent).unwrap() {
                let value = map.shift_remove(&key.replace("~1", "/").replace("~0", "~")).unwrap();
                map.insert(name.to_owned(), value);
                let what = format!("{pointer} renamed {name:?}");
                if is_chosen(&what, TRIED) {
                    survives(&document, &what);
                }
            }
        }
    }
}

#[test]
fn any_text_may_be_an_odd_one() {
    let base = base();
    let mut all = Vec::new();
    pointers(&base, "", &mut all);
    for odd in ["", "\u{0}\n\"*/ #\\", "self", "{a}/{a}", "r#\"ß\"#\u{202e}"] {
        for pointer in &all {
            let mut document = base.clone();
            let node = document.pointer_mut(pointer).unwrap();
            let what = format!("{pointer} = {odd:?}");
            if node.is_string() && is_chosen(&what, TRIED) {
                *node = json!(odd);
                survives(&document, &what);
            }
        }
    }
}

#[test]
fn a_file_may_end_anywhere() {
    let text = petshop();
    for (end, _) in text.char_indices().filter(|(index, _)| index % 61 == 0) {
        let _ = load(&text[..end]);
    }
}

#[test]
fn any_character_may_be_another() {
    let text = fs::read_to_string(folder().join("things.yaml")).unwrap();
    for odd in [':', '-', '{', ']', '&', '*', '"', '|', '\t', '\u{0}', '#', '?', '!'] {
        for (index, old) in text.char_indices().filter(|(index, _)| index % 163 == 0) {
            let mut broken = text.clone();
            broken.replace_range(index..index + old.len_utf8(), &odd.to_string());
            if let Err(findings) = load(&broken) {
                assert!(!findings.is_empty());
            }
        }
    }
}
