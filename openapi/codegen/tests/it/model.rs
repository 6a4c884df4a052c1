//! The model: references resolved, inherited parameters merged, defaults filled in.

use std::fs;
use std::path::Path;

use serde_json::json;
use waypost_codegen::lint::Profile;
use waypost_codegen::model::{Api, Body, Content, Location, Operation, Retry, Shape, TypeRef};
use waypost_codegen::read;

use super::golden::petshop;

fn api() -> Api {
    read(&petshop(), Profile::Lenient).unwrap().api
}

fn operation<'a>(api: &'a Api, id: &str) -> &'a Operation {
    api.resources
        .iter()
        .flat_map(|resource| &resource.operations)
        .find(|operation| operation.id == id)
        .unwrap()
}

#[test]
fn resources_come_from_tags_in_the_order_in_which_they_appear() {
    let names: Vec<String> = api().resources.into_iter().map(|resource| resource.name).collect();
    assert_eq!(names, ["pets", "people"]);
}

#[test]
fn parameters_of_the_path_item_are_merged_in_path_then_query_then_header_order() {
    let api = api();
    let parameters = &operation(&api, "pets_get").parameters;
    assert_eq!(parameters.len(), 1);
    assert_eq!((parameters[0].name.as_str(), parameters[0].location), ("pet_id", Location::Path));
    let places: Vec<Location> =
        operation(&api, "pets_list").parameters.iter().map(|parameter| parameter.location).collect();
    assert_eq!(places, [Location::Query, Location::Query, Location::Query, Location::Header]);
}

#[test]
fn retry_follows_the_method_unless_the_spec_says_it() {
    let api = api();
    assert_eq!(operation(&api, "pets_get").retry, Retry::Safe);
    assert_eq!(operation(&api, "pets_delete").retry, Retry::Idempotent);
    assert_eq!(operation(&api, "pets_set_photo").retry, Retry::Idempotent);
    assert_eq!(operation(&api, "pets_update").retry, Retry::Never);
    assert_eq!(operation(&api, "pets_create").retry, Retry::Never);
}

#[test]
fn bodies_and_results_are_told_apart() {
    let api = api();
    assert_eq!(operation(&api, "people_login").body, Some(Body::Form(TypeRef::Named("SignIn".into()))));
    assert_eq!(operation(&api, "people_login").success.content, Content::Text("text/plain".into()));
    assert_eq!(operation(&api, "pets_set_photo").body, Some(Body::Bytes("application/octet-stream".into())));
    assert_eq!(
        operation(&api, "pets_photo").success.content,
        Content::Bytes(vec!["image/png".into(), "image/jpeg".into()])
    );
    assert_eq!(
        operation(&api, "pets_events").success.content,
        Content::EventStream(Some(TypeRef::Named("PetEvent".into())))
    );
    assert_eq!(operation(&api, "pets_delete").success.content, Content::None);
}

#[test]
fn security_is_inherited_unless_the_operation_has_its_own() {
    let api = api();
    assert_eq!(operation(&api, "pets_list").security, [vec!["token".to_owned()]]);
    assert!(operation(&api, "pets_get").security.is_empty());
}

#[test]
fn pagination_names_the_fields_and_the_item() {
    let api = api();
    let paginate = operation(&api, "pets_list").paginate.clone().unwrap();
    assert_eq!(paginate.item, TypeRef::Named("Pet".into()));
    assert_eq!(
        [paginate.items, paginate.cursor, paginate.next_cursor, paginate.has_more],
        ["pets", "after", "next", "more"]
    );
}

#[test]
fn a_reference_with_null_beside_it_is_a_nullable_reference() {
    let api = api();
    let Shape::Object(pet) = &api.types["Pet"].shape else { panic!() };
    let keeper = pet.fields.iter().find(|field| field.name == "keeper").unwrap();
    assert_eq!(
        (&keeper.ty, keeper.required, keeper.nullable),
        (&TypeRef::Named("Keeper".into()), true, true)
    );
    assert_eq!(keeper.description, "null while it waits.");
}

#[test]
fn a_variant_leaves_its_tag_to_the_union() {
    let api = api();
    let Shape::Object(person) = &api.types["Person"].shape else { panic!() };
    assert_eq!(person.tag.as_deref(), Some("kind"));
    assert!(person.fields.iter().all(|field| field.name != "kind"));
}

#[test]
fn types_know_whether_they_are_sent_or_answered() {
    let api = api();
    let uses = |name: &str| (api.types[name].in_request, api.types[name].in_response);
    assert_eq!(uses("NewPet"), (true, false));
    assert_eq!(uses("Pet"), (false, true));
    assert_eq!(uses("Person"), (true, true));
    assert_eq!(uses("Problem"), (false, true));
    assert_eq!(uses("Species"), (true, true));
}

#[test]
fn a_union_validates_by_its_tag() {
    let schema = &api().types["Keeper"].json_schema;
    assert_eq!(schema["properties"]["kind"], json!({"enum": ["person", "shelter"]}));
    assert_eq!(schema["allOf"][0]["then"], json!({"$ref": "#/$defs/Person"}));
}

#[test]
fn integers_carry_the_limits_of_their_width() {
    let schema = &api().types["Problem"].json_schema;
    assert_eq!(schema["properties"]["status"]["maximum"], json!(i32::MAX));
}

#[test]
fn null_is_a_type_of_json_schema() {
    let schema = &api().types["PetChange"].json_schema;
    assert_eq!(schema["properties"]["weight"]["type"], json!(["number", "null"]));
    assert_eq!(
        schema["properties"]["keeper"],
        json!({"anyOf": [{"$ref": "#/$defs/Keeper"}, {"type": "null"}]})
    );
}

#[test]
fn the_contract_of_the_repository_has_no_finding() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi-complete.yaml");
    let findings = read(&fs::read_to_string(path).unwrap(), Profile::Strict).err().unwrap_or_default();
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn what_is_deprecated_says_so_where_it_is_described() {
    let api = api();
    let Shape::Object(page) = &api.types["CagePage"].shape else { panic!() };
    assert_eq!(page.fields[3].description, "What they hold.\n\nDeprecated.");
}

#[test]
fn a_list_whose_page_has_another_name_is_a_list_all_the_same() {
    let api = api();
    assert_eq!(operation(&api, "pets_cages").paginate.as_ref().unwrap().item, TypeRef::String(None));
}
