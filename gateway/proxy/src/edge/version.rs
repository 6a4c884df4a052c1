//! Which version of an API a request means: by its path, by a header, by the vendor type of `Accept`. Each may say it; they may not disagree.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::vary;
use crate::Refusal;
use crate::config::{self, Fault};

/// The versions, compiled.
#[derive(Debug, Clone)]
pub struct Versions {
    known: Vec<(Arc<str>, HeaderValue)>,
    default: Option<Arc<str>>,
    in_path: bool,
    header: Option<HeaderName>,
    answer: HeaderName,
    vendor: Option<Box<str>>,
}

/// What a request means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated<'a> {
    /// The version; none where the request names none and none is the default.
    pub version: Option<Arc<str>>,
    /// The path as routes see it: without the version.
    pub path: Cow<'a, str>,
}

impl Versions {
    /// For a configuration's `versions`.
    ///
    /// # Errors
    /// A default that is not known, a name that can be no path segment or header value, a header's name that is none.
    pub fn new(versions: &config::Versions) -> Result<Self, Fault> {
        let mut known: Vec<(Arc<str>, HeaderValue)> = Vec::new();
        for name in versions.known.keys() {
            let plain = !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
            let value = HeaderValue::from_str(name).ok().filter(|_| plain && !name.chars().all(|c| c == '.'));
            let Some(value) = value else {
                let message =
                    format!("`{name}` can be no version's name; write letters, digits, `.`, `-` and `_`");
                return Err(Fault::at(name.as_str(), message).under("known"));
            };
            known.push((Arc::from(name.as_str()), value));
        }
        let default = match &versions.default {
            None => None,
            Some(default) => match known.iter().find(|(name, _)| **name == **default) {
                Some((name, _)) => Some(name.clone()),
                None => {
                    let message = config::no_such(default, versions.known.keys().map(String::as_str));
                    return Err(Fault::at("default", message));
                }
            },
        };
        let header = versions.header.as_deref().map(|name| {
            name.parse::<HeaderName>()
                .map_err(|_| Fault::at("header", format!("`{name}` is no header's name")))
        });
        let header = header.transpose()?;
        let vendor = match versions.vendor.as_deref() {
            Some(vendor)
                if vendor.is_empty()
                    || !vendor.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')) =>
            {
                return Err(Fault::at(
                    "vendor",
                    format!("`{vendor}` is no vendor; write letters, digits, `.` and `-`"),
                ));
            }
            vendor => vendor.map(|vendor| vendor.to_ascii_lowercase().into()),
        };
        let answer = header.clone().unwrap_or(HeaderName::from_static("x-api-version"));
        Ok(Self { known, default, in_path: versions.in_path, header, answer, vendor })
    }

    fn find(&self, name: &str) -> Option<&Arc<str>> {
        self.known.iter().map(|(known, _)| known).find(|known| known.eq_ignore_ascii_case(name))
    }

    fn refuse(&self, status: StatusCode, code: &'static str, what: String) -> Refusal {
        let known: Vec<_> = self.known.iter().map(|(name, _)| name.to_string()).collect();
        let detail = format!("{what} Known versions: {}.", known.join(", "));
        Refusal::new(status, code, detail).member("versions", known)
    }

