//! What the engine costs: CPU time of this process for one call with a 1 KB JSON answer, decoded to the same type: bare reqwest against the client, the client
//! in place, and the client on reqwest. The server is another process, so that its time is not counted. Rounds alternate, so that a machine that
//! slows down slows all of them; the ratio of a round is taken within it, and the median of the ratios is what is printed, with its quartiles.
//!
//! The peer is what a careful program writes by hand on reqwest, and nothing more:
//! - one `reqwest::Client` for all calls, made once: the same connect timeout, pool, proxy and compression settings as ours, no redirects;
//! - what never changes (API key, `accept`, `user-agent`) as default headers, which is the cheapest way that reqwest has;
//! - for each call: the URL put together of base and id, a `traceparent` of its own, a timeout; for a POST also a JSON body and a new random
//!   `idempotency-key` (a UUID of the system's randomness, as ours);
//! - status checked, body read into bytes, bytes decoded.
//!
//! So both sides put the same headers on the wire. The peer does not do what the engine is for: check arguments, retry, keep budgets, hold back when the
//! server asked, remember answers with an `ETag`, carry attempts and request id, take middleware, write events.
//!
//! "In place" is the blocking driver, which makes one call at a time by its nature: it stands beside the others only where they do so as well. With 32
//! calls at once a wake-up of the runtime serves many of them, so one row is not to be compared with a row of another table.
//!
//! `cargo bench -p waypost --bench overhead [-- --rounds 31 --calls 2000 --only waypost --table 'get, one at a time']`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that fails is to say where"
)]

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use tokio::runtime::Runtime;
use waypost::Client;
use waypost::engine::operation::{Body, Location, Operation, Parameter, ResultKind, Retry, Scheme};
use waypost::engine::{Arguments, CallOptions};
use waypost::transport::Proxy;

static READ: Operation = Operation {
    id: "things_get",
    method: "GET",
    path: "/v1/things/{thing_id}",
    parameters: &[Parameter { name: "thing_id", location: Location::Path, required: true }],
    body: Body::None,
    idempotency_key: false,
    retry: Retry::Safe,
    security: &[&[Scheme::Header("X-API-Key")]],
    paginate: None,
    result: ResultKind::Json,
    status: 200,
};

static CREATE: Operation = Operation {
    id: "things_create",
    method: "POST",
    path: "/v1/things",
    parameters: &[],
    body: Body::Json,
    idempotency_key: true,
    retry: Retry::Idempotent,
    ..READ
};

const KEY: &str = "wp_1_secret";

const NEW: &str = r#"{"name":"an item of the thing","amount":7}"#;

/// The answer's type, on every side the same.
#[derive(Debug, Deserialize)]
struct Thing {
    id: String,
    items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    name: String,
    amount: i64,
}

impl Thing {
    fn weight(&self) -> usize {
        self.id.len()
            + self.items.iter().map(|item| item.name.len() + usize::from(item.amount > 0)).sum::<usize>()
    }
}

/// What a table measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Load {
    Get,
    Post,
}

/// One of the contestants: makes so many calls, so many of them at once.
struct Contestant {
    name: &'static str,
    /// It makes one call at a time whatever is asked.
    one_at_a_time: bool,
    run: Box<dyn Fn(Load, usize, usize) -> usize>,
}

fn main() {
    if std::env::var_os("WAYPOST_BENCH_SERVER").is_some() {
        serve();
        return;
    }
    let (rounds, calls) = (number("--rounds", 31), number("--calls", 2000));
    let mut server = Command::new(std::env::current_exe().unwrap())
        .env("WAYPOST_BENCH_SERVER", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut url).unwrap();
    // For a profiler.
    let (only, table) = (argument("--only"), argument("--table"));
    let mut contestants = contestants(url.trim());
    contestants.retain(|contestant| only.as_ref().is_none_or(|only| only == contestant.name));
    for (name, load, at_once) in [
        ("get, one at a time", Load::Get, 1),
        ("get, 32 at once", Load::Get, 32),
        ("post, one at a time", Load::Post, 1),
    ] {
        if table.as_ref().is_none_or(|table| table == name) {
            println!(
                "{name}: {rounds} rounds of {calls} calls, 1 KB of JSON; medians, and quartiles of the ratio"
            );
            let contestants: Vec<_> =
                contestants.iter().filter(|contestant| at_once == 1 || !contestant.one_at_a_time).collect();
            measure(&contestants, load, rounds, calls, at_once);
        }
    }
    drop(server.stdin.take());
    server.wait().unwrap();
}

fn measure(contestants: &[&Contestant], load: Load, rounds: usize, calls: usize, at_once: usize) {
    for contestant in contestants {
        (contestant.run)(load, calls, at_once);
    }
    let mut samples: Vec<Vec<(f64, f64)>> = vec![Vec::new(); contestants.len()];
    for round in 0..rounds {
        for step in 0..contestants.len() {
            // Each goes first as often as the others.
            let index = (round + step) % contestants.len();
            let (cpu, wall) = (cpu_time(), Instant::now());
            (contestants[index].run)(load, calls, at_once);
            samples[index].push(((cpu_time() - cpu).as_secs_f64(), wall.elapsed().as_secs_f64()));
        }
    }
    println!(
        "{:<28} {:>12} {:>10} {:>10} {:>15} {:>11}",
        "", "CPU µs/call", "calls/s", "CPU ratio", "", "time ratio"
    );
    for (index, contestant) in contestants.iter().enumerate() {
        let own = &samples[index];
        let cpu = quartiles(own.iter().map(|sample| sample.0))[1];
        let wall = quartiles(own.iter().map(|sample| sample.1))[1];
        let paired = || own.iter().zip(&samples[0]);
        let [low, ratio, high] = quartiles(paired().map(|(own, bare)| own.0 / bare.0));
        let [_, time, _] = quartiles(paired().map(|(own, bare)| own.1 / bare.1));
        println!(
            "{:<28} {:>12.2} {:>10.0} {ratio:>10.3} {:>15} {time:>11.3}",
            contestant.name,
            cpu * 1e6 / calls as f64,
            calls as f64 / wall,
            format!("{low:.3} to {high:.3}"),
        );
    }
}

