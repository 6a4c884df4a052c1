//! TLS and HTTP/2 on both sides: one proxy in front of another.

use std::path::Path;

use serde_json::json;

use crate::support::{Act, Custom, OK, Running, Target, bare, simple, until};

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";

/// A certificate for `localhost` that is its own authority, and its key.
fn certificate(folder: &Path) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    std::fs::write(path("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    (path("cert.pem"), path("key.pem"))
}

#[tokio::test]
async fn tls_is_spoken_to_clients_and_targets_over_both_versions_of_http() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path());
    let target = Target::new(Act::Answer(OK)).await;
    let mut config = simple(std::slice::from_ref(&target.url));
    config["listeners"][0]["tls"] = json!({ "certificate": cert, "key": key });
    let inner = Running::new(config);
    let url = format!("https://localhost:{}", inner.address.port());
    for http2 in [false, true] {
        let mut config = simple(std::slice::from_ref(&url));
        config["services"]["all"]["http2"] = http2.into();
        config["services"]["all"]["tls"] = json!({ "ca": cert });
        let outer = Running::new(config);
        for _ in 0..3 {
            let answer = outer.raw(GET).await;
            assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok"), "{answer}");
        }
        let seen = target.last().to_ascii_lowercase();
        assert!(
            seen.contains("host: shop.example\r\n") && seen.contains("x-forwarded-proto: https\r\n"),
            "{seen}"
        );
        assert_eq!(outer.counts.targets(), 1, "the connection is kept");
    }
    assert_eq!(target.count(), 6);
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_or_shows_another_name_is_a_502() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path());
    let target = Target::new(Act::Answer(OK)).await;
    let mut config = simple(std::slice::from_ref(&target.url));
    config["listeners"][0]["tls"] = json!({ "certificate": cert, "key": key });
    let inner = Running::new(config);
    let port = inner.address.port();
    let other = tempfile::tempdir().unwrap();
    let (unknown, _) = certificate(other.path());
    for (host, tls, status) in [
        ("localhost", json!({ "ca": unknown }), 502),
        ("127.0.0.1", json!({ "ca": cert }), 502),
        ("127.0.0.1", json!({ "ca": cert, "server_name": "localhost" }), 200),
        ("127.0.0.1", json!({ "insecure": true }), 200),
    ] {
        let mut config = simple(&[format!("https://{host}:{port}")]);
        config["services"]["all"]["tls"] = tls.clone();
        let outer = Running::new(config);
        let answer = outer.raw(GET).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host} {tls}: {answer}");
    }
}

#[tokio::test]
async fn http2_is_spoken_in_clear_text_by_choice() {
    let target = Target::new(Act::Answer(OK)).await;
    let mut config = simple(std::slice::from_ref(&target.url));
    config["listeners"][0]["h2c"] = true.into();
    let inner = Running::new(config);
    let mut config = simple(&[format!("http://{}", inner.address)]);
    config["services"]["all"]["http2"] = true.into();
    let outer = Running::new(config);
    for _ in 0..3 {
        let answer = outer.raw(GET).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok"), "{answer}");
    }
    // HTTP/1.1 is spoken there as well.
    assert!(inner.raw(GET).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_request_is_answered_without_a_socket_as_well() {
    let target = Target::new(Act::Answer(OK)).await;
    let config = serde_json::from_value(simple(std::slice::from_ref(&target.url))).unwrap();
    let proxy = waypost_proxy::Proxy::new(config, None).unwrap();
    let request = http::Request::get("/x").header("host", "a").body(waypost_proxy::Body::empty()).unwrap();
    let answer = proxy.handle(request, "192.0.2.7:4000".parse().unwrap()).await;
    assert_eq!(answer.status(), 200);
    let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    assert_eq!(&body[..], b"ok");
    assert!(target.last().contains("x-forwarded-for: 192.0.2.7\r\n"));
}

#[tokio::test]
async fn spans_reach_a_collector_over_tls_that_is_trusted_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path());
    let collector = Target::new(Act::Answer(OK)).await;
    let mut config = simple(std::slice::from_ref(&collector.url));
    config["listeners"][0]["tls"] = json!({ "certificate": cert, "key": key });
    let front = Running::new(config);
    let target = Target::new(Act::Answer(OK)).await;
    let other = tempfile::tempdir().unwrap();
    let (unknown, _) = certificate(other.path());
    for (ca, reached) in [(unknown, 0), (cert, 1)] {
        let mut config = simple(std::slice::from_ref(&target.url));
        config["observe"] = json!({ "traces": {
            "endpoint": format!("https://localhost:{}", front.address.port()), "sample": 1.0, "tls": { "ca": ca },
        } });
        let proxy = Running::new(config);
        assert!(proxy.raw(GET).await.starts_with("HTTP/1.1 200 "));
        if reached == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
        until("the spans arrive", || collector.count() >= reached).await;
        assert_eq!(collector.count(), reached);
    }
    let seen = collector.last();
    assert!(seen.starts_with("POST /v1/traces HTTP/1.1\r\n") && seen.contains("resourceSpans"), "{seen}");
}

