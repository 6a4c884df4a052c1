//! What it costs to know who calls when the credential is remembered: an API key among 100,000, and an access token, each beside the least that could be done
//! (a look-up in a `HashMap` and a keyed hash; a signature checked by `jsonwebtoken` alone).
//!
//! Each batch takes 1,000 credentials anywhere in the set, so that the processor's caches hold no more of them than they would; the median of the batches is
//! printed, and the fastest. The goal is under 5 µs.
//!
//! `cargo bench -p waypost-gateway --bench identity [-- --keys 100000]`

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark that is wrong should stop"
)]

use std::collections::HashMap;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use waypost_gateway::generated::AuthApi as _;
use waypost_gateway::http::{Caller, Context};
use waypost_gateway::secrets::{Secrets, id, random};
use waypost_gateway::store::System;
use waypost_gateway::{Config, Gateway};

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const BATCH: usize = 1_000;
const BATCHES: usize = 200;
const TOKENS: usize = 1_000;

fn main() {
    let keys = argument("--keys", 100_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run(keys));
}

fn argument(name: &str, otherwise: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

async fn run(keys: usize) {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.data_dir = directory.path().to_owned();
    config.passwords.memory_kib = 8;
    config.passwords.iterations = 1;
    let gateway = Gateway::open(config).await.unwrap();
    let (tokens, user_id) = sign_in(&gateway).await;
    let secrets = make_keys(&gateway, &user_id, keys).await;

    println!("{keys} API keys, {TOKENS} access tokens; {BATCHES} batches of {BATCH}; ns a credential");
    println!("{:<46} {:>8} {:>8}", "", "median", "fastest");

    let headers: Vec<HeaderMap> = secrets.iter().map(|secret| one("x-api-key", secret)).collect();
    for headers in &headers {
        known(&gateway, headers).await;
    }
    let mut chooser = Chooser::new(headers.len());
    let mut times = Vec::new();
    for _ in 0..BATCHES {
        let chosen: Vec<_> = (0..BATCH).map(|_| &headers[chooser.next()]).collect();
        let started = Instant::now();
        for headers in chosen {
            known(&gateway, headers).await;
        }
        times.push(started.elapsed());
    }
    print("an API key, from its header to its caller", times);

    let hasher = Secrets::open(gateway.config()).unwrap();
    let hasher = hasher.tokens();
    let map: HashMap<&str, [u8; 32]> = secrets
        .iter()
        .map(|secret| (&secret[..35], *hasher.hash("api key", secret.as_bytes()).as_bytes()))
        .collect();
    let mut times = Vec::new();
    for _ in 0..BATCHES {
        let chosen: Vec<_> = (0..BATCH).map(|_| &secrets[chooser.next()]).collect();
        let started = Instant::now();
        for secret in chosen {
            let stored = map.get(&secret[..35]).unwrap();
            assert!(black_box(hasher.hash("api key", secret.as_bytes())).matches(stored));
        }
        times.push(started.elapsed());
    }
    print("  a HashMap and a keyed hash alone", times);

    let headers: Vec<HeaderMap> =
        tokens.iter().map(|token| one("authorization", &format!("Bearer {token}"))).collect();
    for headers in &headers {
        known(&gateway, headers).await;
    }
    let mut chooser = Chooser::new(headers.len());
    let mut times = Vec::new();
    for _ in 0..BATCHES {
        let started = Instant::now();
        for _ in 0..BATCH {
            known(&gateway, &headers[chooser.next()]).await;
        }
        times.push(started.elapsed());
    }
    print("an access token, from its header to its caller", times);
    print("  its signature by jsonwebtoken alone", signatures());
    gateway.close().await;
}

fn one(name: &'static str, value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(name, HeaderValue::from_str(value).unwrap());
    headers.insert(header::USER_AGENT, HeaderValue::from_static("bench"));
    headers
}

async fn known(gateway: &Gateway, headers: &HeaderMap) {
    match black_box(gateway.authenticate(headers, HERE).await) {
        Ok(Caller::Known(_)) => {}
        other => panic!("{other:?}"),
    }
}

/// Somebody who is signed in many times.
async fn sign_in(gateway: &Gateway) -> (Vec<String>, String) {
    let context = || Context::new("req_bench".to_owned(), Caller::Anonymous { address: HERE }, None);
    let account =
        serde_json::json!({ "email": "ada@example.com", "password": "correct horse battery", "name": "Ada" });
    let made = gateway.auth_register(context(), serde_json::from_value(account).unwrap()).await.unwrap();
    let login = serde_json::json!({ "email": "ada@example.com", "password": "correct horse battery" });
    let mut tokens = Vec::new();
    for _ in 0..TOKENS {
        let login = serde_json::from_value(login.clone()).unwrap();
        tokens.push(gateway.auth_login(context(), login).await.unwrap().0.access_token);
    }
    (tokens, made.0.user.id)
}

/// Keys in the database, as the gateway stores them.
async fn make_keys(gateway: &Gateway, user_id: &str, count: usize) -> Vec<String> {
    let secrets = Secrets::open(gateway.config()).unwrap();
    let mut made = Vec::with_capacity(count);
    let mut tx = gateway.store().begin_system(System::Inspection).await.unwrap();
    for _ in 0..count {
        let id = id::new("key");
        let secret = format!("wp_{}_{}", &id[4..], *random::token().unwrap());
        let hash = *secrets.tokens().hash("api key", secret.as_bytes()).as_bytes();
        sqlx::query(
            "INSERT INTO api_keys (id, tenant_id, user_id, name, hint, permissions, tier, hash, created_at)
             SELECT $1, tenant_id, id, 'bench', 'none', '[\"wallets:read\"]', 'free', $2, $3 FROM users WHERE id = $4",
        )
        .bind(id)
        .bind(hash.as_slice())
        .bind(1_i64)
        .bind(user_id)
        .execute(tx.connection())
        .await
        .unwrap();
        made.push(secret);
    }
    tx.commit_empty().await.unwrap();
    made
}

/// The same kind of token, checked by the library and remembered by nobody.
fn signatures() -> Vec<Duration> {
    let mut der =
        vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    der.extend([7; 32]);
    let signing = EncodingKey::from_ed_der(&der);
    let verifying =
        DecodingKey::from_jwk(&Jwk::from_encoding_key(&signing, Algorithm::EdDSA).unwrap()).unwrap();
    let claims = serde_json::json!({
        "iss": "waypost-gateway", "aud": "waypost-gateway", "sub": id::new("usr"), "sid": id::new("ses"),
        "iat": 1, "nbf": 1, "exp": 4_000_000_000_u64,
    });
    let token = jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &signing).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["waypost-gateway"]);
    let mut times = Vec::new();
    for _ in 0..20 {
        let started = Instant::now();
        for _ in 0..BATCH {
            let read = jsonwebtoken::decode::<serde_json::Value>(black_box(&token), &verifying, &validation);
            assert!(black_box(read).is_ok());
        }
        times.push(started.elapsed());
    }
    times
}

fn print(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let each = |time: Duration| time.as_nanos() / BATCH as u128;
    println!("{name:<46} {:>8} {:>8}", each(times[times.len() / 2]), each(times[0]));
}

/// Places in a set, in no order (xorshift).
struct Chooser {
    state: u64,
    len: u64,
}

impl Chooser {
    fn new(len: usize) -> Self {
        Self { state: 0x9e37_79b9_7f4a_7c15, len: len as u64 }
    }

    fn next(&mut self) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % self.len).unwrap()
    }
}
