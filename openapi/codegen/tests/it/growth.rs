//! The promise of the house: an operation that enters the YAML is a method of the server's trait and of the SDK, by one command.
//! (That the gateway then stops compiling is shown by `.ci/spec-growth`.)

use std::path::Path;

use super::golden::{generate, petshop};
use waypost_codegen::writers::{File, Layout};

fn text<'f>(files: &'f [File], path: &str) -> &'f str {
    &files.iter().find(|file| file.path == Path::new(path)).unwrap_or_else(|| panic!("no {path}")).text
}

#[test]
fn an_operation_added_to_the_yaml_alone_reaches_the_server_and_the_sdk() {
    let before = petshop();
    let after = before.replacen(
        "components:\n",
        "  /pets/{pet_id}/walk:
    post:
      operationId: pets_walk
      tags: [pets]
      summary: Take a dog for a walk
      parameters:
        - {name: pet_id, in: path, required: true, schema: {type: integer, format: int64}, example: 1}
      responses:
        '204': {description: It is tired.}
        4XX: {$ref: '#/components/responses/Refused'}
components:\n",
        1,
    );
    assert_ne!(before, after);
    for layout in [Layout::Repository, Layout::Standalone] {
        let (old, new) = (generate(&before, layout), generate(&after, layout));
        let (server, sdk, typescript) = match layout {
            Layout::Repository => {
                ("gateway/src/generated", "sdk-core/src/generated", "sdk-node/ts/generated")
            }
            Layout::Standalone => ("server", ".", "typescript"),
        };
        for (file, method) in [
            (format!("{server}/api.rs"), "fn pets_walk("),
            (format!("{server}/router.rs"), "pets_walk"),
            (format!("{sdk}/resources.rs"), "pub fn walk("),
            (format!("{sdk}/operations.rs"), "PETS_WALK"),
            (format!("{sdk}/client.rs"), "pub async fn pets_walk"),
            (format!("{typescript}/resources/pets.ts"), "  walk(petId: number"),
        ] {
            let file = file.trim_start_matches("./");
            assert!(!text(&old, file).contains(method), "{method} is in {file} before it is in the spec");
            assert!(text(&new, file).contains(method), "{method} is not in {file}");
        }
    }
}
