//! Spans to a collector: OTLP over HTTP as JSON, in batches. The queue is bounded; what does not fit, and what the collector does not take, is dropped and
//! counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use crossbeam_queue::ArrayQueue;
use http::{Request, Uri, header};
use http_body_util::Full;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};

use super::{Detail, Event, Trace};
use crate::config::files::{Looks, looks_of_tls};
use crate::config::{ClientTls, Fault, Traces};
use crate::forward::tls;

/// Spans that may wait.
const WAITING: usize = 4_096;
/// Spans of one message.
const BATCH: usize = 512;

/// Sends spans.
#[derive(Debug)]
pub struct Exporter {
    /// What was written, and the files that it names as they were read.
    made_of: (Traces, Looks),
    url: Uri,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    queue: ArrayQueue<Value>,
    dropped: AtomicU64,
    sent: AtomicU64,
    sending: AtomicBool,
}

impl Exporter {
    /// To the collector that was written down.
    ///
    /// # Errors
    /// A URL that is none of `http` or `https`; TLS that cannot be set up; a sample outside of 0 to 1.
    pub fn new(config: &Traces) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        if !(0.0..=1.0).contains(&config.sample) {
            faults.push(Fault::at("sample", "is a part: 0 to 1"));
        }
        let made_of = (config.clone(), looks_of_tls(&config.tls));
        let url: Option<Uri> = format!("{}/v1/traces", config.endpoint.trim_end_matches('/')).parse().ok();
        let known = |url: &Uri| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some();
        let Some(url) = url.filter(known) else {
            let message = "is no URL; write http://127.0.0.1:4318 or https://collector.example";
            faults.push(Fault::at("endpoint", message));
            return Err(faults);
        };
        let connector = connector(&url, config).map_err(|fault| faults.push(fault)).ok();
        let Some(connector) = connector.filter(|_| faults.is_empty()) else { return Err(faults) };
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            made_of,
            url,
            queue: ArrayQueue::new(WAITING),
            dropped: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            sending: AtomicBool::new(false),
        })
    }

    /// Whether another would be the same: then this one goes on, with what waits in it.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.made_of == other.made_of
    }

    /// Spans that were dropped, and spans that the collector took.
    pub fn counts(&self) -> (u64, u64) {
        (self.dropped.load(Relaxed), self.sent.load(Relaxed))
    }

    pub(super) fn push(&self, span: Value) {
        if self.queue.push(span).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Sends what waits, in a task of its own; one at a time.
    pub(super) fn send_soon(self: &Arc<Self>) {
        if self.queue.is_empty() || self.sending.swap(true, Relaxed) {
            return;
        }
        let exporter = Arc::clone(self);
        tokio::spawn(async move {
            while !exporter.queue.is_empty() {
                let spans: Vec<Value> = std::iter::from_fn(|| exporter.queue.pop()).take(BATCH).collect();
                let count = spans.len() as u64;
                let counter = if exporter.send(spans).await { &exporter.sent } else { &exporter.dropped };
                counter.fetch_add(count, Relaxed);
            }
            exporter.sending.store(false, Relaxed);
        });
    }

    async fn send(&self, spans: Vec<Value>) -> bool {
        let body = json!({ "resourceSpans": [{
            "resource": { "attributes": [text("service.name", "waypost-gateway")] },
            "scopeSpans": [{ "scope": { "name": "waypost-proxy", "version": env!("CARGO_PKG_VERSION") }, "spans": spans }],
        }] });
        let request = Request::post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())));
        let Ok(request) = request else { return false };
        let answer = tokio::time::timeout(Duration::from_secs(5), self.client.request(request)).await;
        matches!(answer, Ok(Ok(answer)) if answer.status().is_success())
    }
}

/// Connections to the collector. The system's certificates are many: they are only read where TLS is spoken.
fn connector(url: &Uri, config: &Traces) -> Result<HttpsConnector<HttpConnector>, Fault> {
    let spoken = url.scheme_str() == Some("https");
    let written =
        if spoken { config.tls.clone() } else { ClientTls { insecure: true, ..ClientTls::default() } };
    let mut tls = tls::client(&written, false).map_err(|fault| fault.under("tls"))?;
    // The connector offers the protocols itself.
    tls.alpn_protocols.clear();
    let mut builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    if let Some(name) = &written.server_name {
        let name = ServerName::try_from(name.clone()).map_err(|_| {
            let message = format!("`{name}` is no name that a certificate can show");
            Fault::at("server_name", message).under("tls")
        })?;
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    Ok(builder.enable_http1().build())
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

/// A request as a span of kind SERVER, named as the semantic conventions for HTTP say.
pub(super) fn span(event: &Event, detail: &Detail, trace: &Trace) -> Value {
    let end = event.at.saturating_mul(1_000_000);
    let begin = end.saturating_sub(event.micros.saturating_mul(1_000));
    let mut attributes = vec![
        text("http.request.method", detail.method.as_str()),
        text("http.route", &event.route),
        text("url.path", &detail.path),
        text("server.address", &detail.host),
        text("client.address", &detail.client.to_string()),
        text("waypost.request_id", &detail.request_id),
        json!({ "key": "http.response.status_code", "value": { "intValue": event.status.to_string() } }),
    ];
    attributes.extend(event.service.as_deref().map(|service| text("waypost.service", service)));
    attributes.extend(detail.target.as_deref().map(|target| text("waypost.target", target)));
    attributes.extend(detail.code.map(|code| text("error.type", code)));
    let mut span = json!({
        "traceId": format!("{:032x}", trace.trace_id),
        "spanId": format!("{:016x}", trace.span_id),
        "name": format!("{} {}", detail.method, event.route),
        "kind": 2,
        "startTimeUnixNano": begin.to_string(),
        "endTimeUnixNano": end.to_string(),
        "attributes": attributes,
        "status": if event.status >= 500 { json!({ "code": 2 }) } else { json!({}) },
    });
    if let (Some(parent), Some(object)) = (trace.parent_id, span.as_object_mut()) {
        object.insert("parentSpanId".to_owned(), Value::from(format!("{parent:016x}")));
    }
    span
}
