//! Pages and statements: every row once, in order, whatever happens in between.

use serde_json::{Value, json};

use crate::support::{App, User};

impl User<'_> {
    /// Every page of a list, followed to its end.
    async fn pages(&self, path: &str) -> Vec<Vec<Value>> {
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}{cursor}")).send().await.expect(200).json();
            pages.push(page["data"].as_array().unwrap().clone());
            assert_eq!(page["has_more"].as_bool(), Some(!page["next_cursor"].is_null()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return pages,
            }
        }
    }
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_list_is_newest_first_and_every_row_is_on_one_page() {
    let app = App::start().await;
    let user = app.register().await;
    let mut wallets = Vec::new();
    for _ in 0..7 {
        wallets.push(user.wallet("EUR").await);
    }
    wallets.reverse();
    let pages = user.pages("/v1/wallets?limit=3").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    assert_eq!(ids(&pages.concat()), wallets);
    assert_eq!(user.pages("/v1/wallets?limit=7").await.len(), 1, "a full last page is the last");
}

#[tokio::test]
async fn rows_that_are_added_meanwhile_neither_repeat_nor_hide_others() {
    let app = App::start().await;
    let user = app.register().await;
    let wallet = user.wallet("EUR").await;
    for _ in 0..5 {
        user.credit(&wallet, 1).await;
    }
    let path = format!("/v1/wallets/{wallet}/transactions?limit=2");
    let first = user.get(&path).send().await.expect(200).json();
    user.credit(&wallet, 1).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = user.get(&format!("{path}&cursor={cursor}")).send().await.expect(200).json();
    let balances: Vec<_> = [&first, &second]
        .iter()
        .flat_map(|page| page["data"].as_array().unwrap())
        .map(|row| row["balance_after"].as_i64().unwrap())
        .collect();
    assert_eq!(balances, [5, 4, 3, 2]);
}

