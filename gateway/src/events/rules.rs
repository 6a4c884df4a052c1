//! Which types a tenant may publish, which a pattern means, and who sees what. Pure.

use sqlx::{QueryBuilder, Sqlite};

use crate::http::Identity;

/// First words of the platform's types, those of areas to come included.
const RESERVED: [&str; 22] = [
    "wallet",
    "payment",
    "auth",
    "key",
    "service_token",
    "role",
    "user",
    "tenant",
    "service",
    "route",
    "limit",
    "config",
    "breaker",
    "medcard",
    "claim",
    "connection",
    "webhook",
    "channel",
    "notification",
    "message",
    "event",
    "waypost",
];

/// What only some see: the permission that shows it, and the areas.
const GUARDED: [(&str, &[&str]); 4] = [
    ("audit:read", &["auth", "key", "service_token", "role", "user", "tenant"]),
    ("claims:read", &["claim"]),
    ("medcards:read", &["medcard"]),
    ("config:read", &["service", "route", "limit", "config", "breaker"]),
];

fn area(kind: &str) -> &str {
    kind.split('.').next().unwrap_or_default()
}

/// Whether a type is of an area of the platform, whatever its case.
pub(super) fn is_reserved(kind: &str) -> bool {
    RESERVED.contains(&area(kind).to_ascii_lowercase().as_str())
}

/// Areas whose events the caller does not see.
pub(crate) fn hidden(identity: &Identity) -> Vec<&'static str> {
    let guarded = GUARDED.iter().filter(|(permission, _)| !identity.may(permission));
    guarded.flat_map(|(_, areas)| areas.iter().copied()).collect()
}

/// Whether this is a type, or a pattern of types: `*`, or words with `.*` at their end. What the contract says of the parameter `type`, for what comes
/// another way.
pub(crate) fn is_pattern(text: &str) -> bool {
    let words = match text.strip_suffix(".*") {
        Some(words) => words,
        None if text == "*" => return true,
        None => text,
    };
    let is_word = |word: &str| {
        !word.is_empty()
            && word.chars().all(|each| each.is_ascii_alphanumeric() || each == '_' || each == '-')
    };
    text.len() <= 102 && words.split('.').all(is_word)
}

/// Which events are wanted, of those that the reader may see.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Any of these; all if there is none.
    pub(crate) patterns: Vec<String>,
    pub(crate) subject: Option<String>,
    pub(crate) hidden: Vec<&'static str>,
}

impl Filter {
    /// Whether the reader sees events of this type.
    pub(super) fn shows(&self, kind: &str) -> bool {
        !self.hidden.contains(&area(kind))
    }

    /// Whether the reader wants an event and may see it: what [`Filter::narrow`] lets through, of an event that is at hand.
    pub(crate) fn takes(&self, kind: &str, subject: Option<&str>) -> bool {
        let wanted = |pattern: &String| match pattern.strip_suffix('*') {
            Some(above) => kind.starts_with(above),
            None => kind == pattern,
        };
        (self.patterns.is_empty() || self.patterns.iter().any(wanted))
            && self.subject.as_deref().is_none_or(|wanted| subject == Some(wanted))
            && self.shows(kind)
    }

    /// Adds ` AND …` to a query over `e`.
    pub(super) fn narrow(&self, query: &mut QueryBuilder<Sqlite>) {
        push_types(query, " AND (", &self.patterns);
        for area in &self.hidden {
            query.push(" AND NOT ");
            push_below(query, area);
        }
        if let Some(subject) = &self.subject {
            query.push(" AND e.subject = ").push_bind(subject.clone());
        }
    }
}

/// ` AND (… OR …)`; nothing where no pattern narrows.
fn push_types(query: &mut QueryBuilder<Sqlite>, before: &'static str, patterns: &[String]) {
    if patterns.is_empty() || patterns.iter().any(|pattern| pattern == "*") {
        return;
    }
    for (index, pattern) in patterns.iter().enumerate() {
        query.push(if index == 0 { before } else { " OR " });
        match pattern.strip_suffix(".*") {
            Some(above) => push_below(query, above),
            None => {
                query.push("e.type = ").push_bind(pattern.clone());
            }
        }
    }
    query.push(")");
}

/// Types that begin with these words: between `words.` and `words/`, as `/` comes right after the dot. An index can be walked so, and nothing of it is a wildcard.
fn push_below(query: &mut QueryBuilder<Sqlite>, above: &str) {
    query.push("(e.type >= ").push_bind(format!("{above}."));
    query.push(" AND e.type < ").push_bind(format!("{above}/")).push(")");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(filter: &Filter) -> String {
        let mut query = QueryBuilder::new("");
        filter.narrow(&mut query);
        query.into_sql().as_str().to_owned()
    }

    #[test]
    fn areas_of_the_platform_are_reserved_in_any_case() {
        for kind in ["wallet.created", "WALLET.created", "webhook.anything", "waypost.x"] {
            assert!(is_reserved(kind), "{kind}");
        }
        for kind in ["order.shipped", "wallets.created", "com.example.wallet", "custom.key"] {
            assert!(!is_reserved(kind), "{kind}");
        }
    }

    #[test]
    fn patterns_are_alternatives_and_a_star_narrows_nothing() {
        let filter = |patterns: &[&str]| Filter {
            patterns: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
            ..Filter::default()
        };
        assert_eq!(sql(&filter(&[])), "");
        assert_eq!(sql(&filter(&["wallet.created", "*"])), "");
        assert_eq!(sql(&filter(&["wallet.created"])), " AND (e.type = ?)");
        assert_eq!(sql(&filter(&["wallet.*", "a.b"])), " AND ((e.type >= ? AND e.type < ?) OR e.type = ?)");
    }

    #[test]
    fn an_event_at_hand_is_taken_as_a_query_would() {
        let filter = Filter {
            patterns: vec!["wallet.*".to_owned(), "a.b".to_owned()],
            subject: Some("s".to_owned()),
            hidden: vec!["auth"],
        };
        assert!(filter.takes("wallet.created", Some("s")) && filter.takes("a.b", Some("s")));
        for (kind, subject) in
            [("wallet.created", None), ("wallets.x", Some("s")), ("a.b.c", Some("s")), ("a.b", Some("t"))]
        {
            assert!(!filter.takes(kind, subject), "{kind}");
        }
        let all = Filter { hidden: vec!["auth"], ..Filter::default() };
        assert!(all.takes("x.y", None) && !all.takes("auth.signed_in", None));
    }

    #[test]
    fn patterns_are_types_and_what_is_below_words() {
        for good in ["*", "wallet", "wallet.*", "wallet.created", "com.example.Order-v2.*", "a_b.c"] {
            assert!(is_pattern(good), "{good}");
        }
        for bad in ["", "*.created", "wallet.", ".a", "wallet.*.x", "a b.c", "wallet*"] {
            assert!(!is_pattern(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_hidden_is_taken_out_whatever_is_asked_for() {
        let filter = Filter { hidden: vec!["auth"], ..Filter::default() };
        assert_eq!(sql(&filter), " AND NOT (e.type >= ? AND e.type < ?)");
        assert!(!filter.shows("auth.signed_in"));
        assert!(filter.shows("authors.new"));
    }
}
