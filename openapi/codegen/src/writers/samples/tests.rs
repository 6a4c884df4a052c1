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
    insta::assert_snapshot!(sample("orders_create", "Rust"), @r#"
    use waypost::{Client, types};

    #[tokio::main]
    async fn main() -> Result<(), waypost::Error> {
        let client = Client::from_env()?;

        let body = types::CreateOrder::new(types::Size::Small, 5)
            .with_delivery(types::Delivery::Post(types::Post::new("5 \"High\" St")))
            .with_tags([("a".to_owned(), "b".to_owned())]);
        let order = client.orders().create(&body).await?;
        println!("{order:#?}");
        Ok(())
    }
    "#);
}

#[test]
fn a_list_is_walked_item_by_item() {
    let sample = sample("orders_list", "Rust");
    assert!(sample.contains("let params = types::params::OrdersListParams::default();"), "{sample}");
    assert!(sample.contains("while let Some(order) = orders.next().await {"), "{sample}");
}

#[test]
fn a_curl_sample_can_be_pasted_into_a_shell() {
    insta::assert_snapshot!(sample("orders_create", "curl"), @r#"
    curl --fail-with-body \
      'http://127.0.0.1:8080/orders' \
      --header "X-API-Key: $WAYPOST_API_KEY" \
      --header "Idempotency-Key: $(uuidgen)" \
      --header 'Content-Type: application/json' \
      --data '{
      "size": "small",
      "amount": 5,
      "delivery": {
        "type": "post",
        "address": "5 \"High\" St"
      },
      "tags": {
        "a": "b"
      }
    }'
    "#);
}

#[test]
fn a_curl_sample_encodes_what_a_url_cannot_hold_and_says_the_method() {
    insta::assert_snapshot!(sample("files_upload", "curl"), @r#"
    curl --fail-with-body --request PUT \
      'http://127.0.0.1:8080/files/a%20b%2Fc' \
      --header "X-API-Key: $WAYPOST_API_KEY" \
      --header 'Content-Type: image/png' \
      --data-binary @file
    "#);
}

#[test]
fn a_form_is_sent_field_by_field_and_an_open_operation_without_credentials() {
    assert!(
        sample("files_token", "curl")
            .ends_with("--data-urlencode 'grant_type=refresh_token' \\\n  --data-urlencode 'scope=a b'")
    );
    assert!(!sample("files_export", "curl").contains("--header"));
}

#[test]
fn a_spec_without_examples_gets_values_of_the_right_types() {
    let mut api = fixture::api();
    for operation in api.resources.iter_mut().flat_map(|resource| &mut resource.operations) {
        operation.request_example = None;
        operation.parameter_examples.clear();
        for parameter in &mut operation.parameters {
            parameter.example = None;
        }
    }
    let context = fixture::context(&Value::Null, Layout::Repository);
    for operation in api.operations() {
        let samples = of(&api, &context, operation).unwrap();
        if operation.id == "orders_create" {
            assert!(
                samples[0].source.contains("types::CreateOrder::new(types::Size::Small, 1)"),
                "{}",
                samples[0].source
            );
        }
    }
}

#[test]
fn a_python_sample_is_a_whole_script_that_imports_what_it_names() {
    insta::assert_snapshot!(sample("orders_create", "Python"), @r#"
    from waypost import Client
    from waypost.models import CreateOrder, Post

    with Client() as client:
        order = client.orders.create(
            CreateOrder(size="small", amount=5, delivery=Post(address='5 "High" St'), tags={"a": "b"}),
        )
        print(order)
    "#);
}

#[test]
fn a_python_sample_reads_each_kind_of_answer_as_it_comes() {
    assert!(
        sample("orders_list", "Python").contains("for order in client.orders.list():\n        print(order)")
    );
    assert!(
        sample("files_export", "Python")
            .contains("with client.files.export() as stream:\n        for line in stream.lines():")
    );
    assert!(
        sample("files_events", "Python")
            .contains("        for event in events:\n            print(event.data)")
    );
    assert!(sample("files_upload", "Python").ends_with("    client.files.upload(\"a b/c\", b\"...\")"));
}
