//! The table against a matcher that asks every route.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;

use super::*;
use crate::config::{self, Match, Route, Shim, Versions};

#[derive(Debug, Clone)]
struct Asked {
    method: Method,
    host: String,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    version: Option<String>,
}

impl Asked {
    fn of(method: &str, host: &str, path: &str) -> Self {
        let method = method.parse().unwrap();
        let (host, path) = (host.to_owned(), path.to_owned());
        Self { method, host, path, query: None, headers: HeaderMap::new(), version: None }
    }

    fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            host: &self.host,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            version: self.version.as_deref(),
        }
    }
}

fn route(name: &str, path: &str) -> Route {
    Route {
        name: name.to_owned(),
        matches: Match { path: (!path.is_empty()).then(|| path.to_owned()), ..Default::default() },
        ..Default::default()
    }
}

fn with(mut route: Route, change: impl FnOnce(&mut Route)) -> Route {
    change(&mut route);
    route
}

fn known() -> Versions {
    let known = ["v1", "v2"].map(|name| (name.to_owned(), config::Version::default()));
    Versions { known: known.into(), ..Default::default() }
}

fn table(routes: &[Route]) -> Table {
    let (table, faults) = Table::new(routes, &known());
    assert_eq!(faults, []);
    table
}

fn found(table: &Table, asked: &Asked) -> String {
    match table.find(&asked.head()) {
        Ok(found) => table.name(found.index).unwrap().to_string(),
        Err(Missed::NotFound) => "nothing".to_owned(),
        Err(Missed::Method(methods)) => format!("{methods:?}"),
        Err(Missed::Version(versions)) => format!("{versions:?}"),
    }
}

#[test]
fn the_more_exact_path_is_taken_and_priority_comes_before() {
    let routes = [
        route("any", ""),
        route("rest", "/a/*"),
        route("one", "/a/{x}"),
        route("text", "/a/b"),
        with(route("urgent", "/urgent/*"), |route| route.priority = 1),
        route("late", "/urgent/x"),
    ];
    let table = table(&routes);
    for (path, name) in [
        ("/a/b", "text"),
        ("/a/c", "one"),
        ("/a", "rest"),
        ("/a/b/c", "rest"),
        ("/b", "any"),
        ("*", "any"),
        ("/urgent/x", "urgent"),
    ] {
        assert_eq!(found(&table, &Asked::of("GET", "h", path)), name, "{path}");
    }
}

#[test]
fn hosts_headers_queries_and_versions_decide_among_equal_paths() {
    let header = |route: &mut Route| {
        route.matches.headers.insert("X-Beta".to_owned(), "*".to_owned());
    };
    let query = |route: &mut Route| {
        route.matches.query.insert("a b".to_owned(), "1+1".to_owned());
    };
    let routes = [
        route("plain", "/a"),
        with(route("beta", "/a"), header),
        with(route("query", "/a"), |route| {
            header(route);
            query(route);
        }),
        with(route("under", "/a"), |route| route.matches.hosts = vec!["*.example.com".to_owned()]),
        with(route("host", "/a"), |route| route.matches.hosts = vec!["api.example.com".to_owned()]),
        with(route("old", "/v"), |route| route.versions = vec!["v1".to_owned()]),
    ];
    let table = table(&routes);
    let mut asked = Asked::of("GET", "h", "/a");
    assert_eq!(found(&table, &asked), "plain");
    asked.headers.insert("x-beta", HeaderValue::from_static("0"));
    assert_eq!(found(&table, &asked), "beta");
    asked.query = Some("x=1&a+b=1%2B1".to_owned());
    assert_eq!(found(&table, &asked), "query");
    assert_eq!(found(&table, &Asked::of("GET", "api.example.com", "/a")), "host");
    assert_eq!(found(&table, &Asked::of("GET", "x.y.example.com", "/a")), "under");
    let mut versioned = Asked::of("GET", "h", "/v");
    assert_eq!(found(&table, &versioned), "[\"v1\"]");
    versioned.version = Some("v1".to_owned());
    assert_eq!(found(&table, &versioned), "old");
}

#[test]
fn a_miss_says_which_methods_and_a_preflight_finds_the_route_that_it_asks_about() {
    let routes = [
        with(route("read", "/a"), |route| route.matches.methods = vec!["GET".to_owned()]),
        with(route("write", "/a"), |route| route.matches.methods = vec!["PUT".to_owned()]),
    ];
    let table = table(&routes);
    assert_eq!(found(&table, &Asked::of("HEAD", "h", "/a")), "read");
    let refusal = crate::Refusal::from(table.find(&Asked::of("POST", "h", "/a").head()).unwrap_err());
    let answer = refusal.answer("id", "/a");
    assert_eq!(
        (answer.status().as_u16(), answer.headers().get("allow").unwrap().to_str().unwrap()),
        (405, "GET, HEAD, PUT")
    );
    let mut preflight = Asked::of("OPTIONS", "h", "/a");
    preflight.headers.insert("origin", HeaderValue::from_static("https://a.example"));
    preflight.headers.insert("access-control-request-method", HeaderValue::from_static("PUT"));
    let asked = table.find(&preflight.head()).unwrap();
    assert_eq!((asked.index, asked.preflight), (1, true));
}

