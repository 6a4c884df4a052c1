//! What may be kept, for how long, and whether it may be used (RFC 9111, sections 3 and 4). Times are seconds of the Unix time.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};

use super::control::Control;
use super::{Asked, CACHE_STATUS, whole};
use crate::Body;
use crate::config::{CacheRule, Time};

/// An answer that is kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) times: Times,
}

/// How old an answer is and may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// When it came.
    came: u64,
    /// How old it was then (section 4.2.3).
    age: u64,
    /// How old it may become (section 4.2.1).
    fresh: u64,
    /// How much older while a new one is fetched, and while the service fails (RFC 5861).
    while_revalidate: u64,
    if_error: u64,
    /// It is asked for anew each time.
    no_cache: bool,
}

/// Whether a kept answer may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usable {
    Fresh,
    WhileRevalidating,
    No,
}

impl Times {
    /// Of an answer that may be kept; none of one that may not. `asked` at, `came` at.
    pub(super) fn of(
        rule: &CacheRule,
        request: &Asked,
        status: StatusCode,
        headers: &HeaderMap,
        asked: u64,
        came: u64,
    ) -> Option<Self> {
        let control = Control::of(headers);
        let said = control.s_maxage.or(control.max_age).or_else(|| expires(headers, came));
        let understood =
            matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501);
        let explicit = said.is_some() || control.public;
        let named = headers.contains_key(header::VARY) && vary(headers).is_empty();
        if !understood
            || control.no_store
            || control.private
            || named
            || (headers.contains_key(header::SET_COOKIE) && !control.public)
            || (request.credentials && !rule.per_caller)
            || (request.cookies && !explicit)
        {
            return None;
        }
        let fallback = rule.fresh.map(|fresh| fresh.0.as_secs()).filter(|_| status.is_success());
        let fresh = if control.no_cache { 0 } else { said.or(fallback).unwrap_or(0) };
        let strict = control.must_revalidate || control.no_cache || control.s_maxage.is_some();
        let stale = |said: Option<u64>, rule: Time| if strict { 0 } else { said.unwrap_or(rule.0.as_secs()) };
        let while_revalidate = stale(control.while_revalidate, rule.stale_while_revalidate);
        let if_error = stale(control.if_error, rule.stale_if_error);
        let validators = headers.contains_key(header::ETAG) || headers.contains_key(header::LAST_MODIFIED);
        if fresh == 0 && while_revalidate == 0 && if_error == 0 && !validators {
            return None;
        }
        let apparent = date(headers, &header::DATE).map_or(0, |date| came.saturating_sub(date));
        let told: u64 =
            headers.get(header::AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok()).unwrap_or(0);
        let age = apparent.max(told.saturating_add(came.saturating_sub(asked)));
        Some(Self { came, age, fresh, while_revalidate, if_error, no_cache: control.no_cache })
    }

    pub(super) const fn age(&self, now: u64) -> u64 {
        self.age.saturating_add(now.saturating_sub(self.came))
    }

    fn usable(&self, now: u64, asked: &Control) -> Usable {
        let age = self.age(now);
        if self.no_cache || asked.no_cache || asked.max_age.is_some_and(|most| age > most) {
            return Usable::No;
        }
        let wanted = age.saturating_add(asked.min_fresh.unwrap_or(0));
        if wanted < self.fresh {
            return Usable::Fresh;
        }
        let strict = asked.max_age.is_some() || asked.min_fresh.is_some();
        if !strict && age < self.fresh.saturating_add(self.while_revalidate) {
            return Usable::WhileRevalidating;
        }
        // Only where the answer may be used stale at all.
        let may = self.while_revalidate > 0 || self.if_error > 0;
        match asked.max_stale {
            Some(more) if may && age < self.fresh.saturating_add(more) => Usable::Fresh,
            _ => Usable::No,
        }
    }

    /// Whether it may be used because the service fails.
    pub(super) const fn usable_if_error(&self, now: u64) -> bool {
        !self.no_cache && self.if_error > 0 && self.age(now) < self.fresh.saturating_add(self.if_error)
    }
}

impl Kept {
    /// Bytes that it takes, about.
    pub(super) fn size(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum();
        256 + headers + self.body.len()
    }

