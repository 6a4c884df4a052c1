//! The processes that are compared, the target behind them and the load in front.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Outcome, serve};

/// A proxy that is measured. Its processes end when it is dropped.
#[derive(Debug)]
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    process: Process,
    _beside: Option<Process>,
}

/// What all of them need: a folder, and the target.
#[derive(Debug)]
pub(crate) struct Ground {
    folder: tempfile::TempDir,
    keys: tempfile::NamedTempFile,
    target: u16,
    _process: Process,
}

/// Ended when dropped.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Files that a process may open.
pub(crate) fn descriptors() -> Outcome<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap_or_default();
    Ok(line.split_whitespace().next().and_then(|soft| soft.parse().ok()).unwrap_or(0))
}

/// Where a program is; installed where that can be done.
fn program(name: &str, package: &str) -> Outcome<PathBuf> {
    let find = || {
        let folders = ["/usr/sbin", "/usr/bin", "/usr/local/bin"];
        folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists())
    };
    if let Some(path) = find() {
        return Ok(path);
    }
    let install =
        Command::new("apt-get").args(["install", "-y", "-qq", package]).stdout(Stdio::null()).status();
    match find() {
        Some(path) if install?.success() => Ok(path),
        _ => Err(format!("`{name}` is not there; install {package}").into()),
    }
}

/// Starts a process and waits until somebody listens.
fn spawn(command: &mut Command, port: u16) -> Outcome<Process> {
    let process = Process(command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn()?);
    for _ in 0..8_000 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(process);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(format!("{command:?} does not listen").into())
}

impl Ground {
    /// The target alone: 200 bytes, by nginx.
    pub(crate) fn new() -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let target = free_port()?;
        let mut answer = String::new();
        for _ in 0..20 {
            write!(answer, "0123456789")?;
        }
        let server = format!(
            "server {{ listen 127.0.0.1:{target} backlog=4096; location / {{ default_type text/plain; return 200 \"{answer}\"; }} }}"
        );
        let process = nginx(folder.path(), target, &server)?;
        Ok(Self { folder, keys: serve::keys()?, target, _process: process })
    }

    pub(crate) const fn target_port(&self) -> u16 {
        self.target
    }

    fn target_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.target)
    }

    /// nginx as a plain proxy with kept connections: one process, nothing logged.
    pub(crate) fn nginx(&self) -> Outcome<Contestant> {
        let (port, target) = (free_port()?, self.target);
        let server = format!(
            "upstream target {{ server 127.0.0.1:{target}; keepalive 256; keepalive_requests 1000000000; }}\n\
             server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://target; proxy_http_version 1.1;\n\
             proxy_set_header Connection \"\"; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; }} }}"
        );
        Ok(Contestant {
            name: "nginx",
            port,
            process: nginx(self.folder.path(), port, &server)?,
            _beside: None,
        })
    }

    /// haproxy, the same.
    pub(crate) fn haproxy(&self) -> Outcome<Contestant> {
        let (port, target) = (free_port()?, self.target);
        let path = self.folder.path().join(format!("{port}.cfg"));
        let config = format!(
            "global\n nbthread 1\n maxconn 4096\ndefaults\n mode http\n timeout client 60s\n timeout server 60s\n\
             timeout connect 5s\n timeout http-keep-alive 60s\n option forwardfor\n http-reuse always\nfrontend in\n\
             bind 127.0.0.1:{port} backlog 4096\n default_backend out\nbackend out\n server one 127.0.0.1:{target}\n"
        );
        std::fs::write(&path, config)?;
        let mut command = Command::new(program("haproxy", "haproxy")?);
        Ok(Contestant {
            name: "haproxy",
            port,
            process: spawn(command.arg("-q").arg("-db").arg("-f").arg(path), port)?,
            _beside: None,
        })
    }

    /// This proxy, `plain` or `full`.
    pub(crate) fn waypost(&self, policy: &str) -> Outcome<Contestant> {
        let name = if policy == "full" { "waypost, full policy" } else { "waypost, plain" };
        self.served(name, "serve", &[policy], None)
    }

    /// With the full policy, and limits that are shared over Redis.
    pub(crate) fn waypost_with_redis(&self) -> Outcome<Contestant> {
        let port = free_port()?;
        let mut command = Command::new(program("redis-server", "redis-server")?);
        let options =
            ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let redis = spawn(command.args(options), port)?;
        let name = "waypost, full policy, limits shared over Redis";
        self.served(name, "serve", &["full", &format!("redis://127.0.0.1:{port}")], Some(redis))
    }

    /// What nothing is decided in: on `hyper`, or on tokio's `stream`s alone.
    pub(crate) fn bare(&self, kind: &str) -> Outcome<Contestant> {
        let name = if kind == "hyper" { "hyper alone" } else { "tokio's streams alone" };
        self.served(name, "bare", &[kind], None)
    }

    fn served(
        &self,
        name: &'static str,
        how: &str,
        words: &[&str],
        beside: Option<Process>,
    ) -> Outcome<Contestant> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([how, &self.target_url()]).args(words);
        let mut process = Process(command.stdout(Stdio::piped()).spawn()?);
        let mut line = String::new();
        if let Some(out) = process.0.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let port = line.trim().parse().map_err(|_| format!("waypost told no port: {line}"))?;
        Ok(Contestant { name, port, process, _beside: beside })
    }

    /// The whole gateway with the same configuration: what was built beside this program.
    pub(crate) fn gateway(&self) -> Outcome<Contestant> {
        let own = std::env::current_exe()?;
        let path = own.parent().and_then(Path::parent).map(|folder| folder.join("waypost-gateway"));
        let Some(path) = path.filter(|path| path.exists()) else {
            return Err(
                "not built: cargo build --release -p waypost-gateway, and this with --profile release".into(),
            );
        };
        let port = free_port()?;
        let config = self.folder.path().join(format!("{port}.yaml"));
        let address = format!("127.0.0.1:{port}");
        let written = serve::written(&address, &self.target_url(), true, None, &self.keys, 256);
        std::fs::write(&config, written.to_string())?;
        let mut command = Command::new(path);
        command.arg("serve").arg("--proxy").arg(&config);
        command.env("WAYPOST_GATEWAY_DATA_DIR", self.folder.path().join(format!("{port}.data")));
        Ok(Contestant { name: "waypost-gateway", port, process: spawn(&mut command, port)?, _beside: None })
    }
}

