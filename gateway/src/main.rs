//! The `waypost-gateway` program. Everything is in the library; this file chooses the allocator.

/// Fewer page faults and less contention than the system's under many small allocations from many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    waypost_gateway::cli::run()
}
