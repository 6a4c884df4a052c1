//! The models: one module for what each resource alone uses, one for what several share.
//!
//! An object is a `msgspec.Struct`, an enum a class of constants beside an alias that takes any text, a union an alias that
//! msgspec tells apart in C. Annotations are text until the first value is read, so the order of the classes does not matter; aliases are
//! values and come after what they are made of.

use std::collections::{BTreeMap, BTreeSet};

use super::code::{Code, WIDTH, call};
use super::names::{Names, attribute, constant};
use super::text::{doc, docstring, literal};
use super::types::{Needs, Way, annotation, bounds_of, meta, sentences, states, words};
use super::{Paths, imports};
use crate::build::schema::named_in_shape;
use crate::model::{Api, EnumValue, Field, Object, Shape, TypeDef, TypeRef, Union};
use crate::writers::{Context, File, Layout};

/// Writes a file for each module that has schemas, and the package that they are in.
pub(super) fn write(api: &Api, context: &Context<'_>, names: &Names, paths: &Paths) -> Vec<File> {
    let mut modules: BTreeMap<&str, Vec<&TypeDef>> = BTreeMap::new();
    for definition in api.types.values() {
        modules.entry(names.module_of(&definition.name)).or_default().push(definition);
    }
    let mut files = vec![File::new(
        "_generated/models/__init__.py",
        super::module(
            context,
            &[
                "The models, in one module for each resource and one for what several share. They are public as the module `models`.",
            ],
            "",
        ),
    )];
    for (module, definitions) in &modules {
        let text = Module { api, names, needs: Needs::default() }.text(context, paths, module, definitions);
        files.push(File::new(format!("_generated/models/{module}.py"), text));
    }
    files.push(File::new("models.py", public(api, context, names, &modules)));
    files
}

/// The public module that names every model.
fn public(
    api: &Api,
    context: &Context<'_>,
    names: &Names,
    modules: &BTreeMap<&str, Vec<&TypeDef>>,
) -> String {
    let mut body = String::new();
    let mut all: Vec<String> = vec!["UnknownVariant".into()];
    let mut imported: Vec<(String, Vec<String>)> = Vec::new();
    for (module, definitions) in modules {
        let mut exported: Vec<String> =
            definitions.iter().flat_map(|definition| exports(names, definition)).collect();
        exported.sort();
        all.extend(exported.iter().cloned());
        imported.push((format!("._generated.models.{module}"), exported));
    }
    all.sort();
    let runtime = (Paths::new(context, ".").runtime("_model"), vec!["UnknownVariant".into()]);
    match context.layout {
        Layout::Repository => imported.push(runtime),
        Layout::Standalone => imported.insert(0, runtime),
    }
    let foreign = context.layout == Layout::Standalone;
    for (index, (from, exported)) in imported.into_iter().enumerate() {
        if foreign && index == 1 {
            body.push('\n');
        }
        let elements = imports::sorted(exported.iter().map(String::as_str));
        body.push_str(&format!("{}\n", imports::statement(&from, elements)));
    }
    body.push_str(&format!("\n{}\n", all_of(&all)));
    let about =
        format!("The models of {} {}: what goes into calls and comes out of them.", api.title, api.version);
    let lines = [
        about.as_str(),
        "",
        "A field that is absent is `UNSET`, one that is null is `None`. An enum is a class of constants (`Name.CONSTANT`) and takes any text, so \
         that a value which this version does not know is no error; a union's variant that it does not know is an `UnknownVariant`.",
    ];
    super::module(context, &lines, &body)
}

/// `__all__`.
pub(super) fn all_of(names: &[String]) -> String {
    let elements = names.iter().map(|name| Code::text(literal(name))).collect();
    Code::group("__all__ = [", elements, "]").lines(0)
}

/// What a schema puts into its module.
fn exports(names: &Names, definition: &TypeDef) -> Vec<String> {
    match &definition.shape {
        Shape::Enum(_) => vec![names.ty(&definition.name), names.values(&definition.name)],
        Shape::Object(_) => {
            let mut classes: Vec<String> = vec![names.ty(&definition.name)];
            classes.extend(names.tags(&definition.name).iter().skip(1).map(|(_, class)| (*class).to_owned()));
            classes
        }
        _ => vec![names.ty(&definition.name)],
    }
}

