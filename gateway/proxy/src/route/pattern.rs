//! Patterns of paths and hosts: what they may look like, how exact they are, and whether one covers another.

use std::sync::{Arc, LazyLock};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What a path segment may hold unencoded (`pchar`, RFC 3986 section 3.3), seen from its opposite.
const NOT_PCHAR: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The name under which the rest of a path is kept.
pub const REST: &str = "*";

/// A path's pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pattern {
    segments: Vec<Segment>,
    end: End,
}

/// One segment of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(Box<str>),
    Parameter(Arc<str>),
}

/// How a pattern ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum End {
    /// There is no pattern: any path, and what is none (`*` of `OPTIONS *`).
    #[default]
    Any,
    /// There it ends.
    Here,
    /// Whatever follows.
    Rest,
}

impl Pattern {
    /// Reads `/health`, `/wallets/{id}`, `/api/orders/*`; any path without text.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to write.
    pub fn new(text: Option<&str>) -> Result<Self, String> {
        let Some(text) = text else { return Ok(Self::default()) };
        let Some(path) = text.strip_prefix('/') else {
            return Err(format!("`{text}` does not begin with `/`; write `/{text}`"));
        };
        if let Some(bad) = text.chars().find(|c| matches!(c, '?' | '#' | '\\') || c.is_control()) {
            return Err(format!(
                "`{text}` has {bad:?}, which no path has; conditions on the query are written as `query`"
            ));
        }
        let mut pattern = Self { segments: Vec::new(), end: End::Here };
        let mut segments = (!path.is_empty()).then(|| path.split('/')).into_iter().flatten().peekable();
        while let Some(segment) = segments.next() {
            let last = segments.peek().is_none();
            if segment == REST {
                if !last {
                    return Err(format!(
                        "`{text}` goes on after `*`, which stands for all that follows; write `{{name}}` for one segment"
                    ));
                }
                pattern.end = End::Rest;
            } else if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                pattern.push_parameter(text, name)?;
            } else if segment.contains(['{', '}', '*']) {
                return Err(format!(
                    "`{segment}` in `{text}`: a `{{name}}` and a `*` stand for whole segments only"
                ));
            } else if segment.is_empty() && !last {
                return Err(format!("`{text}` has an empty segment, which no request has"));
            } else {
                pattern.push_literal(text, segment)?;
            }
        }
        Ok(pattern)
    }

    fn push_parameter(&mut self, text: &str, name: &str) -> Result<(), String> {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("`{{{name}}}` in `{text}`: a parameter's name is letters, digits and `_`"));
        }
        if self.parameters().any(|known| &**known == name) {
            return Err(format!("`{{{name}}}` is twice in `{text}`"));
        }
        self.segments.push(Segment::Parameter(Arc::from(name)));
        Ok(())
    }

    fn push_literal(&mut self, text: &str, segment: &str) -> Result<(), String> {
        let canonical = canonical(segment);
        if matches!(canonical.as_str(), "." | "..") {
            return Err(format!("`{text}` has a `{segment}` segment, which no request has"));
        }
        self.segments.push(Segment::Literal(canonical.into_boxed_str()));
        Ok(())
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub(super) const fn end(&self) -> End {
        self.end
    }

    /// The names of its parameters, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &Arc<str>> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Parameter(name) => Some(name),
            Segment::Literal(_) => None,
        })
    }

    /// Whether it stands for something by this name; `*` is the rest.
    pub fn knows(&self, name: &str) -> bool {
        if name == REST { self.end == End::Rest } else { self.parameters().any(|known| &**known == name) }
    }

    /// The segments before the first that is not always the same, as a path.
    pub(super) fn fixed(&self) -> String {
        let fixed = self.segments.iter().map_while(|segment| match segment {
            Segment::Literal(text) => Some(text),
            Segment::Parameter(_) => None,
        });
        fixed.fold(String::new(), |path, text| path + "/" + text)
    }

    /// How exact it is: greater is more exact, for any two that match one path.
    pub(super) fn exactness(&self) -> Vec<u8> {
        let segments = self.segments.iter().map(|segment| match segment {
            Segment::Literal(_) => 3,
            Segment::Parameter(_) => 2,
        });
        let end = match self.end {
            End::Here => 3,
            End::Rest => 1,
            End::Any => 0,
        };
        segments.chain([end]).collect()
    }

    /// Whether it matches a path. The table asks its tree instead; this is for explanations.
    pub(super) fn matches(&self, path: &str) -> bool {
        if self.end == End::Any {
            return true;
        }
        let Some(path) = path.strip_prefix('/') else { return false };
        let mut rest = (!path.is_empty()).then_some(path);
        for segment in &self.segments {
            let Some(here) = rest else { return false };
            let (text, next) = here.split_once('/').map_or((here, None), |(text, next)| (text, Some(next)));
            let fits = match segment {
                Segment::Literal(literal) => **literal == *text,
                Segment::Parameter(_) => !text.is_empty(),
            };
            if !fits {
                return false;
            }
            rest = next;
        }
        self.end == End::Rest || rest.is_none()
    }

    /// What its parameters stand for in a path that it matches.
    pub(super) fn parameters_of(&self, path: &str) -> Vec<(Arc<str>, String)> {
        let mut found = Vec::new();
        let mut rest = path.strip_prefix('/').unwrap_or(path);
        for segment in &self.segments {
            let (text, next) = first_segment(rest);
            let next = next.unwrap_or_default();
            if let Segment::Parameter(name) = segment {
                found.push((name.clone(), text.to_owned()));
            }
            rest = next;
        }
        if self.end == End::Rest {
            static NAME: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(REST));
            found.push((Arc::clone(&NAME), rest.to_owned()));
        }
        found
    }

    /// Whether it matches every path that the other does.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self.end, other.end) {
            (End::Any, _) => return true,
            (_, End::Any) | (End::Here, End::Rest) => return false,
            _ => {}
        }
        let long_enough = match self.end {
            End::Here => self.segments.len() == other.segments.len(),
            _ => self.segments.len() <= other.segments.len(),
        };
        long_enough
            && self.segments.iter().zip(&other.segments).all(|pair| match pair {
                (Segment::Literal(own), Segment::Literal(theirs)) => own == theirs,
                (Segment::Parameter(_), Segment::Literal(theirs)) => !theirs.is_empty(),
                (Segment::Parameter(_), Segment::Parameter(_)) => true,
                (Segment::Literal(_), Segment::Parameter(_)) => false,
            })
    }
}

