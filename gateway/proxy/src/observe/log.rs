//! The access log's lines. Text is the common log format with what a gateway knows beyond it; JSON is one object a line.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Detail, Event};
use crate::config::AccessLog;

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    request_id: &'a str,
    client: std::net::IpAddr,
    method: &'a str,
    host: &'a str,
    path: &'a str,
    status: u16,
    took_ms: f64,
    upstream_ms: Option<f64>,
    bytes_in: u64,
    bytes_out: u64,
    route: &'a str,
    service: Option<&'a str>,
    target: Option<&'a str>,
    caller: Option<&'a str>,
    tenant: Option<&'a str>,
    cache: Option<&'a str>,
    code: Option<&'a str>,
    trace_id: Option<String>,
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a request")]
pub(super) fn line(lines: &mut String, form: AccessLog, event: &Event, detail: &Detail) {
    let took = event.micros as f64 / 1_000.0;
    let upstream = detail.upstream.map(|upstream| upstream.as_micros() as f64 / 1_000.0);
    let caller = event.caller.as_deref();
    let name = caller.map(|caller| caller.name.as_str());
    match form {
        AccessLog::Off => {}
        AccessLog::Text => {
            let dash = |text: Option<&str>| plain(text.unwrap_or("-"));
            let upstream = upstream.map_or_else(|| "-".to_owned(), |upstream| upstream.to_string());
            let _ = writeln!(
                lines,
                "{} {} [{}] \"{} {}{}\" {} {} {took}ms upstream={upstream} route={} target={} cache={} code={} id={}",
                detail.client,
                dash(name),
                time(event.at),
                detail.method,
                plain(&detail.host),
                plain(&detail.path),
                event.status,
                event.bytes_out,
                plain(&event.route),
                dash(detail.target.as_deref()),
                detail.cache.unwrap_or("-"),
                detail.code.unwrap_or("-"),
                plain(&detail.request_id),
            );
        }
        AccessLog::Json => {
            let line = Line {
                time: time(event.at),
                request_id: &detail.request_id,
                client: detail.client,
                method: detail.method.as_str(),
                host: &detail.host,
                path: &detail.path,
                status: event.status,
                took_ms: took,
                upstream_ms: upstream,
                bytes_in: event.bytes_in,
                bytes_out: event.bytes_out,
                route: &event.route,
                service: event.service.as_deref(),
                target: detail.target.as_deref(),
                caller: name,
                tenant: caller.and_then(|caller| caller.tenant.as_deref()),
                cache: detail.cache,
                code: detail.code,
                trace_id: detail.trace.as_ref().map(|trace| format!("{:032x}", trace.trace_id)),
            };
            if let Ok(json) = serde_json::to_string(&line) {
                lines.push_str(&json);
                lines.push('\n');
            }
        }
    }
}

/// Nothing that a client sends may begin a line of its own, or end a quoted part.
fn plain(text: &str) -> String {
    let odd = |c: char| c.is_control() || c == '"' || c == ' ';
    if text.contains(odd) { text.replace(odd, "_") } else { text.to_owned() }
}

fn time(ms: u64) -> String {
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms);
    httpdate::fmt_http_date(at)
}
