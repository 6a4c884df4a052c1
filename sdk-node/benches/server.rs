//! The server under the benchmark: it answers two paths with bytes made beforehand, with as little work as a socket allows, so that what is measured is the
//! client. One thread a connection, each blocking in `read`; a program of its own, so that its time is not the client's.
//!
//! `server WALLET PAGE`: files with the two answers. Prints its port and serves until its standard input ends.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

fn main() -> io::Result<()> {
    let mut files = std::env::args().skip(1);
    let mut answer = || -> io::Result<Vec<u8>> {
        let path = files.next().ok_or_else(|| io::Error::other("usage: server WALLET PAGE"))?;
        Ok(response(&std::fs::read(path)?))
    };
    let answers = Arc::new((answer()?, answer()?));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answers = Arc::clone(&answers);
            std::thread::spawn(move || serve(stream, &answers));
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// What the gateway sends, headers and all.
fn response(body: &[u8]) -> Vec<u8> {
    let mut response = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\ndate: Sun, 22 Nov 2026 10:00:00 GMT\r\n\
         x-request-id: 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b\r\nratelimit-policy: \"burst\";q=1000;w=60\r\nratelimit: \"burst\";r=999;t=60\r\n\
         x-api-version: v1\r\nvary: accept\r\n\r\n",
        body.len()
    )
    .into_bytes();
    response.extend_from_slice(body);
    response
}

/// Answers requests until the client goes; one at a time, as clients send them.
fn serve(mut stream: TcpStream, answers: &(Vec<u8>, Vec<u8>)) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        buffer.extend_from_slice(piece.get(..count)?);
        while let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let whole = head + 4 + body_length(buffer.get(..head)?);
            if buffer.len() < whole {
                break;
            }
            let list = buffer.starts_with(b"GET /v1/wallets?");
            stream.write_all(if list { &answers.1 } else { &answers.0 }).ok()?;
            buffer.drain(..whole);
        }
    }
}

fn body_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)
}
