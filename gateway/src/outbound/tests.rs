//! The client against real servers on loopback, with names that the tests answer.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// Answers each look-up with the next of these addresses, and the last one ever after.
struct Answers(&'static [&'static str], AtomicUsize);

impl Lookup for Answers {
    fn lookup(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let turn = self.1.fetch_add(1, Ordering::Relaxed).min(self.0.len() - 1);
        let found = self.0[turn].split(' ').map(|address| address.parse().unwrap()).collect();
        Box::pin(async move { Ok(found) })
    }
}

fn names(answers: &'static [&'static str]) -> Answers {
    Answers(answers, AtomicUsize::new(0))
}

fn config() -> OutboundConfig {
    OutboundConfig { allow_http: true, ..OutboundConfig::default() }
}

fn loopback() -> OutboundConfig {
    OutboundConfig { allow_networks: vec!["127.0.0.0/8".parse().unwrap()], ..config() }
}

/// A server that answers every connection with these bytes, then closes it; gives its port and how many came.
async fn server(answer: &'static [u8]) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let came = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let mut head = [0; 1024];
            stream.read(&mut head).await.ok();
            stream.write_all(answer).await.ok();
        }
    });
    (port, came)
}

async fn get(outbound: &Outbound, url: &str) -> Result<Answer, OutboundError> {
    outbound.ask(Question::new(Method::GET, url).unwrap()).await
}

const FINE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";

#[tokio::test]
async fn an_allowed_address_is_asked() {
    let (port, _) = server(FINE).await;
    let outbound = Outbound::with_lookup(&loopback(), names(&["127.0.0.1"])).unwrap();
    for host in ["127.0.0.1", "service.example"] {
        let answer = get(&outbound, &format!("http://{host}:{port}/")).await.unwrap();
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, b"hi".as_slice()), "{host}");
    }
}

#[tokio::test]
async fn this_machine_is_not_reached_by_any_spelling_of_its_address() {
    let (port, came) = server(FINE).await;
    let outbound = Outbound::with_lookup(&config(), names(&["127.0.0.1"])).unwrap();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "LOCALHOST.",
        "service.example",
    ] {
        let refused = get(&outbound, &format!("http://{host}:{port}/")).await.unwrap_err();
        assert!(matches!(refused, OutboundError::Forbidden(_)), "{host}: {refused}");
    }
    assert_eq!(came.load(Ordering::Relaxed), 0, "nobody was connected to");
}

#[tokio::test]
async fn a_name_that_answers_another_address_the_second_time_gains_nothing() {
    let (port, came) = server(FINE).await;
    // The first look-up says a public address (TEST-NET is none, and 1.1.1.1 is not asked here: the second answer comes first to be connected to).
    let outbound =
        Outbound::with_lookup(&loopback(), names(&["127.0.0.1", "10.0.0.1", "169.254.169.254"])).unwrap();
    assert!(get(&outbound, &format!("http://rebind.example:{port}/")).await.is_ok());
    for _ in 0..2 {
        let refused = get(&outbound, &format!("http://rebind.example:{port}/")).await.unwrap_err();
        assert!(matches!(refused, OutboundError::Forbidden(_)), "{refused}");
    }
    assert_eq!(came.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn of_the_addresses_of_a_name_only_the_allowed_are_connected_to() {
    let (port, came) = server(FINE).await;
    let outbound = Outbound::with_lookup(&loopback(), names(&["10.255.255.1 127.0.0.1 fd00::1"])).unwrap();
    assert!(get(&outbound, &format!("http://mixed.example:{port}/")).await.is_ok());
    assert_eq!(came.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let redirect = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let (port, came) = server(redirect).await;
    let outbound = Outbound::with_lookup(&loopback(), names(&["127.0.0.1"])).unwrap();
    let error = get(&outbound, &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(matches!(error, OutboundError::Redirect { .. }), "{error}");
    assert_eq!(came.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off() {
    // No length: the server could go on for ever.
    static LONG: &[u8] = &{
        let mut answer = [b'x'; 4_096];
        let head = b"HTTP/1.1 200 OK\r\n\r\n";
        let mut at = 0;
        while at < head.len() {
            answer[at] = head[at];
            at += 1;
        }
        answer
    };
    let (port, _) = server(LONG).await;
    let small = OutboundConfig { answer_bytes: 1_000, ..loopback() };
    let outbound = Outbound::with_lookup(&small, names(&["127.0.0.1"])).unwrap();
    let error = get(&outbound, &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(matches!(error, OutboundError::TooLarge { most: 1_000, .. }), "{error}");
}

#[tokio::test]
async fn one_deadline_holds_over_head_and_body() {
    // Says that more is to come, and keeps the connection: `read` of a client that waits never ends.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.read(&mut [0; 1024]).await.ok();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhi").await.ok();
            kept.push(stream);
        }
    });
    let short = OutboundConfig { timeout: Duration::from_millis(200), ..loopback() };
    let outbound = Outbound::with_lookup(&short, names(&["127.0.0.1"])).unwrap();
    let started = Instant::now();
    let error = get(&outbound, &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(matches!(error, OutboundError::Timeout { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn only_https_is_asked_unless_the_configuration_says_otherwise() {
    let strict = OutboundConfig { allow_http: false, ..loopback() };
    let outbound = Outbound::with_lookup(&strict, names(&["127.0.0.1"])).unwrap();
    for url in ["http://127.0.0.1/", "ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/"] {
        let error = get(&outbound, url).await.unwrap_err();
        assert!(matches!(error, OutboundError::Form { .. }), "{url}: {error}");
    }
    let error = get(&outbound, "https://ada:secret@example.com/").await.unwrap_err();
    assert!(matches!(&error, OutboundError::Form { .. }) && !error.to_string().contains("secret"), "{error}");
    assert!(Question::new(Method::GET, "not a url").is_err());
}
