//! What the TypeScript output promises its user, name by name. That it compiles is shown by `tests/it/typescript.rs`.

use serde_json::{Value, json};

use super::*;
use crate::model::{Field, Parameter, Shape};
use crate::writers::fixture;

fn files(change: impl FnOnce(&mut Api), layout: Layout) -> Vec<File> {
    let mut api = fixture::api();
    change(&mut api);
    write(&api, &fixture::context(&Value::Null, layout)).unwrap()
}

/// One file of the repository's output for a changed shop.
fn text(change: impl FnOnce(&mut Api), path: &str) -> String {
    let files = files(change, Layout::Repository);
    files.into_iter().find(|file| file.path == std::path::Path::new(path)).unwrap().text
}

fn names(change: impl FnOnce(&mut Api)) -> Names {
    let mut api = fixture::api();
    change(&mut api);
    Names::new(&api)
}

/// The first resource and the verb of its first operation, renamed.
fn renamed(resource: &str, verb: &str) -> (String, String) {
    let mut api = fixture::api();
    api.resources[0].name = resource.into();
    let operation = &mut api.resources[0].operations[0];
    operation.resource = resource.into();
    operation.verb = verb.into();
    let names = Names::new(&api);
    let operation = &api.resources[0].operations[0];
    let cheap = names::called(&api, operation);
    assert_eq!(names.operation(operation).called, cheap, "samples and methods must agree");
    (names.resource(resource).class, cheap)
}

#[test]
fn each_kind_of_answer_has_its_promise() {
    let (orders, files) = (text(|_| {}, "resources/orders.ts"), text(|_| {}, "resources/files.ts"));
    for (text, signature) in [
        (&orders, "create(body: CreateOrder, options?: CallOptions): ApiPromise<Order> {"),
        (&orders, "list(params?: OrdersListParams, options?: CallOptions): PagePromise<OrderPage, Order> {"),
        (&orders, "delete(orderId: OrderId, options?: CallOptions): ApiPromise<void> {"),
        (
            &files,
            "upload(name: string, body: string | Uint8Array, options?: CallOptions): ApiPromise<void> {",
        ),
        (&files, "export(options?: CallOptions): BytesPromise {"),
        (&files, "page(options?: CallOptions): ApiPromise<string> {"),
        (&files, "events(options?: CallOptions): EventsPromise<Order> {"),
    ] {
        assert!(text.contains(signature), "{signature} is missing in\n{text}");
    }
}

