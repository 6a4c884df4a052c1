//! Changes to headers, with what is known of a request filled in. Whatever is filled in, no value ends its line: what a header cannot hold is
//! percent-encoded.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::Exchange;
use crate::config::{self, Fault};
use crate::route::{Pattern, Template};

/// Headers of one hop and of framing (RFC 9110 section 7.6.1), which the gateway alone sets.
pub(crate) fn is_framing(name: &HeaderName) -> bool {
    [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        header::HOST,
        header::EXPECT,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
    ]
    .contains(name)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection" | "http2-settings")
}

/// What can be filled in besides the parameters of a path.
const KNOWN: [&str; 5] = ["request_id", "caller", "tenant", "client_ip", "route"];

/// Changes, compiled.
#[derive(Debug, Clone, Default)]
pub struct HeaderChanges {
    remove: Vec<HeaderName>,
    set: Vec<(HeaderName, Written)>,
    add: Vec<(HeaderName, Written)>,
}

#[derive(Debug, Clone)]
enum Written {
    Always(HeaderValue),
    Filled(Template),
}

impl HeaderChanges {
    /// For a route's `request_headers` or `response_headers`, and the pattern of its match.
    ///
    /// # Errors
    /// A name that is none, or is one of a hop, of framing or of identity; a blank that nothing fills; a value that is none.
    pub fn new(changes: &config::HeaderChanges, pattern: &Pattern) -> Result<Self, Fault> {
        let mut remove = Vec::new();
        for (index, text) in changes.remove.iter().enumerate() {
            remove.push(name(text).map_err(|message| Fault::at(index, message).under("remove"))?);
        }
        let written = |pairs: &std::collections::BTreeMap<String, String>, place: &str| {
            let pairs = pairs.iter().map(|(text, value)| {
                let fault = |message| Fault::at(text.as_str(), message).under(place);
                Ok((name(text).map_err(fault)?, write(value, pattern).map_err(fault)?))
            });
            pairs.collect::<Result<Vec<_>, Fault>>()
        };
        Ok(Self { remove, set: written(&changes.set, "set")?, add: written(&changes.add, "add")? })
    }

    /// Whether nothing is changed.
    pub const fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }

    /// Changes the headers of a request or an answer on the route of this name.
    pub fn apply(&self, exchange: &Exchange, route: &str, headers: &mut HeaderMap) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, written) in &self.set {
            if let Some(value) = written.value(exchange, route) {
                headers.insert(name, value);
            }
        }
        for (name, written) in &self.add {
            if let Some(value) = written.value(exchange, route) {
                headers.append(name, value);
            }
        }
    }
}

fn name(text: &str) -> Result<HeaderName, String> {
    let name: HeaderName = text.parse().map_err(|_| format!("`{text}` is no header's name"))?;
    if is_framing(&name) {
        return Err(format!("`{text}` is set by the gateway itself"));
    }
    if crate::identity::is_ours(name.as_str()) {
        return Err(format!("`{text}` tells services who calls; only the gateway sets it"));
    }
    Ok(name)
}

fn write(text: &str, pattern: &Pattern) -> Result<Written, String> {
    let template = Template::new(text, |name| KNOWN.contains(&name) || pattern.knows(name))?;
    if text.chars().any(char::is_control) {
        return Err(format!("{text:?} cannot be a header's value"));
    }
    match template.constant() {
        Some(text) => {
            let value =
                HeaderValue::from_str(text).map_err(|_| format!("{text:?} cannot be a header's value"))?;
            Ok(Written::Always(value))
        }
        None => Ok(Written::Filled(template)),
    }
}