    /// What a request means.
    ///
    /// # Errors
    /// 400 for a version that is not known, 406 where `Accept` takes no other, 400 where two places disagree. Each names the known versions.
    pub fn negotiate<'a>(&self, path: &'a str, headers: &HeaderMap) -> Result<Negotiated<'a>, Refusal> {
        if self.known.is_empty() {
            return Ok(Negotiated { version: None, path: Cow::Borrowed(path) });
        }
        let mut asked: Option<&Arc<str>> = None;
        let mut path = Cow::Borrowed(path);
        if self.in_path {
            let text: &'a str = match path {
                Cow::Borrowed(text) => text,
                Cow::Owned(_) => "",
            };
            let rest = text.strip_prefix('/').unwrap_or(text);
            let (first, _) = rest.split_once('/').unwrap_or((rest, ""));
            if let Some(version) = self.find(first) {
                asked = Some(version);
                let after = rest.get(first.len()..).unwrap_or_default();
                path = Cow::Borrowed(if after.is_empty() { "/" } else { after });
            } else if looks_like_one(first) {
                let what = format!("There is no version `{first}`.");
                return Err(self.refuse(StatusCode::BAD_REQUEST, "unknown_version", what));
            }
        }
        if let Some(header) = &self.header
            && let Some(value) = headers.get(header)
        {
            let text = value.to_str().unwrap_or_default().trim();
            let Some(version) = self.find(text) else {
                let what = format!("`{header}` names a version that is not known.");
                return Err(self.refuse(StatusCode::BAD_REQUEST, "unknown_version", what));
            };
            asked = Some(self.agree(asked, version)?);
        }
        if let Some(version) = self.accepted(headers)? {
            asked = Some(self.agree(asked, version)?);
        }
        Ok(Negotiated { version: asked.or(self.default.as_ref()).cloned(), path })
    }

    /// The versions that there are.
    pub fn known(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|(name, _)| &**name)
    }

    /// The path without its first segment, where that names a version that is not known.
    pub fn beyond_unknown<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix('/').unwrap_or(path);
        let (first, _) = rest.split_once('/').unwrap_or((rest, ""));
        (self.in_path && self.find(first).is_none() && looks_like_one(first))
            .then(|| rest.get(first.len()..).filter(|after| !after.is_empty()).unwrap_or("/"))
    }

    fn agree<'a>(&self, one: Option<&'a Arc<str>>, other: &'a Arc<str>) -> Result<&'a Arc<str>, Refusal> {
        match one {
            Some(one) if one != other => {
                let what = format!("The request names `{one}` and `{other}`.");
                Err(self.refuse(StatusCode::BAD_REQUEST, "version_conflict", what))
            }
            _ => Ok(other),
        }
    }

    /// The version of the vendor type that `Accept` takes best. Types that are not the vendor's leave it open.
    fn accepted(&self, headers: &HeaderMap) -> Result<Option<&Arc<str>>, Refusal> {
        let Some(vendor) = self.vendor.as_deref() else { return Ok(None) };
        let mut best: Option<(&Arc<str>, u16)> = None;
        let (mut unknown, mut open) = (None, false);
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        for range in values.flat_map(|value| value.split(',')) {
            let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
            let weight = weight(parameters);
            let kind = kind.trim().to_ascii_lowercase();
            let name = kind.strip_prefix("application/vnd.").and_then(|rest| rest.strip_prefix(vendor));
            let Some(name) = name.and_then(|rest| rest.strip_prefix('.')) else {
                open |= weight > 0 && !kind.is_empty();
                continue;
            };
            let name = name.split_once('+').map_or(name, |(name, _)| name);
            match self.find(name) {
                Some(version) if weight > 0 && best.is_none_or(|(_, known)| weight > known) => {
                    best = Some((version, weight));
                }
                Some(_) => {}
                None => unknown = Some(name.to_owned()),
            }
        }
        match (best, unknown) {
            (Some((version, _)), _) => Ok(Some(version)),
            (None, Some(name)) if !open => {
                let what = format!("`Accept` takes only version `{}`, which is not known.", plain(&name));
                Err(self.refuse(StatusCode::NOT_ACCEPTABLE, "unknown_version", what))
            }
            _ => Ok(None),
        }
    }

    /// The refusal of a request that names no version, to a route that has some.
    pub fn missing(&self) -> Refusal {
        let mut ways = Vec::new();
        if self.in_path {
            ways.push("as the path's first segment".to_owned());
        }
        if let Some(header) = &self.header {
            ways.push(format!("in `{header}`"));
        }
        if let Some(vendor) = &self.vendor {
            ways.push(format!("as `Accept: application/vnd.{vendor}.<version>+json`"));
        }
        let what = format!("The request names no version; name it {}.", ways.join(", or "));
        self.refuse(StatusCode::BAD_REQUEST, "version_required", what)
    }

    /// Tells a client the version that it got, and caches what that depended on.
    pub fn answer(&self, version: Option<&Arc<str>>, headers: &mut HeaderMap) {
        if self.known.is_empty() {
            return;
        }
        if self.header.is_some() {
            // The name is the configuration's, so this one is put together by hand.
            if let Ok(name) = HeaderValue::from_str(self.answer.as_str()) {
                headers.append(header::VARY, name);
            }
        }
        if self.vendor.is_some() {
            vary(headers, "Accept");
        }
        let value = version.and_then(|version| self.known.iter().find(|(known, _)| known == version));
        if let Some((_, value)) = value {
            headers.insert(self.answer.clone(), value.clone());
        }
    }
}

