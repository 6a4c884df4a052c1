//! Types that contain themselves: which fields need a `Box`. Lists and maps point already; everything else holds its
//! content in place.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use crate::model::{Shape, TypeDef, TypeRef};

/// Type and field, as in the spec.
pub(super) type BoxedFields = BTreeSet<(String, String)>;

/// The fields whose type holds, in place, the type that has the field.
pub(super) fn boxed_fields(types: &IndexMap<String, TypeDef>) -> BoxedFields {
    let held: BTreeMap<&str, Vec<&str>> =
        types.iter().map(|(name, definition)| (name.as_str(), held_in_place(&definition.shape))).collect();
    let mut boxed = BoxedFields::new();
    for (name, definition) in types {
        let Shape::Object(object) = &definition.shape else { continue };
        for field in &object.fields {
            if let TypeRef::Named(target) = &field.ty
                && reaches(&held, target, name)
            {
                boxed.insert((name.clone(), field.name.clone()));
            }
        }
    }
    boxed
}

fn held_in_place(shape: &Shape) -> Vec<&str> {
    match shape {
        Shape::Object(object) => object.fields.iter().filter_map(|field| name_of(&field.ty)).collect(),
        Shape::Union(union) => union.variants.iter().map(|variant| variant.ty.as_str()).collect(),
        Shape::Alias(ty, _) => name_of(ty).into_iter().collect(),
        Shape::Enum(_) => Vec::new(),
    }
}

fn name_of(ty: &TypeRef) -> Option<&str> {
    match ty {
        TypeRef::Named(name) => Some(name),
        _ => None,
    }
}

fn reaches(held: &BTreeMap<&str, Vec<&str>>, from: &str, to: &str) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            open.extend(held.get(name).into_iter().flatten().copied());
        }
    }
    false
}
