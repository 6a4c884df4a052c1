//! Scopes are permissions. Pure.

use crate::http::permits;

/// The scopes of a request (RFC 6749, section 3.3): separated by spaces, each once.
pub(crate) fn parse(text: &str) -> Vec<String> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}

/// Whether each scope that is asked for is covered by what is held.
pub(crate) fn within(asked: &[String], held: &[String]) -> bool {
    asked.iter().all(|scope| permits(held, scope))
}

/// What both cover: of `wallets:*` and `wallets:read`, the narrower.
pub(crate) fn meet(one: &[String], other: &[String]) -> Vec<String> {
    let mut both: Vec<String> = Vec::new();
    let narrower = one
        .iter()
        .filter(|scope| permits(other, scope))
        .chain(other.iter().filter(|scope| permits(one, scope)));
    for scope in narrower {
        if !both.contains(scope) {
            both.push(scope.clone());
        }
    }
    both
}

/// As it is written in answers and tokens.
pub(crate) fn text(scopes: &[String]) -> String {
    scopes.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(text: &str) -> Vec<String> {
        parse(text)
    }

    #[test]
    fn the_narrower_of_two_is_what_both_cover() {
        for (one, other, both) in [
            ("wallets:read wallets:write", "wallets:read", "wallets:read"),
            ("wallets:*", "wallets:read payments:read", "wallets:read"),
            ("*", "wallets:* payments:read", "wallets:* payments:read"),
            ("wallets:read", "payments:read", ""),
            ("*", "*", "*"),
            ("", "*", ""),
        ] {
            let mut left = meet(&scopes(one), &scopes(other));
            let mut right = meet(&scopes(other), &scopes(one));
            (left.sort(), right.sort());
            let mut wanted = scopes(both);
            wanted.sort();
            assert_eq!(left, wanted, "{one} and {other}");
            assert_eq!(right, wanted, "{other} and {one}");
        }
    }

    #[test]
    fn more_than_is_held_is_not_within_it() {
        assert!(within(&scopes("wallets:read"), &scopes("wallets:*")));
        assert!(!within(&scopes("wallets:*"), &scopes("wallets:read wallets:write")));
        assert!(!within(&scopes("*"), &scopes("wallets:*")));
        assert!(within(&[], &[]));
    }

    #[test]
    fn a_scope_counts_once_and_spaces_not_at_all() {
        assert_eq!(scopes("  a:b  c:d a:b "), ["a:b", "c:d"]);
    }
}