/// A path up to its first slash, and what follows that.
pub(super) fn first_segment(path: &str) -> (&str, Option<&str>) {
    // Segments are short: a search made for long texts takes longer.
    match path.bytes().position(|byte| byte == b'/') {
        Some(at) => (path.get(..at).unwrap_or_default(), path.get(at + 1..)),
        None => (path, None),
    }
}

/// A segment as requests carry it after they are normalised: what needs no encoding is not encoded, the rest is, with capital digits.
fn canonical(segment: &str) -> String {
    let mut bytes = segment.bytes();
    let mut text = String::with_capacity(segment.len());
    let mut pending: Vec<u8> = Vec::new();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let code = (byte == b'%').then(|| Some(hex(ahead.next()?)? << 4 | hex(ahead.next()?)?)).flatten();
        match code {
            Some(code) => {
                bytes = ahead;
                if code.is_ascii_alphanumeric() || matches!(code, b'-' | b'.' | b'_' | b'~') {
                    pending.push(code);
                } else {
                    pending.extend(format!("%{code:02X}").bytes());
                }
            }
            None if byte == b'%' => pending.extend(b"%25"),
            None => pending.push(byte),
        }
    }
    text.extend(utf8_percent_encode(&String::from_utf8_lossy(&pending), NOT_PCHAR));
    text
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// A host's pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HostPattern {
    /// Any.
    Any,
    /// `*.example.com`: one label or more in front of what is kept here.
    Under(Box<str>),
    /// Itself.
    Exactly(Box<str>),
}

