//! The Python output is Python: it compiles for the pet shop, for specs whose names Python does not take as they are, and for ours; where the SDK is
//! installed it imports and every model can be read; and where a type checker is, it finds nothing in it nor in any sample, given the SDK as it is in this
//! tree, since what is installed may be of another day.
//!
//! The interpreter is the one that `WAYPOST_PYTHON` names, else that of the environment in which the SDK's own tests ran last, else `python3`. Without one,
//! or without what they need in it, the tests say so and check what they can.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

use serde_json::Value;
use waypost_codegen::load::load;
use waypost_codegen::writers::Layout;

use super::golden::{folder, generate, petshop};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn interpreter() -> PathBuf {
    if let Some(named) = std::env::var_os("WAYPOST_PYTHON") {
        return named.into();
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
    let mut found: Vec<(SystemTime, PathBuf)> = fs::read_dir(target.join("python"))
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            // Beside them are those of other tests, without the SDK.
            let entry = entry.ok()?;
            let environment = entry.file_name().to_str()?.starts_with("test-").then(|| entry.path())?;
            let made = fs::metadata(environment.join("complete")).ok()?.modified().ok()?;
            Some((made, environment.join("bin/python")))
        })
        .collect();
    found.sort();
    found.pop().map_or_else(|| "python3".into(), |(_, python)| python)
}

/// What a script answers; none, with a word about it, where there is no Python.
fn python(script: &str, arguments: &[&Path]) -> Option<Output> {
    let output = Command::new(interpreter()).arg("-c").arg(script).args(arguments).output();
    match output {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("no Python here, so its output was not looked at: {error}");
            None
        }
    }
}

/// Whether what is given can be imported there.
fn has(module: &str) -> bool {
    let there = python(&format!("import {module}"), &[]).is_some_and(|output| output.status.success());
    if !there {
        eprintln!("there is no `{module}` in {}, so the output was only compiled", interpreter().display());
    }
    there
}

fn passes(script: &str, arguments: &[&Path]) {
    if let Some(output) = python(script, arguments) {
        let told =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
    }
}

/// The specs and their packages, written into a folder: the pet shop, and names that are hard to take.
fn packages() -> (tempfile::TempDir, Vec<&'static str>) {
    let root = tempfile::tempdir().unwrap();
    let read = |name: &str| fs::read_to_string(folder().join(name)).unwrap();
    for spec in [petshop(), read("awkward.yaml"), read("awkward_python.yaml")] {
        for file in generate(&spec, Layout::Standalone) {
            if let Ok(path) = file.path.strip_prefix("python") {
                let path = root.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, file.text).unwrap();
            }
        }
    }
    (root, vec!["pet_shop_sdk", "awk_ward_sdk", "class_sdk"])
}

const COMPILE: &str = "
import pathlib, sys
files = [path for folder in sys.argv[1:] for path in pathlib.Path(folder).rglob('*.py')]
assert files
for path in files:
    compile(path.read_text(encoding='utf-8'), str(path), 'exec')
";

const IMPORT: &str = "
import importlib, inspect, pathlib, pkgutil, sys
root = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(root))
from waypost._model import Model, decoder
for package in sorted(path.name for path in root.iterdir() if path.is_dir()):
    whole = importlib.import_module(package)
    for _, name, _ in pkgutil.walk_packages(whole.__path__, package + '.'):
        importlib.import_module(name)
    read = [decoder(getattr(whole.models, name)) for name in whole.models.__all__ if not inspect.isclass(getattr(whole.models, name))
            or issubclass(getattr(whole.models, name), Model)]
    assert read, package
    with whole.Client('http://127.0.0.1:9', environment={}) as client:
        resources = importlib.import_module(package + '._generated.resources').Resources
        for name, one in vars(resources).items():
            if hasattr(one, 'attrname'):
                resource = getattr(client, name)
                getattr(resource, 'with_raw_response', None)
";

#[test]
fn every_package_compiles() {
    let (root, _) = packages();
    passes(COMPILE, &[root.path(), &repository().join("sdk-python/python/waypost")]);
}

#[test]
fn every_package_imports_and_every_model_can_be_read_where_the_sdk_is_installed() {
    if has("waypost") {
        passes(IMPORT, &[packages().0.path()]);
    }
}

/// The Python samples of a served contract.
fn samples(contract: &str) -> Vec<(String, String)> {
    let document = load(contract).unwrap().value;
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.values().filter_map(Value::as_object).flat_map(|item| item.values());
    let samples: Vec<(String, String)> = operations
        .filter_map(|operation| {
            let samples = operation["x-codeSamples"].as_array()?;
            let sample = samples.iter().find(|sample| sample["lang"] == "Python")?;
            Some((operation["operationId"].as_str()?.to_owned(), sample["source"].as_str()?.to_owned()))
        })
        .collect();
    assert!(!samples.is_empty(), "no samples");
    samples
}

#[test]
fn a_type_checker_finds_nothing_in_packages_and_samples_where_it_is_installed() {
    if !has("mypy") || !has("msgspec") {
        return;
    }
    let (root, names) = packages();
    let scripts = root.path().join("samples");
    fs::create_dir(&scripts).unwrap();
    fs::write(scripts.join("__init__.py"), "").unwrap();
    let served = fs::read_to_string(repository().join("gateway/src/generated/docs/openapi.yaml")).unwrap();
    let mut all = vec![served];
    for spec in ["petshop.yaml", "awkward.yaml", "awkward_python.yaml"] {
        let text = fs::read_to_string(folder().join(spec)).unwrap();
        let files = generate(&text, Layout::Standalone);
        let served = files.into_iter().find(|file| file.path == Path::new("reference/openapi.yaml"));
        all.push(served.unwrap().text);
    }
    for (index, contract) in all.iter().enumerate() {
        for (id, source) in samples(contract) {
            fs::write(scripts.join(format!("s{index}_{id}.py")), source).unwrap();
        }
    }
    let packages: String =
        names.iter().chain(["samples"].iter()).map(|name| format!(", '-p', '{name}'")).collect();
    let script = format!(
        "import os, sys; os.chdir(sys.argv[1]); os.environ['MYPYPATH'] = sys.argv[2]; from mypy.main import main\n\
         main(args=['--strict', '--cache-dir', os.devnull, '--no-error-summary'{packages}], clean_exit=True)"
    );
    passes(&script, &[root.path(), &repository().join("sdk-python/python").canonicalize().unwrap()]);
}