/// A certificate that an authority made: its PEM and its key's.
fn issued(
    by: &rcgen::Issuer<'_, rcgen::KeyPair>,
    name: &str,
    change: impl Fn(&mut rcgen::CertificateParams),
) -> (String, String) {
    let mut parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut parameters);
    let key = rcgen::KeyPair::generate().unwrap();
    (parameters.signed_by(&key, by).unwrap().pem(), key.serialize_pem())
}

/// An authority: its certificate's PEM, and what it makes others with.
fn authority() -> (String, rcgen::Issuer<'static, rcgen::KeyPair>) {
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = parameters.self_signed(&key).unwrap().pem();
    (pem, rcgen::Issuer::new(parameters, key))
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_is_a_502_that_says_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name).display().to_string();
        std::fs::write(&path, text).unwrap();
        path
    };
    let (trusted, issuer) = authority();
    let (_, stranger) = authority();
    let ca = file("ca.pem", &trusted);
    let (own, own_key) = {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    };
    let never = |_: &mut rcgen::CertificateParams| {};
    let past = |parameters: &mut rcgen::CertificateParams| {
        parameters.not_before = rcgen::date_time_ymd(2001, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2002, 1, 1);
    };
    let future = |parameters: &mut rcgen::CertificateParams| {
        parameters.not_before = rcgen::date_time_ymd(4001, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(4002, 1, 1);
    };
    let for_clients = |parameters: &mut rcgen::CertificateParams| {
        parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    };
    let target = Target::new(Act::Answer(OK)).await;
    for (what, (certificate, key), status) in [
        ("good", issued(&issuer, "localhost", never), 200),
        ("expired", issued(&issuer, "localhost", past), 502),
        ("not yet valid", issued(&issuer, "localhost", future), 502),
        ("of another name", issued(&issuer, "other.example", never), 502),
        ("of another authority", issued(&stranger, "localhost", never), 502),
        ("its own authority", (own, own_key), 502),
        ("not for servers", issued(&issuer, "localhost", for_clients), 502),
    ] {
        let mut config = bare(std::slice::from_ref(&target.url));
        config["listeners"][0]["tls"] =
            json!({ "certificate": file("cert.pem", &certificate), "key": file("key.pem", &key) });
        let inner = Running::new(config);
        for http2 in [false, true] {
            let mut config = bare(&[format!("https://localhost:{}", inner.address.port())]);
            config["services"]["all"]["tls"] = json!({ "ca": ca });
            config["services"]["all"]["http2"] = http2.into();
            let outer = Running::new(config);
            let answer = outer.raw(GET).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
            if status == 502 {
                assert!(answer.contains("\"code\":\"upstream_unreachable\""), "{what}: {answer}");
                assert!(
                    answer.contains("\"request_id\":\"") && !answer.contains("ertificate"),
                    "{what}: {answer}"
                );
                outer.nothing_is_left().await;
                assert_eq!(outer.counts.targets(), 0);
            }
        }
        inner.nothing_is_left().await;
    }
    assert_eq!(target.count(), 2);
}

#[tokio::test]
async fn a_target_that_should_speak_tls_and_does_not_is_a_502_or_504() {
    let plain = Custom::new(|mut stream, _| async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    })
    .await;
    let silent = Custom::new(|stream, _| async move {
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let gone = Custom::new(|stream, _| async move { drop(stream) }).await;
    let alert = Custom::new(|mut stream, _| async move {
        use tokio::io::AsyncWriteExt as _;
        let _ = stream.write_all(b"\x15\x03\x03\x00\x02\x02\x28").await;
    })
    .await;
    for (url, status) in [(&plain.url, 502), (&silent.url, 504), (&gone.url, 502), (&alert.url, 502)] {
        let mut config = bare(&[url.replace("http:", "https:")]);
        config["services"]["all"]["timeouts"]["connect"] = "300ms".into();
        config["services"]["all"]["tls"] = json!({ "insecure": true });
        let proxy = Running::new(config);
        let answer = proxy.raw(GET).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{url}: {answer}");
        assert!(answer.contains("\"request_id\":\""), "{answer}");
        proxy.nothing_is_left().await;
        assert_eq!(proxy.counts.targets(), 0);
    }
}

#[tokio::test]
async fn a_client_that_begins_tls_and_does_not_go_on_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path());
    let target = Target::new(Act::Answer(OK)).await;
    let mut config = simple(std::slice::from_ref(&target.url));
    config["listeners"][0]["tls"] = json!({ "certificate": cert, "key": key });
    let proxy = Running::new(config);
    for words in [&b""[..], b"\x16\x03\x01", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let answer = proxy.raw(words).await;
        assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
    }
    proxy.nothing_is_left().await;
    assert_eq!(target.count(), 0);
}
