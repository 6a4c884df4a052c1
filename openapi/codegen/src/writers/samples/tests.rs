//! The samples are read by people: their whole text is what is tested.

use serde_json::Value;

use super::*;
use crate::writers::{Layout, fixture};

fn sample(id: &str, label: &str) -> String {
    let api = fixture::api();
    let context = fixture::context(&Value::Null, Layout::Repository);
    let operation = api.operations().find(|operation| operation.id == id).unwrap();
    of(&api, &context, operation).unwrap().into_iter().find(|sample| sample.label == label).unwrap().source
}

#[test]
fn a_rust_sample_is_a_whole_program() {
    println!("{}", sample("orders_list", "Rust"));
    println!("{}", sample("files_upload", "Rust"));
    println!("{}", sample("files_export", "Rust"));
    insta::assert_snapshot!(sample("orders_create", "Rust"), @"");
}

#[test]
fn a_curl_sample_quotes_what_the_shell_would_read() {
    println!("{}", sample("orders_list", "curl"));
    println!("{}", sample("files_upload", "curl"));
    println!("{}", sample("files_export", "curl"));
    println!("{}", sample("files_token", "curl"));
    insta::assert_snapshot!(sample("orders_create", "curl"), @"");
}
