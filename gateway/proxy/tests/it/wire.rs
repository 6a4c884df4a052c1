//! What passes through: keep-alive, bodies both ways, trailers, 100-continue, upgrades, TLS, HTTP/2, the PROXY protocol, and the end of it all.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Act, OK, Running, Target, simple, until};

async fn read_some(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 64 << 10];
    let count = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut bytes)).await.unwrap().unwrap();
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

#[tokio::test]
async fn connections_are_kept_on_both_sides() {
    let target = Target::new(Act::Answer(OK)).await;
    let proxy = Running::to(std::slice::from_ref(&target.url));
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    for _ in 0..10 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let answer = read_some(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nok"), "{answer}");
    }
    assert_eq!(target.count(), 10);
    assert_eq!(proxy.counts.targets(), 1);
    assert_eq!(proxy.counts.waiting(), 1);
}

#[tokio::test]
async fn ordinary_requests_and_others_follow_one_another_on_a_connection() {
    let target = Target::new(Act::Answer(OK)).await;
    let proxy = Running::to(std::slice::from_ref(&target.url));
    let all = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n\
        POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answers = proxy.raw(all.as_bytes()).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 4, "{answers}");
    assert_eq!(answers.matches("\r\n\r\nok").count(), 4, "{answers}");
    assert_eq!(target.count(), 4);
    // A head in two pieces behind one in one piece; and one that cannot be read.
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream.write_all(b"GET /5 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 200 "));
    stream.write_all(b"GET /6 HTTP/1.1\r\nHo").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    stream.write_all(b"st: a\r\n\r\n").await.unwrap();
    assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 200 "));
    stream.write_all(b"GET /7 HTTP/1.1\r\nHo st: a\r\n\r\n").await.unwrap();
    let answer = read_some(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("malformed_request"), "{answer}");
    assert_eq!(target.count(), 6);
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let target = Target::new(Act::Answer(
        b"HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n",
    ))
    .await;
    let proxy = Running::to(std::slice::from_ref(&target.url));
    let request = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close, TE\r\nTE: trailers\r\nTrailer: x-end\r\n\
        Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-end: 1\r\n\r\n";
    let answer = proxy.raw(request.as_bytes()).await;
    assert!(answer.contains("x-sum: 7\r\n"), "{answer}");
    assert!(target.last().contains("x-end: 1\r\n"), "{}", target.last());
}

#[tokio::test]
async fn a_client_that_waits_for_100_is_told_to_go_on_once_the_body_is_wanted() {
    let target = Target::new(Act::Answer(OK)).await;
    let proxy = Running::to(std::slice::from_ref(&target.url));
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        .await
        .unwrap();
    assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 100 "));
    stream.write_all(b"hi").await.unwrap();
    assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 200 "));
    assert!(!target.last().to_ascii_lowercase().contains("expect"));
    // Refused: nobody wants the body.
    let answer = proxy
        .raw(b"POST /%00 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn an_upgraded_connection_carries_bytes_both_ways_until_it_is_silent_for_too_long() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = read_some(&mut stream).await.to_ascii_lowercase();
        assert!(
            head.contains("upgrade: websocket\r\n") && head.contains("connection: upgrade\r\n"),
            "{head}"
        );
        let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        let (mut from, mut to) = stream.split();
        let _ = tokio::io::copy(&mut from, &mut to).await;
    });
    let proxy = Running::to(&[url]);
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await
        .unwrap();
    let head = read_some(&mut stream).await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 ") && head.contains("upgrade: websocket"), "{head}");
    for text in ["one", "two"] {
        stream.write_all(text.as_bytes()).await.unwrap();
        assert_eq!(read_some(&mut stream).await, text);
    }
    assert_eq!(read_some(&mut stream).await, "", "silence ends it");
    until("nothing is left", || proxy.counts.targets() == 0 && proxy.counts.clients() == 0).await;
}

#[tokio::test]
async fn a_large_body_streams_both_ways_with_little_kept_in_between() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Takes nothing of the body until it is told to.
    let (go, told) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        told.await.unwrap();
        let mut buffer = vec![0; 64 << 10];
        let mut count = 0;
        while count < 32 << 20 {
            let read = stream.read(&mut buffer).await.unwrap();
            assert!(read > 0, "{count}");
            count += read;
        }
        stream.write_all(OK).await.unwrap();
    });
    let proxy = Running::to(&[url]);
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    let size = 32 << 20;
    stream
        .write_all(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let chunk = vec![b'x'; 64 << 10];
    let mut sent = 0;
    while let Ok(Ok(count)) = tokio::time::timeout(Duration::from_millis(300), stream.write(&chunk)).await {
        sent += count;
        assert!(sent < 30 << 20, "nothing stops the client");
    }
    go.send(()).unwrap();
    while sent < size {
        sent += stream.write(&chunk[..chunk.len().min(size - sent)]).await.unwrap();
    }
    assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_stop_loses_no_request() {
    let target = Target::new(Act::Answer(OK)).await;
    let mut proxy = Running::to(std::slice::from_ref(&target.url));
    let mut idle = TcpStream::connect(proxy.address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(read_some(&mut idle).await.starts_with("HTTP/1.1 200 "));
    let mut busy = TcpStream::connect(proxy.address).await.unwrap();
    busy.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nh").await.unwrap();
    until("both are served", || proxy.counts.clients() == 2 && proxy.counts.targets() >= 1).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    proxy.stop();
    assert_eq!(read_some(&mut idle).await, "", "an idle connection is closed");
    busy.write_all(b"i").await.unwrap();
    let answer = read_some(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("connection: close"), "{answer}");
    let address = proxy.address;
    proxy.ended().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn the_client_is_whom_the_proxy_header_names() {
    let target = Target::new(Act::Answer(OK)).await;
    let mut config = simple(std::slice::from_ref(&target.url));
    config["listeners"][0]["proxy_protocol"] = true.into();
    let proxy = Running::new(config);
    let get = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let v1 = [b"PROXY TCP4 192.0.2.7 10.0.0.1 5000 80\r\n".as_slice(), get].concat();
    assert!(proxy.raw(&v1).await.starts_with("HTTP/1.1 200 "));
    assert!(target.last().contains("x-forwarded-for: 192.0.2.7\r\n"), "{}", target.last());
    let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    v2.extend([192, 0, 2, 9, 10, 0, 0, 1, 0x10, 0, 0, 80]);
    v2.extend(get);
    assert!(proxy.raw(&v2).await.starts_with("HTTP/1.1 200 "));
    assert!(target.last().contains("x-forwarded-for: 192.0.2.9\r\n"), "{}", target.last());
    assert_eq!(proxy.raw(get).await, "");
    assert_eq!(target.count(), 2);
}
