//! Compression for clients that take it: gzip, Brotli and Zstandard, as the body flows. Not of what is compressed already, small, an event stream, or marked
//! `no-transform`.

use std::io;

use async_compression::Level;
use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use futures_util::TryStreamExt as _;
use http::{HeaderMap, HeaderValue, StatusCode, header, response};
use http_body_util::{BodyDataStream, StreamBody};
use hyper::body::{Body as _, Frame};
use tokio::io::AsyncRead;
use tokio_util::io::{ReaderStream, StreamReader};

use super::change::weaken;
use super::vary;
use super::version::weight;
use crate::Body;

/// Bodies that are known to be smaller are left alone: they fit into one packet anyway.
const MIN_BODY: u64 = 860;

/// What a client takes, kept from its request for its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accepted(Option<Coding>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Zstd,
    Brotli,
    Gzip,
}

impl Accepted {
    /// The best of what a request's `Accept-Encoding` takes (RFC 9110 section 12.5.3): the highest weight, then Zstandard, Brotli, gzip.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut weights = [None; 3];
        let mut rest = 0;
        let lines = headers.get_all(header::ACCEPT_ENCODING).iter().map(HeaderValue::as_bytes);
        let items = lines.flat_map(|line| line.split(|byte| *byte == b','));
        for item in items.filter_map(|item| std::str::from_utf8(item).ok()) {
            let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
            let weight = weight(parameters);
            let [zstd, brotli, gzip] = &mut weights;
            match name.trim().to_ascii_lowercase().as_str() {
                "zstd" => *zstd = Some(weight),
                "br" => *brotli = Some(weight),
                "gzip" | "x-gzip" => *gzip = Some(weight),
                "*" => rest = weight,
                _ => {}
            }
        }
        let codings = [Coding::Zstd, Coding::Brotli, Coding::Gzip].into_iter().zip(weights);
        let weighed = codings.map(|(coding, weight)| (coding, weight.unwrap_or(rest)));
        // The first of the heaviest: `max_by_key` would take the last.
        Self(
            weighed
                .filter(|(_, weight)| *weight > 0)
                .rev()
                .max_by_key(|(_, weight)| *weight)
                .map(|(coding, _)| coding),
        )
    }

    /// Compresses an answer where it helps; says in `Vary` that another client may get it otherwise.
    pub fn compress(self, head: &mut response::Parts, body: Body) -> Body {
        if !compressible(head) {
            return body;
        }
        vary(&mut head.headers, "Accept-Encoding");
        let small = body.size_hint().upper().is_some_and(|most| most < MIN_BODY);
        let Some(coding) = self.0.filter(|_| !small && !body.is_end_stream()) else { return body };
        head.headers.remove(header::CONTENT_LENGTH);
        weaken(&mut head.headers);
        let reader = StreamReader::new(BodyDataStream::new(body).map_err(io::Error::other));
        let (name, body) = match coding {
            Coding::Zstd => ("zstd", stream(ZstdEncoder::with_quality(reader, Level::Precise(3)))),
            Coding::Brotli => ("br", stream(BrotliEncoder::with_quality(reader, Level::Precise(4)))),
            Coding::Gzip => ("gzip", stream(GzipEncoder::with_quality(reader, Level::Precise(5)))),
        };
        head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        body
    }
}

fn stream(encoder: impl AsyncRead + Send + 'static) -> Body {
    Body::new(StreamBody::new(ReaderStream::with_capacity(encoder, 16 << 10).map_ok(Frame::data)))
}

