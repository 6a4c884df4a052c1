//! Accounts, sign-in, tokens and sessions.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::user::PASSWORD;
use crate::support::{App, Reply, User};

async fn refresh(app: &App, token: &str) -> Reply {
    app.post("/v1/auth/refresh").json(json!({ "refresh_token": token })).send().await
}

async fn login(app: &App, email: &str, password: &str) -> Reply {
    app.post("/v1/auth/login").json(json!({ "email": email, "password": password })).send().await
}

fn account(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password, "name": "Ada Marlowe" })
}

#[tokio::test]
async fn an_account_is_the_admin_of_a_tenant_of_its_own() {
    let app = App::start().await;
    let (ada, bob) = (app.register().await, app.register().await);
    let me = ada.get("/v1/auth/me").send().await.expect(200).json();
    assert_eq!(me["user"]["role"], "admin");
    assert_eq!(me["user"]["email"], ada.email.as_str());
    assert_eq!(me["credential"], "session");
    assert_eq!(me["credential_id"], ada.session_id.as_str());
    assert_eq!(me["tier"], "free");
    assert!(me["permissions"].as_array().unwrap().contains(&json!("*")));
    let other = bob.get("/v1/auth/me").send().await.expect(200).json();
    assert_ne!(me["tenant"]["id"], other["tenant"]["id"]);
}

#[tokio::test]
async fn an_address_is_taken_however_it_is_capitalised() {
    let app = App::start().await;
    app.post("/v1/auth/register").json(account("ada@example.com", PASSWORD)).send().await.expect(201);
    let again = app.post("/v1/auth/register").json(account("ADA@Example.com", PASSWORD)).send().await;
    again.expect(201);
    login(&app, "Ada@EXAMPLE.com", PASSWORD).await.expect(200);
    let users: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM users").fetch_one(app.inspect()).await.unwrap();
    assert_eq!(users, 1, "the second is answered alike, and makes nothing");
}

