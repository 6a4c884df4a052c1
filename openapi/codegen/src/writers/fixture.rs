//! A small API for the unit tests of the writers: one of each thing that a writer has to tell apart. Not ours on purpose.

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::{Context, Layout};
use crate::model::*;

/// The document that [`api`] stands for; only the reference writer looks at it.
pub(crate) const SPEC: &str = include_str!("fixture.yaml");

/// A context for [`api`].
pub(crate) fn context(document: &Value, layout: Layout) -> Context<'_> {
    Context { spec_text: SPEC, document, file_name: "shop.yaml", layout }
}

fn named(name: &str) -> TypeRef {
    TypeRef::Named(name.into())
}

fn string() -> TypeRef {
    TypeRef::String(None)
}

fn field(name: &str, ty: TypeRef, required: bool) -> Field {
    Field {
        name: name.into(),
        ty,
        required,
        nullable: false,
        bounds: Bounds::default(),
        description: format!("The {name}."),
        default: None,
        example: None,
        secret: false,
    }
}

fn parameter(name: &str, location: Location, ty: TypeRef) -> Parameter {
    Parameter {
        name: name.into(),
        location,
        ty,
        bounds: Bounds::default(),
        required: location == Location::Path,
        description: format!("The {name}."),
        default: None,
        example: None,
        json_schema: json!({}),
    }
}

fn def(name: &str, shape: Shape) -> (String, TypeDef) {
    let def = TypeDef {
        name: name.into(),
        description: format!("A {name}."),
        shape,
        example: None,
        in_request: true,
        in_response: true,
        json_schema: json!({}),
    };
    (name.into(), def)
}

fn operation(id: &str, method: &str, path: &str, content: Content) -> Operation {
    let (resource, verb) = id.rsplit_once('_').unwrap();
    Operation {
        id: id.into(),
        resource: resource.into(),
        verb: verb.into(),
        method: method.into(),
        path: path.into(),
        aliases: vec![],
        summary: format!("{verb} of {resource}"),
        description: "What it does, with <b>no</b> markup & no surprise.".into(),
        parameters: vec![],
        idempotency_key: method == "POST",
        body: None,
        success: Success { status: 200, description: "Done.".into(), content, headers: vec![] },
        retry: Retry::Safe,
        permission: None,
        security: vec![vec!["bearer".into()], vec!["key".into()]],
        paginate: None,
        browser: false,
        error_media_type: "application/problem+json".into(),
        rate_cost: 1,
        since: Some("1.2.0".into()),
        deprecated: None,
        errors: vec![ErrorCode {
            status: 404,
            code: "not_found".into(),
            when: "There is no such thing.".into(),
        }],
        parameter_examples: IndexMap::new(),
        request_example: None,
        response_example: None,
    }
}

