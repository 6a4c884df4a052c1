//! What the resources promise their user.

use serde_json::Value;

use super::*;
use crate::writers::fixture;

fn text(layout: Layout) -> String {
    write(&fixture::api(), &fixture::context(&Value::Null, layout)).unwrap().remove(0).text
}

#[test]
fn each_kind_of_answer_has_its_call() {
    let text = text(Layout::Repository);
    for signature in [
        "pub fn create(&self, body: &types::CreateOrder) -> Call<types::Order>",
        "-> ListCall<types::OrderPage, types::Order>",
        "pub fn delete(&self, order_id: &str) -> Call<()>",
        "pub fn export(&self) -> StreamCall",
        "pub fn page(&self) -> Call<String>",
        "pub fn events(&self) -> EventCall<types::Order>",
    ] {
        assert!(text.contains(signature), "{signature} is missing");
    }
}

#[test]
fn a_page_type_is_paged() {
    let text = text(Layout::Repository);
    assert!(text.contains("impl Paged for types::OrderPage"));
    assert!(text.contains("self.next_cursor.as_deref()"));
}

#[test]
fn prose_of_a_spec_is_neither_markup_nor_a_doc_test() {
    assert_eq!(
        docs::safe("A <b>, a [link], `<T>` and [one](https://x.example)"),
        "A \\<b>, a [link], `<T>` and [one](https://x.example)"
    );
    assert_eq!(docs::safe("A [link] and <https://x.example>"), "A \\[link] and <https://x.example>");
    assert_eq!(docs::safe("```\nlet x = [1];\n```"), "```text\nlet x = [1];\n```");
    assert_eq!(docs::safe("a\n    indented"), "a\nindented");
}

#[test]
fn a_page_without_the_field_that_x_paginate_names_is_one_error() {
    let mut api = fixture::api();
    api.resources[0].operations[1].paginate.as_mut().unwrap().items = "rows".into();
    let error = write(&api, &fixture::context(&Value::Null, Layout::Repository)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the resources writer: `orders_list`: `OrderPage` has no field `rows`, which x-paginate names"
    );
}
