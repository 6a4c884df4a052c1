//! The processes that are compared, the target behind them and the load in front.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use waypost_proxy::{Config, Proxy};

/// A proxy that is measured.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    port: u16,
    process: Child,
}

/// All of them, and what they need. Ended when dropped.
pub(crate) struct Peers {
    pub(crate) all: Vec<Contestant>,
    target: Child,
    _folder: tempfile::TempDir,
}

impl Drop for Peers {
    fn drop(&mut self) {
        for process in self.all.iter_mut().map(|one| &mut one.process).chain([&mut self.target]) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

type Outcome<T> = Result<T, String>;

fn told<T>(result: std::io::Result<T>, what: &str) -> Outcome<T> {
    result.map_err(|error| format!("{what}: {error}"))
}

fn free_port() -> Outcome<u16> {
    let socket = told(TcpListener::bind("127.0.0.1:0"), "no port")?;
    Ok(told(socket.local_addr(), "no port")?.port())
}

/// Installs what is missing where that can be done.
fn wanted(programs: &[&str]) -> Outcome<()> {
    let there = |program: &str| {
        ["/usr/sbin", "/usr/bin", "/usr/local/bin"]
            .iter()
            .any(|folder| Path::new(folder).join(program).exists())
    };
    let missing: Vec<&str> = programs.iter().copied().filter(|program| !there(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let install =
        Command::new("apt-get").args(["install", "-y", "-qq"]).args(&missing).stdout(Stdio::null()).status();
    if told(install, "apt-get")?.success() { Ok(()) } else { Err(format!("install {}", missing.join(", "))) }
}

impl Peers {
    /// Starts all of them.
    pub(crate) fn start() -> Outcome<Self> {
        wanted(&["nginx", "haproxy", "wrk"])?;
        let folder = told(tempfile::tempdir(), "no folder")?;
        let at = folder.path().display().to_string();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            told(std::fs::write(&path, text), name).map(|()| path.display().to_string())
        };
        let ports = [free_port()?, free_port()?, free_port()?];
        let [target, nginx, haproxy] = ports;
        let mut answer = String::new();
        for _ in 0..20 {
            let _ = write!(answer, "0123456789");
        }
        let http = |port: u16, rest: &str| {
            format!(
                "daemon off; master_process off; pid {at}/{port}.pid; error_log {at}/{port}.log; events {{ worker_connections 4096; }}\n\
                 http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {at}; proxy_temp_path {at}; fastcgi_temp_path {at};\n\
                 uwsgi_temp_path {at}; scgi_temp_path {at}; {rest} }}\n"
            )
        };
        let inner = format!(
            "server {{ listen 127.0.0.1:{target}; location / {{ default_type text/plain; return 200 \"{answer}\"; }} }}"
        );
        let outer = format!(
            "upstream target {{ server 127.0.0.1:{target}; keepalive 256; keepalive_requests 1000000000; }}\n\
             server {{ listen 127.0.0.1:{nginx}; location / {{ proxy_pass http://target; proxy_http_version 1.1;\n\
             proxy_set_header Connection \"\"; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; }} }}"
        );
        let balancer = format!(
            "global\n nbthread 1\n maxconn 4096\ndefaults\n mode http\n timeout client 60s\n timeout server 60s\n timeout connect 5s\n option forwardfor\n\
             http-reuse always\nfrontend in\n bind 127.0.0.1:{haproxy}\n default_backend out\nbackend out\n server one 127.0.0.1:{target}\n"
        );
        let nginx_command = |path: &str| {
            let mut command = Command::new("/usr/sbin/nginx");
            command.args(["-c", path, "-p", &at]);
            command
        };
        let target_process =
            spawn(&mut nginx_command(&write("target.conf", &http(target, &inner))?), target)?;
        let mut peers = Self { all: Vec::new(), target: target_process, _folder: folder };
        std::fs::write(format!("{at}/nginx.conf"), http(nginx, &outer)).map_err(|error| error.to_string())?;
        let process = spawn(&mut nginx_command(&format!("{at}/nginx.conf")), nginx)?;
        peers.all.push(Contestant { name: "nginx", port: nginx, process });
        std::fs::write(format!("{at}/haproxy.cfg"), balancer).map_err(|error| error.to_string())?;
        let process = spawn(
            Command::new("/usr/sbin/haproxy").args(["-db", "-f", &format!("{at}/haproxy.cfg")]),
            haproxy,
        )?;
        peers.all.push(Contestant { name: "haproxy", port: haproxy, process });
        for (name, policy) in [("waypost, plain", "plain"), ("waypost, full", "full")] {
            let own = told(std::env::current_exe(), "no program")?;
            let url = format!("http://127.0.0.1:{target}");
            let serve = Command::new(own).args(["serve", &url, policy]).stdout(Stdio::piped()).spawn();
            let mut process = told(serve, "waypost")?;
            let mut line = String::new();
            if let Some(out) = process.stdout.take() {
                told(BufReader::new(out).read_line(&mut line), "waypost")?;
            }
            let port = line.trim().parse().map_err(|_| format!("waypost told no port: {line}"))?;
            peers.all.push(Contestant { name, port, process });
        }
        Ok(peers)
    }
}

/// Starts a process and waits until somebody listens.
fn spawn(command: &mut Command, port: u16) -> Outcome<Child> {
    let mut process = told(command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn(), "spawn")?;
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(process);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = process.kill();
    let _ = process.wait();
    Err(format!("{command:?} does not listen"))
}

impl Contestant {
    /// Processor time so far, in ticks.
    pub(crate) fn ticks(&self) -> Outcome<f64> {
        let text = told(std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())), self.name)?;
        // After the name, which is in brackets: user and system time are the 12th and 13th.
        let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let field =
            |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        Ok(field(11) + field(12))
    }

    /// Requests that were answered within so many seconds.
    pub(crate) fn load(&self, seconds: usize) -> Outcome<f64> {
        let url = format!("http://127.0.0.1:{}/api/orders/1", self.port);
        let output = Command::new("wrk")
            .args(["-t1", "-c32", &format!("-d{seconds}s"), "-H", "X-API-Key: bench", &url])
            .output();
        let text = String::from_utf8_lossy(&told(output, "wrk")?.stdout).into_owned();
        if text.contains("Non-2xx") {
            return Err(format!("{}: {text}", self.name));
        }
        text.lines()
            .find_map(|line| line.trim().split_once(" requests in ")?.0.parse().ok())
            .ok_or_else(|| format!("{}: {text}", self.name))
    }
}

/// The proxy under test: one worker; `full` is all that stands in front of a service in earnest.
pub(crate) fn serve(target: &str, full: bool) -> Outcome<()> {
    let keys = told(tempfile::NamedTempFile::new(), "no file")?;
    // The SHA-256 of `bench`.
    let sum = "1b32c28cb38c05480eccc1bd60ff97029b57a05c96718b96dad7e9d84894f549";
    let caller = format!("- {{ sha256: {sum}, caller: bench, tier: bench, permissions: [\"orders:*\"] }}\n");
    told(std::fs::write(keys.path(), caller), "keys")?;
    let most = u32::MAX;
    let rates =
        serde_json::json!({ "per_second": most, "per_minute": most, "per_hour": most, "per_day": most });
    let route = if full {
        serde_json::json!({
            "name": "orders", "match": { "path": "/api/orders/*" }, "service": "orders",
            "access": { "providers": ["keys"], "permissions": ["orders:read"] },
            "transform": { "security_headers": true }
        })
    } else {
        serde_json::json!({ "name": "orders", "match": { "path": "/api/orders/*" }, "service": "orders" })
    };
    let config = serde_json::json!({
        "listeners": [{ "address": "127.0.0.1:0", "workers": 1 }],
        "services": { "orders": { "targets": [target], "pool": { "max_idle": 256 } } },
        "identity": { "providers": { "keys": { "keys": { "file": keys.path() } } } },
        "limits": { "enabled": full, "tiers": { "bench": rates } },
        "routes": [route]
    });
    let config: Config = serde_json::from_value(config).map_err(|error| error.to_string())?;
    let proxy = Proxy::new(config, None).map_err(|faults| format!("{faults:?}"))?;
    let runtime = told(tokio::runtime::Builder::new_current_thread().enable_all().build(), "runtime")?;
    runtime.block_on(async {
        let listening = told(proxy.bind(), "bind")?;
        for address in listening.addresses() {
            println!("{}", address.port());
        }
        told(listening.serve(std::future::pending()).await, "serve")
    })
}
