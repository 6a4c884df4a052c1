//! The golden types compile, and do what they promise: what is read is written again as it came.

use serde_json::{Value, json};

use crate::types::patch::Patch;
use crate::types::*;

/// What comes out when the value goes through the type.
fn through<T: serde::Serialize + serde::de::DeserializeOwned>(value: &Value) -> Value {
    serde_json::to_value(serde_json::from_value::<T>(value.clone()).unwrap()).unwrap()
}

fn pet() -> Value {
    json!({
        "id": 1, "name": "Tom", "species": "cat", "born": "2024-05-01",
        "keeper": {"kind": "person", "name": "Ann"},
    })
}

#[test]
fn fields_that_are_not_known_survive_a_round_trip() {
    let mut value = pet();
    value["colour"] = json!({"eyes": ["green", null]});
    value["keeper"]["since"] = json!(2020);
    assert_eq!(through::<Pet>(&value), value);
}

#[test]
fn enum_values_that_are_not_known_survive_a_round_trip() {
    let mut value = pet();
    value["species"] = json!("axolotl");
    let pet: Pet = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(pet.species, Species::Unknown("axolotl".to_owned()));
    assert_eq!(serde_json::to_value(&pet).unwrap(), value);
    assert_eq!("guinea-pig".parse(), Ok(Species::GuineaPig));
    assert_eq!(Species::GuineaPig.to_string(), "guinea-pig");
}

#[test]
fn union_tags_that_are_not_known_survive_a_round_trip() {
    let value = json!({"kind": "zoo", "gate": 3, "keepers": [{"kind": "person", "name": "Ann"}]});
    let keeper: Keeper = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(keeper.tag(), Some("zoo"));
    assert_eq!(serde_json::to_value(&keeper).unwrap(), value);
}

#[test]
fn a_union_reads_and_writes_its_tag_once() {
    let value = json!({"kind": "shelter", "city": "Graz", "beds": 12});
    let keeper: Keeper = serde_json::from_value(value.clone()).unwrap();
    let Keeper::Shelter(shelter) = &keeper else { panic!("{keeper:?}") };
    assert_eq!(shelter.city, "Graz");
    assert_eq!(shelter.extra.get("beds"), Some(&json!(12)));
    assert_eq!(serde_json::to_value(&keeper).unwrap(), value);
    let made = Keeper::from(Person::new("Ann"));
    assert_eq!(serde_json::to_value(&made).unwrap(), json!({"kind": "person", "name": "Ann"}));
}

#[test]
fn a_variant_that_lacks_a_field_is_an_error_and_not_an_unknown_one() {
    let error = serde_json::from_value::<Keeper>(json!({"kind": "person"})).unwrap_err();
    assert!(error.to_string().contains("name"), "{error}");
}

#[test]
fn a_patch_tells_absent_null_and_a_value_apart() {
    for value in
        [json!({}), json!({"weight": null}), json!({"weight": 4.5}), json!({"keeper": null, "labels": []})]
    {
        assert_eq!(through::<PetChange>(&value), value);
    }
    let change: PetChange = serde_json::from_value(json!({"weight": null})).unwrap();
    assert!(change.weight.is_null() && change.keeper.is_absent());
    let change =
        PetChange::new().with_weight(4.5).with_keeper(Patch::Null).with_labels(vec!["old".to_owned()]);
    assert_eq!(
        serde_json::to_value(&change).unwrap(),
        json!({"keeper": null, "weight": 4.5, "labels": ["old"]})
    );
    assert_eq!(change.weight.into_change(), Some(Some(4.5)));
    assert_eq!(Patch::<f64>::Null.into_change(), Some(None));
    assert_eq!(Patch::<f64>::Absent.into_change(), None);
}

#[test]
fn a_required_field_that_is_null_is_written_as_null() {
    let mut value = pet();
    value["keeper"] = Value::Null;
    assert_eq!(through::<Pet>(&value), value);
}

#[test]
fn a_field_of_any_value_keeps_null_and_its_absence_apart() {
    let mut value = pet();
    assert_eq!(through::<Pet>(&value), value);
    value["notes"] = Value::Null;
    assert_eq!(through::<Pet>(&value), value);
    value["notes"] = json!([1, {"a": null}]);
    assert_eq!(through::<Pet>(&value), value);
}

#[test]
fn a_type_that_contains_itself_has_a_size() {
    let mut value = pet();
    value["mother"] = pet();
    value["mother"]["mother"] = pet();
    assert_eq!(through::<Pet>(&value), value);
    let kitten = Pet::new(2, "Tim", Species::Cat, "2026-01-01", None).with_mother(Pet::new(
        1,
        "Tam",
        Species::Cat,
        "2024-01-01",
        None,
    ));
    assert_eq!(kitten.mother.map(|mother| mother.id), Some(1));
}

#[test]
fn names_that_rust_does_not_take_keep_their_spelling_on_the_wire() {
    let tom = Pet::new(1, "Tom", Species::Cat, "2024-05-01", None).with_type("tabby").with_chip_number("9");
    let value = serde_json::to_value(&tom).unwrap();
    assert_eq!((&value["type"], &value["chip-Number"]), (&json!("tabby"), &json!("9")));
    assert_eq!(serde_json::from_value::<Pet>(value).unwrap(), tom);
}

#[test]
fn secrets_are_not_in_debug_output() {
    let login = Login::new("ann", "a secret of hers");
    assert_eq!(format!("{login:?}"), r#"Login { name: "ann", password: [redacted], remember: None }"#);
}

#[test]
fn parameters_that_are_not_given_are_not_written() {
    let params = params::PetsListParams::new("main street");
    assert_eq!(serde_json::to_value(&params).unwrap(), json!({"X-Shop": "main street"}));
    let params = params.with_species([Species::Cat, Species::Unknown("axolotl".into())]).with_limit(5);
    let value = json!({"limit": 5, "species": ["cat", "axolotl"], "X-Shop": "main street"});
    assert_eq!(serde_json::to_value(&params).unwrap(), value);
    assert_eq!(serde_json::from_value::<params::PetsListParams>(value).unwrap(), params);
}

#[test]
fn the_examples_of_the_spec_are_values_of_the_types() {
    let value = json!({
        "pets": [{"id": 1, "name": "Tom", "species": "cat", "born": "2024-05-01", "keeper": null, "labels": ["old"]}],
        "next": "c2", "more": true,
    });
    assert_eq!(through::<PetPage>(&value), value);
}
