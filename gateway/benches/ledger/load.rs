//! The client: as little work as possible, so that the figures are the servers'. Requests are written by hand on
//! kept-alive connections, and of an answer only the status and the length are read.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Side;

type Failure = Box<dyn std::error::Error>;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Load {
    Read,
    Transfer,
}

/// What one round measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) per_second: f64,
    /// Of the server's process.
    pub(super) cpu_micros: f64,
}

/// Each idempotency key is used once in the life of the benchmark.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl Load {
    fn request(self, side: &Side) -> Vec<u8> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let wallet = |offset: u64| {
            let index = number.wrapping_mul(7).wrapping_add(offset) % side.wallets.len() as u64;
            &side.wallets[index as usize]
        };
        let headers = &side.headers;
        match self {
            Self::Read => {
                format!("GET /v1/wallets/{} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n", wallet(0))
            }
            Self::Transfer => {
                let body = format!(r#"{{"to_wallet_id":"{}","amount":1}}"#, wallet(13));
                format!(
                    "POST /v1/wallets/{}/transfer HTTP/1.1\r\nHost: localhost\r\n{headers}Idempotency-Key: bench-{number}\r\n\
                     Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    wallet(0),
                    body.len()
                )
            }
        }
        .into_bytes()
    }
}

/// Asks as fast as this many connections can, on this thread: how many answers came, in what time.
pub(super) fn run(
    side: &Side,
    load: Load,
    clients: usize,
    length: Duration,
) -> Result<(u64, Duration), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let begun = Instant::now();
        let deadline = begun + length;
        let clients = (0..clients).map(|_| client(side, load, deadline));
        let answered: u64 = futures_util::future::try_join_all(clients).await?.into_iter().sum();
        Ok((answered, begun.elapsed()))
    })
}

async fn client(side: &Side, load: Load, deadline: Instant) -> Result<u64, Failure> {
    let mut connection = Connection::open(side.address).await?;
    let mut answered = 0;
    while Instant::now() < deadline {
        connection.ask(&load.request(side)).await?;
        answered += 1;
    }
    Ok(answered)
}

/// One request on a connection of its own, for preparing.
pub(super) async fn post(
    address: SocketAddr,
    headers: &str,
    path: &str,
    body: &Value,
) -> Result<Value, Failure> {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = Connection::open(address).await?.ask(request.as_bytes()).await?;
    Ok(serde_json::from_slice(&answer)?)
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(8 * 1024) })
    }

    /// Sends a request and answers the body; any status but a success is an error.
    async fn ask(&mut self, request: &[u8]) -> Result<Vec<u8>, Failure> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the server closed the connection".into());
            }
            if let Some(end) = self.buffer.windows(4).position(|part| part == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head])?.to_ascii_lowercase();
        let length: usize = match text.split("content-length:").nth(1).and_then(|rest| rest.lines().next()) {
            Some(length) => length.trim().parse()?,
            None => return Err(format!("no content-length: {text}").into()),
        };
        while self.buffer.len() < head + length {
            self.stream.read_buf(&mut self.buffer).await?;
        }
        let body = self.buffer[head..].to_vec();
        if text.starts_with("http/1.1 20") {
            Ok(body)
        } else {
            Err(format!("{text}{}", String::from_utf8_lossy(&body)).into())
        }
    }
}
