//! Clients are registered, listed and taken away.

use serde_json::json;

use crate::support::oauth::Client;
use crate::support::{App, browser::Browser};

#[tokio::test]
async fn a_secret_is_shown_once_and_kept_as_a_hash() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    assert!(client.secret.starts_with("wps_"));
    let path = format!("/v1/oauth_clients/{}", client.id);
    for reply in
        [user.get(&path).send().await.expect(200), user.get("/v1/oauth_clients").send().await.expect(200)]
    {
        assert!(!reply.text().contains("wps_"), "{reply}");
    }
    let stored: Option<Vec<u8>> = sqlx::query_scalar("SELECT secret_hash FROM oauth_clients WHERE id = $1")
        .bind(&client.id)
        .fetch_one(app.inspect())
        .await
        .unwrap();
    assert!(!String::from_utf8_lossy(&stored.unwrap()).contains(&client.secret));
}

#[tokio::test]
async fn another_tenant_sees_nothing_of_a_client() {
    let app = App::start().await;
    let (owner, other) = (app.register().await, app.register().await);
    let client = Client::register(&owner, json!({})).await;
    let path = format!("/v1/oauth_clients/{}", client.id);
    other.get(&path).send().await.problem(404, "not_found");
    other.ask("DELETE", &path).send().await.problem(404, "not_found");
    assert_eq!(other.get("/v1/oauth_clients").send().await.expect(200).json()["data"], json!([]));
    owner.get(&path).send().await.expect(200);
}

#[tokio::test]
async fn a_client_gets_no_scope_that_its_owner_lacks() {
    let app = App::start().await;
    let user = app.register().await;
    let body = |scopes| json!({"name": "x", "type": "public", "redirect_uris": ["https://a.example/"], "scopes": scopes});
    user.post("/v1/oauth_clients").json(body(json!(["*"]))).send().await.problem(403, "permission_denied");
    let fields = user.post("/v1/oauth_clients").json(body(json!(["wallets:fly"]))).send().await;
    assert!([403, 422].contains(&fields.status), "{fields}");
    let key = user.api_key(&["oauth_clients:write", "wallets:read"]).await;
    let asked = app.post("/v1/oauth_clients").api_key(&key).json(body(json!(["wallets:write"])));
    asked.send().await.problem(403, "permission_denied");
}

#[tokio::test]
async fn what_does_not_fit_together_is_refused_by_field() {
    let app = App::start().await;
    let user = app.register().await;
    let body = json!({
        "name": "x", "type": "public", "authentication": "client_secret_basic", "scopes": ["wallets:read"],
        "redirect_uris": ["http://a.example/", "https://b.example/#f"],
    });
    let fields = user.post("/v1/oauth_clients").json(body).send().await.fields();
    assert_eq!(
        fields,
        ["/authentication mismatch", "/redirect_uris/0 redirect_uri", "/redirect_uris/1 redirect_uri"]
    );
}

#[tokio::test]
async fn what_was_granted_ends_with_the_client() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let mut browser = Browser::signed_in(&user).await;
    let tokens = client.tokens(&mut browser).await;
    let access = tokens["access_token"].as_str().unwrap();
    app.get("/v1/wallets").bearer(access).send().await.expect(200);
    user.ask("DELETE", &format!("/v1/oauth_clients/{}", client.id)).send().await.expect(204);
    app.get("/v1/wallets").bearer(access).send().await.problem(401, "unauthenticated");
    client.refresh(&app, tokens["refresh_token"].as_str().unwrap()).await.refusal(401, "invalid_client");
}
