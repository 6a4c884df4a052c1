//! The house style: the rules of Waypost's own contract, on top of those that any spec must keep.

use super::Report;
use super::walk::Objects;

mod documentation;
mod lists;
mod operations;
mod tidy;
mod values;

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    for rule in [documentation::check, operations::check, lists::check, values::check, tidy::check] {
        rule(objects, report);
    }
}
