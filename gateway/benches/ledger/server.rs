//! The servers, each in a process of its own: this program again, told by a variable which one to be. It prints where it listens and with what its wallets are
//! read, and then its CPU time for every line that it is sent; when there is no more to read, it ends.

use std::io::{BufRead, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use waypost_gateway::config::Rates;
use waypost_gateway::data_plane::Plan;
use waypost_gateway::{Config, DataPlane, Gateway, http};

use super::load::{self, Load, Round};
use super::{Side, WALLETS, bare};

type Failure = Box<dyn std::error::Error>;

const NAME: &str = "WAYPOST_BENCH_SERVER";
const DIRECTORY: &str = "WAYPOST_BENCH_DIRECTORY";

/// A running server, as the client sees it.
pub(super) struct Server {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    side: Side,
}

impl Server {
    pub(super) fn start(name: &str, directory: &Path) -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .env(NAME, name)
            .env(DIRECTORY, directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let questions = process.stdin.take().ok_or("no standard input")?;
        let mut answers = BufReader::new(process.stdout.take().ok_or("no standard output")?);
        let mut line = String::new();
        answers.read_line(&mut line)?;
        let told: Value = serde_json::from_str(&line)?;
        let wallets = told["wallets"].as_array().ok_or("no wallets")?.iter();
        let side = Side {
            address: text(&told, "/address").parse()?,
            headers: text(&told, "/headers"),
            wallets: wallets.filter_map(Value::as_str).map(str::to_owned).collect(),
        };
        Ok(Self { process, questions, answers, side })
    }

    /// One round.
    pub(super) fn measure(&mut self, load: Load, clients: usize, length: Duration) -> Result<Round, Failure> {
        let before = self.cpu_time()?;
        let (answered, elapsed) = load::run(&self.side, load, clients, length)?;
        let cpu = self.cpu_time()?.saturating_sub(before);
        Ok(Round {
            per_second: answered as f64 / elapsed.as_secs_f64(),
            cpu_micros: cpu.as_secs_f64() * 1e6 / answered as f64,
        })
    }

    fn cpu_time(&mut self) -> Result<Duration, Failure> {
        self.questions.write_all(b"\n")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(Duration::from_nanos(line.trim().parse()?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Which server this process is to be.
pub(super) fn asked_for() -> Option<String> {
    std::env::var(NAME).ok()
}

/// Serves until standard input ends.
pub(super) fn run(name: &str) -> Result<(), Failure> {
    let directory = PathBuf::from(std::env::var(DIRECTORY)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let side = runtime.block_on(async {
        match name {
            "gateway" => gateway(directory).await,
            _ => Side::open(bare::start(directory).await?, "X-API-Key: none\r\n".to_owned()).await,
        }
    })?;
    let told =
        json!({ "address": side.address.to_string(), "headers": side.headers, "wallets": side.wallets });
    println!("{told}");
    for _ in std::io::stdin().lines() {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        println!("{}", Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec)?).as_nanos());
    }
    // The server has nothing to lose; it ends with its process.
    std::process::exit(0);
}

async fn gateway(directory: PathBuf) -> Result<Side, Failure> {
    let mut config = Config::default();
    config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.data_dir = directory;
    // Every window is counted as ever, but none runs out.
    let plenty = Some(u32::MAX);
    config.rate_limits.free =
        Rates { per_second: plenty, per_minute: plenty, per_hour: plenty, per_day: plenty };
    let plan = Plan::new(None, &config);
    let sockets = plan.bind()?;
    let gateway = Arc::new(Gateway::open(config).await?);
    let data_plane = DataPlane::new(plan, http::Service::new(gateway)?)?;
    let listening = data_plane.proxy().at(sockets);
    let address = *listening.addresses().first().ok_or("no address")?;
    tokio::spawn(async move {
        // It is what the proxy's host belongs to.
        let _data_plane = data_plane;
        listening.serve(std::future::pending()).await
    });
    let account =
        json!({ "email": "ada@example.com", "password": "correct horse battery staple", "name": "Ada" });
    load::post(address, "", "/v1/auth/register", &account).await?;
    let login = json!({ "email": account["email"], "password": account["password"] });
    let tokens = load::post(address, "", "/v1/auth/login", &login).await?;
    let bearer = format!("Authorization: Bearer {}\r\n", text(&tokens, "/access_token"));
    let key = json!({ "name": "bench", "permissions": ["wallets:*"] });
    let key = load::post(address, &bearer, "/v1/api_keys", &key).await?;
    Side::open(address, format!("X-API-Key: {}\r\n", text(&key, "/secret"))).await
}

fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no {pointer} in {value}"))
        .to_owned()
}

impl Side {
    async fn open(address: SocketAddr, headers: String) -> Result<Self, Failure> {
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
