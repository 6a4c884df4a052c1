//! Guessing passwords: slowed by account and address, without a word of who has an account, and without locking the owner out.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::support::user::PASSWORD;
use crate::support::{App, Ask, Reply};

/// Signs in from another address of this machine than the owners do.
async fn elsewhere(app: &App, email: &str, password: &str) -> Reply {
    let address: IpAddr = [127, 0, 0, 2].into();
    let client = reqwest::Client::builder().no_proxy().local_address(address).build().unwrap();
    let body = json!({ "email": email, "password": password });
    Ask::new(client, "POST", format!("http://{}/v1/auth/login", app.address)).json(body).send().await
}

async fn here(app: &App, email: &str, password: &str) -> Reply {
    app.post("/v1/auth/login").json(json!({ "email": email, "password": password })).send().await
}

#[tokio::test]
async fn guesses_have_to_wait_and_the_owner_does_not() {
    let app = App::start().await;
    let ada = app.register().await;
    for _ in 0..4 {
        elsewhere(&app, &ada.email, "a guess that is wrong").await.problem(401, "invalid_credentials");
    }
    let reply = elsewhere(&app, &ada.email, "a guess that is wrong").await;
    assert_eq!(reply.header("retry-after"), Some("1"), "{reply}");
    reply.problem(429, "too_many_attempts");
    // Not even the right password is looked at before the wait is over; where the owner was before, it lets in.
    elsewhere(&app, &ada.email, PASSWORD).await.problem(429, "too_many_attempts");
    here(&app, &ada.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn wrong_passwords_are_not_forgotten_by_a_restart() {
    let app = App::start().await;
    let email = app.register().await.email.clone();
    for _ in 0..8 {
        elsewhere(&app, &email, "a guess that is wrong").await;
        let mut tx = app.tamper().await;
        sqlx::query("UPDATE attempts SET waits_until = 0").execute(tx.connection()).await.unwrap();
        tx.commit_empty().await.unwrap();
    }
    elsewhere(&app, &email, "a guess that is wrong").await.problem(401, "invalid_credentials");
    let app = app.restart().await;
    elsewhere(&app, &email, PASSWORD).await.problem(429, "too_many_attempts");
    here(&app, &email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn an_address_without_an_account_is_answered_like_one_with() {
    let app = App::start().await;
    let ada = app.register().await;
    let mut told = [Vec::new(), Vec::new()];
    let mut work = [Vec::new(), Vec::new()];
    for (index, email) in [ada.email.as_str(), "nobody@example.com"].into_iter().enumerate() {
        for _ in 0..6 {
            let before = app.gateway.password_hashes();
            let reply = elsewhere(&app, email, "a guess that is wrong").await;
            work[index].push(app.gateway.password_hashes() - before);
            let mut problem = reply.json();
            problem.as_object_mut().unwrap().remove("request_id");
            told[index].push((reply.status, problem));
        }
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(work[0], work[1], "hashes that were computed");
    assert_eq!(work[0], [1, 1, 1, 1, 0, 0]);
}

#[tokio::test]
async fn a_registration_does_not_tell_who_has_an_account() {
    let app = App::start().await;
    let ada = app.register().await;
    let other = "another password for it";
    let register = |email: &str| {
        let body =
            json!({ "email": email, "password": other, "name": "Ada Marlowe", "tenant_name": "Marlowe" });
        app.post("/v1/auth/register").json(body).send()
    };
    let mut told = Vec::new();
    for email in [ada.email.as_str(), "new@example.com"] {
        let before = app.gateway.password_hashes();
        let reply = register(email).await.expect(201);
        let hashes = app.gateway.password_hashes() - before;
        let mut names: Vec<String> = fields("", &reply.json());
        names.sort();
        told.push((hashes, names, reply.header("content-length").map(str::len)));
    }
    assert_eq!(told[0], told[1]);
    here(&app, &ada.email, other).await.problem(401, "invalid_credentials");
    here(&app, &ada.email, PASSWORD).await.expect(200);
    here(&app, "new@example.com", other).await.expect(200);
    let events = ada.get("/v1/audit?type=registration_refused").send().await.expect(200).json();
    assert_eq!(events["data"].as_array().unwrap().len(), 1, "its owner learns of it");
}

#[tokio::test]
async fn whoever_took_a_session_over_cannot_guess_the_password_with_it() {
    let app = App::start().await;
    let ada = app.register().await;
    let change = |current: &str| {
        let body = json!({ "current_password": current, "new_password": "seven wet umbrellas in a row" });
        ada.post("/v1/auth/change_password").json(body).send()
    };
    for _ in 0..4 {
        change("a guess that is wrong").await.problem(422, "wrong_password");
    }
    change(PASSWORD).await.problem(429, "too_many_attempts");
}

/// The places of everything in a document.
fn fields(place: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => {
            members.iter().flat_map(|(name, value)| fields(&format!("{place}/{name}"), value)).collect()
        }
        _ => vec![place.to_owned()],
    }
}