/// `v9`: what a client that means a version writes.
fn looks_like_one(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|number| {
        !number.is_empty() && number.len() < 4 && number.chars().all(|c| c.is_ascii_digit())
    })
}

/// A name that came from a client, as far as it can be repeated.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')).take(40).collect()
}

/// The weight of an item (RFC 9110 section 12.4.2) in thousandths; 1000 where none is said, 0 where it is none.
pub(super) fn weight(parameters: &str) -> u16 {
    let said = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then_some(value.trim())
    });
    let Some(said) = said else { return 1000 };
    match said.parse::<f32>() {
        // Within 0 and 1000, so that nothing is cut.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(weight) if (0.0..=1.0).contains(&weight) => (weight * 1000.0).round() as u16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions() -> Versions {
        let mut versions = config::Versions {
            default: Some("v2".to_owned()),
            in_path: true,
            header: Some("X-API-Version".to_owned()),
            vendor: Some("waypost".to_owned()),
            ..Default::default()
        };
        versions.known.insert("v1".to_owned(), config::Version::default());
        versions.known.insert("v2".to_owned(), config::Version::default());
        Versions::new(&versions).unwrap()
    }

    fn ask(path: &str, headers: &[(&'static str, &str)]) -> Result<(String, String), (u16, &'static str)> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        let versions = versions();
        let found = versions.negotiate(path, &headers);
        found
            .map(|found| {
                (
                    found.version.map(|version| version.to_string()).unwrap_or_default(),
                    found.path.into_owned(),
                )
            })
            .map_err(|refusal| (refusal.status().as_u16(), refusal.code()))
    }

    fn got(version: &str, path: &str) -> Result<(String, String), (u16, &'static str)> {
        Ok((version.to_owned(), path.to_owned()))
    }

    #[test]
    fn a_version_is_named_by_path_header_or_type() {
        assert_eq!(ask("/orders", &[]), got("v2", "/orders"));
        assert_eq!(ask("/v1/orders/7", &[]), got("v1", "/orders/7"));
        assert_eq!(ask("/v1", &[]), got("v1", "/"));
        assert_eq!(ask("/v1x", &[]), got("v2", "/v1x"));
        assert_eq!(ask("/orders", &[("x-api-version", "V1")]), got("v1", "/orders"));
        assert_eq!(ask("/orders", &[("accept", "application/vnd.waypost.v1+json")]), got("v1", "/orders"));
        assert_eq!(
            ask(
                "/o",
                &[("accept", "application/vnd.waypost.v1+json;q=0.2, application/vnd.waypost.v2+json")]
            ),
            got("v2", "/o")
        );
        assert_eq!(ask("/o", &[("accept", "application/vnd.waypost.v9+json, */*;q=0.1")]), got("v2", "/o"));
        assert_eq!(ask("/v1/o", &[("x-api-version", "v1")]), got("v1", "/o"));
    }

    #[test]
    fn an_unknown_version_and_two_that_disagree_are_refused() {
        assert_eq!(ask("/v9/orders", &[]), Err((400, "unknown_version")));
        assert_eq!(ask("/o", &[("x-api-version", "v9")]), Err((400, "unknown_version")));
        assert_eq!(
            ask("/o", &[("accept", "application/vnd.waypost.v9+json")]),
            Err((406, "unknown_version"))
        );
        assert_eq!(ask("/v1/o", &[("x-api-version", "v2")]), Err((400, "version_conflict")));
    }

    #[test]
    fn the_answer_names_the_version_and_what_it_depended_on() {
        let (versions, mut headers) = (versions(), HeaderMap::new());
        versions.answer(Some(&Arc::from("v1")), &mut headers);
        assert_eq!(headers.get("x-api-version").unwrap(), "v1");
        let vary: Vec<_> = headers.get_all("vary").iter().collect();
        assert_eq!(vary, ["x-api-version", "Accept"]);
    }
}