/// nginx in one process, with one server.
fn nginx(folder: &Path, port: u16, server: &str) -> Outcome<Process> {
    let at = folder.display();
    let config = format!(
        "daemon off; master_process off; pid {at}/{port}.pid; error_log {at}/{port}.log; worker_rlimit_nofile 65536;\n\
         events {{ worker_connections 16384; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {at}; proxy_temp_path {at}; fastcgi_temp_path {at};\n\
         uwsgi_temp_path {at}; scgi_temp_path {at}; {server} }}\n"
    );
    let path = folder.join(format!("{port}.conf"));
    std::fs::write(&path, config)?;
    spawn(Command::new(program("nginx", "nginx")?).arg("-c").arg(path).arg("-p").arg(folder), port)
}

impl Contestant {
    /// Processor time so far, in ticks.
    pub(crate) fn ticks(&self) -> Outcome<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.process.0.id()))?;
        // After the name, which is in brackets: user and system time are the 12th and 13th.
        let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let field =
            |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        Ok(field(11) + field(12))
    }

    /// Memory that is in use, in megabytes.
    pub(crate) fn resident(&self) -> Outcome<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.process.0.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes / 1024.0)
    }

    /// Requests that were answered within so many seconds.
    pub(crate) fn load(&self, seconds: usize) -> Outcome<f64> {
        let url = format!("http://127.0.0.1:{}/api/orders/1", self.port);
        let output = Command::new(program("wrk", "wrk")?)
            .args(["-t1", "-c32", &format!("-d{seconds}s"), "-H", "X-API-Key: bench", &url])
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.contains("Non-2xx") {
            return Err(format!("{}: {text}", self.name).into());
        }
        let requests = text.lines().find_map(|line| line.trim().split_once(" requests in ")?.0.parse().ok());
        requests.ok_or_else(|| format!("{}: {text}", self.name).into())
    }
}
