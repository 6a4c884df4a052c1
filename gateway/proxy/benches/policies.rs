//! What the decisions of one request cost: the limiter and the breaker with 100,000 keys in random order, each beside a crate that does the like, and the
//! look-up of a route among many beside `matchit`. In turns, the fastest of seven each: what is above it is another process's time.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, Method};
use waypost_proxy::breaker::{Breaker, Policy};
use waypost_proxy::config::{self, Rates};
use waypost_proxy::limit::{Limiter, Quota};
use waypost_proxy::route::{RequestHead, Table};

const KEYS: usize = 100_000;
const ROUNDS: usize = 7;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    println!("{:<52} {:>8} {:>8} {:>6}", "", "ns", "goal", "");
    limiter()?;
    breaker()?;
    routes()
}

/// Names that are where they are needed: a request's caller is in the cache when it is counted.
fn names() -> Vec<[u8; 12]> {
    let text = |index| format!("usr_{index:08x}").into_bytes();
    (0..KEYS).filter_map(|index| text(index).try_into().ok()).collect()
}

/// Nanoseconds a turn of each contestant, the fastest round.
fn race<const N: usize>(turns: u32, mut each: [&mut dyn FnMut(usize); N]) -> [f64; N] {
    let mut best = [f64::INFINITY; N];
    let mut random = fastrand::Rng::with_seed(1);
    let order: Vec<usize> = (0..turns).map(|_| random.usize(0..KEYS)).collect();
    for _ in 0..ROUNDS {
        for (one, best) in each.iter_mut().zip(&mut best) {
            let begun = Instant::now();
            for index in &order {
                one(*index);
            }
            *best = best.min(begun.elapsed().as_secs_f64() * 1e9 / f64::from(turns));
        }
    }
    best
}

fn line(what: &str, nanoseconds: f64, goal: Option<f64>) {
    let (shown, verdict) = match goal {
        Some(goal) => (format!("{goal:.0}"), if nanoseconds <= goal { "holds" } else { "missed" }),
        None => (String::new(), ""),
    };
    println!("{what:<52} {nanoseconds:>8.0} {shown:>8} {verdict:>6}");
}

fn ratio(ours: f64, theirs: f64) {
    println!("{:<52} {:>7.2}x", "  ours beside it", ours / theirs);
}

fn limiter() -> Outcome<()> {
    let most = 1 << 31;
    let all = Rates {
        per_second: Some(most),
        per_minute: Some(most),
        per_hour: Some(most),
        per_day: Some(most),
        burst: 0,
    };
    let one = Rates { per_minute: Some(most), ..Rates::default() };
    let quota = |name, rates: &Rates| {
        Quota::new(name, "", rates).ok().flatten().ok_or("the quota of the benchmark is wrong")
    };
    let (tier, route, minute) = (quota("tier", &all)?, quota("route", &all)?, quota("minute", &one)?);
    let names = names();
    let of = |index: usize| names.get(index).copied().unwrap_or_default();
    let now = Instant::now();
    let [limiter_one, limiter_four, limiter_both] = std::array::from_fn(|_| Limiter::default());
    let peer = governor::RateLimiter::keyed(governor::Quota::per_second(NonZeroU32::MAX));
    let [single, four, both, theirs] = race(
        400_000,
        [
            &mut |index| {
                let name = of(index);
                black_box(limiter_one.check(now, &[minute.key(&[b"tier", &name])], 1).allowed());
            },
            &mut |index| {
                let name = of(index);
                black_box(limiter_four.check(now, &[tier.key(&[b"tier", &name])], 1).allowed());
            },
            &mut |index| {
                let name = of(index);
                let keys = [tier.key(&[b"tier", &name]), route.key(&[b"each", b"orders", &name])];
                black_box(limiter_both.check(now, &keys, 1).allowed());
            },
            &mut |index| {
                black_box(peer.check_key(&of(index)).is_ok());
            },
        ],
    );
    line("limiter: client and endpoint, four windows each", both, Some(1_000.0));
    line("limiter: client, four windows", four, Some(1_000.0));
    line("limiter: client, one window", single, None);
    line("governor: client, one window", theirs, None);
    ratio(single, theirs);
    println!("{:<52} {:>7.2}x", "  ours with all eight windows, beside eight of it", both / (8.0 * theirs));
    Ok(())
}

