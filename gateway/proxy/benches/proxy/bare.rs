//! The floor: proxies that decide nothing, on what this one is built of. `hyper` is hyper's server with hyper-util's client; `stream` is tokio alone, which
//! looks for the end of a head and passes bytes on. What lies between them and the real one is ours.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use http::uri::{Authority, Scheme, Uri};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::Outcome;

/// Serves until it is killed; the port is the first line of its output.
pub(crate) fn run(target: &str, kind: &str) -> Outcome<()> {
    let target: SocketAddr = target.trim_start_matches("http://").parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stream = kind == "stream";
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        let pool = Rc::new(RefCell::new(Vec::new()));
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            if stream {
                tokio::task::spawn_local(pass(socket, target, Rc::clone(&pool)));
            } else {
                tokio::spawn(exchange(socket, target, client.clone()));
            }
        }
    })
}

/// Bytes up to the end of a head, and the length that it tells, are enough for this benchmark's messages.
async fn message(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<bool> {
    buffer.clear();
    buffer.reserve(4096);
    loop {
        if socket.read_buf(buffer).await? == 0 {
            return Ok(false);
        }
        if let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let name = b"Content-Length: ";
            let length = buffer.windows(name.len()).position(|window| window == name).map_or(0, |at| {
                let digits = buffer.iter().skip(at + name.len()).take_while(|byte| byte.is_ascii_digit());
                digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'))
            });
            if buffer.len() >= head + 4 + length {
                return Ok(true);
            }
        }
    }
}

async fn pass(
    mut client: TcpStream,
    target: SocketAddr,
    pool: Rc<RefCell<Vec<TcpStream>>>,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    while message(&mut client, &mut buffer).await? {
        let waiting = pool.borrow_mut().pop();
        let mut upstream = match waiting {
            Some(upstream) => upstream,
            None => TcpStream::connect(target).await?,
        };
        upstream.write_all(&buffer).await?;
        if !message(&mut upstream, &mut buffer).await? {
            break;
        }
        client.write_all(&buffer).await?;
        pool.borrow_mut().push(upstream);
    }
    Ok(())
}

async fn exchange(socket: TcpStream, target: SocketAddr, client: Client<HttpConnector, Incoming>) {
    let Ok(authority) = Authority::try_from(target.to_string()) else { return };
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        let (client, authority) = (client.clone(), authority.clone());
        async move {
            let mut parts = std::mem::take(request.uri_mut()).into_parts();
            (parts.scheme, parts.authority) = (Some(Scheme::HTTP), Some(authority));
            *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
            client.request(request).await
        }
    });
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
}
