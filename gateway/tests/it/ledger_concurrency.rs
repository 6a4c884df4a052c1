//! Many at once: money is neither made nor lost, whatever the order turns out to be.

use std::sync::Arc;

use serde_json::{Value, json};
use waypost_gateway::ledger;

use crate::support::{App, Ask, Reply};

/// What several tasks need to ask on behalf of one user.
#[derive(Clone)]
struct Party {
    transfer: Arc<dyn Fn(&str) -> Ask + Send + Sync>,
}

impl Party {
    async fn with(app: &App, wallets: usize, amount: i64) -> (Self, Vec<String>) {
        let user = app.register().await;
        let mut ids = Vec::new();
        for _ in 0..wallets {
            ids.push(user.funded("EUR", amount).await);
        }
        let token = user.access_token.clone();
        let (client, address) = (app.client.clone(), app.address);
        let transfer = move |path: &str| {
            Ask::new(client.clone(), "POST", format!("http://{address}{path}")).bearer(&token)
        };
        (Self { transfer: Arc::new(transfer) }, ids)
    }

    async fn transfer(&self, from: &str, to: &str, amount: i64, key: &str) -> Reply {
        let body = json!({ "to_wallet_id": to, "amount": amount });
        (self.transfer)(&format!("/v1/wallets/{from}/transfer")).key(key).json(body).send().await
    }
}

async fn balances(app: &App) -> Vec<i64> {
    sqlx::query_scalar("SELECT balance FROM ledger_accounts WHERE kind = 'available' ORDER BY id")
        .fetch_all(app.inspect())
        .await
        .unwrap()
}

async fn verified(app: &App) {
    let report = ledger::verify(app.gateway.store()).await.unwrap();
    assert!(report.is_balanced(), "{:#?}", report.discrepancies);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_transfers_at_once_neither_make_nor_lose_money() {
    const WALLETS: usize = 8;
    let app = App::start().await;
    let (party, wallets) = Party::with(&app, WALLETS, 1_000).await;
    let tasks: Vec<_> = (0..32)
        .map(|task: usize| {
            let (party, wallets) = (party.clone(), wallets.clone());
            tokio::spawn(async move {
                let mut moved = 0;
                for step in 0..12 {
                    let (from, to) = ((task + step) % WALLETS, (task * 5 + step * 3 + 1) % WALLETS);
                    if from == to {
                        continue;
                    }
                    let amount = i64::try_from(1 + (task * 37 + step * 101) % 400).unwrap();
                    let key = format!("{task}-{step}");
                    let reply = party.transfer(&wallets[from], &wallets[to], amount, &key).await;
                    match reply.status {
                        201 => moved += 1,
                        _ => drop(reply.problem(422, "insufficient_funds")),
                    }
                }
                moved
            })
        })
        .collect();
    let mut moved = 0;
    for task in tasks {
        moved += task.await.unwrap();
    }
    assert!(moved > 100, "only {moved} transfers went through");
    let balances = balances(&app).await;
    assert_eq!(balances.iter().sum::<i64>(), 8_000);
    assert!(balances.iter().all(|balance| *balance >= 0), "{balances:?}");
    let entries: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM ledger_entries WHERE kind = 'transfer'")
        .fetch_one(app.inspect())
        .await
        .unwrap();
    assert_eq!(entries, moved, "each acknowledged transfer is one entry");
    verified(&app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_the_last_coin_one_gets_it() {
    let app = App::start().await;
    let (party, wallets) = Party::with(&app, 2, 1).await;
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let (party, wallets) = (party.clone(), wallets.clone());
            tokio::spawn(async move {
                party.transfer(&wallets[0], &wallets[1], 1, &task.to_string()).await.status
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses[1..].iter().all(|status| *status == 422), "{statuses:?}");
    verified(&app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_sent_many_times_at_once_moves_money_once() {
    let app = App::start().await;
    let (party, wallets) = Party::with(&app, 2, 100).await;
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (party, wallets) = (party.clone(), wallets.clone());
            tokio::spawn(async move { party.transfer(&wallets[0], &wallets[1], 7, "the-same").await })
        })
        .collect();
    let mut answers = Vec::<Value>::new();
    for task in tasks {
        let reply = task.await.unwrap();
        match reply.status {
            201 => answers.push(reply.json()),
            _ => drop(reply.problem(409, "idempotency_in_flight")),
        }
    }
    assert!(!answers.is_empty());
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "one transfer, one answer");
    let replayed = party.transfer(&wallets[0], &wallets[1], 7, "the-same").await.expect(201);
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
    assert_eq!(replayed.json(), answers[0]);
    let mut sides = balances(&app).await;
    sides.sort_unstable();
    assert_eq!(sides, [93, 107]);
    verified(&app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_hang_up_in_the_middle_leave_the_books_balanced() {
    let app = App::start().await;
    let (party, wallets) = Party::with(&app, 2, 1_000).await;
    for round in 0..60u64 {
        let (party, wallets) = (party.clone(), wallets.clone());
        let task =
            tokio::spawn(
                async move { party.transfer(&wallets[0], &wallets[1], 1, &round.to_string()).await },
            );
        tokio::time::sleep(std::time::Duration::from_micros(round * 97 % 3_000)).await;
        task.abort();
    }
    // Whoever asks again gets the answer to the first try, or is the first.
    for round in 0..60 {
        let mut reply = party.transfer(&wallets[0], &wallets[1], 1, &round.to_string()).await;
        while reply.status == 409 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            reply = party.transfer(&wallets[0], &wallets[1], 1, &round.to_string()).await;
        }
        reply.expect(201);
    }
    let mut sides = balances(&app).await;
    sides.sort_unstable();
    assert_eq!(sides, [940, 1_060], "each key moved money once");
    verified(&app).await;
}
