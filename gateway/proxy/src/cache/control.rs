//! `Cache-Control` (RFC 9111, section 5.2), as data. What is not known is passed over; of two values the more careful one holds.

use http::{HeaderMap, header};

/// The directives of a request or an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) no_store: bool,
    pub(super) no_cache: bool,
    pub(super) private: bool,
    pub(super) public: bool,
    pub(super) must_revalidate: bool,
    pub(super) only_if_cached: bool,
    pub(super) max_age: Option<u64>,
    pub(super) s_maxage: Option<u64>,
    pub(super) min_fresh: Option<u64>,
    /// With no value: any.
    pub(super) max_stale: Option<u64>,
    pub(super) while_revalidate: Option<u64>,
    pub(super) if_error: Option<u64>,
}

impl Control {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut control = Self::default();
        let mut any = false;
        for value in headers.get_all(header::CACHE_CONTROL) {
            any = true;
            for directive in value.to_str().unwrap_or("no-store").split(',') {
                control.add(directive.trim());
            }
        }
        if !any
            && headers
                .get(header::PRAGMA)
                .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"no-cache"))
        {
            control.no_cache = true;
        }
        control
    }

    fn add(&mut self, directive: &str) {
        let (name, value) =
            directive.split_once('=').map_or((directive, None), |(name, value)| (name, Some(value)));
        // A number that is none means "not fresh at all" (section 4.2.1); one that is too large is very large.
        let number = || {
            let digits = value.unwrap_or("").trim().trim_matches('"');
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if plain { digits.parse().unwrap_or(u64::from(u32::MAX)) } else { 0 }
        };
        let least = |held: Option<u64>| Some(held.unwrap_or(u64::MAX).min(number()));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" => self.no_store = true,
            // With field names it is about those fields only; the whole answer is treated so.
            "no-cache" => self.no_cache = true,
            "private" => self.private = true,
            "public" => self.public = true,
            "must-revalidate" | "proxy-revalidate" => self.must_revalidate = true,
            "only-if-cached" => self.only_if_cached = true,
            "max-age" => self.max_age = least(self.max_age),
            "s-maxage" => self.s_maxage = least(self.s_maxage),
            "min-fresh" => self.min_fresh = Some(number()),
            "max-stale" => self.max_stale = Some(value.map_or(u64::MAX, |_| number())),
            "stale-while-revalidate" => self.while_revalidate = least(self.while_revalidate),
            "stale-if-error" => self.if_error = least(self.if_error),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn directives_are_read_in_any_case_and_the_careful_one_holds() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::CACHE_CONTROL,
            HeaderValue::from_static("Public, MAX-AGE=60 , max-age=\"30\", odd=1"),
        );
        headers.append(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-cache=\"set-cookie\", s-maxage=x, max-stale"),
        );
        let control = Control::of(&headers);
        assert!(control.public && control.no_cache && !control.no_store);
        assert_eq!(
            (control.max_age, control.s_maxage, control.max_stale),
            (Some(30), Some(0), Some(u64::MAX))
        );
        headers.clear();
        headers.insert(header::PRAGMA, HeaderValue::from_static("No-Cache"));
        assert!(Control::of(&headers).no_cache);
    }
}
