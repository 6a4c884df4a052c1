//! The table of routes: a tree of path segments for each host, whose leaves hold ranks. The best rank that a request's conditions allow is looked for;
//! a branch that holds no better one is not entered.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::condition::{Conditions, Unmet};
use super::pattern::{End, HostPattern, Segment, first_segment};
use crate::Refusal;
use crate::config::{self, Fault};

/// What of a request decides about its route.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The host, lower case, without the port.
    pub host: &'a str,
    /// The path, normalised and without the version where paths carry one.
    pub path: &'a str,
    /// The query, without `?`.
    pub query: Option<&'a str>,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The version that was negotiated.
    pub version: Option<&'a str>,
}

/// The route of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its number in the configuration.
    pub index: usize,
    /// What the path's parameters stand for, as they came (percent-encoded); `*` is the rest.
    pub parameters: Vec<(Arc<str>, String)>,
    /// The request is a browser's question (a CORS preflight) about a request that this route takes; it takes no `OPTIONS` itself.
    pub preflight: bool,
}

/// No route takes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missed {
    /// Nothing is there.
    NotFound,
    /// One would with another method: these.
    Method(Vec<Method>),
    /// One would with another version: these.
    Version(Vec<Arc<str>>),
}

impl From<Missed> for Refusal {
    /// 404, 405 with `Allow`, or 400 with the versions that would be served.
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::NotFound => {
                Self::new(StatusCode::NOT_FOUND, "route_not_found", "No route takes this request.")
            }
            Missed::Method(methods) => {
                let allow = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
                let detail = format!("This path takes {allow}.");
                let refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
                match HeaderValue::from_str(&allow) {
                    Ok(allow) => refusal.header(header::ALLOW, allow),
                    Err(_) => refusal,
                }
            }
            Missed::Version(versions) => {
                let versions: Vec<_> = versions.iter().map(ToString::to_string).collect();
                let detail = format!("This path is served in {}.", versions.join(", "));
                Self::new(StatusCode::BAD_REQUEST, "unsupported_version", detail).member("versions", versions)
            }
        }
    }
}

/// The routes, compiled.
#[derive(Debug, Default)]
pub struct Table {
    pub(super) routes: Vec<Compiled>,
    /// Routes by rank, the first to be asked first; one a host pattern.
    pub(super) ranked: Vec<(usize, HostPattern)>,
    exact: HashMap<Box<str>, Node>,
    under: HashMap<Box<str>, Node>,
    any: Node,
}

#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) name: Arc<str>,
    pub(super) conditions: Conditions,
    /// All that it says was understood.
    sound: bool,
}

/// A place in a path.
#[derive(Debug)]
struct Node {
    /// The best rank here and below.
    best: u32,
    literal: Vec<(Box<str>, Node)>,
    parameter: Option<Box<Node>>,
    here: Vec<Leaf>,
    rest: Vec<Leaf>,
    /// For what is no path as well; at the root only.
    any: Vec<Leaf>,
}

#[derive(Debug, Clone, Copy)]
struct Leaf {
    rank: u32,
    route: u32,
}

impl Default for Node {
    fn default() -> Self {
        let none = Vec::new;
        Self { best: u32::MAX, literal: Vec::new(), parameter: None, here: none(), rest: none(), any: none() }
    }
}

impl Table {
    /// Compiles the routes; with what cannot be, under `routes`.
    pub fn new(routes: &[config::Route], versions: &config::Versions) -> (Self, Vec<Fault>) {
        let mut faults = Vec::new();
        let mut table = Self::default();
        for (index, route) in routes.iter().enumerate() {
            let mut own = Vec::new();
            let conditions = Conditions::new(route, versions, &mut own);
            let sound = own.is_empty();
            faults.extend(own.into_iter().map(|fault| fault.under(index).under("routes")));
            table.routes.push(Compiled { name: Arc::from(route.name.as_str()), conditions, sound });
        }
        let mut ranked = Vec::new();
        for (index, (route, compiled)) in routes.iter().zip(&table.routes).enumerate() {
            let conditions = &compiled.conditions;
            for host in &conditions.hosts {
                let exactness = (conditions.pattern.exactness(), conditions.count(), host.exactness());
                ranked.push((std::cmp::Reverse((route.priority, exactness)), index, host.clone()));
            }
        }
        ranked.sort();
        table.ranked = ranked.into_iter().map(|(_, index, host)| (index, host)).collect();
        table.grow();
        (table, faults)
    }

    fn grow(&mut self) {
        for (rank, (index, host)) in self.ranked.iter().enumerate() {
            let Some(route) = self.routes.get(*index) else { continue };
            let (Ok(rank), Ok(number)) = (u32::try_from(rank), u32::try_from(*index)) else { continue };
            let root = match host {
                HostPattern::Any => &mut self.any,
                HostPattern::Under(name) => self.under.entry(name.clone()).or_default(),
                HostPattern::Exactly(name) => self.exact.entry(name.clone()).or_default(),
            };
            root.grow(
                route.conditions.pattern.segments(),
                route.conditions.pattern.end(),
                Leaf { rank, route: number },
            );
        }
    }

    /// A route's name, by its number.
    pub fn name(&self, index: usize) -> Option<&Arc<str>> {
        self.routes.get(index).map(|route| &route.name)
    }

    /// The route that takes a request. A CORS preflight that no route takes as such finds the route of the request that it asks about.
    ///
    /// # Errors
    /// None does; why, as far as a client is told.
    pub fn find(&self, head: &RequestHead<'_>) -> Result<Found, Missed> {
        if let Some(found) = self.look(head, false) {
            return Ok(found);
        }
        if let Some(method) = asked_about(head)
            && let Some(found) = self.look(&RequestHead { method: &method, ..*head }, true)
        {
            return Ok(found);
        }
        Err(self.missed(head))
    }

