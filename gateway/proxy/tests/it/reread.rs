//! Files that a configuration names: one that changes takes effect without the configuration, and one that breaks changes nothing and is told of.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ED25519};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{Act, OK, Running, Target, simple};

/// What was logged by all tests of this file.
static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    log
});

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn has(&self, words: &[&str]) -> bool {
        let text = String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned();
        text.lines().any(|line| words.iter().all(|word| line.contains(word)))
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The status of a request with a header.
async fn status(proxy: &Running, path: &str, header: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{header}\r\n");
    proxy.raw(request.as_bytes()).await[9..12].parse().unwrap()
}

/// Waits until a request is answered so.
async fn becomes(proxy: &Running, path: &str, header: &str, expected: u16) {
    for _ in 0..500 {
        if status(proxy, path, header).await == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("in vain: {path} is to be answered with {expected}");
}

/// Waits until something was logged.
async fn logged(words: &[&str]) {
    for _ in 0..500 {
        if LOG.has(words) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("in vain: {words:?} is to be logged");
}

async fn proxy(more: impl FnOnce(&mut Value)) -> (Target, Running) {
    LazyLock::force(&LOG);
    let target = Target::new(Act::Answer(OK)).await;
    let mut config = simple(std::slice::from_ref(&target.url));
    more(&mut config);
    let proxy = Running::new(config);
    (target, proxy)
}

#[tokio::test]
async fn a_changed_list_of_keys_holds_and_a_broken_one_changes_nothing_and_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.yaml");
    let list = |key: &str| {
        let digest: String = Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(&file, format!("- {{ sha256: {digest}, caller: {key} }}\n")).unwrap();
    };
    list("one");
    let (_target, proxy) = proxy(|config| {
        config["identity"] = json!({ "providers": { "keys": { "keys": { "file": file } } } });
        config["routes"][0]["access"] = json!({ "providers": ["keys"] });
    })
    .await;
    assert_eq!(status(&proxy, "/", "X-API-Key: one\r\n").await, 200);
    assert_eq!(status(&proxy, "/", "X-API-Key: two\r\n").await, 401);
    list("two");
    becomes(&proxy, "/", "X-API-Key: two\r\n", 200).await;
    assert_eq!(status(&proxy, "/", "X-API-Key: one\r\n").await, 401);
    std::fs::write(&file, "- [").unwrap();
    logged(&["ERROR", file.to_str().unwrap(), "what was read before stays"]).await;
    assert_eq!(status(&proxy, "/", "X-API-Key: two\r\n").await, 200);
    std::fs::remove_file(&file).unwrap();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(status(&proxy, "/", "X-API-Key: two\r\n").await, 200);
    list("one");
    becomes(&proxy, "/", "X-API-Key: one\r\n", 200).await;
}

#[tokio::test]
async fn keys_of_an_issuer_that_changed_hold() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    let keys: Vec<_> = (0..2).map(|_| KeyPair::generate_for(&PKCS_ED25519).unwrap()).collect();
    let publish = |key: &KeyPair| {
        let public = URL_SAFE_NO_PAD.encode(key.public_key_raw());
        let jwks = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": public, "alg": "EdDSA" }] });
        std::fs::write(&file, jwks.to_string()).unwrap();
    };
    let tokens: Vec<_> = keys
        .iter()
        .map(|key| {
            let key = EncodingKey::from_ed_der(&key.serialize_der());
            let claims = json!({ "sub": "usr_1", "exp": 4_000_000_000_u64 });
            let token = jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &key).unwrap();
            format!("Authorization: Bearer {token}\r\n")
        })
        .collect();
    publish(&keys[0]);
    let (_target, proxy) = proxy(|config| {
        let jwt = json!({ "jwks_file": file, "algorithms": ["EdDSA"] });
        config["identity"] = json!({ "providers": { "jwt": { "jwt": jwt } } });
        config["routes"][0]["access"] = json!({ "providers": ["jwt"] });
    })
    .await;
    assert_eq!((status(&proxy, "/", &tokens[0]).await, status(&proxy, "/", &tokens[1]).await), (200, 401));
    publish(&keys[1]);
    becomes(&proxy, "/", &tokens[1], 200).await;
    assert_eq!(status(&proxy, "/", &tokens[0]).await, 401);
    std::fs::write(&file, "{\"keys\":[]}").unwrap();
    logged(&["ERROR", file.to_str().unwrap(), "no key for signatures"]).await;
    assert_eq!(status(&proxy, "/", &tokens[1]).await, 200);
}

#[tokio::test]
async fn a_services_description_that_changed_holds() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openapi.yaml");
    let describe = |file: &Path, path: &str| {
        let text = format!(
            "openapi: 3.0.3\ninfo: {{ title: a, version: '1' }}\npaths: {{ {path}: {{ get: {{}} }} }}\n"
        );
        std::fs::write(file, text).unwrap();
    };
    describe(&file, "/one");
    let (_target, proxy) = proxy(|config| config["routes"][0]["validate"] = json!({ "openapi": file })).await;
    assert_eq!((status(&proxy, "/one", "").await, status(&proxy, "/two", "").await), (200, 404));
    describe(&file, "/two");
    becomes(&proxy, "/two", "", 200).await;
    assert_eq!(status(&proxy, "/one", "").await, 404);
    std::fs::write(&file, "openapi: 7").unwrap();
    logged(&["ERROR", file.to_str().unwrap(), "3.0 and 3.1 are read"]).await;
    assert_eq!(status(&proxy, "/two", "").await, 200);
}