/// Runs `one` call after another in each of `at_once` lanes, on one thread.
fn lanes<F: Future<Output = usize>>(
    runtime: &Runtime,
    calls: usize,
    at_once: usize,
    one: impl Fn() -> F,
) -> usize {
    runtime.block_on(async {
        let lane = || async {
            let mut sum = 0;
            for _ in 0..calls / at_once {
                sum += one().await;
            }
            sum
        };
        join_all((0..at_once).map(|_| lane())).await.into_iter().sum()
    })
}

fn contestants(url: &str) -> Vec<Contestant> {
    let builder = || Client::builder(url).api_key(KEY).proxy(Proxy::Off);
    vec![
        bare(url),
        ours("waypost", builder().build().unwrap()),
        in_place("waypost in place", builder().build().unwrap()),
        ours("waypost on reqwest", builder().own_reqwest().build().unwrap()),
    ]
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Written by hand on reqwest.
fn bare(url: &str) -> Contestant {
    let mut headers = HeaderMap::new();
    let mut key = HeaderValue::from_static(KEY);
    key.set_sensitive(true);
    headers.insert("x-api-key", key);
    headers.insert("accept", HeaderValue::from_static("application/json"));
    let client = reqwest::Client::builder()
        .user_agent(concat!("waypost-rust/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(Duration::from_secs(5))
        .pool_idle_timeout(Duration::from_secs(60))
        .pool_max_idle_per_host(32)
        .build()
        .unwrap();
    let (base, runtime, random) = (url.to_owned(), runtime(), Cell::new(1));
    Contestant {
        name: "bare reqwest",
        one_at_a_time: false,
        run: Box::new(move |load, calls, at_once| {
            lanes(&runtime, calls, at_once, || async {
                let request = match load {
                    Load::Get => client.get(format!("{base}/v1/things/{}", "thing_1")),
                    Load::Post => client
                        .post(format!("{base}/v1/things"))
                        .header("idempotency-key", uuid())
                        .header("content-type", "application/json")
                        .body(NEW),
                };
                let answer = request
                    .header("traceparent", traceparent(&random))
                    .timeout(Duration::from_secs(15))
                    .send()
                    .await
                    .unwrap()
                    .error_for_status()
                    .unwrap();
                let thing: Thing = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
                thing.weight()
            })
        }),
    }
}

/// A version 4 UUID.
fn uuid() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    let bits = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let text = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

/// SplitMix64 is as good as any generator for it, and as cheap.
fn traceparent(state: &Cell<u64>) -> String {
    let next = || {
        state.set(state.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mixed = (state.get() ^ (state.get() >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    };
    format!("00-{:016x}{:016x}-{:016x}-01", next(), next(), next())
}

fn planned(load: Load) -> (&'static Operation, Arguments) {
    match load {
        Load::Get => (&READ, Arguments::new().path("thing_id", "thing_1")),
        Load::Post => (&CREATE, Arguments::new().json_bytes(NEW)),
    }
}

fn ours(name: &'static str, client: Client) -> Contestant {
    let runtime = runtime();
    Contestant {
        name,
        one_at_a_time: false,
        run: Box::new(move |load, calls, at_once| {
            lanes(&runtime, calls, at_once, || async {
                let (operation, arguments) = planned(load);
                waypost::Call::<Thing>::new(&client, operation, arguments).await.unwrap().weight()
            })
        }),
    }
}

fn in_place(name: &'static str, client: Client) -> Contestant {
    Contestant {
        name,
        one_at_a_time: true,
        run: Box::new(move |load, calls, _| {
            let mut sum = 0;
            for _ in 0..calls {
                let ((operation, arguments), options) = (planned(load), CallOptions::default());
                let answer =
                    waypost::drive::blocking::call(&client, operation, &arguments, &options, &mut || false);
                sum += answer.unwrap().json::<Thing>().unwrap().weight();
            }
            sum
        }),
    }
}

/// Answers every request with the same 1 KB, until standard input ends.
fn serve() {
    let items: Vec<_> =
        (0..20).map(|n| format!(r#"{{"name":"an item of the thing {n:02}","amount":{n}}}"#)).collect();
    let body = format!(r#"{{"id":"thing_1","items":[{}]}}"#, items.join(","));
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nx-request-id: req_0123456789\r\ndate: Sun, 22 Nov 2026 09:00:00 GMT\r\n\r\n{body}",
        body.len()
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    std::io::stdout().flush().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || answer_all(socket, answer.as_bytes()));
        }
    });
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

fn answer_all(mut socket: TcpStream, answer: &[u8]) {
    socket.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 16 * 1024];
    let mut filled = 0;
    while let Ok(read @ 1..) = socket.read(&mut buffer[filled..]) {
        filled += read;
        if is_whole(&buffer[..filled]) {
            filled = 0;
            if socket.write_all(answer).is_err() {
                return;
            }
        }
    }
}

/// The head, and as much of a body as it announces.
fn is_whole(request: &[u8]) -> bool {
    let text = std::str::from_utf8(request).unwrap();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.map_or(0, |length| length.parse().unwrap()) == body.len()
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}

fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn number(name: &str, otherwise: usize) -> usize {
    argument(name).map_or(otherwise, |value| {
        value.parse().unwrap_or_else(|_| panic!("{name} takes a number, not {value:?}"))
    })
}
