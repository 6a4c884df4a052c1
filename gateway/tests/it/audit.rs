//! The audit trail: what is in it, who finds it there, and how.

use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::oauth::Client;
use crate::support::user::PASSWORD;
use crate::support::{App, User};

async fn events(user: &User<'_>, query: &str) -> Vec<Value> {
    let page = user.get(&format!("/v1/audit{query}")).send().await.expect(200).json();
    page["data"].as_array().unwrap().clone()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_somebody_may_have_to_answer_for_is_listed_newest_first() {
    let app = App::start().await;
    let ada = app.register().await;
    let wrong = json!({ "email": ada.email, "password": "not the right password" });
    app.post("/v1/auth/login").json(wrong).send().await.expect(401);
    let key = ada.api_key(&["wallets:read"]).await;
    for _ in 0..3 {
        app.get("/v1/payments").api_key(&key).send().await.problem(403, "permission_denied");
    }
    let path = "/v1/roles/reader";
    ada.ask("PUT", path).json(json!({ "permissions": ["wallets:read"] })).send().await.expect(200);
    let all = events(&ada, "").await;
    let expected =
        ["role_changed", "access_denied", "api_key_created", "sign_in_failed", "signed_in", "registered"];
    assert_eq!(types(&all), expected);
    let denied = &all[1];
    assert_eq!(denied["subject_id"], "payments_list");
    assert_eq!((&denied["detail"], &denied["outcome"]), (&json!("3 times"), &json!("denied")));
    assert_eq!(denied["ip_address"], "127.0.0.1");
    assert!(denied["credential_id"].as_str().unwrap().starts_with("key_"));
    let id = ada.id().await;
    assert_eq!(
        (&all[3]["subject_id"], all[3].get("actor_id")),
        (&json!(id), None),
        "whoever tried is not known"
    );
    assert_eq!(all[4]["actor_id"], id.as_str());
    assert!(!json!(all).to_string().contains(PASSWORD) && !json!(all).to_string().contains(&key));
}

#[tokio::test]
async fn events_are_narrowed_by_type_actor_and_time_and_paged() {
    let app = App::start().await;
    let ada = app.register().await;
    let bob = ada.colleague("admin").await;
    for _ in 0..3 {
        ada.api_key(&["wallets:read"]).await;
        bob.api_key(&["wallets:read"]).await;
    }
    let of_bob = format!("?actor_id={}&type=api_key_created", bob.id().await);
    assert_eq!(types(&events(&ada, &of_bob).await), ["api_key_created"; 3]);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = ada.get(&format!("/v1/audit?type=api_key_created&limit=2{cursor}")).send().await;
        let page = page.expect(200).json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|event| event["id"].to_string()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let distinct: std::collections::HashSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (6, 6));
    assert_eq!(events(&ada, "?created_before=2020-01-01T00:00:00Z").await, [] as [Value; 0]);
}

