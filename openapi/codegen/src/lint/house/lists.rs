//! House: lists take `limit` and `cursor`, and answer `{data, next_cursor, has_more}`.

use crate::build::operation::declared_parameters;
use crate::diagnostic::Rule;
use crate::lint::Report;
use crate::lint::walk::{Objects, Operation};
use crate::node::Node;

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    for operation in &objects.operations {
        let page = operation.node.walk(&["responses", "200"]).and_then(|response| {
            response.resolve()?.walk(&["content", "application/json", "schema"])?.resolve()
        });
        let listed = page.as_ref().is_some_and(|page| page.walk(&["properties", "data"]).is_some());
        let named = operation.node.text("operationId").is_some_and(|id| id.ends_with("_list"));
        if listed || named || operation.node.has("x-paginate") {
            list(operation, page.as_ref(), report);
        }
    }
}

fn list(operation: &Operation<'_>, page: Option<&Node<'_>>, report: &mut Report<'_>) {
    let mut need = |held: bool, reason: &str, remedy: &str| {
        if !held {
            report.add(&operation.node, Rule::HouseList, reason, remedy);
        }
    };
    need(operation.node.has("x-paginate"), "A list that says not how it goes on.", "Write `x-paginate`.");
    let has = |name: &str| page.is_some_and(|page| page.walk(&["properties", name]).is_some());
    let shape = has("data") && has("next_cursor") && has("has_more");
    need(shape, "A list answers `{data, next_cursor, has_more}`.", "Give its page these properties.");
    let required = |name: &str| page.is_some_and(|page| page.items_of("required").any(|r| r.value == name));
    need(
        required("data") && required("has_more"),
        "A page always has `data` and `has_more`.",
        "Add them to `required`.",
    );
    let parameters = declared_parameters(&operation.item, &operation.node);
    let schema = |name: &str| {
        let parameter = parameters.iter().find(|parameter| parameter.text("name") == Some(name))?;
        parameter.get("schema")?.resolve()
    };
    let limit = schema("limit").is_some_and(|schema| {
        let bound = |key: &str| schema.get(key).and_then(|bound| bound.value.as_u64());
        (bound("minimum"), bound("maximum"), bound("default")) == (Some(1), Some(100), Some(20))
    });
    need(limit, "A list takes `limit`, 1 to 100, 20 by default.", "Refer to that parameter.");
    need(schema("cursor").is_some(), "A list takes `cursor`.", "Refer to that parameter.");
}
