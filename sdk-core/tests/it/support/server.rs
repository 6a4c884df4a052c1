//! A server that follows a script, one act a request, on real sockets: what a fault looks like to a client depends on segments, resets and closes that no
//! well-behaved server library makes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What is done with a request, after it was read.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Write this and wait for the next request.
    Answer(Vec<u8>),
    /// Write this and close.
    Close(Vec<u8>),
    /// Write this, give it time to arrive, and reset the connection.
    Reset(Vec<u8>),
    /// Write this and nothing more, with the connection open.
    Stall(Vec<u8>),
    /// Write these pieces, with a pause before each but the first, and close.
    Pieces(Vec<Vec<u8>>, Duration),
}

/// A request as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A server. It ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) port: u16,
    scheme: &'static str,
    state: Arc<State>,
}

/// What is done with a request, by what it asks for.
type Handler = Box<dyn Fn(&Received) -> Act + Send + Sync>;

#[derive(Default)]
struct State {
    handler: Option<Handler>,
    script: Mutex<VecDeque<Act>>,
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
    closed: AtomicUsize,
}

impl Server {
    /// Follows `script`; a request beyond it is answered with status 599, which no test expects.
    pub(crate) async fn start(script: impl IntoIterator<Item = Act>) -> Self {
        Self::listen(script, None, None).await
    }

    /// Does what `handler` says, however many requests come and in whatever order.
    pub(crate) async fn answering(handler: impl Fn(&Received) -> Act + Send + Sync + 'static) -> Self {
        Self::listen([], None, Some(Box::new(handler))).await
    }

    /// The same over TLS.
    pub(crate) async fn start_tls(script: impl IntoIterator<Item = Act>, acceptor: TlsAcceptor) -> Self {
        Self::listen(script, Some(acceptor), None).await
    }

    async fn listen(
        script: impl IntoIterator<Item = Act>,
        acceptor: Option<TlsAcceptor>,
        handler: Option<Handler>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = Mutex::new(script.into_iter().collect());
        let state = Arc::new(State { handler, script, ..State::default() });
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let server = Self { port, scheme, state: Arc::clone(&state) };
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                socket.set_nodelay(true).unwrap();
                state.connections.fetch_add(1, Ordering::SeqCst);
                let (state, acceptor) = (Arc::clone(&state), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(socket, &state).await,
                        Some(acceptor) => {
                            if let Ok(secured) = acceptor.accept(socket).await {
                                serve(secured, &state).await;
                            }
                        }
                    }
                    state.closed.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How many connections have ended.
    pub(crate) fn closed(&self) -> usize {
        self.state.closed.load(Ordering::SeqCst)
    }
}

/// What a connection is, so that a plain one can be reset.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send {
    fn reset(&self);
}

impl Socket for TcpStream {
    fn reset(&self) {
        self.set_zero_linger().unwrap();
    }
}

impl Socket for tokio_rustls::server::TlsStream<TcpStream> {
    fn reset(&self) {
        self.get_ref().0.set_zero_linger().unwrap();
    }
}

async fn serve<S: Socket>(mut socket: S, state: &State) {
    let mut buffer = Vec::new();
    while let Some(request) = receive(&mut socket, &mut buffer).await {
        let handled = state.handler.as_ref().map(|handler| handler(&request));
        state.received.lock().unwrap().push(request);
        let act = handled.or_else(|| state.script.lock().unwrap().pop_front());
        match act {
            None => send(&mut socket, &answer(599, &[], b"beyond the script")).await,
            Some(Act::Answer(bytes)) => send(&mut socket, &bytes).await,
            Some(Act::Close(bytes)) => {
                send(&mut socket, &bytes).await;
                let _ = socket.shutdown().await;
                return;
            }
            Some(Act::Reset(bytes)) => {
                send(&mut socket, &bytes).await;
                if !bytes.is_empty() {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
                socket.reset();
                return;
            }
            Some(Act::Stall(bytes)) => send(&mut socket, &bytes).await,
            Some(Act::Pieces(pieces, pause)) => {
                for (index, piece) in pieces.iter().enumerate() {
                    if index > 0 {
                        tokio::time::sleep(pause).await;
                    }
                    send(&mut socket, piece).await;
                }
                let _ = socket.shutdown().await;
                return;
            }
        }
    }
}

async fn send<S: Socket>(socket: &mut S, bytes: &[u8]) {
    let _ = socket.write_all(bytes).await;
    let _ = socket.flush().await;
}

/// Reads one request; `None` when the client closed.
async fn receive<S: Socket>(socket: &mut S, buffer: &mut Vec<u8>) -> Option<Received> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut request = Received { method, target, headers, body: Vec::new() };
    let length: usize = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    while buffer.len() < end + length {
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    request.body = buffer[end..end + length].to_vec();
    buffer.drain(..end + length);
    Some(request)
}

/// The bytes of an answer with a length.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = head(status, headers, body.len());
    bytes.extend_from_slice(body);
    bytes
}

/// The bytes of an answer's head that announces a body of this length.
pub(crate) fn head(status: u16, headers: &[(&str, &str)], length: usize) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// A JSON answer.
pub(crate) fn json(status: u16, body: &str) -> Act {
    Act::Answer(answer(
        status,
        &[("content-type", "application/json"), ("x-request-id", "req_1")],
        body.as_bytes(),
    ))
}

/// A problem.
pub(crate) fn problem(status: u16, code: &str, headers: &[(&str, &str)]) -> Act {
    let body = format!(r#"{{"type":"about:blank","title":"x","status":{status},"code":"{code}"}}"#);
    let mut all = vec![("content-type", "application/problem+json")];
    all.extend_from_slice(headers);
    Act::Answer(answer(status, &all, body.as_bytes()))
}
