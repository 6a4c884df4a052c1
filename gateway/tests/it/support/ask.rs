//! One request and its answer.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// A request that is being put together.
#[derive(Clone)]
#[must_use]
pub struct Ask {
    client: reqwest::Client,
    method: reqwest::Method,
    url: String,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl Ask {
    pub fn new(client: reqwest::Client, method: &str, url: String) -> Self {
        Self { client, method: method.parse().unwrap(), url, headers: HeaderMap::new(), body: None }
    }

    /// Sets a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// Takes a header away.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    pub fn bearer(self, token: &str) -> Self {
        self.without("x-api-key").header("Authorization", &format!("Bearer {token}"))
    }

    pub fn api_key(self, secret: &str) -> Self {
        self.without("authorization").header("X-API-Key", secret)
    }

    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        self.header("Content-Type", "application/x-www-form-urlencoded").body(body.finish())
    }

    pub fn basic(self, name: &str, secret: &str) -> Self {
        use base64::Engine as _;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{secret}"));
        self.header("Authorization", &format!("Basic {pair}"))
    }

    pub fn json(self, body: Value) -> Self {
        self.header("Content-Type", "application/json").body(serde_json::to_vec(&body).unwrap())
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Whether the path or the body has this text; the query, by which lists are narrowed, does not count.
    pub fn names(&self, text: &str) -> bool {
        let path = self.url.split('?').next().unwrap_or_default();
        path.contains(text)
            || self.body.as_ref().is_some_and(|body| String::from_utf8_lossy(body).contains(text))
    }

    /// The answer as it comes: its body has no end.
    pub async fn open(self) -> reqwest::Response {
        self.client.request(self.method, self.url).headers(self.headers).send().await.unwrap()
    }

    pub async fn send(self) -> Reply {
        let asked = format!("{} {}", self.method, self.url);
        let mut request = self.client.request(self.method, self.url).headers(self.headers);
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap_or_else(|error| panic!("{asked}: {error:?}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.unwrap().to_vec();
        let reply = Reply { asked, status, headers, body };
        reply.check();
        reply
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub asked: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    /// What holds for every answer of the gateway, whatever was asked.
    fn check(&self) {
        assert!(self.headers.contains_key("x-request-id"), "no x-request-id on {self}");
        // A browser's question before the request is none of the API's.
        if !self.asked.starts_with("OPTIONS") {
            for name in ["x-api-version", "x-content-type-options", "cache-control"] {
                assert!(self.headers.contains_key(name), "no {name} on {self}");
            }
        }
        let is_page = self.header("content-type").is_some_and(|own| own.starts_with("text/html"));
        let is_oauth = self.status >= 400 && self.header("content-type") == Some("application/json");
        if is_oauth {
            let told = self.json();
            assert!(told["error_description"].is_string(), "{self}");
            assert!(self.asked.contains("/oauth/") && told["error"].is_string(), "{self}");
        }
        if self.status >= 400 && !self.asked.starts_with("HEAD") && !is_page && !is_oauth {
            assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self}");
            let problem = self.json();
            assert_eq!(problem["status"], self.status, "{self}");
            assert_eq!(problem["request_id"], self.header("x-request-id").unwrap(), "{self}");
            let retry_after = problem.get("retry_after").map(ToString::to_string);
            assert_eq!(retry_after.as_deref(), self.header("retry-after"), "{self}");
        }
        if self.status == 401 && !is_page {
            assert!(self.headers.contains_key("www-authenticate"), "{self}");
        }
    }

    /// The answer, which has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// The problem, which has this status and code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!((self.status, problem["code"].as_str()), (status, Some(code)), "{self}");
        problem
    }

    /// The wrong fields of a 422, as `pointer code`, sorted.
    #[track_caller]
    pub fn fields(self) -> Vec<String> {
        let problem = self.problem(422, "validation_failed");
        let name = |field: &Value| {
            format!("{} {}", field["pointer"].as_str().unwrap(), field["code"].as_str().unwrap())
        };
        let mut fields: Vec<_> = problem["errors"].as_array().expect("no fields").iter().map(name).collect();
        fields.sort();
        fields
    }

    /// What an endpoint of OAuth refused with.
    #[track_caller]
    pub fn refusal(self, status: u16, error: &str) -> Self {
        assert_eq!((self.status, self.json()["error"].as_str()), (status, Some(error)), "{self}");
        self
    }

    /// The parameters of the address that a browser is sent to.
    #[track_caller]
    pub fn sent_with(&self) -> std::collections::HashMap<String, String> {
        let location = self.header("location").unwrap_or_else(|| panic!("{self} leads nowhere"));
        let url = url::Url::parse(location).unwrap_or_else(|_| panic!("{location}"));
        url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self}"))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A field that is a string.
    #[track_caller]
    pub fn string(&self, pointer: &str) -> String {
        let json = self.json();
        let value = json.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("no {pointer} in {self}")).to_owned()
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = self.text().chars().take(2_000).collect();
        write!(formatter, "{} answered {}: {body}", self.asked, self.status)
    }
}
