//! The page is safe whatever a spec says, needs nothing beside it, and leaves nothing out.

use serde_json::Value;

use super::*;
use crate::load::load;
use crate::writers::{Layout, fixture};

fn files(change: impl FnOnce(&mut Api)) -> (String, String) {
    let mut api = fixture::api();
    change(&mut api);
    let document = load(fixture::SPEC).unwrap().value;
    let mut files = write(&api, &fixture::context(&document, Layout::Repository)).unwrap().into_iter();
    (files.next().unwrap().text, files.next().unwrap().text)
}

fn page(change: impl FnOnce(&mut Api)) -> String {
    files(change).1
}

#[test]
fn every_operation_type_and_error_is_on_the_page() {
    let page = page(|_| {});
    let api = fixture::api();
    for operation in api.operations() {
        assert!(page.contains(&format!("id=\"{}\"", operation.id)), "{} is missing", operation.id);
        assert!(
            page.contains(&format!("href=\"#{}\"", operation.id)),
            "{} is not in the navigation",
            operation.id
        );
    }
    for name in api.types.keys() {
        assert!(page.contains(&format!("id=\"type-{name}\"")), "{name} is missing");
    }
    assert!(page.contains("There is no such thing."));
}

#[test]
fn no_id_comes_twice() {
    let page = page(|_| {});
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn every_link_inside_the_page_leads_somewhere() {
    let page = page(|_| {});
    for anchor in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(page.contains(&format!("id=\"{anchor}\"")), "#{anchor} leads nowhere");
    }
}

#[test]
fn text_of_a_spec_is_never_markup() {
    let evil = "<script>alert(1)</script> & <img src=x onerror=alert(1)> [x](javascript:alert(1)) ![y](https://x.example/y.png)";
    let page = page(|api| {
        api.title = evil.into();
        api.description = evil.into();
        api.resources[0].description = evil.into();
        let operation = &mut api.resources[0].operations[0];
        operation.summary = evil.into();
        operation.description = evil.into();
        operation.errors[0].when = evil.into();
        operation.response_example = Some(Value::String(evil.into()));
        operation.request_example = Some(serde_json::json!({ "size": evil, "amount": 1 }));
        api.types.get_mut("Order").unwrap().description = evil.into();
    });
    assert!(!page.contains("<script>alert"));
    assert!(!page.contains("<img"));
    assert!(!page.to_lowercase().contains("href=\"javascript:"));
}

#[test]
fn the_page_loads_nothing() {
    let page = page(|_| {});
    for needle in ["src=", "@import", "url(", "<link rel=\"stylesheet\"", "fetch(", "XMLHttpRequest"] {
        assert!(!page.contains(needle), "the page has {needle}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_table_in_a_description_is_a_table() {
    let page =
        page(|api| api.description = "## Errors of all\n\n| a | b |\n| --- | --- |\n| 1 | `x` |".into());
    assert!(page.contains("<td><code>x</code></td>"));
    assert!(page.contains("id=\"about-errors-of-all\"") && page.contains("href=\"#about-errors-of-all\""));
}

#[test]
fn bounds_are_in_words() {
    assert!(page(|_| {}).contains("1 to 100"));
}

#[test]
fn the_contract_keeps_its_comments_and_gets_the_samples() {
    // The last operation of the fixture is written in flow style, which leaves no line of its own.
    let block = fixture::SPEC.lines().filter(|line| !line.contains("delete:")).collect::<Vec<_>>().join("\n");
    let document = load(&block).unwrap().value;
    let context = Context { spec_text: &block, ..fixture::context(&document, Layout::Repository) };
    let text = write(&fixture::api(), &context).unwrap().remove(0).text;
    assert!(text.contains("# A comment that has to survive."));
    assert!(text.contains("      operationId: orders_create\n      x-codeSamples:\n      - lang: Rust\n"));
    let read = load(&text).unwrap().value;
    let source = read.pointer("/paths/~1orders/post/x-codeSamples/0/source").unwrap().as_str().unwrap();
    assert!(source.starts_with("use waypost::{Client, types};\n\n#[tokio::main]"));
}

#[test]
fn a_contract_in_flow_style_is_served_as_json_with_the_same_samples() {
    let (contract, _) = files(|_| {});
    let read = load(&contract).unwrap().value;
    assert!(read.pointer("/paths/~1orders~1{order_id}/delete/x-codeSamples/1/source").is_some());
}

#[test]
fn highlighting_changes_no_character() {
    for (lang, text) in [
        ("Rust", "let a = \"x\\\"y\"; // <b>\n1_000.5 é"),
        ("JSON", "{\"a\": \"b:\", \"c\": [1, true]}"),
        ("Shell", "curl 'a\\'"),
    ] {
        let html = highlight::highlight(lang, text).into_string();
        let mut plain = String::new();
        let mut inside = false;
        for character in html.chars() {
            match character {
                '<' => inside = true,
                '>' => inside = false,
                _ if !inside => plain.push(character),
                _ => {}
            }
        }
        let plain =
            plain.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        assert_eq!(plain, text);
    }
}
