//! HTTP/2 written by hand, for what no client library would write.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One frame (RFC 9113, section 4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header block of literals that are not indexed (RFC 7541, section 6.2.2).
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            number(text.len(), &mut block);
            block.extend(text.as_bytes());
        }
    }
    block
}

fn number(value: usize, block: &mut Vec<u8>) {
    let Some(mut rest) = value.checked_sub(127) else { return block.push(u8::try_from(value).unwrap()) };
    block.push(127);
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

/// A client that says what a test wants said.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Raw {
    /// Connected, with the first words said.
    pub(crate) async fn new(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        // What was refused may be closed already.
        let _ = self.stream.write_all(&frame(kind, flags, stream, payload)).await;
    }

    /// The next frame: kind, flags, stream, payload; none at the connection's end.
    pub(crate) async fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let read = async {
            loop {
                if let Some(head) = self.buffer.get(..9) {
                    let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
                    if self.buffer.len() >= 9 + length {
                        let frame: Vec<u8> = self.buffer.drain(..9 + length).collect();
                        let stream = u32::from_be_bytes([frame[5], frame[6], frame[7], frame[8]]);
                        return Some((frame[3], frame[4], stream, frame[9..].to_vec()));
                    }
                }
                let mut more = [0; 16 << 10];
                match self.stream.read(&mut more).await {
                    Ok(0) | Err(_) => return None,
                    Ok(count) => self.buffer.extend_from_slice(&more[..count]),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), read).await.expect("nothing more comes")
    }

    /// What becomes of a stream: its answer's status, the code that it is reset with, or the end of the connection with or without a code.
    pub(crate) async fn outcome(&mut self, wanted: u32) -> Outcome {
        loop {
            match self.next().await {
                Some((HEADERS, _, stream, payload)) if stream == wanted => {
                    return Outcome::Answered(status(&payload));
                }
                Some((RESET, _, stream, payload)) if stream == wanted => {
                    return Outcome::Reset(u32::from_be_bytes(payload.try_into().unwrap()));
                }
                Some((GOAWAY, _, _, payload)) => {
                    return Outcome::Ended(Some(u32::from_be_bytes(payload[4..8].try_into().unwrap())));
                }
                None => return Outcome::Ended(None),
                Some(_) => {}
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered(u16),
    Reset(u32),
    Ended(Option<u32>),
}

/// The status at the beginning of an answer's header block; 0 for one that is not among the common ones.
fn status(block: &[u8]) -> u16 {
    const COMMON: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    match block[0] {
        index @ 0x88..=0x8e => COMMON[usize::from(index - 0x88)],
        // A literal for the name of entry 8, its value Huffman-coded or not; digits have codes of five bits.
        0x48 | 0x08 if block[1] & 0x80 == 0 => std::str::from_utf8(&block[2..5]).unwrap().parse().unwrap(),
        0x48 | 0x08 => {
            let third = block.get(4).copied().unwrap_or(0);
            digits(u32::from_be_bytes([0, block[2], block[3], third]))
        }
        _ => 0,
    }
}

/// Three digits of RFC 7541's appendix B: 0 to 2 take five bits, 3 to 9 six.
fn digits(bits: u32) -> u16 {
    let mut left = 24;
    let mut number = 0;
    for _ in 0..3 {
        let five = (bits >> (left - 5)) & 31;
        if five < 3 {
            number = number * 10 + five;
            left -= 5;
        } else {
            let six = (bits >> (left - 6)) & 63;
            number = number * 10 + (six - 0x19) + 3;
            left -= 6;
        }
    }
    u16::try_from(number).unwrap()
}
