//! The heads of messages: how a request's is written, and how an answer's is read.

use std::mem::MaybeUninit;

use bytes::{BufMut as _, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Version, header};
use httparse::{ParserConfig, Status};
use hyper::body::Body as _;

use super::Sending;
use crate::Body;

/// The largest head of an answer, the most headers in it, and as many as most have: room for those alone is made ready first.
const LARGEST: usize = 64 << 10;
const MOST: usize = 100;
const FEW: usize = 20;

/// An answer's head.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
}

/// Writes a request's head, and says how its body follows. The length of a body that is known is told whatever the headers say.
pub(super) fn write(out: &mut BytesMut, request: &Request<Body>) -> Sending {
    let body = request.body();
    let sending = match (body.is_end_stream(), body.size_hint().exact()) {
        (true, _) => Sending::Done,
        (false, Some(length)) => Sending::Length(length),
        (false, None) => match told(request.headers()) {
            Some(length) => Sending::Length(length),
            None => Sending::Chunked,
        },
    };
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let method = request.method().as_str();
    let headers = request.headers();
    let size = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    out.reserve(method.len() + path.len() + headers.iter().map(size).sum::<usize>() + 64);
    for text in [method.as_bytes(), b" ", path.as_bytes(), b" HTTP/1.1\r\n"] {
        out.put_slice(text);
    }
    for (name, value) in headers {
        let framing = *name == header::CONTENT_LENGTH || *name == header::TRANSFER_ENCODING;
        if framing && sending != Sending::Done {
            continue;
        }
        for text in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.put_slice(text);
        }
    }
    match sending {
        Sending::Length(length) => {
            out.put_slice(b"content-length: ");
            out.put_slice(itoa::Buffer::new().format(length).as_bytes());
            out.put_slice(b"\r\n");
        }
        Sending::Chunked => out.put_slice(b"transfer-encoding: chunked\r\n"),
        Sending::Done => {}
    }
    out.put_slice(b"\r\n");
    sending
}

/// The length that a client told of a body that is on its way.
fn told(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Takes an answer's head out of what was read; nothing while it is not whole. `spare` is an empty map that is filled.
pub(super) fn read(input: &mut BytesMut, spare: &mut HeaderMap) -> Result<Option<Head>, &'static str> {
    if input.is_empty() {
        return Ok(None);
    }
    match parse::<FEW>(input, spare) {
        Err(TOO_MANY) => parse::<MOST>(input, spare),
        result => result,
    }
}

const TOO_MANY: &str = "too many headers";

fn parse<const ROOM: usize>(
    input: &mut BytesMut,
    spare: &mut HeaderMap,
) -> Result<Option<Head>, &'static str> {
    let mut places = [[0_u32; 4]; ROOM];
    let (length, status, version, count) = {
        let mut parsed = [const { MaybeUninit::uninit() }; ROOM];
        let mut answer = httparse::Response::new(&mut []);
        let read =
            ParserConfig::default().parse_response_with_uninit_headers(&mut answer, input, &mut parsed);
        let length = match read {
            Ok(Status::Complete(length)) if length <= LARGEST => length,
            Ok(Status::Partial) if input.len() <= LARGEST => return Ok(None),
            Ok(_) => return Err("a head that is too large"),
            Err(httparse::Error::TooManyHeaders) => return Err(TOO_MANY),
            Err(_) => return Err("no HTTP"),
        };
        let start = input.as_ptr().addr();
        // The head is at most `LARGEST` long.
        let place = |text: &[u8]| u32::try_from(text.as_ptr().addr() - start).unwrap_or(0);
        let size = |text: &[u8]| u32::try_from(text.len()).unwrap_or(0);
        for (to, one) in places.iter_mut().zip(answer.headers.iter()) {
            let (name, value) = (one.name.as_bytes(), one.value);
            *to = [place(name), size(name), place(value), size(value)];
        }
        let version = if answer.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
        (length, answer.code.unwrap_or(0), version, answer.headers.len())
    };
    let status = StatusCode::from_u16(status).map_err(|_| "a status that is none")?;
    let head = input.split_to(length).freeze();
    let mut headers = std::mem::take(spare);
    for [name, name_size, value, value_size] in places.iter().take(count) {
        let (name, value) = (*name as usize, *value as usize);
        let name = head.get(name..name + *name_size as usize).unwrap_or_default();
        let name = HeaderName::from_bytes(name).map_err(|_| "a header without a name")?;
        let value = head.slice(value..value + *value_size as usize);
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| "a header's value that is none")?;
        headers.append(name, value);
    }
    Ok(Some(Head { status, version, headers }))
}

impl Head {
    /// Whether the target leaves the connection open for another request.
    pub(super) fn keeps_open(&self) -> bool {
        let mut values = self.headers.get_all(header::CONNECTION).iter();
        match (values.next(), values.next()) {
            (None, _) => return self.version != Version::HTTP_10,
            (Some(value), None) if *value == "keep-alive" => return true,
            _ => {}
        }
        let mut tokens = self
            .headers
            .get_all(header::CONNECTION)
            .iter()
            .flat_map(|value| value.to_str().unwrap_or("close").split(',').map(str::trim));
        if self.version == Version::HTTP_10 {
            return tokens.any(|token| token.eq_ignore_ascii_case("keep-alive"));
        }
        !tokens.any(|token| token.eq_ignore_ascii_case("close"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(request: Request<Body>) -> (String, Sending) {
        let mut out = BytesMut::new();
        let sending = write(&mut out, &request);
        (String::from_utf8(out.to_vec()).unwrap(), sending)
    }

    #[test]
    fn a_request_is_framed_by_its_body() {
        let get = Request::get("/a?b").header("host", "x").body(Body::empty()).unwrap();
        assert_eq!(written(get), ("GET /a?b HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), Sending::Done));
        let post = Request::post("/").header("content-length", "99").body(Body::full("hi")).unwrap();
        assert_eq!(
            written(post),
            ("POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n".to_owned(), Sending::Length(2))
        );
        let empty = Request::post("/").header("content-length", "0").body(Body::empty()).unwrap();
        assert_eq!(written(empty).0, "POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n");
    }

    #[test]
    fn an_answer_is_read_however_it_arrives() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nx-a:  2 \r\n\r\nhi";
        for cut in 0..text.len() - 2 {
            let mut input = BytesMut::from(&text[..cut]);
            assert!(read(&mut input, &mut HeaderMap::new()).unwrap().is_none(), "{cut}");
            input.extend_from_slice(&text[cut..]);
            let head = read(&mut input, &mut HeaderMap::new()).unwrap().unwrap();
            assert_eq!(head.headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
            assert_eq!(&input[..], b"hi");
            assert!(head.keeps_open());
        }
    }

    #[test]
    fn what_is_no_answer_or_has_no_end_is_refused() {
        let long = format!("HTTP/1.1 200 OK\r\na: {}", "a".repeat(LARGEST));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MOST + 1));
        for bad in [
            "HTTP/2 200\r\n",
            "hello\r\n\r\n",
            "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n",
            &long,
            &many,
        ] {
            assert!(read(&mut BytesMut::from(bad), &mut HeaderMap::new()).is_err(), "{bad:.40}");
        }
    }

    #[test]
    fn a_connection_stays_open_unless_somebody_says_otherwise() {
        for (text, open) in [
            ("HTTP/1.1 200 OK\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nConnection: x, Close\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", true),
        ] {
            let head = read(&mut BytesMut::from(text), &mut HeaderMap::new()).unwrap().unwrap();
            assert_eq!(head.keeps_open(), open, "{text}");
        }
    }
}