impl HostPattern {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let lower = text.trim_end_matches('.').to_ascii_lowercase();
        let (wild, name) = match lower.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, lower.as_str()),
        };
        let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address = address.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
        let named = name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        });
        if name.len() > 253 || !(named || address && !wild) {
            return Err(format!(
                "`{text}` is no host; write `api.example.com` or `*.example.com`, without scheme and port"
            ));
        }
        Ok(if wild { Self::Under(name.into()) } else { Self::Exactly(name.into()) })
    }

    pub(super) fn matches(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(name) => **name == *host,
            Self::Under(name) => host
                .strip_suffix(&**name)
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|rest| !rest.is_empty()),
        }
    }

    /// How exact it is, for any two that match one host.
    pub(super) fn exactness(&self) -> usize {
        match self {
            Self::Any => 0,
            Self::Under(name) => name.len(),
            Self::Exactly(_) => usize::MAX,
        }
    }

    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (_, Self::Any) | (Self::Exactly(_), Self::Under(_)) => false,
            (Self::Exactly(own), Self::Exactly(theirs)) => own == theirs,
            (Self::Under(_), Self::Exactly(theirs)) => self.matches(theirs),
            (Self::Under(own), Self::Under(theirs)) => own == theirs || self.matches(theirs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(Some(text)).unwrap()
    }

    #[test]
    fn patterns_match_whole_segments() {
        for (text, yes, no) in [
            ("/health", vec!["/health"], vec!["/", "/health/", "/health/x", "/healthy"]),
            ("/", vec!["/"], vec!["/x"]),
            (
                "/wallets/{id}",
                vec!["/wallets/1", "/wallets/%2F"],
                vec!["/wallets", "/wallets/", "/wallets/1/2"],
            ),
            ("/api/*", vec!["/api", "/api/", "/api/a/b"], vec!["/apis", "/"]),
            ("/*", vec!["/", "/a", "/a/b"], vec!["*"]),
            ("/a b/ü/%7e%2f", vec!["/a%20b/%C3%BC/~%2F"], vec!["/a b/ü/~/"]),
        ] {
            for path in yes {
                assert!(pattern(text).matches(path), "{text} {path}");
            }
            for path in no {
                assert!(!pattern(text).matches(path), "{text} {path}");
            }
        }
        assert!(Pattern::new(None).unwrap().matches("*"));
    }

    #[test]
    fn parameters_are_what_stands_in_the_path() {
        let found = pattern("/t/{tenant}/{id}/*").parameters_of("/t/a%20b/7/x/y");
        let found: Vec<_> = found.iter().map(|(name, value)| (&**name, value.as_str())).collect();
        assert_eq!(found, [("tenant", "a%20b"), ("id", "7"), ("*", "x/y")]);
        assert_eq!(pattern("/a/*").parameters_of("/a"), [(Arc::from("*"), String::new())]);
    }

    #[test]
    fn a_bad_pattern_says_what_to_write() {
        for text in [
            "health", "/a//b", "/a/*/b", "/a{b}", "/{a}/{a}", "/{}", "/{a-b}", "/a?b=c", "/a/../b", "/%2e",
            "/a*",
        ] {
            assert!(Pattern::new(Some(text)).is_err(), "{text}");
        }
        for host in ["", "*", "a..b", "http://a", "a:80", "*.*.b", "[::g]", "*.[::1]"] {
            assert!(HostPattern::new(host).is_err(), "{host}");
        }
        assert!(HostPattern::new("[::1]").is_ok());
    }

    #[test]
    fn a_pattern_covers_what_it_matches_all_of() {
        for (wide, narrow) in
            [("/a/*", "/a"), ("/a/*", "/a/{b}/*"), ("/{x}", "/a"), ("/{x}", "/{y}"), ("/*", "/*")]
        {
            assert!(pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
        }
        for (one, other) in
            [("/a", "/a/*"), ("/a", "/{x}"), ("/a/{b}", "/a"), ("/{x}", "/a/b"), ("/b/*", "/a")]
        {
            assert!(!pattern(one).covers(&pattern(other)), "{one} {other}");
        }
    }

    #[test]
    fn hosts_match_exactly_or_below() {
        let under = HostPattern::new("*.Example.com").unwrap();
        assert!(under.matches("a.example.com") && under.matches("a.b.example.com"));
        assert!(
            !under.matches("example.com") && !under.matches(".example.com") && !under.matches("aexample.com")
        );
        assert!(HostPattern::new("API.example.com.").unwrap().matches("api.example.com"));
    }
}
