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
pub(super) fn hidden(identity: &Identity) -> Vec<&'static str> {
    let guarded = GUARDED.iter().filter(|(permission, _)| !identity.may(permission));
    guarded.flat_map(|(_, areas)| areas.iter().copied()).collect()
}

/// Which events are wanted, of those that the reader may see.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    /// Any of these; all if there is none.
    pub(super) patterns: Vec<String>,
    pub(super) subject: Option<String>,
    pub(super) hidden: Vec<&'static str>,
}

impl Filter {
    /// Whether the reader sees events of this type.
    pub(super) fn shows(&self, kind: &str) -> bool {
        !self.hidden.contains(&area(kind))
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
    fn what_is_hidden_is_taken_out_whatever_is_asked_for() {
        let filter = Filter { hidden: vec!["auth"], ..Filter::default() };
        assert_eq!(sql(&filter), " AND NOT (e.type >= ? AND e.type < ?)");
        assert!(!filter.shows("auth.signed_in"));
        assert!(filter.shows("authors.new"));
    }
}
