//! The TypeScript output compiles under the strictest settings: for the pet shop with all of its samples, for a spec whose names no language takes as
//! they are, and for ours with its samples. Against the runtime in `sdk-node/ts`, with the TypeScript of `sdk-node/node_modules`, or of the folder
//! that `WAYPOST_TYPESCRIPT` names; without either the tests say so and check nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};
use waypost_codegen::load::load;
use waypost_codegen::writers::{File, Layout};

use super::golden::{folder, generate, petshop};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The folder of the package `typescript`, if it is installed.
fn typescript() -> Option<PathBuf> {
    let folder = std::env::var_os("WAYPOST_TYPESCRIPT")
        .map_or_else(|| repository().join("sdk-node/node_modules/typescript"), PathBuf::from);
    folder.join("bin/tsc").is_file().then_some(folder)
}

fn text<'f>(files: &'f [File], path: &str) -> &'f str {
    &files.iter().find(|file| file.path == Path::new(path)).unwrap().text
}

/// The TypeScript samples of a served contract, a file each.
fn samples(contract: &str) -> Vec<(String, String)> {
    let document = load(contract).unwrap().value;
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.values().filter_map(Value::as_object).flat_map(|item| item.values());
    let samples: Vec<(String, String)> = operations
        .filter_map(|operation| {
            let samples = operation["x-codeSamples"].as_array()?;
            let sample = samples.iter().find(|sample| sample["lang"] == "TypeScript")?;
            Some((
                format!("{}.ts", operation["operationId"].as_str()?),
                sample["source"].as_str()?.to_owned(),
            ))
        })
        .collect();
    assert!(!samples.is_empty(), "no samples");
    samples
}

/// What tsc says of everything at once: each program is a folder, and starting tsc takes longer than checking one more. None without TypeScript.
static COMPLAINTS: LazyLock<Option<Vec<String>>> = LazyLock::new(|| {
    let mut files = Vec::new();
    let mut add = |folder: &str, program: Vec<(String, String)>| {
        files.extend(program.into_iter().map(|(path, text)| (format!("{folder}/{path}"), text)));
    };
    let read = |path: &str| fs::read_to_string(folder().join(path)).unwrap();
    add("petshop", standalone(&petshop()));
    add("petshop", vec![("uses.ts".to_owned(), read("petshop_uses.ts"))]);
    add("awkward", standalone(&read("awkward.yaml")));
    let contract = fs::read_to_string(repository().join("gateway/src/generated/docs/openapi.yaml")).unwrap();
    add("ours", samples(&contract));
    add("wrong", vec![("wrong.ts".to_owned(), "export const a: string = 1;\n".to_owned())]);
    complaints(&files)
});

fn complaints(files: &[(String, String)]) -> Option<Vec<String>> {
    let typescript = typescript()?;
    let root = tempfile::tempdir().unwrap();
    let runtime = repository().join("sdk-node/ts");
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let waypost = ["index", "client"]
        .map(|name| format!("export * from {};\n", json!(runtime.join(format!("{name}.js")))))
        .concat();
    fs::write(root.path().join("waypost.ts"), waypost).unwrap();
    let settings = json!({
        "compilerOptions": {
            "strict": true, "exactOptionalPropertyTypes": true, "noUncheckedIndexedAccess": true, "noImplicitOverride": true,
            "noPropertyAccessFromIndexSignature": true, "noImplicitReturns": true, "noFallthroughCasesInSwitch": true,
            "noUnusedLocals": true, "noUnusedParameters": true, "isolatedModules": true, "verbatimModuleSyntax": true,
            "target": "ES2022", "lib": ["ES2023", "DOM", "DOM.Iterable", "DOM.AsyncIterable", "ESNext.Disposable"],
            "module": "ESNext", "moduleResolution": "bundler", "types": [], "noEmit": true, "skipLibCheck": true,
            "paths": { "waypost": [root.path().join("waypost.ts")] },
        },
        "files": files.iter().map(|(path, _)| path).collect::<Vec<_>>(),
    });
    fs::write(root.path().join("tsconfig.json"), settings.to_string()).unwrap();
    let output = Command::new("node")
        .arg(typescript.join("bin/tsc"))
        .args(["--pretty", "false", "--project", "tsconfig.json"])
        .current_dir(root.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("error TS"), "{told}");
    // The runtime's own sources are held to its own settings, by its own tests.
    let ours = |line: &&str| {
        line.starts_with("error") || files.iter().any(|(path, _)| line.starts_with(path.as_str()))
    };
    Some(told.lines().filter(ours).map(str::to_owned).collect())
}

/// What tsc says of one program, and of its own settings.
fn complaints_about(program: &str) -> Option<Vec<&'static str>> {
    let Some(all) = COMPLAINTS.as_ref() else {
        eprintln!(
            "SKIPPED: nothing was type-checked, as there is no TypeScript. Run `npm install` in sdk-node, or name its folder in WAYPOST_TYPESCRIPT."
        );
        return None;
    };
    let fits = |line: &&String| line.starts_with(&format!("{program}/")) || line.starts_with("error");
    Some(all.iter().filter(fits).map(String::as_str).collect())
}

fn compiles(program: &str) {
    let complaints = complaints_about(program).unwrap_or_default();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The output for a stranger's spec, with its samples beside it.
fn standalone(spec: &str) -> Vec<(String, String)> {
    let files = generate(spec, Layout::Standalone);
    let mut program: Vec<(String, String)> = files
        .iter()
        .filter(|file| file.path.starts_with("typescript"))
        .map(|file| (file.path.display().to_string(), file.text.clone()))
        .collect();
    program.extend(samples(text(&files, "reference/openapi.yaml")));
    program
}

#[test]
fn the_output_for_a_foreign_spec_compiles_with_its_samples_and_refuses_wrong_uses() {
    compiles("petshop");
}

#[test]
fn names_and_prose_that_nobody_would_choose_compile_too() {
    compiles("awkward");
}

#[test]
fn every_sample_of_our_own_contract_compiles() {
    compiles("ours");
}

#[test]
fn a_mistake_in_the_output_would_be_told() {
    if let Some(complaints) = complaints_about("wrong") {
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].starts_with("wrong/wrong.ts(1,14): error TS2322"), "{complaints:?}");
    }
}

#[test]
fn every_typescript_file_says_where_it_comes_from() {
    for (path, text) in standalone(&petshop()).iter().filter(|(path, _)| path.starts_with("typescript")) {
        assert!(
            text.starts_with("// Generated by waypost-codegen from petshop.yaml. Do not edit.\n"),
            "{path}"
        );
    }
}