#[tokio::test]
async fn a_password_that_is_short_or_the_address_is_refused() {
    let app = App::start().await;
    let register =
        |email: &str, password: &str| app.post("/v1/auth/register").json(account(email, password)).send();
    assert_eq!(register("ada@example.com", "elevenchars").await.fields(), ["/password min_length"]);
    assert_eq!(register("ada@example.com", "Ada@Example.com").await.fields(), ["/password guessable"]);
    assert_eq!(register("ada@example.com", &"a".repeat(20)).await.fields(), ["/password guessable"]);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_answered_alike() {
    let app = App::start().await;
    let ada = app.register().await;
    let told = |reply: Reply| {
        let mut problem = reply.problem(401, "invalid_credentials");
        problem.as_object_mut().unwrap().remove("request_id");
        problem
    };
    let wrong = told(login(&app, &ada.email, "not the right password").await);
    let unknown = told(login(&app, "nobody@example.com", "not the right password").await);
    assert_eq!(wrong, unknown);
}

#[tokio::test]
async fn a_refresh_token_works_once() {
    let app = App::start().await;
    let ada = app.register().await;
    let next = refresh(&app, &ada.refresh_token).await.expect(200);
    assert_ne!(next.string("/refresh_token"), ada.refresh_token);
    assert_eq!(next.string("/session_id"), ada.session_id);
    app.get("/v1/auth/me").bearer(&next.string("/access_token")).send().await.expect(200);
    refresh(&app, &next.string("/refresh_token")).await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_that_comes_back_ends_the_whole_session() {
    let app = App::start().await;
    let ada = app.register().await;
    let next = refresh(&app, &ada.refresh_token).await.expect(200);
    refresh(&app, &ada.refresh_token).await.problem(401, "refresh_token_reused");
    refresh(&app, &next.string("/refresh_token")).await.problem(401, "invalid_refresh_token");
    for token in [&ada.access_token, &next.string("/access_token")] {
        app.get("/v1/auth/me").bearer(token).send().await.problem(401, "unauthenticated");
    }
    login(&app, &ada.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_refresh_whose_answer_was_lost_is_answered_again_under_its_key() {
    let app = App::start().await;
    let ada = app.register().await;
    let ask =
        || app.post("/v1/auth/refresh").json(json!({ "refresh_token": ada.refresh_token })).key("refresh-1");
    let first = ask().send().await.expect(200);
    let again = ask().send().await.expect(200);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.json(), again.json());
    app.get("/v1/auth/me").bearer(&again.string("/access_token")).send().await.expect(200);
}

#[tokio::test]
async fn of_many_refreshes_at_once_one_wins_and_the_session_ends() {
    let app = App::start().await;
    let ada = app.register().await;
    let asked = (0..8).map(|_| refresh(&app, &ada.refresh_token));
    let replies = futures_util::future::join_all(asked).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    assert!(replies.iter().all(|reply| matches!(reply.status, 200 | 401)));
    ada.get("/v1/auth/me").send().await.expect(401);
}

#[tokio::test]
async fn an_unknown_refresh_token_is_refused() {
    let app = App::start().await;
    for token in ["x", "wpr_nonsense", &"y".repeat(512)] {
        refresh(&app, token).await.problem(401, "invalid_refresh_token");
    }
}

#[tokio::test]
async fn sessions_and_refresh_tokens_outlive_a_restart() {
    let app = App::start().await;
    let ada = app.register().await;
    let (access, token) = (ada.access_token.clone(), ada.refresh_token.clone());
    let app = app.restart().await;
    app.get("/v1/auth/me").bearer(&access).send().await.expect(200);
    refresh(&app, &token).await.expect(200);
}

#[tokio::test]
async fn logging_out_stops_the_tokens_at_once() {
    let app = App::start().await;
    let ada = app.register().await;
    let other = User::login(&app, &ada.email, PASSWORD).await;
    ada.get("/v1/auth/me").send().await.expect(200);
    ada.post("/v1/auth/logout").json(json!({})).send().await.expect(204);
    ada.get("/v1/auth/me").send().await.expect(401);
    refresh(&app, &ada.refresh_token).await.problem(401, "invalid_refresh_token");
    other.get("/v1/auth/me").send().await.expect(200);
}

#[tokio::test]
async fn logging_out_everywhere_stops_every_session() {
    let app = App::start().await;
    let ada = app.register().await;
    let other = User::login(&app, &ada.email, PASSWORD).await;
    let stranger = app.register().await;
    other.get("/v1/auth/me").send().await.expect(200);
    ada.post("/v1/auth/logout").json(json!({ "everywhere": true })).send().await.expect(204);
    other.get("/v1/auth/me").send().await.expect(401);
    stranger.get("/v1/auth/me").send().await.expect(200);
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_and_not_this_one() {
    let app = App::start().await;
    let ada = app.register().await;
    let other = User::login(&app, &ada.email, PASSWORD).await;
    other.get("/v1/auth/me").send().await.expect(200);
    let change = |current: &str, new: &str| {
        let body = json!({ "current_password": current, "new_password": new });
        ada.post("/v1/auth/change_password").json(body).send()
    };
    let new = "seven wet umbrellas in a row";
    change("not the right password", new).await.problem(422, "wrong_password");
    change(PASSWORD, PASSWORD).await.problem(422, "password_unchanged");
    assert_eq!(change(PASSWORD, &ada.email).await.fields(), ["/new_password guessable"]);
    change(PASSWORD, new).await.expect(204);
    other.get("/v1/auth/me").send().await.expect(401);
    ada.get("/v1/auth/me").send().await.expect(200);
    login(&app, &ada.email, PASSWORD).await.expect(401);
    login(&app, &ada.email, new).await.expect(200);
}

#[tokio::test]
async fn a_session_is_listed_where_it_was_started_and_can_be_ended() {
    let app = App::start().await;
    let ada = app.register().await;
    let body = json!({ "email": ada.email, "password": PASSWORD });
    let other =
        app.post("/v1/auth/login").header("User-Agent", "a browser").json(body).send().await.expect(200);
    let page = ada.get("/v1/sessions").send().await.expect(200).json();
    let sessions = page["data"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0]["user_agent"], "a browser");
    assert_eq!(sessions[0]["ip_address"], "127.0.0.1");
    assert_eq!((&sessions[0]["current"], &sessions[1]["current"]), (&json!(false), &json!(true)));
    let token = other.string("/access_token");
    app.get("/v1/auth/me").bearer(&token).send().await.expect(200);
    let path = format!("/v1/sessions/{}", other.string("/session_id"));
    ada.ask("DELETE", &path).send().await.expect(204);
    app.get("/v1/auth/me").bearer(&token).send().await.expect(401);
    ada.ask("DELETE", &path).send().await.problem(404, "not_found");
}

/// A client may hang up at any moment, also between the commit and the answer; the session is over all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_has_ended_is_refused_even_if_nobody_waited_for_the_answer() {
    use reqwest::header::{AUTHORIZATION, HeaderMap};
    use std::task::{Context as Task, Poll, Waker};
    use waypost_gateway::generated::SessionsApi as _;
    use waypost_gateway::http::{Caller, Context};

    let app = App::start().await;
    let ada = app.register().await;
    let gateway = &app.gateway;
    let caller = |user: &User<'_>| {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {}", user.access_token).parse().unwrap());
        async move { gateway.authenticate(&headers, [127, 0, 0, 1].into()).await }
    };
    for polls in 1..1000 {
        let other = User::login(&app, &ada.email, PASSWORD).await;
        let Ok(Caller::Known(identity)) = caller(&other).await else { panic!("not signed in") };
        let context = Context::new("req_1".to_owned(), Caller::Known(identity), None);
        let mut answered = false;
        {
            let mut revoke = std::pin::pin!(gateway.sessions_revoke(context, other.session_id.clone()));
            for _ in 0..polls {
                let mut task = Task::from_waker(Waker::noop());
                if let Poll::Ready(answer) = revoke.as_mut().poll(&mut task) {
                    answer.unwrap();
                    answered = true;
                    break;
                }
                std::thread::sleep(Duration::from_micros(20));
            }
        }
        // The turn comes round when whatever was left of the request is done.
        drop(app.tamper().await);
        let ended: Option<i64> = sqlx::query_scalar("SELECT ended_at FROM sessions WHERE id = $1")
            .bind(&other.session_id)
            .fetch_one(app.inspect())
            .await
            .unwrap();
        let let_in = caller(&other).await.is_ok();
        assert_eq!(let_in, ended.is_none(), "hung up after {polls} steps");
        if answered {
            return;
        }
    }
    panic!("it never ended");
}

#[tokio::test]
async fn a_session_of_somebody_else_is_not_there() {
    let app = App::start().await;
    let (ada, bob) = (app.register().await, app.register().await);
    let path = format!("/v1/sessions/{}", bob.session_id);
    ada.ask("DELETE", &path).send().await.problem(404, "not_found");
    bob.get("/v1/auth/me").send().await.expect(200);
}

#[tokio::test]
async fn sessions_page_through_without_a_gap() {
    let app = App::start().await;
    let ada = app.register().await;
    for _ in 0..4 {
        User::login(&app, &ada.email, PASSWORD).await;
    }
    let mut seen = Vec::new();
    let mut path = "/v1/sessions?limit=2".to_owned();
    loop {
        let page = ada.get(&path).send().await.expect(200).json();
        seen.extend(
            page["data"].as_array().unwrap().iter().map(|session| session["id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/sessions?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|newer, older| newer > older), "newest first, none twice: {seen:?}");
}

#[tokio::test]
async fn a_token_with_another_algorithm_or_none_is_refused() {
    let app = App::start().await;
    let ada = app.register().await;
    let [header, payload, signature]: [&str; 3] =
        ada.access_token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    assert_eq!(header["alg"], "EdDSA");
    assert!(header["kid"].is_string());
    for algorithm in ["none", "None", "HS256", "ES256", "RS256"] {
        let mut header = header.clone();
        header["alg"] = json!(algorithm);
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        for signature in ["", signature] {
            let token = format!("{header}.{payload}.{signature}");
            app.get("/v1/auth/me").bearer(&token).send().await.problem(401, "unauthenticated");
        }
    }
}

#[tokio::test]
async fn a_token_of_another_gateway_is_refused() {
    let (here, there) = (App::start().await, App::start().await);
    let ada = there.register().await;
    here.get("/v1/auth/me").bearer(&ada.access_token).send().await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn two_credentials_at_once_are_refused() {
    let app = App::start().await;
    let ada = app.register().await;
    let key = ada.api_key(&["wallets:read"]).await;
    let both = ada.get("/v1/auth/me").header("X-API-Key", &key).send().await;
    both.problem(401, "unauthenticated");
}

#[tokio::test]
async fn nothing_secret_is_in_the_database() {
    let app = App::start().await;
    let ada = app.register().await;
    let key = ada.api_key(&["wallets:read"]).await;
    let keyed =
        app.post("/v1/auth/login").key("login-1").json(json!({ "email": ada.email, "password": PASSWORD }));
    let recorded = keyed.send().await.expect(200).string("/refresh_token");
    let directory = app.gateway.config().data_dir.clone();
    for file in ["waypost.db", "waypost.db-wal"] {
        let Ok(bytes) = std::fs::read(directory.join(file)) else { continue };
        for secret in [PASSWORD, &key, &ada.refresh_token, &recorded, &ada.access_token] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a secret is readable in {file}");
        }
    }
}

#[tokio::test]
async fn expired_sessions_are_removed_and_others_stay() {
    let app = App::start().await;
    let (ada, bob) = (app.register().await, app.register().await);
    let mut tx = app.tamper().await;
    let now = tx.now();
    for (table, column) in [("sessions", "id"), ("refresh_tokens", "session_id")] {
        let update = format!("UPDATE {table} SET expires_at = $1 WHERE {column} = $2");
        let update = sqlx::query(sqlx::AssertSqlSafe(update)).bind(now).bind(&ada.session_id);
        update.execute(tx.connection()).await.unwrap();
    }
    tx.commit_empty().await.unwrap();
    ada.get("/v1/auth/me").send().await.problem(401, "unauthenticated");
    refresh(&app, &ada.refresh_token).await.problem(401, "invalid_refresh_token");
    // Housekeeping begins with what is due at once and then waits, so it is not over but has done its work.
    let done = app.gateway.housekeeping();
    tokio::time::timeout(Duration::from_millis(500), done).await.unwrap_err();
    let left: Vec<String> =
        sqlx::query_scalar("SELECT session_id FROM refresh_tokens").fetch_all(app.inspect()).await.unwrap();
    assert_eq!(left, [bob.session_id.as_str()]);
    bob.get("/v1/auth/me").send().await.expect(200);
}
