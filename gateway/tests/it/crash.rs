//! `kill -9` of the real program in the middle of transfers, many times on the same data. After each restart the books
//! balance, every transfer that was acknowledged is there as it was answered, and a key that is sent again moves nothing twice.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::support::Program;

const ROUNDS: usize = 10;
const CLIENTS: usize = 6;
const WALLETS: usize = 4;
const FUNDS: i64 = 1_000_000;

struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// One transfer and what was heard of it.
#[derive(Debug, Clone)]
struct Attempt {
    from: String,
    to: String,
    amount: i64,
    idempotency_key: String,
    acknowledged: Option<Value>,
}

impl Client {
    fn new(program: &Program, key: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, url: program.url.clone(), key: key.to_owned() }
    }

    async fn get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}{path}", self.url)).header("X-API-Key", &self.key);
        let response = request.send().await.unwrap().error_for_status().unwrap();
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    async fn post(
        &self,
        path: &str,
        idempotency_key: &str,
        body: &Value,
    ) -> reqwest::Result<(u16, bool, Value)> {
        let response = self
            .http
            .post(format!("{}{path}", self.url))
            .header("X-API-Key", &self.key)
            .header("Idempotency-Key", idempotency_key)
            .header("Content-Type", "application/json")
            .body(body.to_string())
            .send()
            .await?;
        let status = response.status().as_u16();
        let replayed = response.headers().contains_key("idempotency-replayed");
        Ok((status, replayed, serde_json::from_slice(&response.bytes().await?).unwrap()))
    }

    async fn transfer(&self, attempt: &Attempt) -> reqwest::Result<(u16, bool, Value)> {
        let body = json!({ "to_wallet_id": attempt.to, "amount": attempt.amount });
        self.post(&format!("/v1/wallets/{}/transfer", attempt.from), &attempt.idempotency_key, &body).await
    }
}

fn start(directory: &Path) -> Program {
    Program::start(directory, &["--set", "rate_limits.enabled=false", "--log", "error"])
}

fn verify(directory: &Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_waypost-gateway"))
        .args(["ledger", "verify", "--data-dir"])
        .arg(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Sends transfers until the line breaks; the last attempt is the one that nobody answered.
async fn work(client: Client, wallets: Vec<String>, name: String) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for number in 0.. {
        let mut attempt = Attempt {
            from: wallets[number % WALLETS].clone(),
            to: wallets[(number + 1 + number % (WALLETS - 1)) % WALLETS].clone(),
            amount: i64::try_from(1 + number % 9).unwrap(),
            idempotency_key: format!("{name}-{number}"),
            acknowledged: None,
        };
        let answer = client.transfer(&attempt).await;
        if let Ok((status, _, body)) = &answer {
            assert_eq!(*status, 201, "{body}");
            attempt.acknowledged = Some(body.clone());
        }
        attempts.push(attempt);
        if answer.is_err() {
            break;
        }
    }
    attempts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_during_transfers_loses_nothing_that_was_acknowledged_and_repeats_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut program = start(directory.path());
    let key = program
        .greeting
        .iter()
        .map(|line| line.trim())
        .find(|line| line.starts_with("wp_"))
        .expect("the first start prints an API key")
        .to_owned();
    let client = Client::new(&program, &key);
    let mut wallets = Vec::new();
    for number in 0..WALLETS {
        let opened =
            client.post("/v1/wallets", &format!("open-{number}"), &json!({ "currency": "EUR" })).await;
        let wallet = opened.unwrap().2["id"].as_str().unwrap().to_owned();
        let credit = json!({ "amount": FUNDS });
        let path = format!("/v1/wallets/{wallet}/credit");
        assert_eq!(client.post(&path, &format!("fund-{number}"), &credit).await.unwrap().0, 201);
        wallets.push(wallet);
    }
    let (mut done, mut unanswered, mut unanswered_but_done) = (0, 0, 0);
    for round in 0..ROUNDS {
        let tasks: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let client = Client::new(&program, &key);
                tokio::spawn(work(client, wallets.clone(), format!("{round}-{number}")))
            })
            .collect();
        // Somewhere in the middle; which statement it hits is the point of repeating it.
        tokio::time::sleep(Duration::from_millis(40 + 13 * round as u64)).await;
        program.kill();
        let mut attempts = Vec::new();
        for task in tasks {
            attempts.extend(task.await.unwrap());
        }
        verify(directory.path());
        program = start(directory.path());
        let client = Client::new(&program, &key);
        for attempt in &attempts {
            let (status, replayed, body) = client.transfer(attempt).await.unwrap();
            assert_eq!(status, 201, "{body}");
            match &attempt.acknowledged {
                Some(answer) => {
                    assert!(replayed, "an acknowledged transfer was done again: {attempt:?}");
                    assert_eq!(&body, answer);
                    let id = answer["debit"]["id"].as_str().unwrap();
                    assert_eq!(client.get(&format!("/v1/transactions/{id}")).await, answer["debit"]);
                }
                None => {
                    unanswered += 1;
                    unanswered_but_done += usize::from(replayed);
                }
            }
        }
        done += attempts.len();
    }
    program.kill();
    verify(directory.path());
    let file = directory.path().join("waypost.db");
    let mut database =
        sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let entries: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM ledger_entries WHERE kind = 'transfer'")
        .fetch_one(&mut database)
        .await
        .unwrap();
    let money: i64 = sqlx::query_scalar("SELECT SUM(balance) FROM ledger_accounts WHERE kind = 'available'")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(usize::try_from(entries).unwrap(), done, "each key moved money once");
    let told: Vec<String> =
        sqlx::query_scalar("SELECT data FROM events WHERE type = 'wallet.transferred' ORDER BY id")
            .fetch_all(&mut database)
            .await
            .unwrap();
    let told: std::collections::HashSet<String> = told
        .iter()
        .map(|data| serde_json::from_str::<Value>(data).unwrap()["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told.len(), done, "each transfer was told of once");
    assert_eq!(money, FUNDS * i64::try_from(WALLETS).unwrap());
    println!("{done} transfers, {unanswered} unanswered, of which {unanswered_but_done} had been done");
    assert!(done > ROUNDS * CLIENTS && unanswered > 0, "{done} transfers, {unanswered} unanswered");
}
