//! Callers that stay with their targets, whichever node they come to.

use serde_json::json;

use crate::support::{Act, Running, Target, simple};

const ONE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none";
const TWO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo";

/// Who answers, and the cookie that is set.
async fn ask(proxy: &Running, cookie: Option<&str>) -> (String, Option<String>) {
    let cookie = cookie.map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{cookie}\r\n");
    let answer = proxy.raw(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let set = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    let set = set.and_then(|set| set.split(';').next()).map(str::to_owned);
    (answer[answer.len() - 3..].to_owned(), set)
}

#[tokio::test]
async fn nodes_with_one_key_take_each_others_cookies_and_a_changed_key_ends_them() {
    let targets = [Target::new(Act::Answer(ONE)).await, Target::new(Act::Answer(TWO)).await];
    let urls: Vec<_> = targets.iter().map(|target| target.url.clone()).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sticky.key");
    std::fs::write(&file, "0123456789abcdef0123456789abcdef\n").unwrap();
    let node = |sticky: serde_json::Value| {
        let mut config = simple(&urls);
        config["services"]["all"]["balance"] = json!({ "sticky": sticky });
        Running::new(config)
    };
    let nodes = [node(json!({ "key_file": file })), node(json!({ "key_file": file }))];
    let (target, cookie) = ask(&nodes[0], None).await;
    let cookie = cookie.unwrap();
    for turn in 0..6 {
        assert_eq!(ask(&nodes[turn % 2], Some(&cookie)).await, (target.clone(), None));
    }
    let alone = node(json!({}));
    assert!(ask(&alone, Some(&cookie)).await.1.is_some(), "a node with another key sets a cookie of its own");

    std::fs::write(&file, "another-key-0123456789abcdef012345").unwrap();
    for _ in 0..500 {
        if ask(&nodes[1], Some(&cookie)).await.1.is_some() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("in vain: the old cookie is to be worth nothing");
}

#[test]
fn a_key_that_is_short_or_not_there_is_a_fault_and_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sticky.key");
    std::fs::write(&file, "short-secret").unwrap();
    for file in [file, folder.path().join("none")] {
        let mut config = simple(&["http://127.0.0.1:1".to_owned()]);
        config["services"]["all"]["balance"] = json!({ "sticky": { "key_file": file } });
        let config = serde_json::from_value(config).unwrap();
        let faults = waypost_proxy::Proxy::new(config, None).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        let text = faults[0].to_string();
        assert!(text.starts_with("services.all.balance.sticky.key_file: "), "{text}");
        assert!(!text.contains("short-secret"), "{text}");
    }
}
