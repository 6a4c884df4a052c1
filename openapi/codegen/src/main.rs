//! The command `waypost-codegen`.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
