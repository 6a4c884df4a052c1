//! Pages of other origins (the Fetch standard, "HTTP-network-or-cache fetch" and "CORS-preflight fetch"): which may call, with what, and what they may read.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};

use super::vary;
use crate::Body;
use crate::config::{self, Fault};

/// A route's rule, compiled.
#[derive(Debug, Clone)]
pub struct Cors {
    origins: Origins,
    methods: HeaderValue,
    /// Any that is asked for when absent.
    headers: Option<HeaderValue>,
    expose: Option<HeaderValue>,
    credentials: bool,
    max_age: Option<HeaderValue>,
}

/// `https://` and `.app.example`.
#[derive(Debug, Clone)]
struct Under {
    scheme: Vec<u8>,
    host: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Origins {
    All,
    Some { exact: Vec<Vec<u8>>, under: Vec<Under> },
}

impl Cors {
    /// For a route's `cors`, and the methods of its match.
    ///
    /// # Errors
    /// An origin that is none, or `*` with credentials; a method or header that is none.
    pub fn new(cors: &config::Cors, of_match: &[String]) -> Result<Self, Fault> {
        let mut exact = Vec::new();
        let mut under = Vec::new();
        let mut all = false;
        for (index, origin) in cors.origins.iter().enumerate() {
            let wrong = |message: String| Err(Fault::at(index, message).under("origins"));
            if origin == "*" {
                if cors.credentials {
                    return wrong("`*` cannot be with `credentials`; name the origins".to_owned());
                }
                all = true;
                continue;
            }
            let Some((scheme, host)) = origin.split_once("://").filter(|(_, host)| sound(host)) else {
                let message = format!("`{origin}` is no origin; write `https://app.example`, without a path");
                return wrong(message);
            };
            let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
            match host.strip_prefix("*.") {
                Some(host) if !host.contains('*') => {
                    under.push(Under {
                        scheme: format!("{scheme}://").into_bytes(),
                        host: format!(".{host}").into_bytes(),
                    });
                }
                None if !host.contains('*') => exact.push(format!("{scheme}://{host}").into_bytes()),
                _ => return wrong(format!("`{origin}`: a `*` stands for the first labels of a host only")),
            }
        }
        if cors.origins.is_empty() {
            return Err(Fault::at("origins", "name the origins whose pages may call, or write [\"*\"]"));
        }
        let methods = if cors.methods.is_empty() { of_match } else { &cors.methods };
        let methods = if methods.is_empty() {
            HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE")
        } else {
            list("methods", methods, |text| Method::from_bytes(text.as_bytes()).is_ok())?
        };
        let name = |text: &str| text.parse::<HeaderName>().is_ok();
        let headers = (!cors.headers.is_empty()).then(|| list("headers", &cors.headers, name)).transpose()?;
        let expose = (!cors.expose.is_empty()).then(|| list("expose", &cors.expose, name)).transpose()?;
        let max_age = cors.max_age.map(|age| HeaderValue::from(age.0.as_secs()));
        let origins = if all { Origins::All } else { Origins::Some { exact, under } };
        Ok(Self { origins, methods, headers, expose, credentials: cors.credentials, max_age })
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        let Origins::Some { exact, under } = &self.origins else { return true };
        let origin = origin.as_bytes();
        exact.iter().any(|known| known.as_slice() == origin)
            || under.iter().any(|Under { scheme, host }| {
                let name = origin
                    .strip_prefix(scheme.as_slice())
                    .and_then(|rest| rest.strip_suffix(host.as_slice()));
                name.is_some_and(|name| {
                    !name.is_empty()
                        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
                })
            })
    }

    /// The answer to a browser's question; nothing where the request is none. A page that may not call is answered without the headers that would allow it.
    pub fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response<Body>> {
        let asked = *method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let origin = headers.get(header::ORIGIN).filter(|_| asked)?;
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::NO_CONTENT;
        let answered = answer.headers_mut();
        if self.allow(origin, answered) {
            answered.insert(header::ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
            let any = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
            if let Some(allowed) = self.headers.as_ref().or(any) {
                answered.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed.clone());
            }
            if let Some(age) = &self.max_age {
                answered.insert(header::ACCESS_CONTROL_MAX_AGE, age.clone());
            }
        }
        vary(answered, "Access-Control-Request-Method");
        vary(answered, "Access-Control-Request-Headers");
        Some(answer)
    }

