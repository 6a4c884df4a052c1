//! What a proxied request costs in processor time, beside nginx and haproxy as plain proxies: one thread each, the same target on loopback, one after
//! another in every round, medians. The target is an nginx of its own, whose kept connections end after no number of requests.
//!
//! `proxy serve <target> <plain|full>` is the proxy under test, a process like the others. Rounds and seconds: `WAYPOST_BENCH_ROUNDS`,
//! `WAYPOST_BENCH_SECONDS`.

mod peers;

use std::process::ExitCode;

use peers::{Contestant, Peers};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", target, policy] => peers::serve(target, policy == "full"),
        _ => compare(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("proxy bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn compare() -> Result<(), String> {
    let (rounds, seconds) = (number("WAYPOST_BENCH_ROUNDS", 5), number("WAYPOST_BENCH_SECONDS", 4));
    let peers = Peers::start()?;
    let names: Vec<&str> = peers.all.iter().map(|one| one.name).collect();
    let mut costs: Vec<Vec<f64>> = vec![Vec::new(); peers.all.len()];
    for round in 0..=rounds {
        for (index, one) in peers.all.iter().enumerate() {
            let cost = one.cost(if round == 0 { 1 } else { seconds })?;
            // The first round warms up.
            if round > 0
                && let Some(costs) = costs.get_mut(index)
            {
                costs.push(cost);
            }
        }
    }
    let middle: Vec<f64> = costs.iter_mut().map(|costs| median(costs)).collect();
    let nginx =
        names.iter().zip(&middle).find(|(name, _)| **name == "nginx").map_or(f64::NAN, |(_, cost)| *cost);
    println!("{:<16} {:>22} {:>12}", "", "CPU µs a request", "beside nginx");
    for (name, cost) in names.iter().zip(&middle) {
        println!("{name:<16} {cost:>22.1} {:>11.2}x", cost / nginx);
    }
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Contestant {
    /// Processor microseconds a request, over so many seconds of load.
    fn cost(&self, seconds: usize) -> Result<f64, String> {
        let before = self.ticks()?;
        let requests = self.load(seconds)?;
        let after = self.ticks()?;
        // A tick is 10 ms on every Linux that Debian runs on.
        Ok((after - before) * 10_000.0 / requests)
    }
}
