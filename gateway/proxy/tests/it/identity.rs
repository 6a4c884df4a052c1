//! Who a service is told has called: only whom this proxy knows. What a client says of itself, in whatever spelling, goes no further.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use waypost_proxy::identity::string_to_sign;

use crate::support::{Act, OK, Running, Target, simple};

const FORGED: &str = "X-Waypost-Caller: root\r\nx_waypost_caller: root\r\nX-Waypost_Tenant: all\r\nX-WAYPOST-PERMISSIONS: *\r\n\
    x-waypost-anything: root\r\nX-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\n\
    X-Forwarded-Proto: https\r\nX-Forwarded-Port: 666\r\nX-Real-IP: 6.6.6.6\r\nX_Real_IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n\
    X_Request_Id: forged\r\n";

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn headers_that_only_a_gateway_says_cannot_be_forged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.yaml");
    let text =
        format!("- {{ sha256: {}, caller: ci, tenant: t1, permissions: ['orders:read'] }}\n", hex(b"secret"));
    std::fs::write(&file, text).unwrap();
    let target = Target::new(Act::Answer(OK)).await;
    let mut config = simple(std::slice::from_ref(&target.url));
    config["identity"] = json!({ "providers": { "keys": { "keys": { "file": file } } } });
    config["routes"] = json!([
        { "name": "known", "match": { "path": "/known" }, "service": "all", "access": { "providers": ["keys"] } },
        { "name": "all", "match": { "path": "/*" }, "service": "all" },
    ]);
    let proxy = Running::new(config);
    for (path, key, told) in [
        ("/", "", &[][..]),
        ("/", "X-API-Key: secret\r\n", &[]),
        (
            "/known",
            "X-API-Key: secret\r\n",
            &[
                "x-waypost-caller: ci\r\n",
                "x-waypost-tenant: t1\r\n",
                "x-waypost-permissions: orders:read\r\n",
            ],
        ),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: shop\r\n{key}{FORGED}Connection: close\r\n\r\n");
        let answer = proxy.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let seen = target.last().to_ascii_lowercase();
        for forged in [
            "root",
            "6.6.6.6",
            "666",
            "evil",
            "forged",
            "tenant: all",
            "permissions: *",
            "proto: https",
            "x_",
        ] {
            assert!(!seen.contains(forged), "{forged} in {seen}");
        }
        for line in told {
            assert!(seen.contains(line), "{line} not in {seen}");
        }
        assert_eq!(seen.matches("x-waypost-").count(), told.len(), "{seen}");
        assert!(
            seen.contains("x-forwarded-for: 127.0.0.1\r\n") && seen.contains("x-forwarded-host: shop\r\n"),
            "{seen}"
        );
    }
    let refused = proxy
        .raw(format!("GET /known HTTP/1.1\r\nHost: shop\r\n{FORGED}Connection: close\r\n\r\n").as_bytes())
        .await;
    assert!(refused.starts_with("HTTP/1.1 401 ") && refused.contains("\"request_id\""), "{refused}");
    // A header that the client nominates for the hop is still set afterwards.
    let nominated = "GET /known HTTP/1.1\r\nHost: shop\r\nX-API-Key: secret\r\nConnection: close, x-waypost-caller, x-forwarded-for\r\n\r\n";
    assert!(proxy.raw(nominated.as_bytes()).await.starts_with("HTTP/1.1 200 "));
    let seen = target.last().to_ascii_lowercase();
    assert!(
        seen.contains("x-waypost-caller: ci\r\n") && seen.contains("x-forwarded-for: 127.0.0.1\r\n"),
        "{seen}"
    );
}

#[tokio::test]
async fn a_signed_request_is_taken_once_and_only_as_it_was_signed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signers.yaml");
    let secret = b"0123456789abcdef";
    std::fs::write(&file, format!("- {{ key: k1, secret: {}, caller: billing }}\n", STANDARD.encode(secret)))
        .unwrap();
    let target = Target::new(Act::Answer(OK)).await;
    let mut config = simple(std::slice::from_ref(&target.url));
    config["identity"] =
        json!({ "providers": { "signed": { "signature": { "file": file, "max_age": "60s" } } } });
    config["routes"][0]["access"] = json!({ "providers": ["signed"] });
    let proxy = Running::new(config);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let request = |method: &str, path: &str, body: &str, signed: &str, time: u64, nonce: &str| {
        let time = time.to_string();
        let text = string_to_sign(&http::Method::POST, "/pay?x=1", signed.as_bytes(), &time, nonce);
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(text.as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nConnection: close\r\n\
             Authorization: WAYPOST-HMAC-SHA256 key=k1, time={time}, nonce={nonce}, signature={signature}\r\n\r\n{body}",
            body.len()
        )
    };
    let good = request("POST", "/pay?x=1", "{}", "{}", now, "nonce-0001");
    assert!(proxy.raw(good.as_bytes()).await.starts_with("HTTP/1.1 200 "));
    assert!(target.last().contains("x-waypost-caller: billing\r\n") && target.last().ends_with("{}"));
    for refused in [
        good,
        request("PUT", "/pay?x=1", "{}", "{}", now, "nonce-0002"),
        request("POST", "/pay?x=2", "{}", "{}", now, "nonce-0003"),
        request("POST", "/pay?x=1", "{ }", "{}", now, "nonce-0004"),
        request("POST", "/pay?x=1", "{}", "{}", now - 61, "nonce-0005"),
        request("POST", "/pay?x=1", "{}", "{}", now + 120, "nonce-0006"),
    ] {
        let answer = proxy.raw(refused.as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 401 ") && answer.contains("invalid_signature"),
            "{refused}\n{answer}"
        );
        assert!(answer.contains("\"request_id\""), "{answer}");
    }
    assert_eq!(target.count(), 1);
    // Of many at once with the same nonce, one is the first.
    let same = request("POST", "/pay?x=1", "{}", "{}", now, "nonce-0007");
    let answers = futures_util::future::join_all((0..20).map(|_| proxy.raw(same.as_bytes()))).await;
    assert_eq!(answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 200 ")).count(), 1);
}
