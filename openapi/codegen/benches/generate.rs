//! How long the generator takes for the repository's whole contract, beside progenitor alone on the same contract.
//!
//! Rounds alternate between the two and the medians are compared, so that a noisy machine disturbs both alike.
//! `cargo bench -p waypost-codegen --bench generate`.

use std::path::Path;
use std::time::{Duration, Instant};

use waypost_codegen::lint::Profile;
use waypost_codegen::read;
use waypost_codegen::writers::{Context, Layout, write_all};

const ROUNDS: usize = 9;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi-complete.yaml");
    let text = std::fs::read_to_string(path)?;
    let everything = || generate(&text, &[]);
    // The client writer is progenitor between a preparation and a finish of some milliseconds.
    let progenitor = || generate(&text, &["client".to_owned()]);
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(timed(everything)?);
        peer.push(timed(progenitor)?);
    }
    let (ours, peer) = (median(ours), median(peer));
    println!("whole spec, every artefact   {:>8.1} ms", milliseconds(ours));
    println!("progenitor's client alone    {:>8.1} ms", milliseconds(peer));
    println!("ratio                        {:>8.2}", ours.as_secs_f64() / peer.as_secs_f64());
    Ok(())
}

fn generate(text: &str, only: &[String]) -> Result<usize, Box<dyn std::error::Error>> {
    let spec = read(text, Profile::Strict)
        .map_err(|findings| format!("the spec has {} findings", findings.len()))?;
    let context = Context {
        spec_text: &spec.text,
        document: &spec.document.value,
        file_name: "openapi/openapi-complete.yaml",
        layout: Layout::Repository,
    };
    Ok(write_all(&spec.api, &context, only)?.len())
}

fn timed<T>(
    run: impl Fn() -> Result<T, Box<dyn std::error::Error>>,
) -> Result<Duration, Box<dyn std::error::Error>> {
    let started = Instant::now();
    run()?;
    Ok(started.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
