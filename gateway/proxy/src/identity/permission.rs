//! Permissions with wildcards.

/// Whether a granted permission allows a needed one: itself; `orders:*` allows what begins with `orders:`; `*` allows all; a `*` between colons stands for
/// one word.
pub fn allows(granted: &str, needed: &str) -> bool {
    let mut granted = granted.split(':').peekable();
    let mut needed = needed.split(':');
    while let Some(word) = granted.next() {
        if word == "*" && granted.peek().is_none() {
            return needed.next().is_some_and(|first| !first.is_empty());
        }
        match needed.next() {
            Some(wanted) if word == wanted || word == "*" => {}
            _ => return false,
        }
    }
    needed.next().is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wildcards_stand_for_words() {
        for (granted, needed) in [
            ("orders:read", "orders:read"),
            ("orders:*", "orders:read"),
            ("orders:*", "orders:items:read"),
            ("*", "orders:read"),
            ("*:read", "orders:read"),
        ] {
            assert!(allows(granted, needed), "{granted} {needed}");
        }
        for (granted, needed) in [
            ("orders:read", "orders:write"),
            ("orders:read", "orders"),
            ("orders", "orders:read"),
            ("orders:*", "orders"),
            ("order*", "orders:read"),
            ("*:read", "orders:write"),
            ("*:read", "orders:items:read"),
            ("", "orders:read"),
            ("*", ""),
        ] {
            assert!(!allows(granted, needed), "{granted} {needed}");
        }
    }

    proptest! {
        #[test]
        fn without_a_wildcard_only_the_same_is_allowed(one in "[a-c:]{1,6}", other in "[a-c:]{1,6}") {
            prop_assert_eq!(allows(&one, &other), one == other);
        }
    }
}
