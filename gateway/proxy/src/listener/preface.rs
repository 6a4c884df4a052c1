//! The PROXY protocol (versions 1 and 2): whom a balancer in front of us speaks for. Where it is asked for, a connection without it is closed.

use std::io;
use std::net::{IpAddr, SocketAddr};

use ppp::{HeaderResult, v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The longest header of version 1.
const LONGEST_V1: usize = 107;
/// The fixed part of version 2.
const FIXED_V2: usize = 16;

/// Reads the header, no byte more. The client's address, or none where the balancer speaks for itself.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut header = vec![0; 12];
    stream.read_exact(&mut header).await?;
    if header == v2::PROTOCOL_PREFIX {
        header.resize(FIXED_V2, 0);
        stream.read_exact(header.get_mut(12..).unwrap_or_default()).await?;
        let rest = match header.get(14..FIXED_V2) {
            Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
            _ => 0,
        };
        header.resize(FIXED_V2 + rest, 0);
        stream.read_exact(header.get_mut(FIXED_V2..).unwrap_or_default()).await?;
    } else {
        if !header.starts_with(b"PROXY ") {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no PROXY header"));
        }
        // It ends with its line; what follows is the client's.
        while !header.ends_with(b"\r\n") {
            if header.len() >= LONGEST_V1 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a PROXY header that does not end"));
            }
            header.push(stream.read_u8().await?);
        }
    }
    let malformed = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    match HeaderResult::parse(&header) {
        HeaderResult::V1(Ok(header)) => Ok(match header.addresses {
            v1::Addresses::Tcp4(from) => {
                Some(SocketAddr::new(IpAddr::V4(from.source_address), from.source_port))
            }
            v1::Addresses::Tcp6(from) => {
                Some(SocketAddr::new(IpAddr::V6(from.source_address), from.source_port))
            }
            v1::Addresses::Unknown => None,
        }),
        HeaderResult::V2(Ok(header)) => Ok(match (header.command, header.addresses) {
            (v2::Command::Proxy, v2::Addresses::IPv4(from)) => {
                Some(SocketAddr::new(IpAddr::V4(from.source_address), from.source_port))
            }
            (v2::Command::Proxy, v2::Addresses::IPv6(from)) => {
                Some(SocketAddr::new(IpAddr::V6(from.source_address), from.source_port))
            }
            _ => None,
        }),
        HeaderResult::V1(Err(error)) => Err(malformed(error.to_string())),
        HeaderResult::V2(Err(error)) => Err(malformed(error.to_string())),
    }
}