fn breaker() -> Outcome<()> {
    let policy = Policy::new(&config::Breaker::default()).map_err(|faults| format!("{faults:?}"))?;
    let made = Instant::now();
    let breakers: Vec<Arc<Breaker>> =
        (0..KEYS).map(|index| Arc::new(Breaker::new(format!("{index}"), policy, made))).collect();
    let peers: Vec<recloser::Recloser> =
        (0..KEYS).map(|_| recloser::Recloser::custom().error_rate(0.5).build()).collect();
    let now = made + Duration::from_millis(1);
    let answered = |breaker: Option<&Arc<Breaker>>| {
        if let Some(Ok(permit)) = breaker.map(|breaker| breaker.admit(now)) {
            permit.success(now, Duration::from_millis(1));
        }
    };
    let call = |peer: Option<&recloser::Recloser>| {
        let _ = black_box(peer.map(|peer| peer.call(|| Ok::<_, ()>(()))));
    };
    let [many, of_many, one, of_one] = race(
        400_000,
        [
            &mut |index| answered(breakers.get(index)),
            &mut |index| call(peers.get(index)),
            &mut |_| answered(breakers.first()),
            &mut |_| call(peers.first()),
        ],
    );
    line("breaker: admitted and answered, of 100,000", many, Some(200.0));
    line("recloser: the same", of_many, None);
    ratio(many, of_many);
    line("breaker: admitted and answered, one", one, Some(200.0));
    line("recloser: the same", of_one, None);
    ratio(one, of_one);
    for breaker in &breakers {
        breaker.open(made, None);
    }
    let [refused] = race(
        400_000,
        [&mut |index| {
            black_box(breakers.get(index).is_some_and(|breaker| breaker.admit(now).is_err()));
        }],
    );
    line("breaker: refused, of 100,000", refused, Some(200.0));
    Ok(())
}

/// Paths as an API has them: a resource, an item of it, and something of the item.
fn routes() -> Outcome<()> {
    for resources in [10, 300, 3_000] {
        let patterns: Vec<String> = (0..resources)
            .flat_map(|index| {
                let base = format!("/api/v1/resource{index}");
                [base.clone(), format!("{base}/{{id}}"), format!("{base}/{{id}}/items/{{item}}")]
            })
            .collect();
        let written = patterns.iter().enumerate().map(|(index, path)| {
            serde_json::json!({ "name": format!("route{index}"), "match": { "path": path }, "service": "s" })
        });
        let written: Vec<config::Route> = serde_json::from_value(written.collect())?;
        let (table, _) = Table::new(&written, &config::Versions::default());
        let mut peer = matchit::Router::new();
        for (index, path) in patterns.iter().enumerate() {
            peer.insert(path.as_str(), index)?;
        }
        let paths: Vec<String> = (0..KEYS)
            .map(|index| format!("/api/v1/resource{}/ord_{index}/items/7", index % resources))
            .collect();
        let headers = HeaderMap::new();
        let path = |index: usize| paths.get(index).map_or("/", String::as_str);
        let head = |path| RequestHead {
            method: &Method::GET,
            host: "api.example.com",
            path,
            query: None,
            headers: &headers,
            version: None,
        };
        if table.find(&head(path(1))).map(|found| found.index).ok()
            != peer.at(path(1)).map(|found| *found.value).ok()
        {
            return Err("the two tables find different routes".into());
        }
        let [ours, theirs] = race(
            200_000,
            [
                &mut |index| {
                    black_box(table.find(&head(path(index))).is_ok());
                },
                &mut |index| {
                    black_box(peer.at(path(index)).is_ok());
                },
            ],
        );
        line(&format!("route: of {}, two parameters", patterns.len()), ours, None);
        line("matchit: the same, path only", theirs, None);
        ratio(ours, theirs);
    }
    Ok(())
}