struct Module<'a> {
    api: &'a Api,
    names: &'a Names,
    needs: Needs,
}

impl Module<'_> {
    fn text(
        mut self,
        context: &Context<'_>,
        paths: &Paths,
        module: &str,
        definitions: &[&TypeDef],
    ) -> String {
        let mut body = String::new();
        let enums: Vec<(&TypeDef, &[EnumValue])> = definitions
            .iter()
            .filter_map(|definition| match &definition.shape {
                Shape::Enum(values) => Some((*definition, values.as_slice())),
                _ => None,
            })
            .collect();
        for (definition, values) in &enums {
            body.push_str(&self.enumeration(definition, values));
        }
        body.push_str(&self.values_of(&enums));
        for definition in definitions {
            if let Shape::Object(object) = &definition.shape {
                body.push_str(&self.object(definition, object));
            }
        }
        let mut after_classes = !body.is_empty();
        for definition in in_order(definitions) {
            match &definition.shape {
                Shape::Alias(ty, bounds) => {
                    let way = if definition.in_response { Way::Out } else { Way::In };
                    let target = annotation(self.api, self.names, ty, way, &mut self.needs);
                    let name = self.names.ty(&definition.name);
                    let more = words(self.api, ty, bounds, None);
                    let about = sentences(&definition.description, &more);
                    let alias = self.needs.name("TypeAlias");
                    let gap = if after_classes { "\n\n" } else { "\n" };
                    body.push_str(&format!("{gap}{name}: {alias} = {target}\n"));
                    if !about.is_empty() {
                        body.push_str(&doc(0, &about));
                    }
                    after_classes = false;
                }
                Shape::Union(union) => {
                    body.push_str(&self.union(definition, union));
                    after_classes = false;
                }
                _ => {}
            }
        }
        let mut exported: Vec<String> = definitions.iter().flat_map(|d| exports(self.names, d)).collect();
        exported.sort();
        let head = imports::models(&self.needs, paths, module);
        let about = match self.api.resources.iter().find(|one| super::names::module(&one.name) == module) {
            Some(resource) => format!("Models of `{}`.", super::names::resource(&resource.name)),
            None => "Models that several resources share.".to_owned(),
        };
        let text = format!("{head}\n{}\n{body}", all_of(&exported));
        super::module(context, &[&about], &text)
    }

    fn enumeration(&mut self, definition: &TypeDef, values: &[EnumValue]) -> String {
        let text = sentences(
            &definition.description,
            "A newer server may send other values; they are the text that came.",
        );
        let mut output = format!("\n\nclass {}:\n{}", self.names.ty(&definition.name), doc(4, &text));
        let mut taken = BTreeSet::new();
        for value in values {
            let mut name = constant(&value.value);
            while !taken.insert(name.clone()) {
                name.push('_');
            }
            output.push_str(&format!(
                "\n    {name}: {} = {}\n",
                self.needs.name("Final"),
                literal(&value.value)
            ));
            if !value.description.is_empty() {
                output.push_str(&doc(4, &value.description));
            }
        }
        output
    }

    /// To a type checker the known values complete; to msgspec any text is one.
    fn values_of(&mut self, enums: &[(&TypeDef, &[EnumValue])]) -> String {
        if enums.is_empty() {
            return String::new();
        }
        let mut output = format!("\n\nif {}:\n", self.needs.name("TYPE_CHECKING"));
        for (definition, values) in enums {
            let literals = values.iter().map(|value| Code::text(literal(&value.value))).collect();
            let name = self.names.values(&definition.name);
            let known = Code::group(format!("{}[", self.needs.name("Literal")), literals, "]");
            let head = format!("{name}: {} = ", self.needs.name("TypeAlias"));
            let flat = format!("    {head}{} | str", known.flat());
            output.push_str(&if flat.chars().count() <= WIDTH {
                format!("{flat}\n")
            } else {
                let either = format!("{head}{}[", self.needs.name("Union"));
                format!("{}\n", Code::group(either, vec![known, Code::text("str")], "]").lines(4))
            });
            let about = format!(
                "A value of `{}`, or one that this version does not know.",
                self.names.ty(&definition.name)
            );
            output.push_str(&docstring(4, &[about]));
        }
        output.push_str("else:\n");
        for (definition, _) in enums {
            output.push_str(&format!("    {} = str\n", self.names.values(&definition.name)));
        }
        output
    }

    fn union(&mut self, definition: &TypeDef, union: &Union) -> String {
        let name = self.names.ty(&definition.name);
        let variants: Vec<String> = union
            .variants
            .iter()
            .map(|variant| {
                let class = self.names.variant(&variant.ty, &variant.tag);
                let module = self.names.module_of(&variant.ty).to_owned();
                self.needs.types.insert((module, class.clone()));
                class
            })
            .collect();
        let mut known = variants.clone();
        known.push(self.needs.name("UnknownVariant").into());
        let alias = self.needs.name("TypeAlias");
        let checked = self.choice(&format!("{name}: {alias} = "), &known);
        let read = self.choice(&format!("{name} = "), &variants);
        let text = sentences(
            &definition.description,
            &format!(
                "Told apart by `{}`; a variant that this version does not know is an `UnknownVariant`.",
                union.discriminator
            ),
        );
        let about = doc(4, &text);
        format!("\n\nif {}:\n{checked}\n{about}else:\n{read}\n", self.needs.name("TYPE_CHECKING"))
    }

    fn choice(&mut self, head: &str, of: &[String]) -> String {
        let flat = format!("    {head}{}", of.join(" | "));
        if flat.chars().count() <= WIDTH {
            return flat;
        }
        let elements = of.iter().map(Code::text).collect();
        Code::group(format!("{head}{}[", self.needs.name("Union")), elements, "]").lines(4)
    }

    fn object(&mut self, definition: &TypeDef, object: &Object) -> String {
        let class = self.names.ty(&definition.name);
        let kept = object.open && definition.in_request && definition.in_response;
        let secrets: Vec<String> =
            object.fields.iter().filter(|f| f.secret).map(|f| attribute(&f.name)).collect();
        let mut bases = Vec::new();
        if !secrets.is_empty() {
            bases.push(Code::text(self.needs.name("Confidential")));
        }
        bases.push(Code::text(self.needs.name(if kept { "OpenModel" } else { "Model" })));
        bases.push(Code::text("kw_only=True"));
        if !object.open && !definition.in_response {
            bases.push(Code::text("forbid_unknown_fields=True"));
        }
        // Nothing in it can lead back to it, so the collector need not look.
        if !kept && is_a_tree(self.api, &definition.name) {
            bases.push(Code::text("gc=False"));
        }
        let tags = self.names.tags(&definition.name);
        if let (Some(field), Some((tag, _))) = (&object.tag, tags.first()) {
            bases.push(Code::text(format!("tag_field={}", literal(field))));
            bases.push(Code::text(format!("tag={}", literal(tag))));
        }
        let mut output = format!("\n\n{}\n", call(&format!("class {class}"), bases).suffixed(":").lines(0));
        let about = definition.description.trim();
        output.push_str(&if about.is_empty() {
            doc(4, &format!("`{}`.", definition.name))
        } else {
            doc(4, about)
        });
        if let (Some(field), Some((tag, _))) = (&object.tag, tags.first()) {
            output.push_str(&self.tag(field, tag, tags.len() > 1));
        }
        if !secrets.is_empty() {
            let names = Code::tuple(secrets.iter().map(|name| Code::text(literal(name))).collect());
            let head = format!("_secrets: {}[tuple[str, ...]] = ", self.needs.name("ClassVar"));
            output.push_str(&format!("\n{}\n", names.prefixed(&head).lines(4)));
        }
        for field in &object.fields {
            output.push_str(&self.field(definition, field));
        }
        for (tag, other) in tags.iter().skip(1) {
            output.push_str(&format!(
                "\n\nclass {other}({class}, kw_only=True, tag={}):\n{}",
                literal(tag),
                docstring(4, &[format!("`{class}` under the tag `{tag}`.")])
            ));
            if let Some(field) = &object.tag {
                output.push_str(&self.tag(field, tag, true));
            }
        }
        output
    }

    /// The tag as an attribute of the class, so that a program can compare it.
    fn tag(&mut self, field: &str, tag: &str, several: bool) -> String {
        let ty =
            if several { "str".into() } else { format!("{}[{}]", self.needs.name("Literal"), literal(tag)) };
        let class_var = self.needs.name("ClassVar");
        format!("\n    {}: {class_var}[{ty}] = {}\n", attribute(field), literal(tag))
    }

    fn field(&mut self, owner: &TypeDef, field: &Field) -> String {
        let name = attribute(&field.name);
        let input = !owner.in_response;
        let way = if input { Way::In } else { Way::Out };
        let ty = annotation(self.api, self.names, &field.ty, way, &mut self.needs);
        let bounds = bounds_of(self.api, &field.ty, &field.bounds);
        // What the server sends is taken as it is: a newer one may have widened its bounds.
        let check = if input { meta(self.api, &field.ty, &bounds, &mut self.needs) } else { None };
        let renamed = (name != field.name).then(|| format!("name={}", literal(&field.name)));
        let default = match (&renamed, field.required) {
            (None, true) => String::new(),
            (None, false) => format!(" = {}", self.needs.name("UNSET")),
            (Some(rename), true) => format!(" = {}({rename})", self.needs.name("field")),
            (Some(rename), false) => {
                format!(" = {}({rename}, default={})", self.needs.name("field"), self.needs.name("UNSET"))
            }
        };
        let states = states(field, &mut self.needs);
        let code = match check {
            Some(check) => {
                let annotated = self.needs.name("Annotated");
                Code::group(format!("{name}: {annotated}["), vec![Code::text(ty), check], "]")
            }
            None => Code::text(format!("{name}: {ty}")),
        };
        let mut output = format!("\n{}\n", code.suffixed(&states).suffixed(&default).lines(4));
        // An alias tells its own bounds.
        let more = words(self.api, &field.ty, &field.bounds, field.default.as_ref());
        let about = sentences(&field.description, &more);
        if !about.is_empty() {
            output.push_str(&doc(4, &about));
        }
        output
    }
}

