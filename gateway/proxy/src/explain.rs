//! What would become of a request that nobody sends: which route takes it, and why no other does. It is read as a real one is, up to the route; who calls, how
//! often, and whether the service answers is not asked.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use http::request::Parts;
use http::{HeaderValue, header};
use serde::Serialize;

use crate::Exchange;
use crate::pipeline::normalise;
use crate::route::{Explanation, RequestHead};
use crate::snapshot::Snapshot;

/// What would become of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// What every route says to it.
    #[serde(flatten)]
    pub explanation: Explanation,
    /// The service that would answer, where a route leads to one.
    pub service: Option<String>,
    /// The API version that it means.
    pub version: Option<String>,
    /// The path as routes see it.
    pub path: Option<String>,
    /// The path that the service would see.
    pub service_path: Option<String>,
    /// The code of the refusal, where it gets no further than this.
    pub refusal: Option<&'static str>,
}

/// Looks at a request's head. Without a host it is one for `localhost`.
pub(crate) fn explain(snapshot: &Snapshot, mut head: Parts) -> Explained {
    if !head.headers.contains_key(header::HOST) {
        let host = head.uri.authority().map_or("localhost", |authority| authority.as_str());
        if let Ok(host) = HeaderValue::from_str(host) {
            head.headers.insert(header::HOST, host);
        }
    }
    let mut exchange = Exchange::from(IpAddr::V4(Ipv4Addr::LOCALHOST), Instant::now());
    exchange.secure = head.uri.scheme_str() == Some("https");
    let refused = |code| Explained { refusal: Some(code), ..Explained::default() };
    if let Err(refusal) = normalise(&mut head, &mut exchange) {
        return refused(refusal.code());
    }
    let negotiated = match snapshot.versions.negotiate(&exchange.path, &head.headers) {
        Ok(negotiated) => negotiated,
        Err(refusal) => return refused(refusal.code()),
    };
    let asked = RequestHead {
        method: &head.method,
        host: &exchange.host,
        path: &negotiated.path,
        query: head.uri.query(),
        headers: &head.headers,
        version: negotiated.version.as_deref(),
    };
    let mut explained = Explained {
        explanation: snapshot.table.explain(&asked),
        version: negotiated.version.as_deref().map(str::to_owned),
        path: Some(negotiated.path.to_string()),
        ..Explained::default()
    };
    match snapshot.table.find(&asked) {
        Ok(found) => {
            let route = snapshot.route(found.index);
            if let Some(route) = route.filter(|route| route.edge.versioned && negotiated.version.is_none()) {
                explained.refusal = Some(snapshot.versions.missing().code());
                explained.explanation.route = Some(route.name.clone());
                return explained;
            }
            let written = snapshot.config.routes.get(found.index);
            explained.service = written.and_then(|route| route.service.clone());
            if explained.service.is_some() {
                let rewrite = route.and_then(|route| route.edge.rewrite.as_ref());
                let path = rewrite.map(|rewrite| rewrite.apply(&negotiated.path, &found.parameters));
                // Without a rewrite the service sees the path as it came, with its version.
                explained.service_path =
                    Some(path.map_or_else(|| exchange.path.clone(), |path| path.to_string()));
            }
        }
        Err(missed) => explained.refusal = Some(crate::Refusal::from(missed).code()),
    }
    explained
}

#[cfg(test)]
mod tests {
    use http::Request;
    use serde_json::json;

    use crate::Proxy;
    use crate::route::Verdict;

    fn proxy() -> Proxy {
        let config = json!({
            "services": { "orders": { "targets": ["http://127.0.0.1:9001"] } },
            "versions": { "in_path": true, "default": "v2", "known": { "v1": {}, "v2": {} } },
            "routes": [
                { "name": "one", "match": { "path": "/orders/{id}", "methods": ["GET"] }, "service": "orders",
                  "path": { "replace": "/items/{id}" } },
                { "name": "all", "match": { "path": "/orders/*" }, "service": "orders", "versions": ["v1"] }
            ]
        });
        Proxy::new(serde_json::from_value(config).unwrap(), None).unwrap()
    }

    fn ask(method: &str, url: &str) -> super::Explained {
        proxy().explain(Request::builder().method(method).uri(url).body(()).unwrap().into_parts().0)
    }

    #[test]
    fn the_route_is_told_with_the_path_that_its_service_would_see() {
        let answer = ask("GET", "/orders/%37?all=1");
        assert_eq!(answer.explanation.route.as_deref(), Some("one"));
        assert_eq!(
            (answer.service.as_deref(), answer.service_path.as_deref()),
            (Some("orders"), Some("/items/7"))
        );
        assert_eq!((answer.version.as_deref(), answer.refusal), (Some("v2"), None));
        let answer = ask("POST", "http://shop.example/v1/orders/7");
        assert_eq!(answer.explanation.route.as_deref(), Some("all"));
        assert_eq!(
            (answer.path.as_deref(), answer.service_path.as_deref()),
            (Some("/orders/7"), Some("/v1/orders/7"))
        );
    }

    #[test]
    fn what_no_route_takes_is_told_with_the_refusal_and_every_routes_reason() {
        let answer = ask("POST", "/orders/7");
        assert_eq!((answer.explanation.route, answer.refusal), (None, Some("method_not_allowed")));
        let verdicts: Vec<_> =
            answer.explanation.candidates.into_iter().map(|candidate| candidate.verdict).collect();
        assert!(matches!(&verdicts[..], [Verdict::Method { .. }, Verdict::Version { .. }]), "{verdicts:?}");
        assert_eq!(ask("GET", "/v9/orders").refusal, Some("unknown_version"));
    }
}
