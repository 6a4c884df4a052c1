//! What the engine costs: CPU time of this process for one call with a 1 KB JSON answer, bare reqwest against the client on reqwest and on hyper, decoded
//! to the same type. The server is another process, so that its time is not counted. Rounds alternate, so that a machine that slows down slows all of them;
//! the ratio of a round is taken within it, and the median of the ratios is what is printed.
//!
//! `cargo bench -p waypost --bench overhead [-- --rounds 31 --calls 2000 --only 'waypost on hyper']`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that fails is to say where"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::Deserialize;
use tokio::runtime::Runtime;
use waypost::Client;
use waypost::engine::operation::{Body, Operation, ResultKind, Retry, Scheme};
use waypost::engine::{Arguments, CallOptions};
use waypost::transport::Proxy;

static READ: Operation = Operation {
    id: "things_get",
    method: "GET",
    path: "/v1/things",
    parameters: &[],
    body: Body::None,
    idempotency_key: false,
    retry: Retry::Safe,
    security: &[&[Scheme::Header("X-API-Key")]],
    paginate: None,
    result: ResultKind::Json,
    status: 200,
};

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

/// One of the contestants: makes so many calls, so many of them at once.
type Contestant = (&'static str, Box<dyn Fn(usize, usize) -> usize>);

fn main() {
    if std::env::var_os("WAYPOST_BENCH_SERVER").is_some() {
        serve();
        return;
    }
    let (rounds, calls) = (argument("--rounds", 31), argument("--calls", 2000));
    let mut server = Command::new(std::env::current_exe().unwrap())
        .env("WAYPOST_BENCH_SERVER", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let only = std::env::args().skip_while(|argument| argument != "--only").nth(1);
    let mut contestants = contestants(url.trim());
    // For a profiler.
    contestants.retain(|(name, _)| only.as_ref().is_none_or(|only| only == name));
    for at_once in [1, 32] {
        measure(&contestants, rounds, calls, at_once);
    }
    drop(server.stdin.take());
    server.wait().unwrap();
}

fn measure(contestants: &[Contestant], rounds: usize, calls: usize, at_once: usize) {
    for (_, contestant) in contestants {
        contestant(calls, at_once);
    }
    let mut samples: Vec<Vec<(Duration, Duration)>> = vec![Vec::new(); contestants.len()];
    for round in 0..rounds {
        for step in 0..contestants.len() {
            // Each goes first as often as the others.
            let index = (round + step) % contestants.len();
            let (cpu, wall) = (cpu_time(), Instant::now());
            contestants[index].1(calls, at_once);
            samples[index].push((cpu_time() - cpu, wall.elapsed()));
        }
    }
    println!("{rounds} rounds of {calls} calls, {at_once} at once, 1 KB of JSON; medians");
    println!("{:<38} {:>12} {:>10} {:>10} {:>10}", "", "CPU µs/call", "calls/s", "CPU ratio", "time ratio");
    for (index, (name, _)) in contestants.iter().enumerate() {
        let cpu = median(samples[index].iter().map(|sample| sample.0.as_secs_f64()).collect());
        let wall = median(samples[index].iter().map(|sample| sample.1.as_secs_f64()).collect());
        let ratio = |of: fn(&(Duration, Duration)) -> Duration| {
            median(
                samples[index]
                    .iter()
                    .zip(&samples[0])
                    .map(|(own, bare)| of(own).as_secs_f64() / of(bare).as_secs_f64())
                    .collect(),
            )
        };
        println!(
            "{name:<38} {:>12.2} {:>10.0} {:>10.3} {:>10.3}",
            cpu * 1e6 / calls as f64,
            calls as f64 / wall,
            ratio(|sample| sample.0),
            ratio(|sample| sample.1),
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
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let builder = || Client::builder(url).api_key("wp_1_secret").proxy(Proxy::Off);
    let ours = |client: Client| -> Box<dyn Fn(usize, usize) -> usize> {
        let runtime = runtime();
        Box::new(move |calls, at_once| {
            lanes(&runtime, calls, at_once, || async {
                waypost::Call::<Thing>::new(&client, &READ, Arguments::new()).await.unwrap().weight()
            })
        })
    };
    let bare =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let address = format!("{url}/v1/things");
    let bare_runtime = runtime();
    let in_place = builder().hyper().build().unwrap();
    vec![
        (
            "bare reqwest",
            Box::new(move |calls, at_once| {
                lanes(&bare_runtime, calls, at_once, || async {
                    // What every client has to send, and a timeout as anybody sets one.
                    let answer = bare
                        .get(&address)
                        .header("x-api-key", "wp_1_secret")
                        .header("accept", "application/json")
                        .header("user-agent", "bench")
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
        ),
        ("waypost on reqwest", ours(builder().build().unwrap())),
        ("waypost on hyper", ours(builder().hyper().build().unwrap())),
        (
            "waypost on hyper, in place (always one)",
            Box::new(move |calls, _| {
                let mut sum = 0;
                for _ in 0..calls {
                    let options = CallOptions::default();
                    let answer = waypost::drive::blocking::call(
                        &in_place,
                        &READ,
                        &Arguments::new(),
                        &options,
                        &mut || false,
                    );
                    sum += answer.unwrap().json::<Thing>().unwrap().weight();
                }
                sum
            }),
        ),
    ]
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
        if buffer[..filled].ends_with(b"\r\n\r\n") {
            filled = 0;
            if socket.write_all(answer).is_err() {
                return;
            }
        }
    }
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn argument(name: &str, otherwise: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().map_or(otherwise, |value| {
        value.parse().unwrap_or_else(|_| panic!("{name} takes a number, not {value:?}"))
    })
}