#[test]
fn a_method_has_no_logic_and_an_operation_no_more_than_the_runtime_needs() {
    let text = text(|_| {}, "resources/orders.ts");
    assert!(text.contains("    return this.#caller.call(CREATE, [body], options);\n"), "{text}");
    let constant = text.split("const LIST").nth(1).and_then(|rest| rest.split_once("};")).unwrap().0;
    insta::assert_snapshot!(constant, @r#"
    : Operation = {
      id: "orders_list",
      params: { limit: "integer?", cursor: "string?", size: "array?", "X-Trace": "string?" },
      result: "page",
      row: "GET\t/orders\tsafe\tnone\tjson\tbearer,header:X-API-Key\t?limit\t?cursor\t?size\t#X-Trace",
    "#);
}

#[test]
fn a_strangers_operations_describe_themselves_and_run_on_the_published_package() {
    let files = files(|_| {}, Layout::Standalone);
    let orders = files.iter().find(|file| file.path.ends_with("orders.ts")).unwrap();
    assert!(orders.text.contains("} from \"waypost\";"), "{}", orders.text);
    assert!(orders.text.contains("id: \"shop.orders_create\","), "{}", orders.text);
    assert!(orders.text.contains("security: [[\"bearer\"], [\"header:X-API-Key\"]],"), "{}", orders.text);
    let client = files.iter().find(|file| file.path.ends_with("client.ts")).unwrap();
    assert!(client.text.contains("export class Client {"), "{}", client.text);
}

#[test]
fn ours_are_in_the_engines_table() {
    assert!(!text(|_| {}, "resources/orders.ts").contains("define:"));
}

#[test]
fn absent_and_null_are_told_apart() {
    let text = text(
        |api| {
            let Shape::Object(order) = &mut api.types["Order"].shape else { panic!() };
            order.fields.push(Field {
                name: "gone".into(),
                required: true,
                nullable: true,
                ..order.fields[0].clone()
            });
        },
        "types.ts",
    );
    for member in
        ["  id: OrderId;", "  parent?: Order;", "  note?: string | null;", "  gone: OrderId | null;"]
    {
        assert!(text.contains(member), "{member} is missing in\n{text}");
    }
}

#[test]
fn an_enum_is_a_type_that_takes_any_text_and_an_object_of_its_values() {
    let text = text(|_| {}, "types.ts");
    let size = text
        .split("/**\n * A Size.")
        .nth(1)
        .and_then(|rest| rest.split("\n\n/**\n * A Order.").next())
        .unwrap();
    insta::assert_snapshot!(size.trim_start(), @r#"
    *
     * - `small`: Fits a pocket.
     * - `large`
     *
     * A later version may answer others: treat a value that you do not know as such.
     */
    export type Size = "small" | "large" | (string & {});

    /** The values of {@link Size} that this version knows. */
    export const Size = {
      /** Fits a pocket. */
      Small: "small",
      Large: "large",
    } as const;
    "#);
}

#[test]
fn a_variant_carries_its_tags_and_a_union_one_variant_for_all_others() {
    let text = text(
        |api| {
            let Shape::Union(delivery) = &mut api.types["Delivery"].shape else { panic!() };
            let again = crate::model::Variant { tag: "by mail".into(), ty: "Post".into() };
            delivery.variants.push(again);
        },
        "types.ts",
    );
    assert!(text.contains("  type: \"post\" | \"by mail\";"), "{text}");
    assert!(text.contains("export type Delivery = Post | Pickup | UnknownDelivery;"), "{text}");
}

#[test]
fn no_any_is_in_the_output() {
    for file in files(|_| {}, Layout::Standalone) {
        let code: String =
            file.text.lines().filter(|line| !line.trim_start().starts_with(['*', '/'])).collect();
        assert!(!code.contains(": any") && !code.contains("<any"), "{}", file.path.display());
    }
}

#[test]
fn a_resource_never_hides_what_a_client_or_any_object_has() {
    assert_eq!(renamed("close", "get"), ("Close".to_owned(), "close_.get".to_owned()));
    assert_eq!(renamed("constructor", "get").1, "constructor_.get");
    assert_eq!(renamed("then", "get").1, "then_.get");
    assert_eq!(renamed("caller", "get"), ("CallerResource".to_owned(), "caller_.get".to_owned()));
}

#[test]
fn a_verb_may_be_a_word_of_the_language_but_none_that_makes_a_promise_of_its_resource() {
    assert_eq!(renamed("orders", "delete").1, "orders.delete");
    assert_eq!(renamed("orders", "then").1, "orders.then_");
    assert_eq!(renamed("orders", "constructor").1, "orders.constructor_");
}

#[test]
fn a_class_makes_way_for_a_schema_of_its_name() {
    assert_eq!(renamed("order", "get"), ("OrderResource".to_owned(), "order.get".to_owned()));
}

#[test]
fn a_schema_makes_way_for_what_the_output_needs_itself() {
    let names = names(|api| {
        for name in ["Promise", "Operation", "open"] {
            let order = api.types["Order"].clone();
            api.types.insert(name.into(), order);
        }
    });
    assert_eq!(
        ["Promise", "Operation", "open"].map(|name| names.ty(name).to_owned()),
        ["PromiseSchema", "OperationSchema", "OpenSchema"]
    );
}

#[test]
fn two_verbs_that_become_one_method_are_told_apart_by_their_order() {
    let mut api = fixture::api();
    for (operation, verb) in api.resources[0].operations.iter_mut().zip(["get_1", "get1", "get__1"]) {
        operation.verb = verb.into();
    }
    let names = Names::new(&api);
    let methods: Vec<_> = api.resources[0]
        .operations
        .iter()
        .take(3)
        .map(|operation| names.operation(operation).method)
        .collect();
    assert_eq!(methods, ["get1", "get1_", "get1__"]);
}

/// What the path parameters of these names become.
fn arguments(wire: &[&str]) -> Vec<String> {
    let mut api = fixture::api();
    let operation = &mut api.resources[0].operations[2];
    let parameter = operation.parameters[0].clone();
    operation.parameters =
        wire.iter().map(|name| Parameter { name: (*name).into(), ..parameter.clone() }).collect();
    let names = Names::new(&api);
    names.operation(&api.resources[0].operations[2]).arguments
}

#[test]
fn a_path_argument_never_has_the_name_of_another_argument_or_of_a_reserved_word() {
    assert_eq!(arguments(&["options", "body", "params"]), ["pathOptions", "pathBody", "pathParams"]);
    assert_eq!(arguments(&["class", "in", "await"]), ["pathClass", "pathIn", "pathAwait"]);
    assert_eq!(arguments(&["a_1", "a1", "path_in", "in"]), ["a1", "a1_", "pathIn", "pathIn_"]);
}

#[test]
fn a_property_is_spelled_as_on_the_wire() {
    let text = text(
        |api| {
            let parameter =
                Parameter { name: "x-y.z".into(), ..api.resources[0].operations[1].parameters[1].clone() };
            api.resources[0].operations[1].parameters.push(parameter);
            let Shape::Object(order) = &mut api.types["Order"].shape else { panic!() };
            order.fields[0].name = "chip-number".into();
            order.fields[1].name = "class".into();
        },
        "types.ts",
    );
    assert!(text.contains("  \"chip-number\": OrderId;") && text.contains("  class: Size;"), "{text}");
}

#[test]
fn params_are_optional_unless_one_of_them_is_required() {
    let text =
        text(|api| api.resources[0].operations[1].parameters[0].required = true, "resources/orders.ts");
    assert!(text.contains("list(params: OrdersListParams, options?: CallOptions)"), "{text}");
    assert!(text.contains("  limit: number;") && text.contains("  cursor?: string | undefined;"), "{text}");
}

#[test]
fn a_body_may_be_left_out_where_an_action_needs_none_but_not_where_a_change_would_change_nothing() {
    let loosened = |method: &'static str| {
        text(
            move |api| {
                let Shape::Object(body) = &mut api.types["CreateOrder"].shape else { panic!() };
                body.fields.iter_mut().for_each(|field| field.required = false);
                api.resources[0].operations[0].method = method.into();
            },
            "resources/orders.ts",
        )
    };
    assert!(loosened("POST").contains("create(body: CreateOrder = {}, options?: CallOptions)"));
    assert!(loosened("PATCH").contains("create(body: CreateOrder, options?: CallOptions)"));
}

#[test]
fn prose_of_a_spec_ends_no_comment_and_starts_no_tag() {
    let names = names(|_| {});
    assert_eq!(doc::prose(&names, "Mail @home <b> {x} `@a {b}`"), "Mail \\@home \\<b> \\{x\\} `@a {b}`");
    assert_eq!(doc::Doc::of("Ends */ here").render(0), "/** Ends *\\/ here */\n");
    assert_eq!(doc::prose(&names, "See `orders_get` and orders_get"), "See `orders.get` and orders_get");
}

#[test]
fn documentation_has_bounds_default_and_example() {
    let text = text(
        |api| api.resources[0].operations[1].parameters[0].example = Some(json!(5)),
        "resources/orders.ts",
    );
    let limit =
        text.split("interface OrdersListParams {\n").nth(1).and_then(|rest| rest.split("  limit").next());
    insta::assert_snapshot!(limit.unwrap(), @r"
    /**
     * The limit.
     *
     * Integer, 1 to 100.
     *
     * @defaultValue `20`
     * @example 5
     */
    ");
}

#[test]
fn a_method_says_what_it_throws_and_shows_how_it_is_called() {
    let text = text(|_| {}, "resources/orders.ts");
    let get = text.split("* get of orders.").nth(1).and_then(|rest| rest.split("*/").next()).unwrap();
    insta::assert_snapshot!(get.trim(), @r#"
    *
       * What it does, with \<b>no\</b> markup & no surprise.
       *
       * `GET /orders/{order_id}` · since 1.2.0
       *
       * @param orderId - The order_id. Pattern `^ord_`.
       * @param options - What differs from the client's settings for this call.
       * @returns Done.
       * @throws `NotFoundError` (404 `not_found`): There is no such thing.
       * @example
       * ```ts
       * import { Waypost } from "waypost";
       *
       * const client = new Waypost();
       *
       * const order = await client.orders.get("ord_1");
       * console.log(order);
       * ```
    "#);
    assert!(text.contains("@deprecated Since 2026-01-01, answered until 2027-01-01."), "{text}");
}

#[test]
fn a_literal_is_what_a_person_would_write() {
    let value = json!({ "a": 1, "b-c": ["x", null], "__proto__": {} });
    assert_eq!(literal::literal(&value, 0, 0), "{ a: 1, \"b-c\": [\"x\", null], [\"__proto__\"]: {} }");
    assert_eq!(
        literal::literal(&json!({ "a": "b".repeat(100) }), 0, 0),
        format!("{{\n  a: \"{}\",\n}}", "b".repeat(100))
    );
}