fn compressible(head: &response::Parts) -> bool {
    let headers = &head.headers;
    let whole = head.status.is_success() || head.status.is_client_error() || head.status.is_server_error();
    if !whole
        || matches!(
            head.status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT
        )
        || headers.contains_key(header::CONTENT_ENCODING)
        || headers.contains_key(header::CONTENT_RANGE)
    {
        return false;
    }
    let fixed = headers.get_all(header::CACHE_CONTROL).iter().any(|value| {
        value.to_str().is_ok_and(|value| {
            value.split(',').any(|directive| directive.trim().eq_ignore_ascii_case("no-transform"))
        })
    });
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let text = kind.starts_with("text/") && kind != "text/event-stream";
    let application = kind.strip_prefix("application/").is_some_and(|rest| {
        matches!(
            rest,
            "json" | "xml" | "javascript" | "wasm" | "x-ndjson" | "yaml" | "x-javascript" | "graphql"
        ) || rest.ends_with("+json")
            || rest.ends_with("+xml")
    });
    !fixed && (text || application || kind == "image/svg+xml")
}

#[cfg(test)]
mod tests {
    use http::Response;
    use http_body_util::BodyExt as _;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    fn accepted(text: &'static str) -> Accepted {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(text));
        Accepted::of(&headers)
    }

    fn answer(headers: &[(&'static str, &'static str)]) -> response::Parts {
        let mut answer = Response::new(());
        for (name, value) in headers {
            answer.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        answer.into_parts().0
    }

    #[test]
    fn the_heaviest_coding_is_taken_and_then_the_best() {
        assert_eq!(accepted("gzip, br, zstd").0, Some(Coding::Zstd));
        assert_eq!(accepted("gzip;q=1, br;q=0.5").0, Some(Coding::Gzip));
        assert_eq!(accepted("gzip;q=0, *;q=0.1").0, Some(Coding::Zstd));
        assert_eq!(accepted("gzip;q=0").0, None);
        assert_eq!(accepted("identity").0, None);
    }

    #[tokio::test]
    async fn what_is_compressed_reads_the_same_after() {
        let text = "waypost ".repeat(1000);
        for coding in ["gzip", "br", "zstd"] {
            let mut head = answer(&[
                ("content-type", "application/json"),
                ("etag", "\"1\""),
                ("content-length", "8000"),
            ]);
            let body = accepted(coding).compress(&mut head, Body::full(text.clone()));
            assert_eq!(head.headers.get(header::CONTENT_ENCODING).unwrap(), coding);
            assert_eq!(head.headers.get(header::ETAG).unwrap(), "W/\"1\"");
            assert_eq!(head.headers.get(header::VARY).unwrap(), "Accept-Encoding");
            assert!(!head.headers.contains_key(header::CONTENT_LENGTH));
            let bytes = body.collect().await.unwrap().to_bytes();
            assert!(bytes.len() < 1000);
            let mut back = String::new();
            match coding {
                "gzip" => {
                    async_compression::tokio::bufread::GzipDecoder::new(&*bytes)
                        .read_to_string(&mut back)
                        .await
                }
                "br" => {
                    async_compression::tokio::bufread::BrotliDecoder::new(&*bytes)
                        .read_to_string(&mut back)
                        .await
                }
                _ => {
                    async_compression::tokio::bufread::ZstdDecoder::new(&*bytes)
                        .read_to_string(&mut back)
                        .await
                }
            }
            .unwrap();
            assert_eq!(back, text);
        }
    }

    #[test]
    fn what_would_not_gain_or_must_not_change_is_left_alone() {
        for headers in [
            vec![("content-type", "image/png")],
            vec![("content-type", "text/event-stream")],
            vec![("content-type", "text/plain"), ("content-encoding", "br")],
            vec![("content-type", "text/plain"), ("cache-control", "public, No-Transform")],
            vec![("content-type", "text/plain"), ("content-range", "bytes 0-1/2")],
        ] {
            let mut head = answer(&headers);
            accepted("gzip").compress(&mut head, Body::full("x".repeat(5000)));
            assert_eq!(head.headers.len(), headers.len(), "{headers:?}");
        }
        let mut small = answer(&[("content-type", "text/plain")]);
        accepted("gzip").compress(&mut small, Body::full("x"));
        assert!(
            !small.headers.contains_key(header::CONTENT_ENCODING) && small.headers.contains_key(header::VARY)
        );
    }
}