/// The API.
pub(crate) fn api() -> Api {
    let object = |fields| Shape::Object(Object { fields, open: true, tag: None });
    let variant = |fields| Shape::Object(Object { fields, open: true, tag: Some("type".into()) });
    let types = IndexMap::from([
        def("OrderId", Shape::Alias(string(), Bounds { pattern: Some("^ord_".into()), ..Bounds::default() })),
        def(
            "Size",
            Shape::Enum(vec![
                EnumValue { value: "small".into(), description: "Fits a pocket.".into() },
                EnumValue { value: "large".into(), description: String::new() },
            ]),
        ),
        def(
            "Order",
            object(vec![
                field("id", named("OrderId"), true),
                field("size", named("Size"), true),
                field("parent", named("Order"), false),
                field("delivery", named("Delivery"), false),
                field("tags", TypeRef::Map(Box::new(string())), false),
                Field { nullable: true, ..field("note", string(), false) },
            ]),
        ),
        def(
            "CreateOrder",
            object(vec![
                field("size", named("Size"), true),
                field("amount", TypeRef::Integer { bits: 64 }, true),
                field("delivery", named("Delivery"), false),
                field("tags", TypeRef::Map(Box::new(string())), false),
            ]),
        ),
        def(
            "OrderPage",
            object(vec![
                field("data", TypeRef::Array(Box::new(named("Order"))), true),
                Field { nullable: true, ..field("next_cursor", string(), true) },
                field("has_more", TypeRef::Boolean, true),
            ]),
        ),
        def("Post", variant(vec![field("address", string(), true)])),
        def("Pickup", variant(vec![field("shop", string(), false)])),
        def(
            "TokenRequest",
            object(vec![field("grant_type", string(), true), field("scope", string(), false)]),
        ),
        def(
            "Delivery",
            Shape::Union(Union {
                discriminator: "type".into(),
                variants: vec![
                    Variant { tag: "post".into(), ty: "Post".into() },
                    Variant { tag: "pickup".into(), ty: "Pickup".into() },
                ],
            }),
        ),
        def("Problem", object(vec![field("title", string(), true), field("code", string(), false)])),
    ]);

    let mut create = operation("orders_create", "POST", "/orders", Content::Json(named("Order")));
    create.body = Some(Body::Json(named("CreateOrder")));
    create.success.status = 201;
    create.retry = Retry::Idempotent;
    create.request_example = Some(
        json!({ "size": "small", "amount": 5, "delivery": { "type": "post", "address": "5 \"High\" St" }, "tags": { "a": "b" } }),
    );
    create.response_example = Some(json!({ "id": "ord_1", "size": "small" }));
    let mut list = operation("orders_list", "GET", "/orders", Content::Json(named("OrderPage")));
    list.parameters = vec![
        Parameter {
            bounds: Bounds { minimum: Some(1.0), maximum: Some(100.0), ..Bounds::default() },
            default: Some(json!(20)),
            ..parameter("limit", Location::Query, TypeRef::Integer { bits: 32 })
        },
        parameter("cursor", Location::Query, string()),
        parameter("size", Location::Query, TypeRef::Array(Box::new(named("Size")))),
        parameter("X-Trace", Location::Header, string()),
    ];
    list.paginate = Some(Paginate {
        items: "data".into(),
        item: named("Order"),
        cursor: "cursor".into(),
        next_cursor: "next_cursor".into(),
        has_more: "has_more".into(),
    });
    let mut get = operation("orders_get", "GET", "/orders/{order_id}", Content::Json(named("Order")));
    get.parameters = vec![Parameter {
        example: Some(json!("ord_1")),
        ..parameter("order_id", Location::Path, named("OrderId"))
    }];
    get.parameter_examples = IndexMap::from([("order_id".to_owned(), json!("ord_1"))]);
    let mut delete = operation("orders_delete", "DELETE", "/orders/{order_id}", Content::None);
    delete.parameters = get.parameters.clone();
    delete.parameter_examples = get.parameter_examples.clone();
    delete.success.status = 204;
    delete.deprecated =
        Some(Deprecated { since: "2026-01-01".into(), sunset: Some("2027-01-01".into()), link: None });
    let mut upload = operation("files_upload", "PUT", "/files/{name}", Content::None);
    upload.parameters =
        vec![Parameter { example: Some(json!("a b/c")), ..parameter("name", Location::Path, string()) }];
    upload.parameter_examples = IndexMap::from([("name".to_owned(), json!("a b/c"))]);
    upload.body = Some(Body::Bytes("image/png".into()));
    upload.success.status = 204;
    upload.retry = Retry::Never;
    let mut export = operation(
        "files_export",
        "GET",
        "/export",
        Content::Bytes(vec!["application/x-ndjson".into(), "text/csv".into()]),
    );
    export.security = vec![];
    let page = operation("files_page", "GET", "/page", Content::Text("text/html".into()));
    let events = operation("files_events", "GET", "/events", Content::EventStream(Some(named("Order"))));
    let mut token = operation("files_token", "POST", "/token", Content::Json(named("Order")));
    token.body = Some(Body::Form(named("TokenRequest")));
    token.request_example = Some(json!({ "grant_type": "refresh_token", "scope": "a b" }));

    Api {
        title: "Shop".into(),
        version: "1.2.0".into(),
        description: "A shop. See <https://example.com>.".into(),
        security_schemes: IndexMap::from([
            ("bearer".to_owned(), SecurityScheme::Bearer),
            ("key".to_owned(), SecurityScheme::Header("X-API-Key".into())),
        ]),
        resources: vec![
            Resource {
                name: "orders".into(),
                description: "Orders.".into(),
                operations: vec![create, list, get, delete],
            },
            Resource {
                name: "files".into(),
                description: "Files.".into(),
                operations: vec![upload, export, page, events, token],
            },
        ],
        types,
        problem: "Problem".into(),
        headers: IndexMap::from([("X-Request-Id".to_owned(), "The request's id.".to_owned())]),
    }
}
