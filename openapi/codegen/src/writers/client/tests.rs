//! What progenitor's output must and must not hold after this writer.

use serde_json::Value;

use super::*;
use crate::model::{Content, Location};
use crate::writers::fixture;

fn text(layout: Layout) -> String {
    write(&fixture::api(), &fixture::context(&Value::Null, layout)).unwrap().remove(0).text
}

#[test]
fn every_operation_is_a_method_on_the_types_of_the_types_crate() {
    let text = text(Layout::Repository);
    for operation in fixture::api().resources.iter().flat_map(|resource| &resource.operations) {
        assert!(text.contains(&format!("pub async fn {}<", operation.id)), "{} is missing", operation.id);
    }
    assert!(text.contains("body: &'a ::waypost_types::CreateOrder"));
    assert!(text.contains("Result<ResponseValue<::waypost_types::Order>, Error<::waypost_types::Problem>>"));
    assert!(!text.contains("mod types"));
}

#[test]
fn nothing_unwraps_and_the_engine_is_the_inner_type() {
    let text = text(Layout::Repository);
    assert!(!text.contains(".unwrap()"), "Client::new is left");
    assert!(text.contains("pub(crate) inner: crate::client::progenitor::Inner"));
}

#[test]
fn a_foreign_client_needs_nothing_of_ours_but_its_types() {
    let text = text(Layout::Standalone);
    assert!(!text.contains("waypost_types") && !text.contains("crate::client"));
    assert!(text.contains("crate::types::Order"));
}

#[test]
fn a_bytes_body_keeps_its_media_type_and_a_path_argument_is_checked() {
    let text = text(Layout::Repository);
    assert!(text.contains("\"image/png\""));
    // Inside `format!` the tokens are not laid out.
    let dense = text.replace(' ', "");
    assert!(dense.contains("path_segment(&order_id.to_string())?"));
    assert!(!dense.contains("encode_path(&"));
}

#[test]
fn a_bounded_alias_is_a_plain_argument() {
    assert!(text(Layout::Repository).contains("order_id: &'a str"));
}

#[test]
fn two_parameters_that_become_one_argument_are_refused() {
    let mut api = fixture::api();
    let get = &mut api.resources[0].operations[2];
    let mut twin = get.parameters[0].clone();
    twin.location = Location::Header;
    twin.name = "Order-Id".into();
    get.parameters.push(twin);
    let error = write(&api, &fixture::context(&Value::Null, Layout::Repository)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the client writer: `orders_get`: the parameters `order_id` and `Order-Id` become one argument; rename one"
    );
}

#[test]
fn a_panic_of_progenitor_is_one_error_and_prints_nothing() {
    assert_eq!(quietly(|| panic!("no {}", "way")), Err::<(), _>("no way".to_owned()));
    assert_eq!(quietly(|| 1), Ok(1));
}

#[test]
fn an_unnamed_object_is_refused_rather_than_typed_by_progenitor() {
    let mut api = fixture::api();
    api.types.shift_remove("Order");
    // A reference to a schema that is not there panics inside progenitor.
    api.resources[0].operations[2].success.content =
        Content::Json(crate::model::TypeRef::Named("Order".into()));
    let error = write(&api, &fixture::context(&Value::Null, Layout::Repository)).unwrap_err().to_string();
    assert!(error.starts_with("the client writer: progenitor"), "{error}");
}

#[test]
fn a_schema_of_two_letters_is_the_type_of_the_types_crate() {
    // heck makes `AB` of it, and `Ab` of that.
    let mut api = fixture::api();
    let order = api.types["Order"].clone();
    api.types.insert("a_b".into(), order);
    api.resources[0].operations[2].success.content =
        Content::Json(crate::model::TypeRef::Named("a_b".into()));
    let text = write(&api, &fixture::context(&Value::Null, Layout::Repository)).unwrap().remove(0).text;
    assert!(text.contains("ResponseValue<::waypost_types::AB>"));
}
