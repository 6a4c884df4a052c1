//! What services are told of a caller: `X-Waypost-Caller`, `-Tenant`, `-Permissions` and `-Tier`. Whatever a client sends under such a name is taken away
//! first, `_` for `-` included: many a service's framework reads both alike. So is what would be read as something else that only a proxy says.

use std::cell::RefCell;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::edge::headers::value;
use crate::{Caller, Exchange};

const CALLER: HeaderName = HeaderName::from_static("x-waypost-caller");
const TENANT: HeaderName = HeaderName::from_static("x-waypost-tenant");
const PERMISSIONS: HeaderName = HeaderName::from_static("x-waypost-permissions");
const TIER: HeaderName = HeaderName::from_static("x-waypost-tier");

/// The cookies by which people are signed in to the platform. Browsers send them to every path of its host; they are for the platform alone.
const COOKIES: [&str; 4] =
    ["__Host-waypost_session", "__Host-waypost_browser", "waypost_session", "waypost_browser"];

/// Whether only the gateway says this.
pub(crate) fn is_ours(name: &str) -> bool {
    const OURS: &[u8] = b"x-waypost-";
    name.as_bytes().get(..OURS.len()).is_some_and(|beginning| {
        beginning
            .iter()
            .zip(OURS)
            .all(|(byte, ours)| byte.eq_ignore_ascii_case(ours) || *ours == b'-' && *byte == b'_')
    })
}

/// Whether only a gateway says this: who calls, and where a request came from.
pub(crate) fn is_told(name: &str) -> bool {
    const PLACES: [&str; 7] = [
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-real-ip",
        "x-request-id",
    ];
    is_ours(name) || PLACES.iter().any(|place| *place == name || otherwise_spelled(name, place))
}

/// Whether a service that reads `_` as `-` would take one name for the other.
fn otherwise_spelled(name: &str, wanted: &str) -> bool {
    name.len() == wanted.len()
        && name.contains('_')
        && name
            .bytes()
            .zip(wanted.bytes())
            .all(|(byte, wanted)| byte == wanted || byte == b'_' && wanted == b'-')
}

/// Whether a client sends under this name what only a gateway says. Those names that the gateway sets in any case are not among them.
fn is_forged(name: &str) -> bool {
    is_ours(name) || name.contains('_') && is_told(name)
}

/// Takes away what only the gateway says. For every request, before anything reads its headers.
pub fn strip(headers: &mut HeaderMap) {
    if headers.keys().any(|name| is_forged(name.as_str())) {
        let forged: Vec<_> = headers.keys().filter(|name| is_forged(name.as_str())).cloned().collect();
        for name in forged {
            headers.remove(name);
        }
    }
}

/// Tells a service who calls, and not what they showed to prove it.
pub fn forward(exchange: &Exchange, headers: &mut HeaderMap) {
    for name in &exchange.shown {
        headers.remove(name);
    }
    keep_cookies(headers);
    let Some(caller) = &exchange.caller else { return };
    let mut tell = |values: &Values| {
        for (name, value) in [CALLER, TENANT, TIER, PERMISSIONS].into_iter().zip(values) {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
    };
    // Where it is kept says which caller it is: nobody changes one that others hold, and it stays where it is for as long as it is held here.
    let place = Arc::as_ptr(caller).addr() / size_of::<Caller>() % KEPT;
    TOLD.with_borrow_mut(|told| {
        told.resize(KEPT, None);
        let Some(kept) = told.get_mut(place) else { return };
        match kept {
            Some((known, values)) if Arc::ptr_eq(known, caller) => tell(values),
            _ => tell(&kept.insert((Arc::clone(caller), values(caller))).1),
        }
    });
}

/// What is told of a caller, by name of header.
type Values = [Option<HeaderValue>; 4];
type Kept = Option<(Arc<Caller>, Values)>;

/// Callers of which a thread keeps the values.
const KEPT: usize = 64;

thread_local! {
    static TOLD: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

fn values(caller: &Caller) -> Values {
    let shown = |text: &str| value(text).filter(|_| !text.is_empty());
    [
        shown(&caller.name),
        shown(caller.tenant.as_deref().unwrap_or_default()),
        shown(caller.tier.as_deref().unwrap_or_default()),
        shown(&caller.permissions.join(" ")),
    ]
}

/// Takes the platform's own cookies out of what a service sees, and leaves the others.
fn keep_cookies(headers: &mut HeaderMap) {
    if !headers.contains_key(header::COOKIE) {
        return;
    }
    // Bytes, as another site's cookie in the same line need not be text.
    let is_ours = |pair: &[u8]| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        COOKIES.iter().any(|ours| ours.as_bytes() == name)
    };
    let pairs = |line: &HeaderValue| -> Vec<Vec<u8>> {
        line.as_bytes().split(|byte| *byte == b';').map(|pair| pair.trim_ascii().to_vec()).collect()
    };
    let lines: Vec<_> = headers.get_all(header::COOKIE).into_iter().map(pairs).collect();
    if !lines.iter().flatten().any(|pair| is_ours(pair)) {
        return;
    }
    headers.remove(header::COOKIE);
    for mut line in lines {
        line.retain(|pair| !is_ours(pair));
        if let (false, Ok(left)) = (line.is_empty(), HeaderValue::from_bytes(&line.join(b"; ".as_slice()))) {
            headers.append(header::COOKIE, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_service_never_sees_the_cookies_of_the_platform() {
        let mut headers = HeaderMap::new();
        for line in ["a=1; __Host-waypost_session=secret; b=2", "waypost_session=secret", "waypost_target=7"]
        {
            headers.append(header::COOKIE, HeaderValue::from_static(line));
        }
        let mixed = HeaderValue::from_bytes(b"c=\xff; waypost_browser=secret").unwrap();
        headers.append(header::COOKIE, mixed);
        keep_cookies(&mut headers);
        let left: Vec<_> = headers.get_all(header::COOKIE).into_iter().collect();
        assert_eq!(left, [&b"a=1; b=2"[..], b"waypost_target=7", b"c=\xff"]);
    }

    #[test]
    fn a_client_cannot_say_who_it_is() {
        let mut headers = HeaderMap::new();
        for name in
            ["X-Waypost-Caller", "x_waypost_tenant", "X-WAYPOST_Permissions", "X-Waypost-Anything", "X-Way"]
        {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static("forged"));
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static("twice"));
        }
        strip(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["x-way"]);
    }

    proptest! {
        #[test]
        fn whatever_a_caller_is_called_it_is_one_line(name in any::<String>(), tenant in any::<String>()) {
            let caller = Caller { name, tenant: Some(tenant), permissions: vec!["a:*".into(), "b".into()], ..Default::default() };
            let exchange = Exchange {
                request_id: String::new(), at: Instant::now(), client: [127, 0, 0, 1].into(), secure: false,
                host: String::new(), path: String::new(), version: None, parameters: Vec::new(),
                caller: Some(Arc::new(caller)),
                shown: Vec::new(),
            };
            let mut headers = HeaderMap::new();
            forward(&exchange, &mut headers);
            prop_assert_eq!(headers.get(PERMISSIONS).unwrap(), "a:* b");
            for value in headers.values() {
                prop_assert!(value.as_bytes().iter().all(|byte| (b' '..=b'~').contains(byte)));
            }
        }
    }
}
