//! The golden server compiles outside of our gateway, on axum, serde and jsonschema alone, and keeps its contract: a foreign shop
//! implements the traits and a gate of ten lines.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails; clippy knows only the test functions themselves as tests"
)]

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::server::*;
use crate::types::params::{PeopleDoorParams, PetsCagesParams, PetsEventsParams, PetsListParams};
use crate::types::patch::Patch;
use crate::types::{CagePage, Keeper, Login, NewPet, Person, Pet, PetChange, PetPage, Species};

struct Shop;

/// Answers what is wrong as JSON: enough for a shop.
struct Door;

impl Gate for Door {
    type Context = &'static Operation;
    type Error = StatusCode;

    async fn serve(&self, call: &Call<&'static Operation, StatusCode>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let input = match call.decode(&parts, body) {
            Ok(input) => input,
            Err(Rejection::Malformed { line, column, .. }) => {
                return (StatusCode::BAD_REQUEST, format!("{line}:{column}")).into_response();
            }
            Err(Rejection::Invalid(fields)) => {
                let fields = fields.iter().map(|field| format!("{} {}", field.pointer, field.code));
                let fields = fields.collect::<Vec<_>>().join(", ");
                return (StatusCode::UNPROCESSABLE_ENTITY, fields).into_response();
            }
        };
        match call.run(call.operation, input).await {
            Ok(answer) => answer.into_response(),
            Err(Failure::Handler(status)) => status.into_response(),
            Err(other) => panic!("{other:?}"),
        }
    }

    async fn unrouted(&self, _request: Request, reason: Unrouted) -> Response {
        match reason {
            Unrouted::Path => StatusCode::NOT_FOUND.into_response(),
            Unrouted::Method(allow) => {
                (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allow)]).into_response()
            }
        }
    }
}

fn pet(name: &str) -> Pet {
    let keeper = Keeper::Person(Person { name: "Ann".into(), ..Default::default() });
    Pet::new(1, name, Species::Cat, "2024-05-01", Some(keeper))
}

impl PetsApi<&'static Operation, StatusCode> for Shop {
    async fn pets_list(
        &self,
        _: &'static Operation,
        params: PetsListParams,
    ) -> Result<Success<PetPage>, StatusCode> {
        // The default of the contract is filled in, a list is a list, a header is a parameter.
        assert_eq!((params.limit, params.x_shop.as_str()), (Some(10), "main"));
        assert_eq!(params.species, [Species::Cat, Species::GuineaPig]);
        Ok(Success(PetPage { pets: vec![pet("Tom")], ..Default::default() }))
    }

    async fn pets_create(
        &self,
        context: &'static Operation,
        body: NewPet,
    ) -> Result<Created<Pet>, StatusCode> {
        assert_eq!((context.id, context.retry), ("pets_create", operation::Retry::Never));
        Ok(Created(pet(&body.name)))
    }

    async fn pets_get(&self, _: &'static Operation, pet_id: String) -> Result<Success<Pet>, StatusCode> {
        if pet_id == "1" { Ok(Success(pet("Tom"))) } else { Err(StatusCode::NOT_FOUND) }
    }

    async fn pets_update(
        &self,
        _: &'static Operation,
        _pet_id: String,
        body: PetChange,
    ) -> Result<Success<Pet>, StatusCode> {
        assert!(
            matches!(body.keeper, Patch::Null) && matches!(body.weight, Patch::Absent),
            "three states arrive"
        );
        Ok(Success(pet("Tom")))
    }

    async fn pets_delete(&self, _: &'static Operation, _pet_id: String) -> Result<NoContent, StatusCode> {
        Ok(NoContent)
    }

    async fn pets_set_photo(
        &self,
        _: &'static Operation,
        _: String,
        body: Bytes,
    ) -> Result<NoContent, StatusCode> {
        assert_eq!(body, "picture");
        Ok(NoContent)
    }

    async fn pets_photo(&self, _: &'static Operation, _pet_id: String) -> Result<Streamed, StatusCode> {
        Ok(Streamed::new("image/jpeg", Body::from("picture")))
    }

    async fn pets_events(
        &self,
        context: &'static Operation,
        _pet_id: String,
        _params: PetsEventsParams,
    ) -> Result<Streamed, StatusCode> {
        Ok(Streamed::new(context.produces[0], Body::from("data: {}\n\n")))
    }

    async fn pets_cages(
        &self,
        _: &'static Operation,
        path_params: String,
        path_api: String,
        path_input: String,
        params: PetsCagesParams,
    ) -> Result<Success<CagePage>, StatusCode> {
        assert_eq!([path_params, path_api, path_input], ["a", "b", "c"]);
        Ok(Success(CagePage::new().with_cages(params.marks)))
    }
}

impl PeopleApi<&'static Operation, StatusCode> for Shop {
    async fn people_door(&self, _: &'static Operation, params: PeopleDoorParams) -> Result<Page, StatusCode> {
        Ok(match params.back {
            Some(back) => Page::see_other(&back).header(header::SET_COOKIE, "seen=1"),
            None => Page::new(StatusCode::OK, "<p>Come in</p>"),
        })
    }

    async fn people_login(&self, _: &'static Operation, body: Login) -> Result<Text, StatusCode> {
        assert_eq!((body.name.as_str(), body.password.as_str(), body.remember), ("ann", "a&b c", Some(true)));
        Ok(Text::new("tok_1"))
    }
}

