//! Why a request takes the route that it takes: what every route says to it, in the order in which they are asked.

use serde::Serialize;

use super::condition::Unmet;
use super::{RequestHead, Table};

/// What every route says to a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The route that takes it.
    pub route: Option<String>,
    /// All routes, the first to be asked first.
    pub candidates: Vec<Candidate>,
}

/// One route's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Its name.
    pub route: String,
    /// Its word.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What a route says to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// It takes it.
    Taken,
    /// It would, but another comes before it.
    Outranked {
        /// That one.
        by: String,
    },
    /// The request is for another host.
    Host,
    /// The path is another.
    Path,
    /// The method is another.
    Method {
        /// Those that it takes.
        takes: Vec<String>,
    },
    /// The version is another, or none.
    Version {
        /// Those that it serves.
        serves: Vec<String>,
    },
    /// A header is missing, or has another value.
    Header {
        /// Its name.
        name: String,
    },
    /// A query parameter is missing, or has another value.
    Query {
        /// Its name.
        name: String,
    },
}

impl Table {
    /// Which route a request would take, and for every other why it does not. For people: every route is asked.
    pub fn explain(&self, head: &RequestHead<'_>) -> Explanation {
        let mut taken: Option<String> = None;
        let mut candidates = Vec::new();
        let mut asked = vec![false; self.routes.len()];
        for (index, host) in &self.ranked {
            let Some((route, asked)) = self.routes.get(*index).zip(asked.get_mut(*index)) else { continue };
            let conditions = &route.conditions;
            let known_host = conditions.hosts.iter().any(|host| host.matches(head.host));
            // A route of several hosts is asked under the one that the request is for, or under its first.
            if *asked || known_host && !host.matches(head.host) {
                continue;
            }
            *asked = true;
            let verdict = if !known_host {
                Verdict::Host
            } else if !conditions.pattern.matches(head.path) {
                Verdict::Path
            } else {
                match conditions.unmet(head) {
                    Some(Unmet::Method) => Verdict::Method {
                        takes: conditions.methods.iter().map(ToString::to_string).collect(),
                    },
                    Some(Unmet::Version) => Verdict::Version {
                        serves: conditions.versions.iter().map(ToString::to_string).collect(),
                    },
                    Some(Unmet::Header(name)) => Verdict::Header { name: name.to_string() },
                    Some(Unmet::Query(name)) => Verdict::Query { name: name.to_owned() },
                    None => match &taken {
                        Some(by) => Verdict::Outranked { by: by.clone() },
                        None => {
                            taken = Some(route.name.to_string());
                            Verdict::Taken
                        }
                    },
                }
            };
            candidates.push(Candidate { route: route.name.to_string(), verdict });
        }
        Explanation { route: taken, candidates }
    }
}
