//! What the gateway costs: reads and ledger writes a second through the whole pipeline (authentication, limits, validation,
//! idempotency, problem handling, headers), beside a bare axum + sqlx handler that runs the same SQL on the same pragmas.
//!
//! Each server is a process of its own on loopback, with a runtime of the same size and a client that waits for every answer. On a machine
//! that does other things as well, a second is not a second: so there are many short rounds, one after another in turns, a ratio is
//! taken within each pair of rounds, and the median of the ratios is printed with its quartiles. Above 1 the gateway is faster. The servers' CPU
//! time a request stands beside: it hardly depends on what else the machine does.
//!
//! `cargo bench -p waypost-gateway --bench ledger [-- --rounds 120 --millis 80 --only 'read a wallet, 1 client']`

#![allow(clippy::indexing_slicing, clippy::panic, reason = "a benchmark that is wrong should stop")]

mod bare;
mod load;
mod server;

use std::net::SocketAddr;
use std::time::Duration;

use load::{Load, Round};
use server::Server;

/// Fewer page faults and less contention; the program uses it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WALLETS: usize = 64;
const WARM_UP: Duration = Duration::from_millis(500);

/// One of the two servers, with wallets that hold money.
struct Side {
    address: SocketAddr,
    headers: String,
    wallets: Vec<String>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(name) = server::asked_for() {
        return server::run(&name);
    }
    let (rounds, length) = (number("--rounds", 120)?, Duration::from_millis(number("--millis", 80)?));
    let only = argument("--only");
    let directory = tempfile::tempdir()?;
    let mut servers = [
        Server::start("gateway", &directory.path().join("gateway"))?,
        Server::start("bare", &directory.path().join("bare"))?,
    ];
    println!("{rounds} pairs of rounds of {length:?}; medians, and the quartiles of the ratio");
    println!(
        "{:<26} {:>9} {:>9} {:>7} {:>14}   {:>16} {:>7} {:>14}",
        "", "gateway/s", "bare/s", "ratio", "", "CPU µs a request", "ratio", ""
    );
    for (name, clients, load) in [
        ("read a wallet, 1 client", 1, Load::Read),
        ("read a wallet, 32 clients", 32, Load::Read),
        ("transfer, 1 client", 1, Load::Transfer),
        ("transfer, 32 clients", 32, Load::Transfer),
    ] {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        for server in &mut servers {
            server.measure(load, clients, WARM_UP)?;
        }
        let mut pairs = Vec::new();
        for round in 0..rounds {
            let [gateway, bare] = &mut servers;
            // Whoever begins changes, so that neither always runs on the other's dirty pages.
            pairs.push(if round % 2 == 0 {
                let first = gateway.measure(load, clients, length)?;
                (first, bare.measure(load, clients, length)?)
            } else {
                let first = bare.measure(load, clients, length)?;
                (gateway.measure(load, clients, length)?, first)
            });
        }
        print(name, &pairs);
    }
    Ok(())
}

fn print(name: &str, pairs: &[(Round, Round)]) {
    let of = |figure: fn(&(Round, Round)) -> f64| quartiles(pairs.iter().map(figure).collect());
    let [low, ratio, high] = of(|(ours, theirs)| ours.per_second / theirs.per_second);
    let [cpu_low, cpu_ratio, cpu_high] = of(|(ours, theirs)| ours.cpu_micros / theirs.cpu_micros);
    println!(
        "{name:<26} {:>9.0} {:>9.0} {ratio:>7.2} {:>14}   {:>16} {cpu_ratio:>7.2} {:>14}",
        of(|(ours, _)| ours.per_second)[1],
        of(|(_, theirs)| theirs.per_second)[1],
        format!("{low:.2} to {high:.2}"),
        format!("{:.0} / {:.0}", of(|(ours, _)| ours.cpu_micros)[1], of(|(_, theirs)| theirs.cpu_micros)[1]),
        format!("{cpu_low:.2} to {cpu_high:.2}"),
    );
}

fn quartiles(mut figures: Vec<f64>) -> [f64; 3] {
    figures.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| figures[(figures.len() - 1) * quarter / 4])
}

fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn number<N: std::str::FromStr>(name: &str, otherwise: N) -> Result<N, String> {
    let Some(text) = argument(name) else { return Ok(otherwise) };
    text.parse().map_err(|_| format!("{name} takes a number, not {text:?}"))
}
