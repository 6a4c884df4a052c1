//! Sessions of browsers: the cookie, its end, and who may make a browser send it.

use serde_json::json;

use crate::support::browser::{Browser, field};
use crate::support::user::PASSWORD;
use crate::support::{App, Ask};

const COOKIE: &str = "waypost_session";

fn with_cookie(app: &App, browser: &Browser<'_>, method: &str, path: &str) -> Ask {
    app.ask(method, path).header("Cookie", &format!("{COOKIE}={}", browser.cookies[COOKIE]))
}

#[tokio::test]
async fn a_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let secure = App::start_with(|config| config.oauth.issuer = Some("https://id.example".into())).await;
    let user = secure.register().await;
    let page = secure.get("/oauth/sign_in").send().await.expect(200);
    let browser = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let token = field(&page, "csrf_token");
    let form = [("email", user.email.as_str()), ("password", PASSWORD), ("csrf_token", &token)];
    let asked = secure
        .post("/oauth/sign_in")
        .form(&form)
        .header("Cookie", &browser)
        .header("Sec-Fetch-Site", "same-origin");
    let reply = asked.send().await.expect(303);
    let cookie = reply.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-waypost_session="), "{cookie}");
    for attribute in ["Path=/", "HttpOnly", "Secure", "SameSite=Lax"] {
        assert!(cookie.contains(attribute), "{attribute}: {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[tokio::test]
async fn a_cookie_counts_for_our_own_pages_only() {
    let app = App::start().await;
    let browser = Browser::signed_in(&app.register().await).await;
    let me = |site: &str| {
        with_cookie(&app, &browser, "GET", "/v1/oauth/identities").header("Sec-Fetch-Site", site)
    };
    me("same-origin").send().await.expect(200);
    for site in ["cross-site", "same-site"] {
        me(site).send().await.problem(403, "cross_site_request");
    }
    let unsaid = with_cookie(&app, &browser, "GET", "/v1/oauth/identities");
    unsaid.clone().send().await.problem(403, "cross_site_request");
    let host = app.address.to_string();
    unsaid.clone().header("Origin", &format!("http://{host}")).send().await.expect(200);
    unsaid.header("Origin", "https://evil.example").send().await.problem(403, "cross_site_request");
    // What does not say that it takes the cookie does not take it.
    let wallets = with_cookie(&app, &browser, "GET", "/v1/wallets").header("Sec-Fetch-Site", "same-origin");
    wallets.send().await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_sign_in_makes_the_cookie_anew_and_ends_the_session_before() {
    let app = App::start().await;
    let user = app.register().await;
    let mut browser = Browser::signed_in(&user).await;
    let before =
        with_cookie(&app, &browser, "GET", "/v1/oauth/identities").header("Sec-Fetch-Site", "same-origin");
    before.clone().send().await.expect(200);
    let session = browser.cookies.remove(COOKIE).unwrap();
    let page = browser.get("/oauth/sign_in").await.expect(200);
    let token = field(&page, "csrf_token");
    browser.cookies.insert(COOKIE.to_owned(), session.clone());
    let form = [("email", user.email.as_str()), ("password", PASSWORD), ("csrf_token", &token)];
    browser.submit("/oauth/sign_in", &form).await.expect(303);
    assert_ne!(browser.cookies[COOKIE], session);
    before.send().await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_form_of_another_site_signs_nobody_in() {
    let app = App::start().await;
    let user = app.register().await;
    let mut browser = Browser::new(&app);
    let page = browser.get("/oauth/sign_in").await.expect(200);
    let token = field(&page, "csrf_token");
    let form = [("email", user.email.as_str()), ("password", PASSWORD), ("csrf_token", token.as_str())];
    browser.send("POST", "/oauth/sign_in", "cross-site", &form).await.expect(403);
    let mut other = Browser::new(&app);
    other.get("/oauth/sign_in").await.expect(200);
    other.submit("/oauth/sign_in", &form).await.expect(403);
    browser.submit("/oauth/sign_in", &form[..2]).await.expect(403);
    assert!(!browser.cookies.contains_key(COOKIE) && !other.cookies.contains_key(COOKIE));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_told_alike() {
    let app = App::start().await;
    let user = app.register().await;
    let mut browser = Browser::new(&app);
    let wrong = browser.sign_in(&user.email, "not the password").await.expect(401);
    let unknown = browser.sign_in("nobody@example.com", "not the password").await.expect(401);
    assert_eq!(wrong.body, unknown.body);
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_when_its_time_is_over() {
    let app = App::start().await;
    for statement in [
        "UPDATE sessions SET expires_at = 1",
        "UPDATE browser_sessions SET expires_at = 1",
        "UPDATE sessions SET ended_at = 1",
    ] {
        let browser = Browser::signed_in(&app.register().await).await;
        let ask = with_cookie(&app, &browser, "GET", "/v1/oauth/identities")
            .header("Sec-Fetch-Site", "same-origin");
        ask.clone().send().await.expect(200);
        let mut tx = app.tamper().await;
        sqlx::query(statement).execute(tx.connection()).await.unwrap();
        tx.commit_empty().await.unwrap();
        ask.send().await.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn use_lets_a_session_live_on_but_not_for_ever() {
    let app = App::start().await;
    let user = app.register().await;
    let mut browser = Browser::signed_in(&user).await;
    let times = || async {
        let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
            "SELECT s.expires_at, s.last_used_at, b.expires_at FROM sessions s JOIN browser_sessions b ON b.session_id = s.id",
        )
        .fetch_all(app.inspect())
        .await
        .unwrap();
        rows[0]
    };
    let (first, _, absolute) = times().await;
    let mut tx = app.tamper().await;
    sqlx::query("UPDATE sessions SET last_used_at = last_used_at - 120000000")
        .execute(tx.connection())
        .await
        .unwrap();
    tx.commit_empty().await.unwrap();
    browser.get("/oauth/sign_in").await.expect(200);
    let (second, used, unchanged) = times().await;
    assert!(second > first && used > 0 && unchanged == absolute);
    let mut tx = app.tamper().await;
    let near = "UPDATE sessions SET last_used_at = 0";
    sqlx::query(near).execute(tx.connection()).await.unwrap();
    let soon = tx.now() + 1_000_000_000;
    sqlx::query("UPDATE browser_sessions SET expires_at = $1")
        .bind(soon)
        .execute(tx.connection())
        .await
        .unwrap();
    tx.commit_empty().await.unwrap();
    browser.get("/oauth/sign_in").await.expect(200);
    assert_eq!(times().await.0, soon, "never beyond the cookie's own end");
}

#[tokio::test]
async fn a_browsers_session_is_listed_and_revoked_like_any_other() {
    let app = App::start().await;
    let user = app.register().await;
    let mut browser = Browser::signed_in(&user).await;
    let listed = user.get("/v1/sessions").send().await.expect(200).json();
    let sessions = listed["data"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{listed}");
    let own = sessions.iter().find(|session| session["current"] == json!(false)).unwrap();
    user.ask("DELETE", &format!("/v1/sessions/{}", own["id"].as_str().unwrap())).send().await.expect(204);
    let page = browser.get("/oauth/sign_in").await.expect(200);
    assert!(page.text().contains("password"), "the person is asked again");
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let app = App::start().await;
    let user = app.register().await;
    let mut browser = Browser::signed_in(&user).await;
    let page = browser.get("/oauth/sign_in").await.expect(200);
    assert!(page.text().contains(&user.email), "{page}");
    let token = field(&page, "csrf_token");
    let asked =
        with_cookie(&app, &browser, "GET", "/v1/oauth/identities").header("Sec-Fetch-Site", "same-origin");
    browser.send("POST", "/oauth/sign_out", "cross-site", &[("csrf_token", &token)]).await.expect(403);
    browser.submit("/oauth/sign_out", &[("csrf_token", &token)]).await.expect(303);
    assert!(!browser.cookies.contains_key(COOKIE));
    asked.send().await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn pages_run_no_script_and_are_framed_by_nobody() {
    let app = App::start().await;
    for path in ["/oauth/sign_in", "/oauth/device", "/oauth/authorize"] {
        let page = app.get(path).send().await;
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe") && !page.text().contains("<script"), "{page}");
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
    }
}
