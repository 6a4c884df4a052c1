//! What the data plane costs, beside nginx and haproxy as plain proxies on the same machine, and whether the goals hold.
//!
//! `cargo bench -p waypost-proxy --bench proxy -- [cost] [latency] [memory] [start] [swaps]`; without a name, all of them. Each prints its lines of one
//! table: what, measured, beside nginx, the goal, and whether it holds. Contestants take turns, round after round, and medians are shown. Rounds and seconds
//! of each: `WAYPOST_BENCH_ROUNDS`, `WAYPOST_BENCH_SECONDS`.
//!
//! Every contestant is a process of its own with one thread that forwards, and all have the same target: an nginx whose kept connections end after no number
//! of requests. `serve <target> <plain|full> [redis]` is how this program becomes one of them.

mod bare;
mod client;
mod cost;
mod latency;
mod memory;
mod peers;
mod serve;
mod start;
mod swaps;
mod table;

use std::process::ExitCode;

/// As in the gateway's own binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whatever went wrong, in words.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Measures, and prints its lines.
type Part = fn() -> Outcome<()>;

const PARTS: [(&str, Part); 5] = [
    ("cost", cost::run),
    ("latency", latency::run),
    ("memory", memory::run),
    ("start", start::run),
    ("swaps", swaps::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["bare", target, kind] => bare::run(target, kind),
        ["serve", target, policy] => serve::run(target, policy == "full", None),
        ["serve", target, policy, redis] => serve::run(target, policy == "full", Some(redis)),
        _ => parts(&words),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("proxy bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parts(wanted: &[&str]) -> Outcome<()> {
    if let Some(unknown) = wanted.iter().find(|name| !PARTS.iter().any(|(known, _)| known == *name)) {
        return Err(format!("there is no part `{unknown}`").into());
    }
    table::head();
    for (name, run) in PARTS {
        if wanted.is_empty() || wanted.contains(&name) {
            run()?;
        }
    }
    Ok(())
}

/// Rounds of each contestant.
pub(crate) fn rounds() -> usize {
    number("WAYPOST_BENCH_ROUNDS", 5)
}

/// Seconds of load in each.
pub(crate) fn seconds() -> usize {
    number("WAYPOST_BENCH_SECONDS", 4)
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// The middle one.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
