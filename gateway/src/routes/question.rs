//! A request that nobody sends: from what was asked to a request's head, and from the data plane's word to an answer. Pure.

use std::str::FromStr as _;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use waypost_proxy::Explained;
use waypost_proxy::route::{Candidate, Verdict};
use waypost_types::{RouteAnswer, RouteCandidate, RouteVerdict};

/// The head of a request; or which part of it is none, and why.
pub(crate) fn head<'a>(
    method: &str,
    url: &str,
    headers: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Parts, (&'static str, String)> {
    let method = Method::from_str(&method.to_ascii_uppercase())
        .map_err(|_| ("method", format!("`{method}` is no method; write GET")))?;
    let uri = Uri::from_str(url).ok().filter(|uri| uri.path().starts_with('/') || uri.path() == "*");
    let uri = uri.ok_or_else(|| ("url", format!("`{url}` is neither a path such as /orders/7 nor a URL")))?;
    let (mut head, ()) = Request::new(()).into_parts();
    (head.method, head.uri) = (method, uri);
    for (name, value) in headers {
        let parsed = (HeaderName::from_str(name), HeaderValue::from_str(value));
        let (Ok(name), Ok(value)) = parsed else {
            return Err(("headers", format!("`{name}` has a name or a value that no header can have")));
        };
        head.headers.append(name, value);
    }
    Ok(head)
}

/// The data plane's word.
pub(crate) fn answer(explained: Explained) -> RouteAnswer {
    let candidates: Vec<_> = explained.explanation.candidates.into_iter().map(candidate).collect();
    let mut answer = RouteAnswer::new(candidates);
    answer.route = explained.explanation.route;
    answer.service = explained.service;
    answer.version = explained.version;
    answer.path = explained.path;
    answer.service_path = explained.service_path;
    answer.refusal = explained.refusal.map(str::to_owned);
    answer
}

fn candidate(candidate: Candidate) -> RouteCandidate {
    let shown = |verdict| RouteCandidate::new(candidate.route.as_str(), verdict);
    match candidate.verdict {
        Verdict::Taken => shown(RouteVerdict::Taken),
        Verdict::Outranked { by } => RouteCandidate { by: Some(by), ..shown(RouteVerdict::Outranked) },
        Verdict::Host => shown(RouteVerdict::Host),
        Verdict::Path => shown(RouteVerdict::Path),
        Verdict::Method { takes } => RouteCandidate { accepts: Some(takes), ..shown(RouteVerdict::Method) },
        Verdict::Version { serves } => {
            RouteCandidate { accepts: Some(serves), ..shown(RouteVerdict::Version) }
        }
        Verdict::Header { name } => RouteCandidate { subject: Some(name), ..shown(RouteVerdict::Header) },
        Verdict::Query { name } => RouteCandidate { subject: Some(name), ..shown(RouteVerdict::Query) },
        // One that this version does not know is none that it could show.
        _ => shown(RouteVerdict::Path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_or_a_url_is_a_request_and_nothing_else_is() {
        let none = || std::iter::empty();
        assert_eq!(head("get", "/orders/7?all=1", none()).unwrap().method, Method::GET);
        assert!(head("GET", "https://shop.example/orders", none()).is_ok());
        assert_eq!(head("GET", "orders", none()).unwrap_err().0, "url");
        assert_eq!(head("G T", "/", none()).unwrap_err().0, "method");
        assert_eq!(head("GET", "/", [("a b", "c")].into_iter()).unwrap_err().0, "headers");
    }
}