async fn ask(method: &str, path: &str, body: impl Into<Body>) -> (u16, Option<String>, String) {
    let router = router(Arc::new(Door), Arc::new(Shop)).unwrap();
    let request = axum::http::Request::builder().method(method).uri(path).header("X-Shop", "main");
    let response = router.oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let media_type =
        response.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, media_type, String::from_utf8(body.to_vec()).unwrap())
}

async fn wrong(method: &str, path: &str, body: Value) -> String {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let (status, _, fields) = ask(method, path, body).await;
    assert_eq!(status, 422, "{fields}");
    fields
}

#[tokio::test]
async fn each_kind_of_operation_answers_with_its_status_and_media_type() {
    let new = json!({ "name": "Tom", "species": "cat" }).to_string();
    for (method, path, body, status, media_type) in [
        ("GET", "/pets?species=cat&species=guinea-pig", "", 200, Some("application/json")),
        ("POST", "/pets", &new, 201, Some("application/json")),
        ("GET", "/pets/1", "", 200, Some("application/json")),
        ("HEAD", "/pets/1", "", 200, Some("application/json")),
        ("GET", "/pets/2", "", 404, None),
        ("PATCH", "/pets/1", r#"{"keeper":null}"#, 200, Some("application/json")),
        ("DELETE", "/pets/1", "", 204, None),
        ("PUT", "/pets/1/photo", "picture", 204, None),
        ("GET", "/pets/1/photo", "", 200, Some("image/jpeg")),
        ("GET", "/pets/1/events", "", 200, Some("text/event-stream")),
        ("GET", "/cages/a/b/c?width=20&marks=new", "", 200, Some("application/json")),
        ("GET", "/login?unknown=1&back=", "", 200, Some("text/html; charset=utf-8")),
        ("GET", "/login?back=/pets", "", 303, None),
        ("POST", "/login", "name=ann&password=a%26b+c&remember=true", 200, Some("text/plain; charset=utf-8")),
        ("POST", "/pets/1", "", 405, None),
        ("GET", "/", "", 404, None),
    ] {
        let answer = ask(method, path, body.to_owned()).await;
        assert_eq!((answer.0, answer.1.as_deref()), (status, media_type), "{method} {path}: {}", answer.2);
    }
}

#[tokio::test]
async fn everything_that_is_wrong_is_named_with_its_place() {
    let empty = Value::Null;
    assert_eq!(wrong("GET", "/pets/0", empty.clone()).await, "path:pet_id minimum");
    assert_eq!(wrong("GET", "/pets/tom", empty.clone()).await, "path:pet_id type");
    let fields = wrong("GET", "/pets?limit=99&species=dragon&before=1", empty.clone()).await;
    assert_eq!(fields, "query:before unknown, query:limit maximum, query:species/0 enum");
    let fields = wrong("GET", "/cages/a/b/c?width=15&marks=long&marks=long", empty).await;
    for field in [
        "query:marks/0 max_length",
        "query:marks/1 max_length",
        "query:marks unique",
        "query:width multiple_of",
    ] {
        assert!(fields.contains(field), "no {field} in {fields}");
    }
    let fields =
        wrong("POST", "/pets", json!({ "name": "", "species": 1, "keeper": { "kind": "person" } })).await;
    for field in ["/name min_length", "/species enum", "/keeper/name required"] {
        assert!(fields.contains(field), "no {field} in {fields}");
    }
    let fields = wrong("PATCH", "/pets/1", json!({ "keeper": { "kind": "ghost" }, "weight": -1 })).await;
    assert!(fields.contains("/keeper/kind enum") && fields.contains("/weight minimum"), "{fields}");
    let (status, _, fields) = ask("POST", "/login", "name=ann&remember=perhaps&name=bob").await;
    assert_eq!(status, 422);
    for field in ["/name repeated", "/password required", "/remember type"] {
        assert!(fields.contains(field), "no {field} in {fields}");
    }
    assert_eq!(
        ask("POST", "/pets", "{\n!").await,
        (400, Some("text/plain; charset=utf-8".to_owned()), "2:1".to_owned())
    );
}

#[test]
fn what_only_a_browser_calls_is_in_no_client() {
    assert!(OPERATIONS.iter().any(|operation| operation.id == "people_door" && operation.lenient));
    for client in
        [include_str!("../golden/petshop/resources.rs"), include_str!("../golden/petshop/client.rs")]
    {
        assert!(!client.contains("door") && client.contains("login"));
    }
}

#[test]
fn the_table_knows_each_operation() {
    assert!(OPERATIONS.iter().enumerate().all(|(index, operation)| operation.index == index));
    let find = |id: &str| *OPERATIONS.iter().find(|operation| operation.id == id).unwrap();
    assert_eq!(find("pets_get").security, [[]; 0], "its own empty list overrides the spec's");
    assert_eq!(find("pets_list").security, [[operation::Scheme::Bearer]]);
    assert_eq!(find("pets_delete").deprecated.unwrap().sunset, Some("2027-01-01"));
    assert_eq!(find("pets_photo").produces, ["image/png", "image/jpeg"]);
    assert_eq!(API_VERSION, "1.4");
}
