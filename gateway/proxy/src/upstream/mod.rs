//! Which target of a service takes a request: where targets come from, how they are, whose turn it is.
//!
//! A [`Service`] outlives the configurations that name it. A new one is [applied](Service::apply) to it: targets that are still there, by URL, keep their
//! connections' counts, their averages and their health. A request [picks](Service::pick) a target and holds it as a [`Picked`], which counts it as in
//! flight until it is dropped and takes what became of it.
//!
//! Promises:
//! - A target that does not answer our own questions ([`config::ActiveHealth`]) gets no requests. While none answers, none is picked.
//! - A target that fails clients is left out for a while, longer each time, but never so many that none remains.
//! - Shares follow weights; a target of weight 0 gets nothing.
//! - The same value of a hash goes to the same target while that one can take it; when a target leaves, only its values move.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `policy` | what was written, checked |
//! | `service` | the set of targets, and picking one |
//! | `target` | one target: counts, averages, health |
//! | `balance` | whose turn it is: smooth weighted, least connections, fastest of two, rendezvous hash; the retry budget |
//! | `sticky` | the signed cookie that names a target |
//! | `health` | thresholds of our own questions, ejection of outliers |
//! | `ask` | the asking |
//! | `discovery` | where targets are looked for, again and again; files |
//! | `dns` | names and SRV records |
//!
//! [`config::ActiveHealth`]: crate::config::ActiveHealth

mod ask;
mod balance;
mod discovery;
mod dns;
mod health;
mod policy;
mod service;
mod sticky;
mod target;
#[cfg(test)]
mod tests;

pub use ask::Asker;
pub use policy::Policy;
pub use service::{Outcome, PickBy, Picked, Service, ServiceStatus, Services};
pub use target::{Target, TargetStatus};
