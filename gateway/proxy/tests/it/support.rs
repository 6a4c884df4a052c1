//! What the tests share: a proxy on a free port, targets that do exactly what a test says, and clients that write bytes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use waypost_proxy::{Config, Counts, Proxy};

/// A proxy that serves.
pub(crate) struct Running {
    pub(crate) proxy: Proxy,
    pub(crate) address: SocketAddr,
    pub(crate) counts: Arc<Counts>,
    stop: Option<oneshot::Sender<()>>,
    end: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// With a configuration written as JSON; the first listener's port is a free one.
    pub(crate) fn new(config: serde_json::Value) -> Self {
        let config: Config = serde_json::from_value(config).unwrap();
        let proxy = Proxy::new(config, None).unwrap();
        let listening = proxy.bind().unwrap();
        let (address, counts) = (listening.addresses()[0], listening.counts());
        let (stop, stopped) = oneshot::channel();
        let end = tokio::spawn(listening.serve(async {
            let _ = stopped.await;
        }));
        Self { proxy, address, counts, stop: Some(stop), end }
    }

    /// One service with these targets, and one route to it.
    pub(crate) fn to(targets: &[String]) -> Self {
        Self::new(simple(targets))
    }

    /// Waits until nothing is left of any request: no client, no connection to a target that does not wait for the next request, no task but the worker's own.
    pub(crate) async fn nothing_is_left(&self) {
        until("no client is left", || self.counts.clients() == 0).await;
        until("no target's connection is in use", || self.counts.targets() == self.counts.waiting()).await;
        until("no task is left", || self.counts.tasks() <= 1).await;
    }

    /// Tells it to stop, without waiting.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits for its end.
    pub(crate) async fn ended(self) {
        self.end.await.unwrap().unwrap();
    }

    /// Writes bytes, says that no more come where `end`, and reads to the connection's end.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let _ =
            tokio::time::timeout(Duration::from_secs(10), read).await.expect("the connection does not end");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// A configuration with one service and one route, in which each request is one try, whatever became of those before.
pub(crate) fn bare(targets: &[String]) -> serde_json::Value {
    let mut config = simple(targets);
    config["services"]["all"]["breaker"] = serde_json::json!({ "enabled": false });
    config["services"]["all"]["retry"] = serde_json::json!({ "retries": 0 });
    config
}

/// A configuration with one service and one route.
pub(crate) fn simple(targets: &[String]) -> serde_json::Value {
    serde_json::json!({
        "listeners": [{ "address": "127.0.0.1:0", "workers": 1, "head_timeout": "2s", "body_timeout": "1s", "drain_timeout": "5s" }],
        "services": { "all": { "targets": targets, "timeouts": { "connect": "1s", "first_byte": "1s", "idle": "1s" } } },
        "routes": [{ "name": "all", "match": { "path": "/*" }, "service": "all" }]
    })
}

/// A target that answers each request with the same bytes, and remembers what it was sent.
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

/// What a target does with a request.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    /// Answers, and keeps the connection.
    Answer(&'static [u8]),
    /// Answers, and closes the connection.
    Close(&'static [u8]),
    /// Answers, and resets the connection.
    Reset(&'static [u8]),
    /// Answers, and says no more.
    Silent(&'static [u8]),
}

/// A target that does with each connection what a test says.
pub(crate) struct Custom {
    pub(crate) url: String,
    task: tokio::task::JoinHandle<()>,
}

impl Custom {
    /// `act` gets the connection and how many there were before.
    pub(crate) async fn new<F, A>(act: F) -> Self
    where
        F: Fn(TcpStream, usize) -> A + Send + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            let mut before = 0;
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(act(stream, before));
                before += 1;
            }
        });
        Self { url, task }
    }

    /// Reads a head, writes `first`, and then `again` as long as anybody takes it.
    pub(crate) async fn endless(first: &'static [u8], again: &'static [u8]) -> Self {
        let many = again.repeat((16 << 10) / again.len() + 1);
        Self::new(move |mut stream, _| {
            let many = many.clone();
            async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let mut result = stream.write_all(first).await;
                while result.is_ok() {
                    result = stream.write_all(&many).await;
                }
            }
        })
        .await
    }
}

impl Drop for Custom {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Ends a connection so that the other side is told at once that something is wrong.
pub(crate) fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

impl Target {
    pub(crate) async fn new(act: Act) -> Self {
        Self::with(move |_| act).await
    }

    /// What it does may depend on how many requests there were before.
    pub(crate) async fn with(act: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", act).await.unwrap()
    }

    /// At an address, if it is free.
    pub(crate) async fn at(
        address: &str,
        act: impl Fn(usize) -> Act + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let act = Arc::new(act);
        let log = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&log), Arc::clone(&act)));
            }
        });
        Ok(Self { url, seen, task })
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub(crate) fn last(&self) -> String {
        self.seen.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<String>>>,
    act: Arc<impl Fn(usize) -> Act + Send + Sync + 'static>,
) {
    let mut buffer = Vec::new();
    loop {
        let Some(size) = request(&buffer) else {
            let mut more = [0; 16 << 10];
            match stream.read(&mut more).await {
                Ok(0) | Err(_) => return,
                Ok(count) => buffer.extend_from_slice(&more[..count]),
            }
            continue;
        };
        let text = String::from_utf8_lossy(&buffer[..size]).into_owned();
        buffer.drain(..size);
        let before = {
            let mut seen = seen.lock().unwrap();
            seen.push(text);
            seen.len() - 1
        };
        match act(before) {
            Act::Answer(bytes) => {
                if stream.write_all(bytes).await.is_err() {
                    return;
                }
            }
            Act::Close(bytes) => {
                let _ = stream.write_all(bytes).await;
                return;
            }
            Act::Reset(bytes) => {
                let _ = stream.write_all(bytes).await;
                return reset(stream);
            }
            Act::Silent(bytes) => {
                let _ = stream.write_all(bytes).await;
                // Until the other side goes.
                let _ = stream.read(&mut [0; 1]).await;
                return;
            }
        }
    }
}

/// How long the request at the beginning is, once it is whole.
fn request(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    if text.contains("transfer-encoding: chunked") {
        let end = bytes[head..].windows(5).position(|window| window == b"0\r\n\r\n");
        // With trailers there is more between.
        return match end {
            Some(end) => Some(head + end + 5),
            None => bytes[head..]
                .windows(3)
                .position(|window| window == b"0\r\n")
                .filter(|_| bytes.ends_with(b"\r\n\r\n"))
                .map(|_| bytes.len()),
        };
    }
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.trim().parse().unwrap());
    (bytes.len() >= head + length).then_some(head + length)
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("in vain: {what}");
}