#[tokio::test]
async fn another_tenant_sees_none_of_it() {
    let app = App::start().await;
    let (ada, bob) = (app.register().await, app.register().await);
    ada.api_key(&["wallets:read"]).await;
    bob.get(&format!("/v1/sessions/{}", ada.session_id)).send().await;
    assert_eq!(types(&events(&bob, "").await), ["signed_in", "registered"]);
    assert_eq!(events(&bob, &format!("?actor_id={}", ada.id().await)).await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_change_that_does_not_happen_is_not_recorded_as_one_that_did() {
    let app = App::start().await;
    let ada = app.register().await;
    let roles = json!({ "role": "user" });
    let path = format!("/v1/users/{}/roles", ada.id().await);
    ada.ask("PUT", &path).json(roles).send().await.problem(409, "last_admin");
    assert_eq!(types(&events(&ada, "").await), ["signed_in", "registered"]);
}

/// The one event of this type.
async fn only(user: &User<'_>, kind: &str) -> Value {
    let mut found = events(user, &format!("?type={kind}")).await;
    assert_eq!(found.len(), 1, "{kind}: {found:?}");
    found.remove(0)
}

#[tokio::test]
async fn what_becomes_of_clients_and_grants_is_recorded() {
    let app = App::start().await;
    let ada = app.register().await;
    let id = ada.id().await;
    let client = Client::register(&ada, json!({})).await;
    assert_eq!(only(&ada, "oauth_client_created").await["subject_id"], client.id.as_str());
    let mut browser = Browser::signed_in(&ada).await;
    let tokens = client.tokens(&mut browser).await;
    let given = only(&ada, "oauth_grant_given").await;
    assert_eq!((&given["subject_id"], &given["actor_id"]), (&json!(client.id), &json!(id)));
    assert!(given["detail"].as_str().unwrap().ends_with(": wallets:read"), "{given}");
    client.decide(&mut browser, &client.request(&[]), "deny").await.expect(303);
    let refused = only(&ada, "oauth_grant_refused").await;
    assert_eq!((&refused["outcome"], &refused["actor_id"]), (&json!("denied"), &json!(id)));
    // A refresh token that comes back, twice: told once.
    let refresh = tokens["refresh_token"].as_str().unwrap();
    client.refresh(&app, refresh).await.expect(200);
    for _ in 0..2 {
        client.refresh(&app, refresh).await.refusal(400, "invalid_grant");
    }
    let reused = only(&ada, "refresh_token_reused").await;
    assert_eq!((&reused["outcome"], &reused["subject_id"]), (&json!("denied"), &json!(client.id)));
    assert_eq!(reused.get("actor_id"), None, "nobody knows who it was");
    // A code that comes back.
    let code = client.code(&mut browser).await;
    client.exchange(&app, &code).await.expect(200);
    client.exchange(&app, &code).await.refusal(400, "invalid_grant");
    only(&ada, "oauth_code_reused").await;
    let own = client.ask(&app, &[("grant_type", "client_credentials")]).send().await.expect(200);
    let token = own.string("/access_token");
    client.ask_at(&app, "/oauth/revoke", &[("token", &token)]).send().await.expect(200);
    assert_eq!(only(&ada, "oauth_grant_revoked").await["subject_id"], client.id.as_str());
    let wrong = Client { id: client.id.clone(), secret: "wps_wrong".to_owned() };
    wrong.ask(&app, &[("grant_type", "client_credentials")]).send().await.refusal(401, "invalid_client");
    assert_eq!(only(&ada, "oauth_client_refused").await["subject_id"], client.id.as_str());
    ada.ask("DELETE", &format!("/v1/oauth_clients/{}", client.id)).send().await.expect(204);
    only(&ada, "oauth_client_deleted").await;
    let all = json!(events(&ada, "?limit=100").await).to_string();
    assert!(!all.contains(&client.secret) && !all.contains(refresh) && !all.contains(&code));
}

#[tokio::test]
async fn who_is_invited_and_removed_is_recorded() {
    let app = App::start().await;
    let ada = app.register().await;
    let invitation = json!({ "email": "grace@example.com", "role": "user" });
    let invited = ada.post("/v1/users").json(invitation).send().await.expect(201);
    let event = only(&ada, "user_invited").await;
    assert_eq!(
        (&event["subject_id"], &event["detail"]),
        (&json!(invited.string("/id")), &json!("grace@example.com as user"))
    );
    let account = json!({ "email": "grace@example.com", "password": PASSWORD, "name": "Grace", "invitation": invited.string("/secret") });
    let grace = app.post("/v1/auth/register").json(account).send().await.expect(201).string("/user/id");
    let registered = events(&ada, "?type=registered").await;
    assert_eq!((&registered[0]["subject_id"], &registered[0]["detail"]), (&json!(grace), &json!("invited")));
    ada.ask("DELETE", &format!("/v1/users/{grace}")).send().await.expect(204);
    assert_eq!(only(&ada, "user_removed").await["detail"], "was user");
}

#[tokio::test]
async fn events_are_kept_for_as_long_as_it_is_set() {
    let day = std::time::Duration::from_secs(86_400);
    let app = App::start_with(|config| config.audit.retention = 10 * day).await;
    let ada = app.register().await;
    let mut tx = app.tamper().await;
    let old = "INSERT INTO audit_events (id, tenant_id, type, outcome, created_at)
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
        SELECT 'aud_' || i, t.id, 'signed_in', 'success', $1 FROM n, tenants t";
    let week = 7 * 86_400_000_000;
    let now: i64 = sqlx::query_scalar("SELECT MAX(created_at) FROM audit_events")
        .fetch_one(tx.connection())
        .await
        .unwrap();
    sqlx::query(old).bind(now - 2 * week).execute(tx.connection()).await.unwrap();
    sqlx::query("UPDATE audit_events SET created_at = $1 WHERE type = 'registered'")
        .bind(now - week)
        .execute(tx.connection())
        .await
        .unwrap();
    tx.commit_empty().await.unwrap();
    let kept = async || {
        let count = "SELECT COUNT(*) FROM audit_events";
        sqlx::query_scalar::<_, i64>(count).fetch_one(app.inspect()).await.unwrap()
    };
    assert!(kept().await > 2_500);
    // Housekeeping begins with it, and goes on for ever.
    for _ in 0..100 {
        let tidy = app.gateway.housekeeping();
        tokio::time::timeout(std::time::Duration::from_millis(200), tidy).await.ok();
        if kept().await == 2 {
            break;
        }
    }
    assert_eq!(types(&events(&ada, "").await), ["signed_in", "registered"], "in several batches");
}
