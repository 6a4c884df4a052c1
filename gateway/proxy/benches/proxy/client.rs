//! A client that writes bytes and reads an answer of known length: as little of its own as can be.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Outcome;

/// What all contestants are asked.
pub(crate) const REQUEST: &[u8] =
    b"GET /api/orders/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: bench\r\nAccept: */*\r\n\r\n";

/// A kept connection.
#[derive(Debug)]
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    /// To whoever listens on that port.
    pub(crate) fn new(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self(stream))
    }

    /// Asks once and waits for the whole answer.
    pub(crate) fn ask(&mut self) -> Outcome<()> {
        self.0.write_all(REQUEST)?;
        let mut answer = Answer::default();
        let mut bytes = [0; 4096];
        loop {
            let count = self.0.read(&mut bytes)?;
            if count == 0 {
                return Err("the connection ended within an answer".into());
            }
            if answer.more(bytes.get(..count).unwrap_or_default())? {
                return Ok(());
            }
        }
    }
}

/// An answer as far as it came.
#[derive(Debug, Default)]
pub(crate) struct Answer(Vec<u8>);

impl Answer {
    /// Some more of it; whether that was all.
    pub(crate) fn more(&mut self, bytes: &[u8]) -> Outcome<bool> {
        self.0.extend_from_slice(bytes);
        let Some(head) = self.0.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(false) };
        let text = String::from_utf8_lossy(self.0.get(..head).unwrap_or_default()).to_ascii_lowercase();
        if !text.starts_with("http/1.1 200") {
            return Err(format!("not 200: {text}").into());
        }
        let length =
            text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        let whole = head + 4 + length.ok_or("an answer without a length")?;
        let done = self.0.len() >= whole;
        if done {
            self.0.clear();
        }
        Ok(done)
    }
}
