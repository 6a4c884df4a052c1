//! Somebody who uses the gateway.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::{App, Ask};

/// The password of every user.
pub const PASSWORD: &str = "correct horse battery staple";

/// A signed-in user with a tenant of their own.
pub struct User<'a> {
    pub app: &'a App,
    pub email: String,
    pub access_token: String,
    pub refresh_token: String,
    pub session_id: String,
}

impl<'a> User<'a> {
    pub(super) async fn register(app: &'a App) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self::register_as(app, &format!("user-{number}@example.com"), PASSWORD).await
    }

    /// With this address and password.
    pub async fn register_as(app: &'a App, email: &str, password: &str) -> Self {
        let account =
            json!({ "email": email, "password": password, "name": "Ada Marlowe", "tenant_name": "Marlowe" });
        app.post("/v1/auth/register").json(account).send().await.expect(201);
        Self::login(app, email, password).await
    }

    /// Somebody of those who run the gateway, who may do everything.
    pub async fn admin(app: &'a App) -> Self {
        let user = Self::register(app).await;
        let mut tx = app.tamper().await;
        let promote =
            "UPDATE tenants SET platform = 1 WHERE id = (SELECT tenant_id FROM users WHERE email = $1)";
        sqlx::query(promote).bind(&user.email).execute(tx.connection()).await.unwrap();
        tx.commit_empty().await.unwrap();
        Self::login(app, &user.email, PASSWORD).await
    }

    /// Somebody else of the same tenant, with this built-in role.
    pub async fn colleague(&self, role: &str) -> User<'a> {
        let other = Self::register(self.app).await;
        let mut tx = self.app.tamper().await;
        let tenant = "(SELECT tenant_id FROM users WHERE email = $1)";
        for statement in [
            format!(
                "UPDATE sessions SET tenant_id = {tenant} WHERE user_id = (SELECT id FROM users WHERE email = $2)"
            ),
            format!("UPDATE users SET tenant_id = {tenant}, role = $3 WHERE email = $2"),
        ] {
            sqlx::query(sqlx::AssertSqlSafe(statement))
                .bind(&self.email)
                .bind(&other.email)
                .bind(role)
                .execute(tx.connection())
                .await
                .unwrap();
        }
        tx.commit_empty().await.unwrap();
        Self::login(self.app, &other.email, PASSWORD).await
    }

    /// The user's identifier.
    pub async fn id(&self) -> String {
        self.get("/v1/auth/me").send().await.expect(200).string("/user/id")
    }

    /// The tenant's identifier.
    pub async fn tenant_id(&self) -> String {
        self.get("/v1/auth/me").send().await.expect(200).string("/tenant/id")
    }

    pub async fn login(app: &'a App, email: &str, password: &str) -> Self {
        let login = json!({ "email": email, "password": password });
        let tokens = app.post("/v1/auth/login").json(login).send().await.expect(200);
        Self {
            app,
            email: email.to_owned(),
            access_token: tokens.string("/access_token"),
            refresh_token: tokens.string("/refresh_token"),
            session_id: tokens.string("/session_id"),
        }
    }

    pub fn ask(&self, method: &str, path: &str) -> Ask {
        self.app.ask(method, path).bearer(&self.access_token)
    }

    pub fn get(&self, path: &str) -> Ask {
        self.ask("GET", path)
    }

    pub fn post(&self, path: &str) -> Ask {
        self.ask("POST", path)
    }

    /// A new wallet's id.
    pub async fn wallet(&self, currency: &str) -> String {
        let wallet = json!({ "currency": currency });
        self.post("/v1/wallets").json(wallet).send().await.expect(201).string("/id")
    }

    /// A new wallet with money in it.
    pub async fn funded(&self, currency: &str, amount: i64) -> String {
        let wallet = self.wallet(currency).await;
        self.credit(&wallet, amount).await;
        wallet
    }

    /// Credits a wallet and gives the transaction.
    pub async fn credit(&self, wallet: &str, amount: i64) -> Value {
        let credit = json!({ "amount": amount });
        self.post(&format!("/v1/wallets/{wallet}/credit")).json(credit).send().await.expect(201).json()
    }

    /// What a wallet holds.
    pub async fn balance(&self, wallet: &str) -> i64 {
        let balance = self.get(&format!("/v1/wallets/{wallet}/balance")).send().await.expect(200).json();
        balance["balance"].as_i64().unwrap()
    }

    /// The secret of a new API key with these permissions.
    pub async fn api_key(&self, permissions: &[&str]) -> String {
        let key = json!({ "name": "test", "permissions": permissions });
        self.post("/v1/api_keys").json(key).send().await.expect(201).string("/secret")
    }
}