#[tokio::test]
async fn filters_narrow_a_list() {
    let app = App::start().await;
    let user = app.register().await;
    let (euros, dollars) = (user.funded("EUR", 100).await, user.wallet("USD").await);
    user.post(&format!("/v1/wallets/{dollars}/freeze")).json(json!({})).send().await.expect(200);
    user.post(&format!("/v1/wallets/{euros}/debit")).json(json!({ "amount": 1 })).send().await.expect(201);
    let created = user.get(&format!("/v1/wallets/{dollars}")).send().await.expect(200).string("/created_at");
    for (path, expected) in [
        ("/v1/wallets?currency=USD".to_owned(), vec![&dollars]),
        ("/v1/wallets?status=frozen".to_owned(), vec![&dollars]),
        ("/v1/wallets?status=frozen&status=active".to_owned(), vec![&dollars, &euros]),
        ("/v1/wallets?status=frozen&currency=EUR".to_owned(), vec![]),
        (format!("/v1/wallets?created_after={created}"), vec![&dollars]),
        (format!("/v1/wallets?created_before={created}"), vec![&euros]),
    ] {
        let page = user.get(&path).send().await.expect(200).json();
        assert_eq!(ids(page["data"].as_array().unwrap()), expected, "{path}");
    }
    let path = format!("/v1/wallets/{euros}/transactions?type=debit");
    let debits = user.get(&path).send().await.expect(200).json();
    assert_eq!(debits["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn payments_are_listed_by_status_and_payer() {
    let app = App::start().await;
    let user = app.register().await;
    let (first, second) = (user.funded("EUR", 100).await, user.funded("EUR", 100).await);
    let mut payments = Vec::new();
    for (payer, method) in [(&first, "manual"), (&first, "automatic"), (&second, "manual")] {
        let body = json!({
            "payer_wallet_id": payer, "amount": 1, "currency": "EUR", "capture_method": method,
            "destination": { "type": "external", "reference": "INV-1" },
        });
        payments.push(user.post("/v1/payments").json(body).send().await.expect(201).string("/id"));
    }
    for (path, expected) in [
        ("/v1/payments?status=authorized".to_owned(), vec![&payments[2], &payments[0]]),
        (format!("/v1/payments?payer_wallet_id={first}"), vec![&payments[1], &payments[0]]),
        (format!("/v1/payments?payer_wallet_id={first}&status=captured"), vec![&payments[1]]),
    ] {
        let page = user.get(&path).send().await.expect(200).json();
        assert_eq!(ids(page["data"].as_array().unwrap()), expected, "{path}");
    }
}

#[tokio::test]
async fn a_cursor_works_for_its_own_list_and_filters_only() {
    let app = App::start().await;
    let (user, stranger) = (app.register().await, app.register().await);
    for _ in 0..3 {
        user.wallet("EUR").await;
    }
    let page = user.get("/v1/wallets?limit=1").send().await.expect(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    user.get(&format!("/v1/wallets?limit=2&cursor={cursor}")).send().await.expect(200);
    for path in [
        format!("/v1/wallets?currency=EUR&cursor={cursor}"),
        format!("/v1/payments?cursor={cursor}"),
        format!("/v1/wallets?cursor={}", &cursor[1..]),
        "/v1/wallets?cursor=nonsense".to_owned(),
    ] {
        assert_eq!(user.get(&path).send().await.fields(), ["query:cursor invalid_cursor"], "{path}");
    }
    let stolen = stranger.get(&format!("/v1/wallets?cursor={cursor}")).send().await;
    assert_eq!(stolen.fields(), ["query:cursor invalid_cursor"]);
}

#[tokio::test]
async fn a_statement_holds_every_movement_once_oldest_first() {
    let app = App::start().await;
    let user = app.register().await;
    let wallet = user.wallet("EUR").await;
    // More than the gateway keeps in memory at once.
    user.credit(&wallet, 1).await;
    let mut tx = app.tamper().await;
    for number in 2..=1_201_i64 {
        sqlx::query(
            "INSERT INTO transactions (id, tenant_id, wallet_id, entry_id, type, amount, currency, balance_after,
               available_after, description, created_at)
             SELECT 'txn_z' || (10000 + $1), tenant_id, wallet_id, entry_id, type, 1, currency, $1, $1, '=1+1', created_at + $1 / 3
             FROM transactions WHERE balance_after = 1 AND id NOT LIKE 'txn_z%'",
        )
        .bind(number)
        .execute(tx.connection())
        .await
        .unwrap();
    }
    tx.commit_empty().await.unwrap();
    let path = format!("/v1/wallets/{wallet}/statement");
    let lines = user.get(&path).send().await.expect(200);
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    let text = lines.text();
    let balances: Vec<i64> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["balance_after"].as_i64().unwrap())
        .collect();
    assert_eq!(balances, (1..=1_201).collect::<Vec<_>>());
    let csv = user.get(&format!("{path}?format=csv")).send().await.expect(200);
    assert_eq!(csv.header("content-type"), Some("text/csv"));
    assert_eq!(csv.text().matches("\r\n").count(), 1_202);
    assert!(csv.text().ends_with(",EUR,1201,1201,,,'=1+1\r\n"));
}

#[tokio::test]
async fn a_statement_of_a_period_begins_with_its_first_moment_and_ends_before_its_last() {
    let app = App::start().await;
    let user = app.register().await;
    let wallet = user.wallet("EUR").await;
    let mut times = Vec::new();
    for _ in 0..4 {
        times.push(user.credit(&wallet, 1).await["created_at"].as_str().unwrap().to_owned());
    }
    let path = format!("/v1/wallets/{wallet}/statement");
    for (query, expected) in [
        (format!("?from={}", times[1]), vec![2, 3, 4]),
        (format!("?to={}", times[2]), vec![1, 2]),
        (format!("?from={}&to={}", times[1], times[3]), vec![2, 3]),
        ("?from=2999-01-01T00:00:00Z".to_owned(), vec![]),
        ("?to=1999-01-01T00:00:00Z".to_owned(), vec![]),
    ] {
        let text = user.get(&format!("{path}{query}")).send().await.expect(200).text();
        let balances: Vec<i64> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["balance_after"].as_i64().unwrap())
            .collect();
        assert_eq!(balances, expected, "{query}");
    }
    let backwards = user.get(&format!("{path}?from={}&to={}", times[1], times[0])).send().await;
    assert_eq!(backwards.fields(), ["query:to range"]);
}
