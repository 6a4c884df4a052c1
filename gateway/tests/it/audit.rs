//! The audit trail: what is in it, who finds it there, and how.

use serde_json::{Value, json};

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