    /// Lets a page read an answer to its request. What a service says of it is replaced: one place decides.
    pub fn apply(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        for name in [
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
        ] {
            headers.remove(name);
        }
        match origin {
            None => self.vary(headers),
            Some(origin) => {
                if self.allow(origin, headers)
                    && let Some(expose) = &self.expose
                {
                    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
                }
            }
        }
    }

    fn allow(&self, origin: &HeaderValue, headers: &mut HeaderMap) -> bool {
        self.vary(headers);
        if !self.allows(origin) {
            return false;
        }
        let value = match self.origins {
            Origins::All => HeaderValue::from_static("*"),
            Origins::Some { .. } => origin.clone(),
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
        if self.credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        true
    }

    /// An answer that names its asker is another for each, whether one asked this time or not.
    fn vary(&self, headers: &mut HeaderMap) {
        if matches!(self.origins, Origins::Some { .. }) {
            vary(headers, "Origin");
        }
    }
}

fn sound(host: &str) -> bool {
    !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']' | '*' | '_'))
}

fn list(place: &str, items: &[String], known: impl Fn(&str) -> bool) -> Result<HeaderValue, Fault> {
    if let Some((index, item)) = items.iter().enumerate().find(|(_, item)| *item == "*" || !known(item)) {
        return Err(Fault::at(index, format!("`{item}` is no name for here")).under(place));
    }
    HeaderValue::from_str(&items.join(", ")).map_err(|_| Fault::at(place, "this cannot be a header's value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str], credentials: bool) -> Result<Cors, Fault> {
        let origins = origins.iter().map(ToString::to_string).collect();
        Cors::new(&config::Cors { origins, credentials, ..Default::default() }, &["GET".to_owned()])
    }

    fn allowed(cors: &Cors, origin: &'static str) -> Option<String> {
        let mut headers = HeaderMap::new();
        cors.apply(Some(&HeaderValue::from_static(origin)), &mut headers);
        headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn pages_of_named_origins_may_read() {
        let cors = cors(&["https://app.example", "https://*.app.example"], true).unwrap();
        for yes in ["https://app.example", "https://a.app.example", "https://a.b.app.example"] {
            assert_eq!(allowed(&cors, yes).as_deref(), Some(yes));
        }
        for no in [
            "http://app.example",
            "https://app.example.evil",
            "https://evilapp.example",
            "https://.app.example",
            "null",
            "https://evil.example/.app.example",
        ] {
            assert_eq!(allowed(&cors, no), None, "{no}");
        }
        let mut headers = HeaderMap::new();
        cors.apply(None, &mut headers);
        assert_eq!(headers.get(header::VARY).unwrap(), "Origin");
    }

    #[test]
    fn a_preflight_is_answered_and_another_request_is_not() {
        let cors = cors(&["*"], false).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_static("https://a.example"));
        assert!(cors.preflight(&Method::OPTIONS, &headers).is_none());
        headers.insert(header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("GET"));
        headers.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static("x-a"));
        let answer = cors.preflight(&Method::OPTIONS, &headers).unwrap();
        assert_eq!(answer.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN).unwrap(), "*");
        assert_eq!(answer.headers().get(header::ACCESS_CONTROL_ALLOW_METHODS).unwrap(), "GET");
        assert_eq!(answer.headers().get(header::ACCESS_CONTROL_ALLOW_HEADERS).unwrap(), "x-a");
        assert!(cors.preflight(&Method::GET, &headers).is_none());
    }

    #[test]
    fn what_would_open_too_much_is_refused() {
        assert!(cors(&["*"], true).is_err());
        for bad in ["app.example", "https://*", "https://a.*.example", "https://a.example/", ""] {
            assert!(cors(&[bad], false).is_err(), "{bad}");
        }
    }
}
