//! Where the body of an answer ends (RFC 9112, section 6.3), and its parts as they come. Pure: bytes go in, frames come out.

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use httparse::Status;

/// The longest line with the size of a chunk.
const LONGEST_LINE: usize = 4 << 10;

/// Trailers at most, in bytes and in number.
const LONGEST_TRAILERS: usize = 16 << 10;
const MOST_TRAILERS: usize = 64;

/// How much of a body is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes.
    Length(u64),
    /// Chunks, and where in them we are.
    Chunked(Chunk),
    /// Whatever comes until the other side closes.
    UntilClose,
    /// Nothing.
    Ended,
}

/// A place among chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    /// Before the line with a size.
    Size,
    /// Within one.
    Data(u64),
    /// Before the end of its line.
    End,
    /// After the last one.
    Trailers,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Part {
    Data(Bytes),
    Trailers(HeaderMap),
    /// More has to be read first.
    Missing,
    End,
}

impl Framing {
    /// Of the answer to a request of that method. A length beside a coding of the transfer is none, and is taken away.
    pub(super) fn of(
        method: &Method,
        status: StatusCode,
        version: Version,
        headers: &mut HeaderMap,
    ) -> Result<Self, &'static str> {
        if *method == Method::HEAD
            || status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        {
            return Ok(Self::Ended);
        }
        if headers.contains_key(header::TRANSFER_ENCODING) {
            if version == Version::HTTP_10 {
                return Err("a coding of the transfer in HTTP/1.0");
            }
            headers.remove(header::CONTENT_LENGTH);
            let last = headers.get_all(header::TRANSFER_ENCODING).iter().next_back();
            let last = last.and_then(|value| value.to_str().ok()?.rsplit(',').next());
            let chunked = last.is_some_and(|last| last.trim().eq_ignore_ascii_case("chunked"));
            return Ok(if chunked { Self::Chunked(Chunk::Size) } else { Self::UntilClose });
        }
        match length(headers)? {
            Some(0) => Ok(Self::Ended),
            Some(length) => Ok(Self::Length(length)),
            None => Ok(Self::UntilClose),
        }
    }

    /// What comes next, out of what was read.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Part, &'static str> {
        loop {
            match self {
                Self::Ended => return Ok(Part::End),
                Self::UntilClose if input.is_empty() => return Ok(Part::Missing),
                Self::UntilClose => return Ok(Part::Data(input.split().freeze())),
                Self::Length(left) => {
                    let Some(data) = take(input, left) else { return Ok(Part::Missing) };
                    if *left == 0 {
                        *self = Self::Ended;
                    }
                    return Ok(Part::Data(data));
                }
                Self::Chunked(Chunk::Size) => match httparse::parse_chunk_size(input) {
                    Ok(Status::Complete((line, size))) => {
                        input.advance(line);
                        *self = Self::Chunked(if size == 0 { Chunk::Trailers } else { Chunk::Data(size) });
                    }
                    Ok(Status::Partial) if input.len() <= LONGEST_LINE => return Ok(Part::Missing),
                    _ => return Err("a chunk without a size"),
                },
                Self::Chunked(Chunk::Data(left)) => {
                    let Some(data) = take(input, left) else { return Ok(Part::Missing) };
                    if *left == 0 {
                        *self = Self::Chunked(Chunk::End);
                    }
                    return Ok(Part::Data(data));
                }
                Self::Chunked(Chunk::End) => match input.get(..2) {
                    Some(b"\r\n") => {
                        input.advance(2);
                        *self = Self::Chunked(Chunk::Size);
                    }
                    None if input.first().is_none_or(|first| *first == b'\r') => return Ok(Part::Missing),
                    _ => return Err("a chunk that is longer than its size"),
                },
                Self::Chunked(Chunk::Trailers) => {
                    let Some(trailers) = trailers(input)? else { return Ok(Part::Missing) };
                    *self = Self::Ended;
                    return Ok(if trailers.is_empty() { Part::End } else { Part::Trailers(trailers) });
                }
            }
        }
    }

    /// The other side closed the connection: whether that is where the body ends.
    pub(super) fn close(&mut self) -> bool {
        let whole = matches!(self, Self::UntilClose | Self::Ended);
        if whole {
            *self = Self::Ended;
        }
        whole
    }
}

/// As much as is there of what is left.
fn take(input: &mut BytesMut, left: &mut u64) -> Option<Bytes> {
    let count = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
    if count == 0 {
        return None;
    }
    *left -= count as u64;
    Some(input.split_to(count).freeze())
}

/// The one length that all of its headers say.
fn length(headers: &HeaderMap) -> Result<Option<u64>, &'static str> {
    let mut found = None;
    for value in headers.get_all(header::CONTENT_LENGTH) {
        for text in value.as_bytes().split(|byte| *byte == b',') {
            let text = std::str::from_utf8(text.trim_ascii()).unwrap_or_default();
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let length = text.parse::<u64>().ok().filter(|_| digits).ok_or("a length that is none")?;
            if found.is_some_and(|found| found != length) {
                return Err("two lengths");
            }
            found = Some(length);
        }
    }
    Ok(found)
}