#[test]
fn every_route_says_why_it_does_not_take_a_request() {
    let routes = [
        route("path", "/b"),
        route("taken", "/a/{id}"),
        route("outranked", "/a/*"),
        with(route("method", "/a/7"), |route| route.matches.methods = vec!["PUT".to_owned()]),
        with(route("host", "/a/7"), |route| route.matches.hosts = vec!["x.example".to_owned()]),
        with(route("header", "/a/7"), |route| {
            route.matches.headers.insert("X-A".to_owned(), "1".to_owned());
        }),
        with(route("version", "/a/7"), |route| {
            route.versions = vec!["v2".to_owned()];
            route.shims.insert("v1".to_owned(), Shim::default());
        }),
    ];
    let explanation = table(&routes).explain(&Asked::of("GET", "h", "/a/7").head());
    let json = serde_json::to_value(&explanation).unwrap();
    let words: BTreeMap<_, _> = json["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["route"].as_str().unwrap(), one["verdict"].as_str().unwrap()))
        .collect();
    assert_eq!(json["route"], "taken");
    assert_eq!(words.len(), routes.len());
    for (name, verdict) in &words {
        assert_eq!(name, verdict);
    }
}

#[test]
fn a_route_that_no_request_reaches_is_known() {
    let routes = [
        with(route("wide", "/a/*"), |route| route.priority = 1),
        route("hidden", "/a/b"),
        route("free", "/c"),
        with(route("twin", "/c"), |route| route.matches.methods = vec!["GET".to_owned()]),
        route("same", "/c"),
    ];
    assert_eq!(table(&routes).shadowed(), [(0, 1), (2, 4)]);
}

fn any_pattern() -> impl Strategy<Value = String> {
    let segment = prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("{}".to_owned())];
    (proptest::collection::vec(segment, 0..4), 0..3u8).prop_map(|(segments, end)| {
        let mut path = String::new();
        for (index, segment) in segments.iter().enumerate() {
            path.push('/');
            path.push_str(&segment.replace("{}", &format!("{{p{index}}}")));
        }
        match end {
            0 => path + "/*",
            _ if path.is_empty() => "/".to_owned(),
            _ => path,
        }
    })
}

fn any_route() -> impl Strategy<Value = Route> {
    let hosts = proptest::collection::vec(
        prop_oneof![Just("x.test".to_owned()), Just("*.test".to_owned()), Just("*.x.test".to_owned())],
        0..3,
    );
    let methods =
        proptest::collection::vec(prop_oneof![Just("GET".to_owned()), Just("PUT".to_owned())], 0..2);
    let pairs = || proptest::collection::btree_map("[xy]", "[1*]", 0..2);
    let versions = proptest::collection::vec(prop_oneof![Just("v1".to_owned()), Just("v2".to_owned())], 0..2);
    (any_pattern(), any::<bool>(), hosts, methods, pairs(), pairs(), versions, 0..2i32).prop_map(
        |(path, none, hosts, methods, headers, query, versions, priority)| Route {
            matches: Match {
                hosts,
                path: (!none || path.len() > 4).then_some(path),
                methods,
                headers,
                query,
            },
            priority,
            versions,
            ..Default::default()
        },
    )
}

