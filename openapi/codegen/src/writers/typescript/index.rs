//! `client.ts` and `index.ts`: the resources on a client, and everything under one roof.

use super::doc::Doc;
use super::names::client_class;
use super::resources::about;
use super::{Output, import_types};
use crate::writers::{File, Layout};

/// The resources as properties of a client, each made when it is first asked for.
pub(super) fn client(output: &Output<'_>) -> File {
    let standalone = output.context.layout == Layout::Standalone;
    let class = client_class(output.context.layout);
    let (mut imports, mut fields, mut getters) = (String::new(), String::new(), String::new());
    for resource in &output.api.resources {
        let names = output.names.resource(&resource.name);
        let (class, property) = (&names.class, &names.property);
        imports.push_str(&format!("import {{ {class} }} from \"./resources/{}.js\";\n", names.file));
        fields.push_str(&format!("  #{property}: {class} | undefined;\n"));
        let docs = Doc::of(&about(output, resource)).render(2);
        getters.push_str(&format!(
            "\n{docs}  get {property}(): {class} {{\n    return (this.#{property} ??= new {class}(this.#caller));\n  }}\n"
        ));
    }
    let title = output.line(&output.api.title);
    let (docs, word, access) = if standalone {
        let text = format!(
            "A client of {title}. What it sends is sent by a client of the package `waypost`, whose settings hold.\n\n```ts\nconst client = new {class}(new \
             Waypost({{ baseUrl: \"https://…\" }}).caller);\n```"
        );
        (Doc::of(&text), "", "")
    } else {
        (Doc::of(&format!("The resources of {title}: what a client of it has.")), "abstract ", "protected ")
    };
    let text = format!(
        "{}{imports}\n{}export {word}class {class} {{\n  readonly #caller: Caller;\n{fields}\n  /** @param caller - Sends the calls. */\n  \
         {access}constructor(caller: Caller) {{\n    this.#caller = caller;\n  }}\n{getters}}}\n",
        import_types(["Caller"], &output.runtime(0)),
        docs.render(0),
    );
    output.file(
        "client.ts",
        "The resources as properties of a client, each made when it is first asked for.",
        &text,
    )
}

/// Everything that the other files export.
pub(super) fn index(output: &Output<'_>) -> File {
    let mut text = format!("export {{ {} }} from \"./client.js\";\n", client_class(output.context.layout));
    for resource in &output.api.resources {
        text.push_str(&format!(
            "export * from \"./resources/{}.js\";\n",
            output.names.resource(&resource.name).file
        ));
    }
    text.push_str("export * from \"./types.js\";\n");
    let about = format!(
        "{} {}: client, resources and types.",
        output.line(&output.api.title),
        output.line(&output.api.version)
    );
    output.file("index.ts", &about, &text)
}