impl Written {
    fn value(&self, exchange: &Exchange, route: &str) -> Option<HeaderValue> {
        let template = match self {
            Self::Always(value) => return Some(value.clone()),
            Self::Filled(template) => template,
        };
        let caller = exchange.caller.as_deref();
        let address = exchange.client.to_string();
        let fill = |name: &str| -> Option<Cow<'_, str>> {
            match name {
                // A parameter of the path may have one of these names: it is the nearer one.
                _ if exchange.parameter(name).is_some() => exchange.parameter(name).map(Cow::Borrowed),
                "request_id" => Some(Cow::Borrowed(exchange.request_id.as_str())),
                "caller" => caller.map(|caller| Cow::Borrowed(caller.name.as_str())),
                "tenant" => caller.and_then(|caller| caller.tenant.as_deref()).map(Cow::Borrowed),
                "client_ip" => Some(Cow::Owned(address.clone())),
                "route" => Some(Cow::Owned(route.to_owned())),
                _ => None,
            }
        };
        template.fill_value(fill).ok()
    }
}

/// What a header's value cannot hold (RFC 9110 section 5.5), and `%`, so that what is encoded can be told from what was.
const NOT_VALUE: &AsciiSet = &CONTROLS.add(b'%');

/// A text as a header's value: visible as it is where it can be, percent-encoded where not.
pub(crate) fn value(text: &str) -> Option<HeaderValue> {
    if text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return HeaderValue::from_str(text).ok();
    }
    HeaderValue::from_str(&utf8_percent_encode(text, NOT_VALUE).to_string()).ok()
}

impl Template {
    fn fill_value<'a>(&self, fill: impl Fn(&str) -> Option<Cow<'a, str>>) -> Result<HeaderValue, ()> {
        let filled = self.fill_with(|name| fill(name).map(Cow::into_owned));
        value(&filled).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;
    use crate::Caller;

    fn exchange(caller: &str, id: &str) -> Exchange {
        Exchange {
            request_id: "req-1".to_owned(),
            at: Instant::now(),
            client: [192, 0, 2, 1].into(),
            secure: false,
            host: "a.example".to_owned(),
            path: format!("/t/{id}"),
            version: None,
            parameters: vec![(Arc::from("id"), id.to_owned())],
            caller: Some(Arc::new(Caller { name: caller.to_owned(), ..Default::default() })),
            shown: Vec::new(),
        }
    }

    fn changes(set: &str) -> Result<HeaderChanges, Fault> {
        let changes = config::HeaderChanges {
            remove: vec!["X-Old".to_owned()],
            set: [("X-New".to_owned(), set.to_owned())].into(),
            add: [("X-Many".to_owned(), "2".to_owned())].into(),
        };
        HeaderChanges::new(&changes, &Pattern::new(Some("/t/{id}")).unwrap())
    }

    #[test]
    fn headers_are_removed_set_and_added_in_this_order() {
        let mut headers = HeaderMap::new();
        headers.insert("x-old", HeaderValue::from_static("1"));
        headers.insert("x-many", HeaderValue::from_static("1"));
        let changes = changes("{request_id} {caller} {tenant}{client_ip} {route} {id}").unwrap();
        changes.apply(&exchange("usr_1", "7"), "orders", &mut headers);
        assert_eq!(headers.get("x-new").unwrap(), "req-1 usr_1 192.0.2.1 orders 7");
        assert_eq!(headers.get_all("x-many").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert!(!headers.contains_key("x-old"));
    }

    #[test]
    fn names_of_hops_of_framing_and_of_identity_are_refused() {
        for name in [
            "Connection",
            "content-length",
            "Transfer-Encoding",
            "Host",
            "TE",
            "X-Waypost-Caller",
            "x_waypost_tenant",
            "a b",
        ] {
            let changes = config::HeaderChanges {
                set: [(name.to_owned(), "1".to_owned())].into(),
                ..Default::default()
            };
            assert!(HeaderChanges::new(&changes, &Pattern::default()).is_err(), "{name}");
        }
        assert!(changes("{who}").is_err() && changes("a\r\nb").is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_filled_in_stays_one_line(caller in any::<String>(), id in any::<String>()) {
            let mut headers = HeaderMap::new();
            changes("<{caller}|{id}>").unwrap().apply(&exchange(&caller, &id), "r", &mut headers);
            let value = headers.get("x-new").unwrap().as_bytes();
            prop_assert!(value.starts_with(b"<") && value.ends_with(b">"));
            prop_assert!(value.iter().all(|byte| (b' '..=b'~').contains(byte)));
        }
    }
}