/// Whether no value of the type can contain itself: no recursion, and nothing that may be anything.
fn is_a_tree(api: &Api, name: &str) -> bool {
    fn leads_back(api: &Api, name: &str, above: &mut Vec<String>, fine: &mut BTreeSet<String>) -> bool {
        if fine.contains(name) {
            return false;
        }
        if above.iter().any(|other| other == name) {
            return true;
        }
        let Some(definition) = api.types.get(name) else { return true };
        let open = match &definition.shape {
            Shape::Object(object) => {
                object.open && definition.in_request && definition.in_response
                    || object.fields.iter().any(|field| holds_any(&field.ty))
            }
            Shape::Alias(ty, _) => holds_any(ty),
            Shape::Union(_) => true,
            Shape::Enum(_) => false,
        };
        above.push(name.to_owned());
        let back =
            open || named_in_shape(&definition.shape).iter().any(|inner| leads_back(api, inner, above, fine));
        above.pop();
        if !back {
            fine.insert(name.to_owned());
        }
        back
    }
    !leads_back(api, name, &mut Vec::new(), &mut BTreeSet::new())
}

fn holds_any(ty: &TypeRef) -> bool {
    match ty {
        TypeRef::Any => true,
        TypeRef::Array(inner) | TypeRef::Map(inner) => holds_any(inner),
        _ => false,
    }
}

/// Aliases and unions, each after those that it is made of.
fn in_order<'a>(definitions: &[&'a TypeDef]) -> Vec<&'a TypeDef> {
    let mut left: Vec<&TypeDef> = definitions
        .iter()
        .copied()
        .filter(|definition| matches!(definition.shape, Shape::Alias(..) | Shape::Union(_)))
        .collect();
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let waiting: BTreeSet<&str> = left.iter().map(|definition| definition.name.as_str()).collect();
        let (ready, rest): (Vec<&TypeDef>, Vec<&TypeDef>) = left.iter().copied().partition(|definition| {
            !named_in_shape(&definition.shape).iter().any(|name| waiting.contains(name.as_str()))
        });
        if ready.is_empty() {
            // A circle of aliases; the linter refuses it.
            ordered.extend(rest);
            break;
        }
        ordered.extend(ready);
        left = rest;
    }
    ordered
}
