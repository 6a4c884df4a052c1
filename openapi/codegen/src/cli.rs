//! The command line: what to read, where to write, and what the exit status says.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::lint::Profile;
use crate::output;
use crate::writers::{Context, Layout, WRITERS, write_all};
use crate::{Spec, read};

/// Where the contract is in the Waypost repository.
const REPOSITORY_SPEC: &str = "openapi/openapi-complete.yaml";

const DIFFERENT: u8 = 1;
const FINDINGS: u8 = 2;
const FAILED: u8 = 3;

/// Writes SDKs, server and reference from one OpenAPI 3.0.3 file
///
/// Without arguments it reads openapi/openapi-complete.yaml of the repository it stands in and rewrites all generated code of
/// that repository. With --spec and --out it does the same for any other spec, into one folder.
///
/// A spec is linted first. Everything that is wrong with it is printed at once, each with file, line and column, the rule, a JSON
/// pointer, the reason, and what to write instead; nothing is written then.
#[derive(Debug, Parser)]
#[command(
    name = "waypost-codegen",
    version,
    after_long_help = "Exit status:\n  \
        0  done, or nothing differs\n  \
        1  --check: generated files differ from the spec\n  \
        2  the spec has findings, or the arguments are wrong\n  \
        3  a file cannot be read or written\n\n\
        Examples:\n  \
        waypost-codegen                                     rewrite the repository's generated code\n  \
        waypost-codegen --check                             fail if it is not what the spec says\n  \
        waypost-codegen --lint                              only look at the spec\n  \
        waypost-codegen --only types,params                 rewrite some of it\n  \
        waypost-codegen --spec petshop.yaml --out petshop   write everything for another spec\n  \
        waypost-codegen --spec petshop.yaml --lint --strict hold it to the house style as well"
)]
pub struct Arguments {
    /// The OpenAPI file [default: the repository's]
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// Write into this folder: types.rs, params.rs, operations.rs, resources.rs, client.rs, server/, reference/, python/, typescript/
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write nothing; print each file that differs with its first differing line
    #[arg(long, conflicts_with = "lint")]
    check: bool,
    /// Write nothing; only look at the spec
    #[arg(long, conflicts_with_all = ["out", "only"])]
    lint: bool,
    /// Run these writers only
    #[arg(long, value_name = "WRITER", value_delimiter = ',', value_parser = writer_names())]
    only: Vec<String>,
    /// Hold the spec to the house style of Waypost's own contract too; always on for the repository's spec
    #[arg(long)]
    strict: bool,
}

fn writer_names() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(WRITERS.iter().map(|writer| writer.name))
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match Job::new(arguments).and_then(|job| job.run(&mut stdout)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("waypost-codegen: {error}");
            ExitCode::from(FAILED)
        }
    }
}

struct Job<'a> {
    arguments: &'a Arguments,
    spec: PathBuf,
    /// How findings and headers name the spec.
    name: String,
    root: PathBuf,
    layout: Layout,
    profile: Profile,
}

impl<'a> Job<'a> {
    fn new(arguments: &'a Arguments) -> io::Result<Self> {
        let (spec, name, repository) = match &arguments.spec {
            Some(spec) => {
                let name = spec.file_name().unwrap_or(spec.as_os_str()).to_string_lossy().into_owned();
                (spec.clone(), name, None)
            }
            None => {
                let root = repository_root()?;
                (root.join(REPOSITORY_SPEC), REPOSITORY_SPEC.to_owned(), Some(root))
            }
        };
        let (root, layout) = match (&arguments.out, &repository) {
            (Some(out), _) => (out.clone(), Layout::Standalone),
            (None, Some(root)) => (root.clone(), Layout::Repository),
            (None, None) if arguments.lint => (PathBuf::new(), Layout::Standalone),
            (None, None) => {
                return Err(io::Error::other(
                    "--spec needs --out DIR to write into, or --lint to only look at it",
                ));
            }
        };
        let strict = arguments.strict || repository.is_some();
        let profile = if strict { Profile::Strict } else { Profile::Lenient };
        Ok(Self { arguments, spec, name, root, layout, profile })
    }

    fn run(&self, out: &mut impl Write) -> io::Result<ExitCode> {
        let started = Instant::now();
        let bytes = fs::read(&self.spec).map_err(|error| output::at(&self.spec, error))?;
        let text = String::from_utf8(bytes)
            .map_err(|error| io::Error::other(format!("{}: not UTF-8: {error}", self.spec.display())))?;
        let shown =
            self.arguments.spec.as_deref().map_or_else(|| self.name.clone(), |p| p.display().to_string());
        let spec = match read(&text, self.profile) {
            Ok(spec) => spec,
            Err(findings) => {
                for finding in &findings {
                    eprintln!("{}\n", finding.render(&shown));
                }
                let plural = if findings.len() == 1 { "" } else { "s" };
                eprintln!("{shown}: {} finding{plural}; nothing was written.", findings.len());
                return Ok(ExitCode::from(FINDINGS));
            }
        };
        if self.arguments.lint {
            let operations: usize = spec.api.resources.iter().map(|resource| resource.operations.len()).sum();
            let types = spec.api.types.len();
            writeln!(out, "{shown}: no findings; {operations} operations, {types} schemas.")?;
            return Ok(ExitCode::SUCCESS);
        }
        self.generate(&spec, started, out)
    }

    fn generate(&self, spec: &Spec, started: Instant, out: &mut impl Write) -> io::Result<ExitCode> {
        let context = Context {
            spec_text: &spec.text,
            document: &spec.document.value,
            file_name: &self.name,
            layout: self.layout,
        };
        let files = write_all(&spec.api, &context, &self.arguments.only).map_err(io::Error::other)?;
        let stale = if self.arguments.only.is_empty() {
            output::stale(&self.root, self.layout, &files)?
        } else {
            Vec::new()
        };
        if self.arguments.check {
            let drifts = output::drift(&self.root, &files, &stale)?;
            for drift in &drifts {
                writeln!(out, "{drift}")?;
            }
            if !drifts.is_empty() {
                eprintln!("{} of {} generated files differ. Run `make generate`.", drifts.len(), files.len());
                return Ok(ExitCode::from(DIFFERENT));
            }
            writeln!(out, "{} generated files are what the spec says.", files.len())?;
            return Ok(ExitCode::SUCCESS);
        }
        let touched = output::write(&self.root, &files, &stale)?;
        for path in &touched {
            writeln!(out, "{}", path.display())?;
        }
        let milliseconds = started.elapsed().as_millis();
        writeln!(out, "{} of {} files changed in {milliseconds} ms.", touched.len(), files.len())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The nearest folder, upwards from here, that holds the contract.
fn repository_root() -> io::Result<PathBuf> {
    let here = std::env::current_dir()?;
    here.ancestors().find(|folder| folder.join(REPOSITORY_SPEC).is_file()).map(Path::to_path_buf).ok_or_else(|| {
        io::Error::other(format!(
            "there is no {REPOSITORY_SPEC} in {} or above it; go into the repository, or name a spec with --spec FILE --out DIR",
            here.display()
        ))
    })
}
