//! What a request waits longer for because a proxy is on its way, at a rate that does not depend on the answers: each request has a time at which it is due,
//! and its latency counts from that time, sent late or not (no coordinated omission). One thread looks at all connections in turn and never sleeps, so that no
//! timer of the system is measured.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

use super::client::{Answer, Client, REQUEST};
use super::peers::Ground;
use super::table::{Goal, line};
use super::{Outcome, median, rounds, seconds};

/// Requests a second.
const RATE: u32 = 3_000;

/// Connections at most; beyond them requests wait, and the wait counts.
const MOST: usize = 64;

pub(crate) fn run() -> Outcome<()> {
    let ground = Ground::new()?;
    let (nginx, haproxy, full) = (ground.nginx()?, ground.haproxy()?, ground.waypost("full")?);
    let all = [
        ("direct", ground.target_port()),
        ("nginx", nginx.port),
        ("haproxy", haproxy.port),
        ("waypost, full policy", full.port),
    ];
    let mut halves = [const { Vec::new() }; 4];
    let mut tails = [const { Vec::new() }; 4];
    for round in 0..=rounds() {
        for ((_, port), (halves, tails)) in all.iter().zip(halves.iter_mut().zip(&mut tails)) {
            let latencies = load(*port, if round == 0 { 1 } else { seconds() })?;
            if round > 0 {
                halves.push(percentile(&latencies, 0.5));
                tails.push(percentile(&latencies, 0.99));
            }
        }
    }
    let direct = tails.first().cloned().unwrap_or_default();
    let added: Vec<f64> = tails
        .iter()
        .map(|tails| {
            let mut added: Vec<f64> = tails.iter().zip(&direct).map(|(tail, direct)| tail - direct).collect();
            median(&mut added)
        })
        .collect();
    let nginx = added.get(1).copied().unwrap_or(f64::NAN);
    for (((name, _), added), (mut halves, mut tails)) in
        all.into_iter().zip(added).zip(halves.into_iter().zip(tails))
    {
        line(&format!("{RATE} a second: {name}, p50"), (median(&mut halves), "ms"), None, None);
        line(&format!("{RATE} a second: {name}, p99"), (median(&mut tails), "ms"), None, None);
        if name != "direct" {
            let goal = name.starts_with("waypost").then(|| Goal::at_most(added, 0.5, " ms"));
            line(&format!("{RATE} a second: {name}, p99 added"), (added, "ms"), Some(added / nginx), goal);
        }
    }
    Ok(())
}

/// In milliseconds, of sorted nanoseconds.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank"
)]
fn percentile(sorted: &[u64], part: f64) -> f64 {
    let rank = (sorted.len() as f64 * part) as usize;
    sorted.get(rank).map_or(f64::NAN, |nanoseconds| *nanoseconds as f64 / 1e6)
}

struct Flight {
    client: Client,
    due: Instant,
    answer: Answer,
}

/// Latencies in nanoseconds, sorted.
fn load(port: u16, seconds: usize) -> Outcome<Vec<u64>> {
    let open = || {
        let mut client = Client::new(port)?;
        client.ask()?;
        client.0.set_nonblocking(true)?;
        Outcome::Ok(client)
    };
    let mut idle = (0..MOST).map(|_| open()).collect::<Outcome<Vec<Client>>>()?;
    let mut flying: VecDeque<Flight> = VecDeque::with_capacity(MOST);
    let total = RATE * u32::try_from(seconds)?;
    let mut latencies = Vec::with_capacity(usize::try_from(total)?);
    let begun = Instant::now() + Duration::from_millis(10);
    let due = |number: u32| begun + Duration::from_secs(1) * number / RATE;
    let mut sent = 0;
    while latencies.len() < usize::try_from(total)? {
        while sent < total && due(sent) <= Instant::now() {
            let Some(mut client) = idle.pop() else { break };
            // It is small and the connection is idle: it is taken at once.
            client.0.write_all(REQUEST)?;
            flying.push_back(Flight { client, due: due(sent), answer: Answer::default() });
            sent += 1;
        }
        let Some(mut flight) = flying.pop_front() else { continue };
        let mut bytes = [0; 4096];
        match flight.client.0.read(&mut bytes) {
            Ok(0) => return Err("a connection ended".into()),
            Ok(count) => {
                if flight.answer.more(bytes.get(..count).unwrap_or_default())? {
                    latencies.push(u64::try_from(flight.due.elapsed().as_nanos())?);
                    idle.push(flight.client);
                } else {
                    flying.push_back(flight);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => flying.push_back(flight),
            Err(error) => return Err(error.into()),
        }
    }
    latencies.sort_unstable();
    Ok(latencies)
}
