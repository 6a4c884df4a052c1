//! Which route takes a request, and why. Compiled once from the configuration; a look-up walks a tree of path segments and allocates nothing but what the
//! path's parameters stand for. What a route then does to the path ([`Rewrite`]), or answers by itself ([`Redirect`], [`Fixed`]), is here too.
//!
//! Of several routes that take a request: the highest priority; then the more exact path (segment by segment from the left: a text, a `{parameter}`, `*`, no
//! path at all); then the one with more conditions (hosts, methods, versions, each header, each query parameter); then the more exact host; then the
//! first in the file.

mod answer;
mod condition;
mod explain;
mod pattern;
mod rewrite;
mod table;
mod template;

pub use answer::{Fixed, Redirect};
pub(crate) use condition::pairs;
pub use explain::{Candidate, Explanation, Verdict};
pub use pattern::{Pattern, REST};
pub use rewrite::Rewrite;
pub use table::{Found, Missed, RequestHead, Table};
pub use template::Template;

#[cfg(test)]
mod tests;