fn trailers(input: &mut BytesMut) -> Result<Option<HeaderMap>, &'static str> {
    const BAD: &str = "malformed trailers";
    let mut places = [httparse::EMPTY_HEADER; MOST_TRAILERS];
    let (end, trailers) = match httparse::parse_headers(input, &mut places).map_err(|_| BAD)? {
        Status::Partial if input.len() <= LONGEST_TRAILERS => return Ok(None),
        Status::Partial => return Err("trailers without an end"),
        Status::Complete((end, parsed)) => {
            let mut trailers = HeaderMap::new();
            for one in parsed {
                let name = HeaderName::from_bytes(one.name.as_bytes()).map_err(|_| BAD)?;
                trailers.append(name, HeaderValue::from_bytes(one.value).map_err(|_| BAD)?);
            }
            (end, trailers)
        }
    };
    input.advance(end);
    Ok(Some(trailers))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All that comes of a body that arrives in pieces of that size, and what is left of the input.
    fn read(
        mut framing: Framing,
        bytes: &[u8],
        piece: usize,
    ) -> Result<(Vec<u8>, HeaderMap, Vec<u8>), &'static str> {
        let (mut body, mut last) = (Vec::new(), HeaderMap::new());
        let mut input = BytesMut::new();
        let mut pieces = bytes.chunks(piece);
        loop {
            match framing.next(&mut input)? {
                Part::Data(data) => body.extend_from_slice(&data),
                Part::Trailers(trailers) => last = trailers,
                Part::End => {
                    input.extend(pieces.flatten());
                    return Ok((body, last, input.to_vec()));
                }
                Part::Missing => match pieces.next() {
                    Some(piece) => input.extend_from_slice(piece),
                    None if framing.close() => {}
                    None => return Err("cut off"),
                },
            }
        }
    }

    fn of(pairs: &[(&'static str, &'static str)]) -> Result<Framing, &'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        Framing::of(&Method::GET, StatusCode::OK, Version::HTTP_11, &mut headers)
    }

    #[test]
    fn a_length_is_one_length_or_the_answer_is_refused() {
        assert_eq!(of(&[("content-length", "7")]), Ok(Framing::Length(7)));
        assert_eq!(of(&[("content-length", "7, 7"), ("content-length", "7")]), Ok(Framing::Length(7)));
        for bad in ["+7", "7,8", "", "-1", "0x7", "7 7", "99999999999999999999"] {
            assert!(of(&[("content-length", bad)]).is_err(), "{bad}");
        }
        assert_eq!(of(&[]), Ok(Framing::UntilClose));
    }

    #[test]
    fn chunks_go_before_a_length_and_are_the_last_coding() {
        let mut headers = HeaderMap::new();
        headers.insert("transfer-encoding", HeaderValue::from_static("gzip, Chunked"));
        headers.insert("content-length", HeaderValue::from_static("7"));
        let framing = Framing::of(&Method::GET, StatusCode::OK, Version::HTTP_11, &mut headers);
        assert_eq!(framing, Ok(Framing::Chunked(Chunk::Size)));
        assert!(!headers.contains_key("content-length"));
        assert!(Framing::of(&Method::GET, StatusCode::OK, Version::HTTP_10, &mut headers).is_err());
        assert_eq!(of(&[("transfer-encoding", "chunked, gzip")]), Ok(Framing::UntilClose));
    }

    #[test]
    fn some_answers_have_no_body_whatever_they_say() {
        for (method, status) in [(Method::HEAD, 200), (Method::GET, 204), (Method::GET, 304)] {
            let mut headers = HeaderMap::new();
            headers.insert("content-length", HeaderValue::from_static("7"));
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(Framing::of(&method, status, Version::HTTP_11, &mut headers), Ok(Framing::Ended));
            assert_eq!(headers["content-length"], "7");
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for bad in
            ["x\r\n", "\r\n", "3\r\nabcd\r\n", "3\r\nabc\n", "ffffffffffffffffff\r\n", "0\r\na b: c\r\n\r\n"]
        {
            assert!(read(Framing::Chunked(Chunk::Size), bad.as_bytes(), 100).is_err(), "{bad:?}");
        }
        let endless = format!("1;{}", "a".repeat(LONGEST_LINE));
        assert!(read(Framing::Chunked(Chunk::Size), endless.as_bytes(), 512).is_err());
        let endless = format!("0\r\na: {}", "a".repeat(LONGEST_TRAILERS));
        assert!(read(Framing::Chunked(Chunk::Size), endless.as_bytes(), 512).is_err());
    }

    proptest! {
        #[test]
        fn a_body_is_the_same_however_it_arrives(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6), piece in 1_usize..50, trailer in any::<bool>()) {
            let whole = parts.concat();
            let mut chunked = Vec::new();
            for part in &parts {
                chunked.extend(format!("{:X};a=b\r\n", part.len()).bytes());
                chunked.extend(part);
                chunked.extend(b"\r\n");
            }
            chunked.extend(if trailer { &b"0\r\nX-Sum: 1\r\n\r\n"[..] } else { b"0\r\n\r\n" });
            for cut in 0..chunked.len() {
                prop_assert!(read(Framing::Chunked(Chunk::Size), &chunked[..cut], piece).is_err());
            }
            chunked.extend(b"next");
            let (body, trailers, rest) = read(Framing::Chunked(Chunk::Size), &chunked, piece).unwrap();
            prop_assert_eq!((&body, trailers.len(), &rest[..]), (&whole, usize::from(trailer), &b"next"[..]));
            if !whole.is_empty() {
                let (body, _, rest) = read(Framing::Length(whole.len() as u64), &[&whole[..], b"next"].concat(), piece).unwrap();
                prop_assert_eq!((&body, &rest[..]), (&whole, &b"next"[..]));
                prop_assert!(read(Framing::Length(whole.len() as u64 + 1), &whole, piece).is_err());
            }
            let (body, ..) = read(Framing::UntilClose, &whole, piece).unwrap();
            prop_assert_eq!(body, whole);
        }
    }
}