    fn look(&self, head: &RequestHead<'_>, preflight: bool) -> Option<Found> {
        let mut search = Search { table: self, head, best: None };
        for root in self.roots(head.host) {
            search.root(root);
        }
        let index = search.best?.route as usize;
        let parameters = self.routes.get(index)?.conditions.pattern.parameters_of(head.path);
        Some(Found { index, parameters, preflight })
    }

    fn roots<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a Node> {
        let exact = if self.exact.is_empty() { None } else { self.exact.get(host) };
        let dots = if self.under.is_empty() { "" } else { host };
        let below = dots.char_indices().filter(|(at, c)| *c == '.' && *at > 0);
        let under = below.filter_map(|(at, _)| host.get(at + 1..).and_then(|name| self.under.get(name)));
        exact.into_iter().chain(under).chain([&self.any])
    }

    /// Why nothing was found. Not fast: every route is asked.
    fn missed(&self, head: &RequestHead<'_>) -> Missed {
        let mut methods = BTreeSet::new();
        let mut versions = BTreeSet::new();
        for route in &self.routes {
            let conditions = &route.conditions;
            let there = conditions.pattern.matches(head.path)
                && conditions.hosts.iter().any(|host| host.matches(head.host));
            match conditions.unmet(head).filter(|_| there) {
                Some(Unmet::Method) => methods.extend(conditions.methods.iter().map(Method::as_str)),
                Some(Unmet::Version) => versions.extend(conditions.versions.iter().cloned()),
                _ => {}
            }
        }
        if methods.contains("GET") {
            methods.insert("HEAD");
        }
        if !methods.is_empty() {
            return Missed::Method(methods.iter().filter_map(|name| name.parse().ok()).collect());
        }
        if versions.is_empty() { Missed::NotFound } else { Missed::Version(versions.into_iter().collect()) }
    }

    /// Pairs of routes of which the second can never be reached, because the first takes all that it would.
    pub(crate) fn shadowed(&self) -> Vec<(usize, usize)> {
        let mut first_rank = vec![usize::MAX; self.routes.len()];
        let mut last_rank = vec![0; self.routes.len()];
        for (rank, (index, _)) in self.ranked.iter().enumerate() {
            if let (Some(first), Some(last)) = (first_rank.get_mut(*index), last_rank.get_mut(*index)) {
                *first = rank.min(*first);
                *last = rank;
            }
        }
        let routes = || self.routes.iter().enumerate().zip(first_rank.iter().zip(&last_rank));
        let mut shadowed = Vec::new();
        for ((hidden, route), (first, _)) in routes() {
            let by = routes().find(|((other, shadow), (_, last))| {
                *other != hidden
                    && shadow.sound
                    && route.sound
                    && *last < first
                    && shadow.conditions.covers(&route.conditions)
            });
            shadowed.extend(by.map(|((by, _), _)| (by, hidden)));
        }
        shadowed
    }
}

/// The method that a CORS preflight asks about.
fn asked_about(head: &RequestHead<'_>) -> Option<Method> {
    let asked = head.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    let preflight = *head.method == Method::OPTIONS && head.headers.contains_key(header::ORIGIN);
    preflight.then(|| Method::from_bytes(asked.as_bytes()).ok()).flatten()
}

impl Node {
    fn grow(&mut self, segments: &[Segment], end: End, leaf: Leaf) {
        self.best = self.best.min(leaf.rank);
        match segments.split_first() {
            None => match end {
                End::Here => self.here.push(leaf),
                End::Rest => self.rest.push(leaf),
                End::Any => self.any.push(leaf),
            },
            Some((Segment::Parameter(_), further)) => {
                self.parameter.get_or_insert_default().grow(further, end, leaf);
            }
            Some((Segment::Literal(text), further)) => {
                let at = self.literal.binary_search_by(|(known, _)| known.cmp(text)).unwrap_or_else(|at| {
                    self.literal.insert(at, (text.clone(), Self::default()));
                    at
                });
                if let Some((_, node)) = self.literal.get_mut(at) {
                    node.grow(further, end, leaf);
                }
            }
        }
    }
}

/// One look-up.
struct Search<'a> {
    table: &'a Table,
    head: &'a RequestHead<'a>,
    best: Option<Leaf>,
}

impl Search<'_> {
    fn root(&mut self, node: &Node) {
        if let Some(path) = self.head.path.strip_prefix('/') {
            self.enter(node, (!path.is_empty()).then_some(path));
        }
        self.take(&node.any);
    }

    fn better(&self, rank: u32) -> bool {
        self.best.is_none_or(|best| rank < best.rank)
    }

    /// Looks on from a place, with what is left of the path.
    fn enter(&mut self, node: &Node, path: Option<&str>) {
        if !self.better(node.best) {
            return;
        }
        match path {
            None => self.take(&node.here),
            Some(path) => {
                let (text, further) = first_segment(path);
                let found = node.literal.binary_search_by(|(known, _)| (**known).cmp(text));
                if let Some((_, node)) = found.ok().and_then(|at| node.literal.get(at)) {
                    self.enter(node, further);
                }
                if let Some(node) = node.parameter.as_deref().filter(|_| !text.is_empty()) {
                    self.enter(node, further);
                }
            }
        }
        self.take(&node.rest);
    }

    /// Takes the first of these (they are in the order of their ranks) whose conditions hold, if it is better than what is there.
    fn take(&mut self, leaves: &[Leaf]) {
        for leaf in leaves {
            if !self.better(leaf.rank) {
                return;
            }
            let route = self.table.routes.get(leaf.route as usize);
            if route.is_some_and(|route| route.conditions.unmet(self.head).is_none()) {
                self.best = Some(*leaf);
                return;
            }
        }
    }
}
