//! What the gateway costs: reads and ledger writes a second through the whole pipeline (authentication, limits, validation,
//! idempotency, problem handling, headers), beside a bare axum + sqlx handler that runs the same SQL on the same pragmas.
//!
//! Both serve on loopback in this process on runtimes of the same size. Rounds alternate, so that whatever else the machine
//! does hits both; medians are printed, and the ratio (above 1: the gateway is faster). Bounded to about a minute.

#![allow(clippy::indexing_slicing, clippy::panic, reason = "a benchmark that is wrong should stop")]

mod bare;
mod load;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use load::{Load, Round};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use waypost_gateway::config::Rates;
use waypost_gateway::{Config, Gateway, http};

/// Fewer page faults and less contention; the program uses it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WALLETS: usize = 64;
const ROUNDS: usize = 5;
const LENGTH: Duration = Duration::from_millis(1_000);
const WARM_UP: Duration = Duration::from_millis(300);

/// One of the two servers, with wallets that hold money.
struct Side {
    address: SocketAddr,
    headers: String,
    wallets: Vec<String>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let directory = tempfile::tempdir()?;
    let (gateway_runtime, bare_runtime) = (runtime()?, runtime()?);
    let gateway = gateway_runtime.block_on(start_gateway(directory.path().join("gateway")))?;
    let bare_address = bare_runtime.block_on(bare::start(directory.path().join("bare")))?;
    let bare = bare_runtime.block_on(Side::open(bare_address, "X-API-Key: none\r\n".to_owned()))?;
    println!("{:<34} {:>10} {:>10} {:>7}   CPU µs a request", "", "gateway/s", "bare/s", "ratio");
    for (name, clients, load) in [
        ("read a wallet, 1 client", 1, Load::Read),
        ("read a wallet, 32 clients", 32, Load::Read),
        ("transfer, 1 client", 1, Load::Transfer),
        ("transfer, 32 clients", 32, Load::Transfer),
    ] {
        let mut results: [Vec<Round>; 2] = [Vec::new(), Vec::new()];
        for side in [&gateway, &bare] {
            load::run(side, load, clients, WARM_UP)?;
        }
        for round in 0..ROUNDS {
            // Whoever begins changes, so that neither always runs on the other's dirty pages.
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            for index in order {
                let (side, result) = if index == 0 { (&gateway, 0) } else { (&bare, 1) };
                results[result].push(load::run(side, load, clients, LENGTH)?);
            }
        }
        let [ours, theirs] = results.map(|rounds| Round::median(&rounds));
        println!(
            "{name:<34} {:>10.0} {:>10.0} {:>7.2}   {:.0} / {:.0}",
            ours.per_second,
            theirs.per_second,
            ours.per_second / theirs.per_second,
            ours.cpu_micros,
            theirs.cpu_micros,
        );
    }
    // The servers have nothing to lose; the process ends with them.
    std::process::exit(0);
}

async fn start_gateway(directory: std::path::PathBuf) -> Result<Side, Box<dyn std::error::Error>> {
    let mut config = Config::default();
    config.data_dir = directory;
    // Every window is counted as ever, but none runs out.
    let plenty = Some(u32::MAX);
    config.rate_limits.free =
        Rates { per_second: plenty, per_minute: plenty, per_hour: plenty, per_day: plenty };
    let gateway = Arc::new(Gateway::open(config).await?);
    let service = http::Service::new(gateway)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(http::serve(listener, service, std::future::pending()));
    let account =
        json!({ "email": "ada@example.com", "password": "correct horse battery staple", "name": "Ada" });
    load::post(address, "", "/v1/auth/register", &account).await?;
    let tokens = load::post(address, "", "/v1/auth/login", &account_login(&account)).await?;
    let bearer = format!("Authorization: Bearer {}\r\n", text(&tokens, "/access_token"));
    let key = json!({ "name": "bench", "permissions": ["wallets:*"] });
    let key = load::post(address, &bearer, "/v1/api_keys", &key).await?;
    Side::open(address, format!("X-API-Key: {}\r\n", text(&key, "/secret"))).await
}

fn account_login(account: &Value) -> Value {
    json!({ "email": account["email"], "password": account["password"] })
}

fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no {pointer} in {value}"))
        .to_owned()
}

impl Side {
    async fn open(address: SocketAddr, headers: String) -> Result<Self, Box<dyn std::error::Error>> {
        let mut wallets = Vec::new();
        for _ in 0..WALLETS {
            let wallet = load::post(address, &headers, "/v1/wallets", &json!({ "currency": "EUR" })).await?;
            let wallet = text(&wallet, "/id");
            let path = format!("/v1/wallets/{wallet}/credit");
            load::post(address, &headers, &path, &json!({ "amount": 9_000_000_000_i64 })).await?;
            wallets.push(wallet);
        }
        Ok(Self { address, headers, wallets })
    }
}