    pub(super) fn usable(&self, now: u64, asked: &Control) -> Usable {
        self.times.usable(now, asked)
    }

    /// The answer to a request: with its age, and without a body where the client has it already (section 4.3.2).
    pub(super) fn answer(&self, now: u64, head: &Parts, what: &str) -> Response<Body> {
        let unchanged = self.status == StatusCode::OK && self.is_what_the_client_has(&head.headers);
        let empty = unchanged || head.method == Method::HEAD;
        let mut answer = Response::new(if empty { Body::empty() } else { whole(&self.body) });
        *answer.headers_mut() = self.headers.clone();
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        if unchanged {
            for name in [
                header::CONTENT_LENGTH,
                header::CONTENT_TYPE,
                header::CONTENT_ENCODING,
                header::CONTENT_RANGE,
            ] {
                headers.remove(name);
            }
        } else if head.method == Method::HEAD && self.status != StatusCode::NO_CONTENT {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        let age = self.times.age(now);
        headers.insert(header::AGE, HeaderValue::from(age));
        let left = i128::from(self.times.fresh) - i128::from(age);
        if let Ok(value) = HeaderValue::try_from(format!("waypost; {what}; ttl={left}")) {
            headers.append(CACHE_STATUS, value);
        }
        if unchanged {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
        }
        answer
    }

    fn is_what_the_client_has(&self, asked: &HeaderMap) -> bool {
        if asked.contains_key(header::IF_NONE_MATCH) {
            let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
            let ours = self.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).map(weak);
            let mut theirs = asked
                .get_all(header::IF_NONE_MATCH)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','));
            return theirs
                .any(|tag| tag.trim() == "*" || ours.as_ref().is_some_and(|ours| *ours == weak(tag)));
        }
        match (date(asked, &header::IF_MODIFIED_SINCE), date(&self.headers, &header::LAST_MODIFIED)) {
            (Some(since), Some(modified)) => modified <= since,
            _ => false,
        }
    }

    /// The headers that ask whether this is still what there is.
    pub(super) fn ask_whether_it_holds(&self, headers: &mut HeaderMap) {
        for name in [
            header::IF_NONE_MATCH,
            header::IF_MODIFIED_SINCE,
            header::IF_MATCH,
            header::IF_UNMODIFIED_SINCE,
            header::IF_RANGE,
        ] {
            headers.remove(name);
        }
        for (theirs, ours) in
            [(header::ETAG, header::IF_NONE_MATCH), (header::LAST_MODIFIED, header::IF_MODIFIED_SINCE)]
        {
            if let Some(value) = self.headers.get(theirs) {
                headers.insert(ours, value.clone());
            }
        }
    }

    /// The same after a 304 (section 3.2): its headers replace those that are kept, except of the body's form.
    pub(super) fn freshened(&self, headers: &HeaderMap) -> HeaderMap {
        let mut merged = self.headers.clone();
        let form =
            [header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::CONTENT_TYPE, header::CONTENT_RANGE];
        for name in headers.keys().filter(|name| !form.contains(name)) {
            merged.remove(name);
            for value in headers.get_all(name) {
                merged.append(name, value.clone());
            }
        }
        keepable(merged)
    }
}

/// Headers without those that are of one connection or one answer.
pub(super) fn keepable(mut headers: HeaderMap) -> HeaderMap {
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authentication-info",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "age",
    ] {
        headers.remove(name);
    }
    headers
}

/// The headers that `Vary` names, sorted; none with `*`.
pub(super) fn vary(headers: &HeaderMap) -> Vec<HeaderName> {
    let mut names = Vec::new();
    for value in headers.get_all(header::VARY) {
        for name in value.to_str().unwrap_or("*").split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match HeaderName::try_from(name) {
                Ok(name) if name != "*" => names.push(name),
                _ => return Vec::new(),
            }
        }
    }
    names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    names
}

/// How long after it came an answer is fresh by `Expires`; one that is no date is over already.
fn expires(headers: &HeaderMap, came: u64) -> Option<u64> {
    headers.get(header::EXPIRES)?;
    let from = date(headers, &header::DATE).unwrap_or(came);
    Some(date(headers, &header::EXPIRES).map_or(0, |end| end.saturating_sub(from)))
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    let date = httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()?;
    Some(date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs())
}
