//! The command `waypost-codegen`; everything is in the library, so that tests can reach it.

use clap::Parser;

fn main() -> std::process::ExitCode {
    waypost_codegen::cli::run(&waypost_codegen::cli::Arguments::parse())
}
