//! A request's numbers, from its end to where they are asked for.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};

use super::{Finished, Handles, Policy, Recorder, Seen, Trace, unix_ms};
use crate::Caller;
use crate::config::{AccessLog, Analytics, ClientTls, Observe, Traces};

fn finished(handles: &Handles) -> Finished<'_> {
    Finished {
        handles,
        endpoint: None,
        request_id: "req_1",
        method: &Method::GET,
        host: "api.example.com",
        path: "/orders/1",
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        caller: None,
        status: StatusCode::OK,
        code: None,
        target: None,
        bytes_in: 10,
        bytes_out: 200,
        took: Duration::from_millis(8),
        upstream: Some(Duration::from_millis(7)),
        cache: None,
        trace: None,
    }
}

#[test]
fn a_request_is_counted_by_route_and_service_and_a_route_that_is_gone_is_forgotten() {
    let recorder = Recorder::default();
    let handles = recorder.handles("orders", Some("orders-service"));
    recorder.record(&Finished { cache: Some("hit"), ..finished(&handles) });
    recorder.record(&Finished {
        status: StatusCode::TOO_MANY_REQUESTS,
        code: Some("rate_limited"),
        ..finished(&handles)
    });
    let text = recorder.text(&Seen::default());
    for line in [
        "waypost_proxy_requests_total{route=\"orders\",service=\"orders-service\",status=\"2xx\"} 1",
        "waypost_proxy_requests_total{route=\"orders\",service=\"orders-service\",status=\"4xx\"} 1",
        "waypost_proxy_rate_limited_total{route=\"orders\",service=\"orders-service\"} 1",
        "waypost_proxy_cache_requests_total{route=\"orders\",cache=\"hit\"} 1",
        "waypost_proxy_request_seconds_count{route=\"orders\",service=\"orders-service\"} 2",
        "waypost_proxy_events_dropped_total 0",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    recorder.keep(&BTreeSet::new());
    assert!(!recorder.text(&Seen::default()).contains("route=\"orders\""));
}

#[test]
fn states_are_shown_as_they_are() {
    use crate::breaker::{Breakers, Policy};
    let breakers = Breakers::default();
    let now = std::time::Instant::now();
    breakers.of("or\"ders", Policy::new(&crate::config::Breaker::default()).unwrap(), now).open(now, None);
    let seen = Seen { breakers: breakers.list(now), connections: (3, 4), ..Seen::default() };
    let text = Recorder::default().text(&seen);
    assert!(
        text.contains("waypost_proxy_circuit_state{circuit=\"or\\\"ders\",state=\"open\"} 1\n"),
        "{text}"
    );
    assert!(text.contains("waypost_proxy_client_connections 3\n"));
}

#[test]
fn analytics_tell_who_calls_what_and_how_fast() {
    let recorder = Recorder::default();
    let (orders, claims) =
        (recorder.handles("orders", Some("orders")), recorder.handles("claims", Some("claims")));
    let caller = Arc::new(Caller { name: "usr_1".to_owned(), ..Caller::default() });
    for turn in 0..100 {
        let slow = Duration::from_millis(if turn < 90 { 10 } else { 400 });
        recorder.record(&Finished { caller: Some(&caller), took: slow, ..finished(&orders) });
    }
    recorder.record(&Finished { status: StatusCode::BAD_GATEWAY, ..finished(&claims) });
    recorder.take();
    let mut analytics = recorder.analytics();
    let all = analytics.overview(0, u64::MAX);
    assert_eq!((all.requests, all.server_errors, all.bytes_out), (101, 1, 20_200));
    assert!((8.0..12.0).contains(&all.p50_ms) && (350.0..450.0).contains(&all.p99_ms), "{all:?}");
    let endpoints = analytics.endpoints(0, u64::MAX, 10);
    assert_eq!(
        endpoints.iter().map(|one| (one.name.as_str(), one.requests)).collect::<Vec<_>>(),
        [("orders", 100), ("claims", 1)]
    );
    let consumers = analytics.consumers(0, u64::MAX, 1);
    assert_eq!((consumers[0].name.as_str(), consumers[0].requests), ("usr_1", 100));
    let errors = analytics.errors(0, u64::MAX, 10);
    assert_eq!((errors[0].route.as_str(), errors[0].status, errors[0].count), ("claims", 502, 1));
    assert_eq!(analytics.series(0, u64::MAX, Some("claims"))[0].sums.requests, 1);
    assert!(analytics.flush().is_empty(), "the step is under way");
    analytics.turn(unix_ms() + 120_000);
    let flushed = analytics.flush();
    assert_eq!((flushed.len(), flushed[0].total.requests), (1, 101));
    assert!(analytics.flush().is_empty(), "each is handed out once");
    assert_eq!(analytics.overview(0, u64::MAX).requests, 101, "and still there to be asked for");
}

#[test]
fn names_and_what_waits_are_bounded() {
    let recorder = Recorder::default();
    let config =
        Observe { analytics: Analytics { max_names: 3, ..Analytics::default() }, ..Observe::default() };
    recorder.apply(&Policy::new(&config).unwrap());
    let handles = recorder.handles("orders", None);
    for turn in 0..super::WAITING + 5 {
        let caller = Arc::new(Caller { name: format!("usr_{turn}"), ..Caller::default() });
        recorder.record(&Finished { caller: Some(&caller), ..finished(&handles) });
    }
    assert_eq!(recorder.dropped(), 5);
    recorder.take();
    let consumers = recorder.analytics().consumers(0, u64::MAX, 100);
    assert_eq!(consumers.len(), 4);
    assert_eq!((consumers[0].name.as_str(), consumers[0].requests), ("other", super::WAITING as u64 - 3));
}

#[test]
fn a_line_tells_the_request_and_cannot_be_forged() {
    let recorder = Recorder::default();
    let handles = recorder.handles("orders", Some("orders"));
    let log =
        |access_log| recorder.apply(&Policy::new(&Observe { access_log, ..Observe::default() }).unwrap());
    let odd = Finished { path: "/a\"\nb", target: None, ..finished(&handles) };
    log(AccessLog::Json);
    recorder.record(&odd);
    let lines = recorder.take();
    let line: serde_json::Value = serde_json::from_str(&lines).unwrap();
    assert_eq!(
        (&line["path"], &line["status"], &line["took_ms"]),
        (&"/a\"\nb".into(), &200.into(), &8.0.into())
    );
    log(AccessLog::Text);
    recorder.record(&odd);
    let lines = recorder.take();
    assert_eq!(lines.lines().count(), 1, "{lines}");
    assert!(lines.contains("\"GET api.example.com/a__b\" 200 200 8ms upstream=7"), "{lines}");
    log(AccessLog::Off);
    recorder.record(&odd);
    assert!(recorder.take().is_empty());
}

#[tokio::test]
async fn spans_reach_a_collector_and_are_counted_where_they_do_not() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let recorder = Recorder::default();
    let policy = Policy::new(&Observe {
        traces: Some(Traces { endpoint, tls: ClientTls::default(), sample: 1.0 }),
        ..Observe::default()
    })
    .unwrap();
    recorder.apply(&policy);
    let exporter = Arc::clone(policy.exporter.as_ref().unwrap());
    let handles = recorder.handles("orders", Some("orders"));
    let trace = Trace { trace_id: 1, span_id: 2, parent_id: Some(3), sampled: true };
    recorder.record(&Finished { trace: Some(&trace), ..finished(&handles) });
    recorder
        .record(&Finished { trace: Some(&Trace { sampled: false, ..trace.clone() }), ..finished(&handles) });
    recorder.take();
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    let body = loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((_, body)) = text.split_once("\r\n\r\n")
            && let Ok(body) = serde_json::from_str::<serde_json::Value>(body)
        {
            break body;
        }
    };
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    let spans = &body["resourceSpans"][0]["scopeSpans"][0]["spans"];
    assert_eq!(spans.as_array().unwrap().len(), 1);
    assert_eq!(spans[0]["traceId"], "00000000000000000000000000000001");
    assert_eq!(
        (&spans[0]["spanId"], &spans[0]["parentSpanId"]),
        (&"0000000000000002".into(), &"0000000000000003".into())
    );
    while exporter.counts() != (0, 1) {
        tokio::task::yield_now().await;
    }
    drop((stream, listener));
    recorder.record(&Finished { trace: Some(&trace), ..finished(&handles) });
    while exporter.counts() != (1, 1) {
        recorder.take();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
