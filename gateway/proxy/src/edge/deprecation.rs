//! What clients are told of the end of a version or route: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link`.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;

use crate::config::{self, Fault};

/// The headers, made once.
#[derive(Debug, Clone)]
pub struct Deprecation(Vec<(HeaderName, HeaderValue)>);

impl Deprecation {
    /// For a `deprecated`.
    ///
    /// # Errors
    /// A time that is none, a sunset before the deprecation, a link that is none.
    pub fn new(deprecation: &config::Deprecation) -> Result<Self, Fault> {
        let mut headers = Vec::new();
        let since = time("since", &deprecation.since)?;
        headers.push((
            HeaderName::from_static("deprecation"),
            value("since", &format!("@{}", since.as_second()))?,
        ));
        let sunset = deprecation.sunset.as_deref().map(|text| time("sunset", text)).transpose()?;
        if let Some(sunset) = sunset {
            if sunset < since {
                return Err(Fault::at("sunset", "this is before `since` (RFC 9745 section 4)"));
            }
            let date = std::time::UNIX_EPOCH
                .checked_add(std::time::Duration::from_secs(
                    u64::try_from(sunset.as_second()).unwrap_or_default(),
                ))
                .map(httpdate::fmt_http_date)
                .unwrap_or_default();
            headers.push((HeaderName::from_static("sunset"), value("sunset", &date)?));
        }
        if let Some(link) = &deprecation.link {
            let absolute =
                link.starts_with("https://") || link.starts_with("http://") || link.starts_with('/');
            if !absolute || !link.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"')) {
                return Err(Fault::at("link", format!("`{link}` is no URL; write `https://…` or a path")));
            }
            headers.push((
                header::LINK,
                value("link", &format!("<{link}>; rel=\"deprecation\"; type=\"text/html\""))?,
            ));
            if sunset.is_some() {
                headers.push((
                    header::LINK,
                    value("link", &format!("<{link}>; rel=\"sunset\"; type=\"text/html\""))?,
                ));
            }
        }
        Ok(Self(headers))
    }

    /// Tells it, where the service does not itself.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            if *name == header::LINK {
                headers.append(name, value.clone());
            } else {
                headers.entry(name).or_insert_with(|| value.clone());
            }
        }
    }
}

fn time(place: &str, text: &str) -> Result<Timestamp, Fault> {
    let date = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| date().map(|date| date.timestamp()))
        .filter(|time| time.as_second() >= 0)
        .ok_or_else(|| {
            Fault::at(
                place,
                format!("`{text}` is no time; write 2026-01-31 or 2026-01-31T00:00:00Z (RFC 3339)"),
            )
        })
}

fn value(place: &str, text: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_str(text).map_err(|_| Fault::at(place, "this cannot be a header's value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_as_the_standards_say() {
        let deprecation = config::Deprecation {
            since: "2026-01-01T00:00:00Z".to_owned(),
            sunset: Some("2026-12-31".to_owned()),
            link: Some("https://docs.example/v1".to_owned()),
        };
        let mut headers = HeaderMap::new();
        Deprecation::new(&deprecation).unwrap().apply(&mut headers);
        assert_eq!(headers.get("deprecation").unwrap(), "@1767225600");
        assert_eq!(headers.get("sunset").unwrap(), "Thu, 31 Dec 2026 00:00:00 GMT");
        assert_eq!(headers.get_all("link").iter().count(), 2);
    }

    #[test]
    fn what_is_no_end_is_refused() {
        let of = |since: &str, sunset: &str, link: &str| config::Deprecation {
            since: since.to_owned(),
            sunset: Some(sunset.to_owned()),
            link: Some(link.to_owned()),
        };
        for (bad, place) in [
            (of("yesterday", "2026-12-31", "/x"), "since"),
            (of("2026-12-31", "2026-01-01", "/x"), "sunset"),
            (of("2026-01-01", "2026-12-31", "/x>; rel=\"next\""), "link"),
        ] {
            assert_eq!(Deprecation::new(&bad).unwrap_err().place, [place.into()]);
        }
    }
}