fn any_asked() -> impl Strategy<Value = Asked> {
    let path = prop_oneof![
        9 => proptest::collection::vec("[abc]", 0..5).prop_map(|segments| format!("/{}", segments.join("/"))),
        1 => proptest::collection::vec("[ab]", 1..3).prop_map(|segments| format!("/{}/", segments.join("/"))),
        1 => Just("*".to_owned()),
    ];
    let host = prop_oneof![Just("x.test"), Just("y.test"), Just("a.x.test"), Just("other")];
    let method = prop_oneof![Just(Method::GET), Just(Method::HEAD), Just(Method::PUT), Just(Method::POST)];
    let pairs = || proptest::collection::btree_map("[xy]", "[12]", 0..2);
    let version = proptest::option::of(prop_oneof![Just("v1".to_owned()), Just("v2".to_owned())]);
    (path, host, method, pairs(), pairs(), version).prop_map(
        |(path, host, method, headers, query, version)| {
            let headers = headers.iter().map(|(name, value)| {
                (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
            });
            let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let query = (!query.is_empty()).then(|| query.join("&"));
            Asked { method, host: host.to_owned(), path, query, headers: headers.collect(), version }
        },
    )
}

/// The rules once more, written down as they are told.
fn naive(routes: &[Route], asked: &Asked) -> Option<usize> {
    let value = |wanted: &str, is: Option<&str>| is.is_some_and(|is| wanted == "*" || wanted == is);
    let mut best: Option<(_, usize)> = None;
    for (index, route) in routes.iter().enumerate() {
        let matches = &route.matches;
        let hosts: Vec<&str> = if matches.hosts.is_empty() {
            vec![""]
        } else {
            matches.hosts.iter().map(String::as_str).collect()
        };
        for host in hosts {
            let on_host = match host.strip_prefix('*') {
                Some(end) => asked.host.ends_with(end) && asked.host.len() > end.len(),
                None => host.is_empty() || host == asked.host,
            };
            let (mut exactness, mut fits) = (Vec::new(), true);
            if let Some(pattern) = &matches.path {
                let split = |path: &str| -> Vec<String> {
                    let path = path.strip_prefix('/').unwrap();
                    if path.is_empty() { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
                };
                let pattern = split(pattern);
                let path = if asked.path.starts_with('/') {
                    split(&asked.path)
                } else {
                    fits = false;
                    Vec::new()
                };
                let rest = pattern.last().is_some_and(|last| last == "*");
                let wanted = pattern.len() - usize::from(rest);
                fits &= if rest { path.len() >= wanted } else { path.len() == wanted };
                for (at, segment) in pattern.iter().enumerate() {
                    let here = path.get(at).map(String::as_str);
                    match segment.chars().next() {
                        Some('*') => exactness.push(1),
                        Some('{') => {
                            exactness.push(2);
                            fits &= here.is_some_and(|here| !here.is_empty());
                        }
                        _ => {
                            exactness.push(3);
                            fits &= here == Some(segment);
                        }
                    }
                }
                if !rest {
                    exactness.push(3);
                }
            } else {
                exactness.push(0);
            }
            let method = asked.method.as_str();
            fits &= matches.methods.is_empty()
                || matches.methods.iter().any(|known| known == method || known == "GET" && method == "HEAD");
            fits &= matches.headers.iter().all(|(name, wanted)| {
                value(wanted, asked.headers.get(name.as_str()).map(|value| value.to_str().unwrap()))
            });
            let query: BTreeMap<&str, &str> = asked
                .query
                .iter()
                .flat_map(|query| query.split('&'))
                .map(|pair| pair.split_once('=').unwrap())
                .collect();
            fits &=
                matches.query.iter().all(|(name, wanted)| value(wanted, query.get(name.as_str()).copied()));
            fits &= route.versions.is_empty()
                || asked.version.as_ref().is_some_and(|asked| route.versions.contains(asked));
            let conditions = usize::from(!matches.hosts.is_empty())
                + usize::from(!matches.methods.is_empty())
                + usize::from(!route.versions.is_empty())
                + matches.headers.len()
                + matches.query.len();
            let host_rank = if host.starts_with('*') { host.len() } else { host.len() * 1000 };
            let rank = (route.priority, exactness, conditions, host_rank, Reverse(index));
            if on_host && fits && best.as_ref().is_none_or(|(known, _)| rank > *known) {
                best = Some((rank, index));
            }
        }
    }
    best.map(|(_, index)| index)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_tree_finds_what_a_matcher_that_asks_every_route_finds(
        routes in proptest::collection::vec(any_route(), 0..12), asked in any_asked(),
    ) {
        let table = table(&routes);
        let found = table.find(&asked.head()).ok().map(|found| found.index);
        prop_assert_eq!(found, naive(&routes, &asked));
        let explained = table.explain(&asked.head()).candidates.iter().filter(|one| one.verdict == Verdict::Taken).count();
        prop_assert_eq!(explained, usize::from(found.is_some()));
    }

    #[test]
    fn a_shadowed_route_is_never_found(routes in proptest::collection::vec(any_route(), 0..6), asked in any_asked()) {
        let table = table(&routes);
        if let Ok(found) = table.find(&asked.head()) {
            prop_assert!(table.shadowed().iter().all(|(_, hidden)| *hidden != found.index));
        }
    }

    #[test]
    fn any_text_is_a_pattern_or_is_refused(text in "[/a*{}%.~é?# ]{0,20}", path in "/[a-z/%]{0,20}") {
        if let Ok(pattern) = Pattern::new(Some(&text))
            && pattern.matches(&path)
        {
            let found = pattern.parameters_of(&path);
            prop_assert!(found.iter().all(|(name, value)| path.contains(value.as_str()) && pattern.knows(name)));
        }
    }
}
