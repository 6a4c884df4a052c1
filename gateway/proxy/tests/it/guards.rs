//! What keeps a service that fails from being asked, seen from outside: when it is asked again, by how many, and what clients get meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Act, Custom, OK, Running, Target, simple, until};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const FAILS: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";

fn config(url: &str) -> serde_json::Value {
    let mut config = simple(&[url.to_owned()]);
    config["services"]["all"]["retry"] = json!({ "retries": 0 });
    config["services"]["all"]["breaker"] =
        json!({ "minimum": 4, "reset": "1s", "max_reset": "3s", "probes": 3 });
    config
}

/// A target that answers by path, and counts.
async fn by_path(
    answer: impl Fn(&str) -> &'static [u8] + Send + Sync + 'static,
) -> (Custom, Arc<AtomicUsize>) {
    let answer = Arc::new(answer);
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let target = Custom::new(move |mut stream, _| {
        let (answer, count) = (Arc::clone(&answer), Arc::clone(&counted));
        async move {
            let mut bytes = [0; 8192];
            while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
                count.fetch_add(1, SeqCst);
                let path = text.split(' ').nth(1).unwrap_or_default();
                if stream.write_all(answer(path)).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (target, count)
}

async fn get(proxy: &Running, path: &str) -> String {
    proxy.raw(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes()).await
}

#[tokio::test]
async fn an_open_circuit_is_a_503_that_says_when_to_come_again_and_asks_nobody() {
    let target = Target::new(Act::Answer(FAILS)).await;
    let mut config = config(&target.url);
    config["services"]["all"]["breaker"] = json!({ "minimum": 4 });
    let proxy = Running::new(config);
    for _ in 0..4 {
        assert!(proxy.raw(GET).await.starts_with("HTTP/1.1 500 "));
    }
    for _ in 0..10 {
        let answer = proxy.raw(GET).await;
        assert!(
            answer.starts_with("HTTP/1.1 503 ") && answer.contains("\"code\":\"circuit_open\""),
            "{answer}"
        );
        for part in [
            "\"state\":\"open\"",
            "\"retry_after\":30",
            "retry-after: 30\r\n",
            "\"request_id\":\"",
            "\"service\":\"all\"",
        ] {
            assert!(answer.contains(part), "{part}: {answer}");
        }
    }
    assert_eq!(target.count(), 4);
    let metrics = proxy.proxy.recorder().text(&proxy.proxy.seen());
    assert!(metrics.contains("open"), "{metrics}");
}

#[tokio::test]
async fn never_are_more_than_three_out_to_find_out_and_three_good_ones_close_it() {
    let (well, at_once, most) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (is_well, now, highest) = (Arc::clone(&well), Arc::clone(&at_once), Arc::clone(&most));
    let target = Custom::new(move |mut stream, _| {
        let (well, now, highest) = (Arc::clone(&is_well), Arc::clone(&now), Arc::clone(&highest));
        async move {
            while let Ok(1..) = stream.read(&mut [0; 8192]).await {
                if !well.load(SeqCst) {
                    let _ = stream.write_all(FAILS).await;
                    continue;
                }
                highest.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
                now.fetch_sub(1, SeqCst);
                let _ = stream.write_all(OK).await;
            }
        }
    })
    .await;
    let mut config = config(&target.url);
    config["services"]["all"]["timeouts"]["first_byte"] = "10s".into();
    let proxy = Running::new(config);
    for _ in 0..4 {
        assert!(proxy.raw(GET).await.starts_with("HTTP/1.1 500 "));
    }
    assert!(proxy.raw(GET).await.contains("circuit_open"));
    well.store(true, SeqCst);
    tokio::time::sleep(Duration::from_millis(1050)).await;
    let answers = futures_util::future::join_all((0..20).map(|_| proxy.raw(GET))).await;
    let passed = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 200 ")).count();
    let refused = answers.iter().filter(|answer| answer.contains("\"state\":\"half_open\"")).count();
    assert_eq!((passed, refused, most.load(SeqCst)), (3, 17, 3));
    let answers = futures_util::future::join_all((0..20).map(|_| proxy.raw(GET))).await;
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 200 ")), "it is closed");
}

#[tokio::test]
async fn each_opening_in_a_row_is_twice_as_long_up_to_the_longest() {
    let target = Target::new(Act::Answer(FAILS)).await;
    let proxy = Running::new(config(&target.url));
    for _ in 0..4 {
        proxy.raw(GET).await;
    }
    for expected in [1.0, 2.0, 3.0] {
        let status = proxy.proxy.seen().breakers.remove(0);
        let left = status.retry_after_seconds.unwrap();
        assert!(left <= expected && left > expected - 0.9, "{left} of {expected}");
        if expected > 2.0 {
            break; // four, if it were not the longest
        }
        tokio::time::sleep(Duration::from_secs_f64(left + 0.02)).await;
        assert!(proxy.raw(GET).await.starts_with("HTTP/1.1 500 "), "one finds out");
    }
}

#[tokio::test]
async fn a_good_answer_to_the_question_of_health_lets_requests_find_out_early() {
    let well = Arc::new(AtomicBool::new(false));
    let is_well = Arc::clone(&well);
    let (target, _) = by_path(move |_| if is_well.load(SeqCst) { OK } else { FAILS }).await;
    let mut config = config(&target.url);
    config["services"]["all"]["breaker"] = json!({ "minimum": 4, "reset": "60s", "probe_path": "/up" });
    // It may be asked for from one configuration on.
    let mut without = config.clone();
    without["services"]["all"]["breaker"]["probe_path"] = serde_json::Value::Null;
    let proxy = Running::new(without);
    proxy.proxy.apply(serde_json::from_value(config).unwrap()).unwrap();
    for _ in 0..4 {
        get(&proxy, "/").await;
    }
    assert!(get(&proxy, "/").await.contains("circuit_open"));
    well.store(true, SeqCst);
    let begun = Instant::now();
    while !get(&proxy, "/").await.starts_with("HTTP/1.1 200 ") {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_stands_in_for_a_service_is_fixed_or_kept_or_another_service() {
    const KEPT: &[u8] = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=1\r\nContent-Length: 3\r\n\r\nold";
    let (target, count) = by_path(|path| if path.contains("kept") { KEPT } else { FAILS }).await;
    let other = Target::new(Act::Answer(OK)).await;
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("targets.yaml");
    std::fs::write(&list, "[]").unwrap();
    let mut config = config(&target.url);
    config["services"]["all"]["breaker"] = json!({ "minimum": 4, "reset": "60s" });
    config["services"]["other"] = json!({ "targets": [other.url] });
    config["services"]["gone"] = json!({ "discover": { "file": { "path": list } } });
    let route = |name: &str, more: serde_json::Value| {
        let mut route = json!({ "name": name, "match": { "path": format!("/{name}") }, "service": "all" });
        route.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        route
    };
    config["routes"] = json!([
        route("plain", json!({})),
        route("fixed", json!({ "fallback": { "respond": { "status": 200, "body": "later" } } })),
        route("kept", json!({ "cache": {}, "fallback": "cached" })),
        route("other", json!({ "fallback": { "service": "other" } })),
        route("gone", json!({ "fallback": { "service": "gone" } })),
    ]);
    let proxy = Running::new(config);
    assert!(get(&proxy, "/kept").await.ends_with("old"));
    for _ in 0..8 {
        get(&proxy, "/plain").await;
    }
    let asked = count.load(SeqCst);
    // What was kept is too old by now to be given for itself.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert!(get(&proxy, "/plain").await.contains("circuit_open"));
    let fixed = get(&proxy, "/fixed").await;
    assert!(fixed.starts_with("HTTP/1.1 200 ") && fixed.ends_with("later"), "{fixed}");
    let kept = get(&proxy, "/kept").await;
    assert!(
        kept.starts_with("HTTP/1.1 200 ") && kept.ends_with("old") && kept.contains("fallback"),
        "{kept}"
    );
    let other = get(&proxy, "/other").await;
    assert!(other.starts_with("HTTP/1.1 200 ") && other.ends_with("ok"), "{other}");
    let gone = get(&proxy, "/gone").await;
    assert!(gone.starts_with("HTTP/1.1 503 ") && gone.contains("no_target"), "{gone}");
    assert_eq!(count.load(SeqCst), asked, "the service was not asked");
}

#[tokio::test]
async fn of_targets_that_all_fail_some_are_left_out_and_one_always_remains() {
    let targets = [
        Target::new(Act::Close(b"")).await,
        Target::new(Act::Close(b"")).await,
        Target::new(Act::Close(b"")).await,
    ];
    let urls: Vec<String> = targets.iter().map(|target| target.url.clone()).collect();
    let mut config = simple(&urls);
    config["services"]["all"]["retry"] = json!({ "retries": 0 });
    config["services"]["all"]["breaker"] = json!({ "enabled": false });
    config["services"]["all"]["health"] =
        json!({ "passive": { "failures": 2, "eject": "60s", "max_ejected": 1.0 } });
    let proxy = Running::new(config);
    for _ in 0..40 {
        assert!(proxy.raw(GET).await.starts_with("HTTP/1.1 502 "));
    }
    let service = proxy.proxy.seen().services.remove(0);
    let left_out = service.targets.iter().filter(|target| target.ejected_seconds.is_some()).count();
    assert_eq!(left_out, 2, "{service:?}");
    let last = targets.iter().map(Target::count).max().unwrap();
    assert!(last >= 34, "the one that remains gets what comes: {last}");
}

#[tokio::test]
async fn a_target_that_comes_back_is_asked_again_and_no_request_waits_for_it() {
    let well = Arc::new(AtomicBool::new(false));
    let is_well = Arc::clone(&well);
    let (bad, _) = by_path(move |_| {
        if is_well.load(SeqCst) {
            OK
        } else {
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
        }
    })
    .await;
    let good = Target::new(Act::Answer(OK)).await;
    let mut config = simple(&[bad.url.clone(), good.url.clone()]);
    config["services"]["all"]["health"] = json!({ "passive": { "failures": 1, "eject": "500ms" } });
    let proxy = Running::new(config);
    for _ in 0..4 {
        assert!(proxy.raw(GET).await.starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(good.count(), 4, "the one that fails is left out after its first");
    well.store(true, SeqCst);
    let before = good.count();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for _ in 0..4 {
        assert!(proxy.raw(GET).await.starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(good.count() - before, 2, "it takes its half again");
    until("nothing is left", || proxy.counts.clients() == 0).await;
}
