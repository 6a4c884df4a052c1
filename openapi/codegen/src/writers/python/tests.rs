//! What the Python output promises: names that never meet, states that are told apart, one template for both halves.

use serde_json::Value;

use super::*;
use crate::model::{Body, EnumValue, Location, Shape, TypeRef, Union, Variant};
use crate::writers::fixture;

fn written(api: &Api, layout: Layout) -> Vec<File> {
    write(api, &fixture::context(&Value::Null, layout)).unwrap()
}

fn text(api: &Api, path: &str) -> String {
    let files = written(api, Layout::Repository);
    files.into_iter().find(|file| file.path.ends_with(path)).unwrap_or_else(|| panic!("no {path}")).text
}

/// A part of a file, from this line to the next that is not further in.
fn block<'t>(text: &'t str, head: &str) -> &'t str {
    let start = text.find(head).unwrap_or_else(|| panic!("no {head} in:\n{text}"));
    let rest = &text[start..];
    let indent = text[..start].rsplit('\n').next().unwrap_or_default().len();
    let mut end = 0;
    for (index, line) in rest.split_inclusive('\n').enumerate() {
        let inside = line.trim().is_empty()
            || line.len() - line.trim_start().len() > indent
            || line.trim_start().starts_with(')');
        if index > 0 && !inside {
            break;
        }
        end += line.len();
    }
    rest[..end].trim_end()
}

