//! Processor time a request, under as much load as one client process makes.

use super::peers::{Contestant, Ground};
use super::table::{Goal, left_out, line};
use super::{Outcome, median, rounds, seconds};

pub(crate) fn run() -> Outcome<()> {
    let ground = Ground::new()?;
    let mut all = vec![
        ground.nginx()?,
        ground.haproxy()?,
        ground.bare("stream")?,
        ground.bare("hyper")?,
        ground.waypost("plain")?,
        ground.waypost("full")?,
    ];
    match ground.waypost_with_redis() {
        Ok(one) => all.push(one),
        Err(error) => left_out("limits shared over Redis", &error.to_string()),
    }
    let mut costs: Vec<Vec<f64>> = vec![Vec::new(); all.len()];
    for round in 0..=rounds() {
        for (one, costs) in all.iter().zip(&mut costs) {
            // The first round warms up.
            let cost = cost(one, if round == 0 { 1 } else { seconds() })?;
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    let middle: Vec<f64> = costs.iter_mut().map(|costs| median(costs)).collect();
    let nginx = middle.first().copied().unwrap_or(f64::NAN);
    for (one, cost) in all.iter().zip(middle) {
        let ratio = cost / nginx;
        let goal = match one.name {
            "waypost, plain" => Some(Goal::at_most(ratio, 1.05, "x")),
            "waypost, full policy" => Some(Goal::at_most(ratio, 1.25, "x")),
            _ => None,
        };
        line(&format!("CPU a request: {}", one.name), (cost, "µs"), Some(ratio), goal);
    }
    Ok(())
}

/// Processor microseconds a request, over so many seconds of load.
fn cost(one: &Contestant, seconds: usize) -> Outcome<f64> {
    let before = one.ticks()?;
    let requests = one.load(seconds)?;
    let after = one.ticks()?;
    // A tick is 10 ms on every Linux that Debian runs on.
    Ok((after - before) * 10_000.0 / requests)
}
