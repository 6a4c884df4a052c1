//! A thousand configurations one after another while clients call without a pause: how many requests fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use super::client::Client;
use super::peers::Ground;
use super::table::{Goal, line};
use super::{Outcome, serve};

const SWAPS: usize = 1_000;

#[expect(clippy::cast_precision_loss, reason = "counts")]
pub(crate) fn run() -> Outcome<()> {
    let ground = Ground::new()?;
    let target = format!("http://127.0.0.1:{}", ground.target_port());
    let keys = serve::keys()?;
    // Two that differ in all that a swap has to rebuild: another pool, another route beside the one that is called.
    let configs =
        [serve::config(&target, true, None, &keys, 256)?, serve::config(&target, true, None, &keys, 128)?];
    let [first, _] = configs.clone();
    let proxy = waypost_proxy::Proxy::new(first, None).map_err(|faults| format!("{faults:?}"))?;
    let listening = proxy.bind()?;
    let port = listening.addresses().first().ok_or("no listener")?.port();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || runtime.block_on(listening.serve(std::future::pending())));
    let over = Arc::new(AtomicBool::new(false));
    let (passed, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (over, passed, failed) = (Arc::clone(&over), Arc::clone(&passed), Arc::clone(&failed));
            std::thread::spawn(move || {
                let mut client = None;
                while !over.load(Relaxed) {
                    if client.is_none() {
                        client = Client::new(port).ok();
                    }
                    if client.as_mut().is_some_and(|client| client.ask().is_ok()) {
                        passed.fetch_add(1, Relaxed);
                    } else {
                        failed.fetch_add(1, Relaxed);
                        client = None;
                    }
                }
            })
        })
        .collect();
    let begun = Instant::now();
    let mut swapped = 0;
    for config in configs.iter().cycle().take(SWAPS) {
        let before = passed.load(Relaxed);
        let asked = Instant::now();
        proxy.apply(config.clone()).map_err(|faults| format!("{faults:?}"))?;
        swapped += asked.elapsed().as_micros();
        // At least one request between any two.
        while passed.load(Relaxed) == before && failed.load(Relaxed) == 0 {
            std::thread::yield_now();
        }
    }
    let took = begun.elapsed().as_secs_f64();
    over.store(true, Relaxed);
    for client in clients {
        client.join().map_err(|_| "a client broke")?;
    }
    let (passed, failed) = (passed.load(Relaxed) as f64, failed.load(Relaxed) as f64);
    line(
        &format!("{SWAPS} swaps under {:.0} requests a second: failed", passed / took),
        (failed, "of all"),
        None,
        Some(Goal::at_most(failed, 0.0, "")),
    );
    line("one swap", (swapped as f64 / SWAPS as f64 / 1e3, "ms"), None, None);
    Ok(())
}