#[test]
fn a_method_says_what_it_takes_answers_and_raises_and_only_forwards() {
    let mut api = fixture::api();
    api.types["CreateOrder"].in_response = false;
    api.types["CreateOrder"].in_request = true;
    insta::assert_snapshot!(block(&text(&api, "resources/orders.py"), "def create("), @r#"
    def create(
            self,
            *,
            size: SizeValue,
            amount: int,
            delivery: Delivery | UnsetType = UNSET,
            tags: Mapping[str, str] | UnsetType = UNSET,
            options: CallOptions | None = None,
        ) -> Order:
            """create of orders.

            What it does, with <b>no</b> markup & no surprise.

            `POST /orders` · since 1.2.0

            Args:
                size: The size.
                amount: The amount.
                delivery: The delivery.
                tags: The tags.
                options: Settings of this call alone.

            Returns:
                Done.

            Raises:
                waypost.errors.NotFoundError: 404 `not_found`. There is no such thing.
                TypeError: An argument is of a wrong type; nothing was sent.

            Example:
                ```python
                from waypost.models import Post

                order = client.orders.create(
                    size="small",
                    amount=5,
                    delivery=Post(address='5 "High" St'),
                    tags={"a": "b"},
                )
                print(order)
                ```
            """
            return self._client.call(
                _CREATE,
                (),
                CreateOrder(size=size, amount=amount, delivery=delivery, tags=tags),
                options,
            )
    "#);
}

#[test]
fn both_halves_come_from_one_template() {
    let text = text(&fixture::api(), "resources/orders.py");
    let (sync, rest) = text.split_once("class AsyncOrders(AsyncResource)").unwrap();
    for method in ["create", "list", "get", "delete"] {
        assert!(sync.contains(&format!("    def {method}(")), "{method}");
        let word = if method == "list" { "def" } else { "async def" };
        assert!(rest.contains(&format!("    {word} {method}(")), "{method}");
    }
    assert!(sync.contains("return self._client.call(_GET, (order_id,), options=options)"), "{sync}");
    assert!(rest.contains("return await self._client.call(_GET, (order_id,), options=options)"), "{rest}");
    assert!(sync.contains(") -> Page[Order]:") && rest.contains(") -> AsyncPager[Order]:"));
    assert!(sync.contains("self.get = raw_response(resource.get)"));
    assert!(rest.contains("self.get = async_raw_response(resource.get)"));
    assert!(rest.contains("self.list = async_raw_page(resource.list)"));
}

#[test]
fn each_kind_of_answer_has_its_type() {
    let text = text(&fixture::api(), "resources/files.py");
    for part in [
        ") -> None:",
        "-> ByteStream:",
        "-> AsyncByteStream:",
        "-> str:",
        "-> EventStream[Order]:",
        "-> AsyncEventStream[Order]:",
        "_EXPORT: Final[StreamOperation] = StreamOperation(",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    assert!(!text.contains("raw_response(resource.export)"), "a stream carries its head itself");
}

#[test]
fn absent_null_and_a_value_are_three_states() {
    let text = text(&fixture::api(), "models/shared.py");
    assert!(text.contains("    note: str | None | UnsetType = UNSET\n"), "{text}");
    assert!(text.contains("    parent: Order | UnsetType = UNSET\n"), "{text}");
    assert!(text.contains("    id: OrderId\n"), "{text}");
}

#[test]
fn an_enum_is_constants_beside_an_alias_that_takes_any_text() {
    let text = text(&fixture::api(), "models/shared.py");
    assert!(text.contains("class Size:\n") && text.contains("    SMALL: Final = \"small\"\n"), "{text}");
    assert!(text.contains("    SizeValue: TypeAlias = Literal[\"small\", \"large\"] | str\n"), "{text}");
    assert!(text.contains("else:\n    SizeValue = str\n"), "{text}");
}

#[test]
fn a_union_is_told_apart_by_msgspec_and_keeps_what_is_unknown() {
    let text = text(&fixture::api(), "models/shared.py");
    assert!(text.contains("    Delivery: TypeAlias = Post | Pickup | UnknownVariant\n"), "{text}");
    assert!(text.contains("else:\n    Delivery = Post | Pickup\n"), "{text}");
    assert!(
        text.contains("class Post(OpenModel, kw_only=True, tag_field=\"type\", tag=\"post\"):"),
        "{text}"
    );
    assert!(text.contains("    type: ClassVar[Literal[\"post\"]] = \"post\"\n"), "{text}");
}

#[test]
fn a_schema_under_two_tags_has_a_class_for_each() {
    let mut api = fixture::api();
    let Shape::Union(union) = &mut api.types["Delivery"].shape else { panic!() };
    union.variants.push(Variant { tag: "parcel".into(), ty: "Post".into() });
    let text = text(&api, "models/shared.py");
    assert!(text.contains("class PostParcel(Post, kw_only=True, tag=\"parcel\"):"), "{text}");
    assert!(text.contains("    Delivery = Post | Pickup | PostParcel\n"), "{text}");
}

#[test]
fn only_what_goes_out_is_held_to_its_bounds() {
    let mut api = fixture::api();
    for name in ["CreateOrder", "Order"] {
        let definition = &mut api.types[name];
        definition.in_response = name == "Order";
        let Shape::Object(object) = &mut definition.shape else { panic!() };
        object.fields[1].bounds.minimum = Some(1.0);
        object.fields[1].ty = TypeRef::Integer { bits: 64 };
    }
    let files = written(&api, Layout::Repository);
    let all: String = files.iter().map(|file| file.text.as_str()).collect();
    assert!(all.contains("amount: Annotated[int, Meta(ge=1)]\n"), "{all}");
    assert!(all.contains("    size: int\n    \"\"\"The size. At least 1.\"\"\"\n"), "{all}");
}

#[test]
fn what_the_server_sends_as_well_is_handed_over_whole() {
    let api = fixture::api();
    // Every schema of the fixture goes both ways.
    let create = text(&api, "resources/orders.py");
    assert!(block(&create, "def create(").contains("body: CreateOrder"), "{create}");
}

#[test]
fn words_of_python_and_builtins_of_annotations_become_other_names() {
    for (wire, python) in [
        ("class", "class_"),
        ("from", "from_"),
        ("None", "none"),
        ("print", "print"),
        ("str", "str_"),
        ("list", "list_"),
        ("id", "id"),
        ("chip-Number", "chip_number"),
        ("2x2", "n2x2"),
        ("unknown_fields", "unknown_fields_"),
    ] {
        assert_eq!(names::attribute(wire), python);
    }
    for (resource, python) in [("close", "close_"), ("with_options", "with_options_"), ("wallets", "wallets")]
    {
        assert_eq!(names::resource(resource), python);
    }
    assert_eq!(names::class("None"), "None_");
    assert_eq!(names::class("Model"), "Model_");
}

#[test]
fn two_arguments_that_would_be_one_are_told_apart() {
    let mut arguments = names::Arguments::default();
    assert_eq!(arguments.add("id", "path"), "id");
    assert_eq!(arguments.add("id", "body"), "body_id");
    assert_eq!(arguments.add("body_id", "body"), "body_body_id");
    assert_eq!(arguments.add("self", "query"), "self_");
    assert_eq!(arguments.add("options", "query"), "options_");
    assert_eq!(arguments.add("body", "query"), "body_");
    assert_eq!(arguments.add("from", "query"), "from_");
}

#[test]
fn a_path_parameter_and_a_field_of_one_name_go_where_they_belong() {
    let mut api = fixture::api();
    api.types["CreateOrder"].in_response = false;
    let mut path = api.resources[0].operations[2].parameters[0].clone();
    path.name = "size".into();
    assert_eq!(path.location, Location::Path);
    api.resources[0].operations[0].parameters = vec![path];
    let text = text(&api, "resources/orders.py");
    assert!(text.contains("        size: OrderId,\n        *,\n        body_size: SizeValue,\n"), "{text}");
    assert!(text.contains("(size,),\n            CreateOrder(size=body_size, amount=amount,"), "{text}");
}

#[test]
fn a_model_that_is_called_like_the_runtime_or_a_resource_has_another_name_beside_it() {
    let mut api = fixture::api();
    let mut page = api.types["Order"].clone();
    page.name = "Page".into();
    api.types.insert("Page".into(), page);
    let mut orders = api.types["Order"].clone();
    orders.name = "Orders".into();
    api.types.insert("Orders".into(), orders);
    api.resources[0].operations[2].success.content =
        crate::model::Content::Json(TypeRef::Named("Page".into()));
    let text = text(&api, "resources/orders.py");
    assert!(text.contains("Page as PageModel"), "{text}");
    assert!(text.contains(") -> PageModel:"), "{text}");
    assert!(text.contains("class OrdersResource(Resource):"), "{text}");
    assert!(text.contains("class AsyncOrdersResource(AsyncResource):"), "{text}");
}

#[test]
fn values_of_an_enum_that_become_one_constant_are_told_apart() {
    let mut api = fixture::api();
    let value = |value: &str| EnumValue { value: value.into(), description: String::new() };
    api.types["Size"].shape = Shape::Enum(vec![value("a b"), value("a_b"), value("2"), value("class")]);
    let text = text(&api, "models/shared.py");
    assert!(
        text.contains("    A_B: Final = \"a b\"\n") && text.contains("    A_B_: Final = \"a_b\"\n"),
        "{text}"
    );
    assert!(
        text.contains("    N2: Final = \"2\"\n") && text.contains("    CLASS: Final = \"class\"\n"),
        "{text}"
    );
}

#[test]
fn a_body_that_is_a_union_or_bytes_is_one_argument() {
    let mut api = fixture::api();
    api.resources[0].operations[0].body = Some(Body::Json(TypeRef::Named("Delivery".into())));
    assert!(text(&api, "resources/orders.py").contains("(self, body: Delivery, *,"));
    assert!(text(&api, "resources/files.py").contains("(self, name: str, body: bytes, *,"));
}

#[test]
fn a_secret_is_hidden_where_a_model_is_shown() {
    let mut api = fixture::api();
    let Shape::Object(object) = &mut api.types["Order"].shape else { panic!() };
    object.fields[0].secret = true;
    let text = text(&api, "models/shared.py");
    assert!(text.contains("class Order(Confidential, OpenModel, kw_only=True):"), "{text}");
    assert!(text.contains("    _secrets: ClassVar[tuple[str, ...]] = (\"id\",)\n"), "{text}");
}

#[test]
fn a_foreign_package_runs_on_the_published_one_and_describes_its_operations() {
    let files = written(&fixture::api(), Layout::Standalone);
    let file = |path: &str| &files.iter().find(|file| file.path == std::path::Path::new(path)).unwrap().text;
    assert!(file("shop_sdk/__init__.py").contains("class Client(Resources, waypost.Client):"));
    assert!(file("shop_sdk/_generated/operations.py").contains("\"id\": \"shop_sdk.orders_create\""));
    assert!(file("shop_sdk/_generated/resources/orders.py").contains("from waypost._call import ("));
}

#[test]
fn a_union_of_one_is_still_told_by_its_tag() {
    let mut api = fixture::api();
    api.types["Delivery"].shape = Shape::Union(Union {
        discriminator: "type".into(),
        variants: vec![Variant { tag: "post".into(), ty: "Post".into() }],
    });
    let text = text(&api, "models/shared.py");
    assert!(text.contains("    Delivery: TypeAlias = Post | UnknownVariant\n"), "{text}");
    assert!(text.contains("else:\n    Delivery = Post\n"), "{text}");
}
