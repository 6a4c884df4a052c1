//! From the program's start to its first proxied request.

use std::time::{Duration, Instant};

use super::client::Client;
use super::peers::{Contestant, Ground};
use super::table::{Goal, left_out, line};
use super::{Outcome, median, rounds};

/// Starts one of them.
type Start = fn(&Ground) -> Outcome<Contestant>;

pub(crate) fn run() -> Outcome<()> {
    let ground = Ground::new()?;
    let starts: [(&str, Start); 4] = [
        ("nginx", Ground::nginx),
        ("haproxy", Ground::haproxy),
        ("waypost, full policy", |ground| ground.waypost("full")),
        ("waypost-gateway", Ground::gateway),
    ];
    let mut nginx = f64::NAN;
    for (name, start) in starts {
        let mut times = Vec::new();
        for _ in 0..rounds() {
            let begun = Instant::now();
            let one = match start(&ground) {
                Ok(one) => one,
                Err(error) => {
                    left_out(&format!("start: {name}"), &error.to_string());
                    break;
                }
            };
            while Client::new(one.port).map_err(Into::into).and_then(|mut client| client.ask()).is_err() {
                if begun.elapsed() > Duration::from_secs(20) {
                    return Err(format!("{name} answers nothing").into());
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        if times.is_empty() {
            continue;
        }
        let time = median(&mut times);
        if name == "nginx" {
            nginx = time;
        }
        let goal = name.starts_with("waypost").then(|| Goal::at_most(time, 300.0, " ms"));
        line(&format!("start to the first proxied request: {name}"), (time, "ms"), Some(time / nginx), goal);
    }
    Ok(())
}
