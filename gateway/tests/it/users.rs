//! How somebody comes into a tenant that is there, and what is left of them when they go.

use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::oauth::Client;
use crate::support::user::PASSWORD;
use crate::support::{App, Reply, User};

async fn invite(by: &User<'_>, email: &str, role: &str) -> Reply {
    by.post("/v1/users").json(json!({ "email": email, "role": role })).send().await
}

async fn accept(app: &App, email: &str, invitation: &str) -> Reply {
    let account = json!({ "email": email, "password": PASSWORD, "name": "Grace", "invitation": invitation });
    app.post("/v1/auth/register").json(account).send().await
}

async fn remove(by: &User<'_>, id: &str) -> Reply {
    by.ask("DELETE", &format!("/v1/users/{id}")).send().await
}

async fn invited<'a>(by: &User<'a>, email: &str, role: &str) -> User<'a> {
    let secret = invite(by, email, role).await.expect(201).string("/secret");
    accept(by.app, email, &secret).await.expect(201);
    User::login(by.app, email, PASSWORD).await
}

#[tokio::test]
async fn whoever_is_invited_belongs_to_the_tenant_with_the_role_of_the_invitation() {
    let app = App::start().await;
    let ada = app.register().await;
    let grace = invited(&ada, "Grace@example.com", "user").await;
    let me = grace.get("/v1/auth/me").send().await.expect(200).json();
    assert_eq!(
        (&me["user"]["tenant_id"], &me["user"]["role"], &me["tenant"]["name"]),
        (&json!(ada.tenant_id().await), &json!("user"), &json!("Marlowe"))
    );
    grace
        .post("/v1/wallets")
        .json(json!({ "currency": "EUR" }))
        .send()
        .await
        .problem(403, "permission_denied");
    let users = ada.get("/v1/users").send().await.expect(200).json();
    assert_eq!(users["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_invitation_is_good_once_in_its_time_and_for_its_address() {
    let app = App::start().await;
    let ada = app.register().await;
    let secret = invite(&ada, "grace@example.com", "user").await.expect(201).string("/secret");
    accept(&app, "eve@example.com", &secret).await.problem(422, "invitation_invalid");
    accept(&app, "grace@example.com", "wpi_nonsense").await.problem(422, "invitation_invalid");
    accept(&app, "GRACE@example.com", &secret).await.expect(201);
    accept(&app, "grace@example.com", &secret).await.problem(422, "invitation_invalid");
    let late = invite(&ada, "late@example.com", "user").await.expect(201).string("/secret");
    let mut tx = app.tamper().await;
    sqlx::query("UPDATE invitations SET expires_at = 1").execute(tx.connection()).await.unwrap();
    tx.commit_empty().await.unwrap();
    accept(&app, "late@example.com", &late).await.problem(422, "invitation_invalid");
    for expires_at in ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
        let body = json!({ "email": "x@example.com", "role": "user", "expires_at": expires_at });
        ada.post("/v1/users").json(body).send().await.problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn an_invitation_says_nothing_of_who_has_an_account() {
    let app = App::start().await;
    let (ada, bob) = (app.register().await, app.register().await);
    let form = |reply: Reply| {
        let mut body = reply.expect(201).json();
        for field in ["id", "email", "secret", "created_at", "expires_at"] {
            assert!(body.as_object_mut().unwrap().remove(field).is_some(), "{field}");
        }
        body
    };
    let (known, unknown) =
        (invite(&ada, &bob.email, "user").await, invite(&ada, "nobody@example.com", "user").await);
    let secret = known.string("/secret");
    assert_eq!(form(known), form(unknown));
    // Who has an account cannot move it, and is answered like anybody.
    accept(&app, &bob.email, &secret).await.expect(201);
    assert_eq!(bob.get("/v1/auth/me").send().await.expect(200).string("/user/role"), "admin");
    assert_ne!(bob.tenant_id().await, ada.tenant_id().await);
}

#[tokio::test]
async fn making_a_tenant_says_nothing_of_who_has_an_account_but_to_those_who_run_the_gateway() {
    let app = App::start().await;
    let (ada, bob, operator) = (app.register().await, app.register().await, User::admin(&app).await);
    let tenant = |email: &str| json!({ "name": "Logistics", "owner": { "email": email, "name": "Grace", "password": PASSWORD } });
    let made = ada.post("/v1/tenants").json(tenant(&bob.email)).send().await.expect(201).string("/id");
    ada.get(&format!("/v1/tenants/{made}")).send().await.expect(200);
    assert_ne!(bob.tenant_id().await, made, "the account is not touched");
    operator.post("/v1/tenants").json(tenant(&bob.email)).send().await.problem(409, "email_taken");
}

#[tokio::test]
async fn nobody_invites_or_removes_who_may_do_more_than_they() {
    let app = App::start().await;
    let ada = app.register().await;
    let clerk = json!({ "permissions": ["users:*"] });
    ada.ask("PUT", "/v1/roles/clerk").json(clerk).send().await.expect(200);
    let bob = invited(&ada, "bob@example.com", "service").await;
    let roles = json!({ "role": "service", "custom_roles": ["clerk"] });
    let path = format!("/v1/users/{}/roles", bob.id().await);
    ada.ask("PUT", &path).json(roles).send().await.expect(200);
    invite(&bob, "eve@example.com", "admin").await.problem(403, "permission_denied");
    invite(&bob, "eve@example.com", "service").await.expect(201);
    let boss = ada.id().await;
    remove(&bob, &boss).await.problem(403, "permission_denied");
    remove(&ada, &boss).await.problem(409, "last_admin");
    let stranger = app.register().await;
    remove(&stranger, &boss).await.problem(404, "not_found");
}

#[tokio::test]
async fn of_whoever_is_removed_nothing_works_any_more_and_the_address_is_free() {
    let app = App::start().await;
    let ada = app.register().await;
    let grace = invited(&ada, "grace@example.com", "admin").await;
    let key = grace.api_key(&["wallets:read"]).await;
    let client = Client::register(&grace, json!({})).await;
    let own = client.ask(&app, &[("grant_type", "client_credentials")]).send().await.expect(200);
    let mut browser = Browser::signed_in(&grace).await;
    let granted = client.tokens(&mut browser).await;
    let open = invite(&grace, "friend@example.com", "user").await.expect(201).string("/secret");
    let tokens = [own.string("/access_token"), granted["access_token"].as_str().unwrap().to_owned()];
    for token in &tokens {
        app.get("/v1/wallets").bearer(token).send().await.expect(200);
    }
    app.get("/v1/wallets").api_key(&key).send().await.expect(200);
    let id = grace.id().await;
    remove(&ada, &id).await.expect(204);
    for token in tokens.iter().chain([&grace.access_token]) {
        app.get("/v1/wallets").bearer(token).send().await.problem(401, "unauthenticated");
    }
    app.get("/v1/wallets").api_key(&key).send().await.problem(401, "unauthenticated");
    let login = json!({ "email": "grace@example.com", "password": PASSWORD });
    app.post("/v1/auth/login").json(login).send().await.problem(401, "invalid_credentials");
    let refresh = json!({ "refresh_token": grace.refresh_token });
    app.post("/v1/auth/refresh").json(refresh).send().await.problem(401, "invalid_refresh_token");
    client.refresh(&app, granted["refresh_token"].as_str().unwrap()).await.refusal(401, "invalid_client");
    accept(&app, "friend@example.com", &open).await.problem(422, "invitation_invalid");
    ada.get(&format!("/v1/users/{id}")).send().await.problem(404, "not_found");
    remove(&ada, &id).await.problem(404, "not_found");
    let users: Value = ada.get("/v1/users").send().await.expect(200).json();
    assert_eq!(users["data"].as_array().unwrap().len(), 1);
    let again = User::register_as(&app, "grace@example.com", PASSWORD).await;
    assert_ne!(again.id().await, id);
}
