//! Memory: with nothing to do, and with 10,000 clients that keep their connections after a request.

use super::client::Client;
use super::peers::{Contestant, Ground};
use super::table::{Goal, left_out, line};
use super::{Outcome, peers};

const CONNECTIONS: usize = 10_000;

pub(crate) fn run() -> Outcome<()> {
    let room = peers::descriptors()?;
    let ground = Ground::new()?;
    let mut all = vec![ground.nginx()?, ground.waypost("full")?];
    match ground.gateway() {
        Ok(one) => all.push(one),
        Err(error) => left_out("memory: waypost-gateway", &error.to_string()),
    }
    let mut nginx = (f64::NAN, f64::NAN);
    for one in &all {
        let ours = one.name.starts_with("waypost");
        Client::new(one.port)?.ask()?;
        let idle = one.resident()?;
        let full = if room >= CONNECTIONS + 1_000 { with_connections(one)? } else { f64::NAN };
        if one.name == "nginx" {
            nginx = (idle, full);
        }
        let goal = ours.then(|| Goal::at_most(idle, 40.0, " MB"));
        line(&format!("memory, idle: {}", one.name), (idle, "MB"), Some(idle / nginx.0), goal);
        let goal = ours.then(|| Goal::at_most(full, 256.0, " MB"));
        let what = format!("memory, {CONNECTIONS} kept connections: {}", one.name);
        line(&what, (full, "MB"), Some(full / nginx.1), goal);
    }
    Ok(())
}

/// Megabytes while all are open, each after a request of its own.
fn with_connections(one: &Contestant) -> Outcome<f64> {
    let mut clients = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let mut client = Client::new(one.port)?;
        client.ask()?;
        clients.push(client);
    }
    let resident = one.resident()?;
    // All of them are still there.
    for client in clients.iter_mut().step_by(CONNECTIONS / 10) {
        client.ask()?;
    }
    Ok(resident)
}
