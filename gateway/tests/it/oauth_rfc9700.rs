//! Best practice for OAuth 2.0 security (RFC 9700), one test a point, each named by its section.

use serde_json::json;

use crate::support::App;
use crate::support::browser::{Browser, field};
use crate::support::oauth::{Client, REDIRECT};

async fn world(app: &App) -> (crate::support::User<'_>, Client, Browser<'_>) {
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let browser = Browser::signed_in(&user).await;
    (user, client, browser)
}

/// 2.1: "Authorization servers MUST utilize exact string matching except for port numbers in localhost redirection URIs of native apps."
#[tokio::test]
async fn section_2_1_redirect_addresses_are_matched_exactly() {
    let app = App::start().await;
    let (_, client, mut browser) = world(&app).await;
    for other in [
        "https://books.example/callback/",
        "https://books.example/callbac",
        "https://books.example:443/callback",
    ] {
        browser.get(&client.request(&[("redirect_uri", Some(other))])).await.expect(400);
    }
}

/// 2.1: "Clients and authorization servers MUST NOT expose URLs that forward the user's browser to arbitrary URIs."
#[tokio::test]
async fn section_2_1_there_is_no_open_redirector() {
    let app = App::start().await;
    let (user, _, mut browser) = world(&app).await;
    browser.cookies.clear();
    for target in ["https://evil.example/", "//evil.example", "/\\evil.example", "/oauth/\\evil"] {
        let page = browser
            .get(&format!("/oauth/sign_in?return_to={}", target.replace('\\', "%5C")))
            .await
            .expect(200);
        let form = [
            ("email", user.email.as_str()),
            ("password", crate::support::user::PASSWORD),
            ("csrf_token", &field(&page, "csrf_token")),
            ("return_to", target),
        ];
        let reply = browser.submit("/oauth/sign_in", &form).await.expect(303);
        assert_eq!(reply.header("location"), Some("/oauth/sign_in"));
        browser.cookies.clear();
    }
}

/// 2.1.1: "Public clients MUST use PKCE"; "for confidential clients the use of PKCE is RECOMMENDED": here all must.
#[tokio::test]
async fn section_2_1_1_pkce_is_required_of_every_client() {
    let app = App::start().await;
    let (user, client, mut browser) = world(&app).await;
    let change = json!({"type": "public", "grant_types": ["authorization_code"]});
    let public = Client::register(&user, change).await;
    for client in [&client, &public] {
        let reply = browser.get(&client.request(&[("code_challenge", None)])).await.expect(303);
        assert_eq!(reply.sent_with()["error"], "invalid_request");
    }
}

/// 2.1.1: "servers MUST support a mitigation of PKCE downgrade attacks": a verifier is required whenever there is a challenge, and there always is.
#[tokio::test]
async fn section_2_1_1_pkce_cannot_be_downgraded() {
    let app = App::start().await;
    let (_, client, mut browser) = world(&app).await;
    let reply = browser.get(&client.request(&[("code_challenge_method", Some("plain"))])).await.expect(303);
    assert_eq!(reply.sent_with()["error"], "invalid_request");
    let code = client.code(&mut browser).await;
    let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", REDIRECT)];
    client.ask(&app, &fields).send().await.refusal(400, "invalid_request");
}

/// 2.1.1: "Authorization servers MUST provide a way to detect their support for PKCE."
#[tokio::test]
async fn section_2_1_1_support_for_pkce_is_published() {
    let app = App::start().await;
    let metadata = app.get("/.well-known/oauth-authorization-server").send().await.expect(200).json();
    assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
}

/// 2.1.2: "clients SHOULD NOT use the implicit grant or other response types issuing access tokens in the authorization response."
#[tokio::test]
async fn section_2_1_2_no_token_is_issued_in_the_authorization_response() {
    let app = App::start().await;
    let (_, client, mut browser) = world(&app).await;
    for kind in ["token", "id_token", "code token", "code id_token token"] {
        let reply = browser.get(&client.request(&[("response_type", Some(kind))])).await.expect(303);
        assert_eq!(reply.sent_with()["error"], "unsupported_response_type");
        assert!(!reply.header("location").unwrap().contains('#'));
    }
}

/// 2.2.2: "Refresh tokens for public clients MUST be sender-constrained or use refresh token rotation."
#[tokio::test]
async fn section_2_2_2_refresh_tokens_rotate_and_reuse_ends_the_family() {
    let app = App::start().await;
    let (user, _, mut browser) = world(&app).await;
    let change = json!({"type": "public", "grant_types": ["authorization_code", "refresh_token"]});
    let public = Client::register(&user, change).await;
    let first = public.tokens(&mut browser).await["refresh_token"].as_str().unwrap().to_owned();
    let second = public.refresh(&app, &first).await.expect(200).string("/refresh_token");
    public.refresh(&app, &first).await.refusal(400, "invalid_grant");
    public.refresh(&app, &second).await.refusal(400, "invalid_grant");
}

/// 2.3: "The privileges associated with an access token SHOULD be restricted to the minimum", and its audience.
#[tokio::test]
async fn section_2_3_a_token_is_for_one_audience_and_no_more_than_was_granted() {
    let app = App::start().await;
    let (_, client, mut browser) = world(&app).await;
    let tokens = client.tokens(&mut browser).await;
    let claims = tokens["access_token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    use base64::Engine as _;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], format!("http://{}", app.address));
    assert_eq!(claims["scope"], "wallets:read");
    assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 900);
}

/// 2.4: "The resource owner password credentials grant MUST NOT be used."
#[tokio::test]
async fn section_2_4_there_is_no_password_grant() {
    let app = App::start().await;
    let (user, client, _) = world(&app).await;
    let fields = [
        ("grant_type", "password"),
        ("username", user.email.as_str()),
        ("password", crate::support::user::PASSWORD),
    ];
    client.ask(&app, &fields).send().await.refusal(400, "unsupported_grant_type");
}

/// 2.5: "It is RECOMMENDED to use asymmetric cryptography for client authentication": it is there, and published.
#[tokio::test]
async fn section_2_5_clients_can_authenticate_by_a_key() {
    let app = App::start().await;
    let metadata = app.get("/.well-known/oauth-authorization-server").send().await.expect(200).json();
    let methods = metadata["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&json!("private_key_jwt")));
    let signed = metadata["token_endpoint_auth_signing_alg_values_supported"].to_string();
    assert!(!signed.contains("HS") && !signed.contains("none"), "{signed}");
}

/// 2.6: "CORS MUST NOT be supported at the Authorization Endpoint, as the client does not access this endpoint directly".
#[tokio::test]
async fn section_2_6_pages_of_other_origins_never_read_the_authorization_endpoint() {
    let app =
        App::start_with(|config| config.cors.allowed_origins = Some(waypost_gateway::config::Origins::Any))
            .await;
    let readable = async |method: &str, path: &str| {
        let ask = app.ask(method, path).header("Origin", "https://app.example");
        let reply = ask.header("Access-Control-Request-Method", "GET").send().await;
        reply.header("access-control-allow-origin").is_some()
    };
    for method in ["GET", "OPTIONS"] {
        assert!(!readable(method, "/oauth/authorize?client_id=ocl_1").await, "{method}");
        assert!(readable(method, "/.well-known/jwks.json").await, "{method}");
    }
}

/// 2.6: "authorization servers publish OAuth authorization server metadata", of the issuer that answers.
#[tokio::test]
async fn section_2_6_metadata_is_published_by_the_issuer_itself() {
    let app = App::start().await;
    let metadata = app.get("/.well-known/oauth-authorization-server").send().await.expect(200).json();
    assert_eq!(metadata["issuer"], format!("http://{}", app.address));
    for name in [
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "revocation_endpoint",
        "introspection_endpoint",
    ] {
        assert!(metadata[name].as_str().unwrap().starts_with(metadata["issuer"].as_str().unwrap()), "{name}");
    }
}

/// 2.6: "Authorization responses MUST NOT be transmitted over unencrypted network connections": no http but on a loopback address.
#[tokio::test]
async fn section_2_6_no_address_without_encryption_is_registered() {
    let app = App::start().await;
    let user = app.register().await;
    for address in ["http://books.example/cb", "http://localhost/cb", "http://10.0.0.1/cb"] {
        let body =
            json!({"name": "x", "type": "public", "redirect_uris": [address], "scopes": ["wallets:read"]});
        let fields = user.post("/v1/oauth_clients").json(body).send().await.fields();
        assert_eq!(fields, ["/redirect_uris/0 redirect_uri"], "{address}");
    }
}

/// 4.2.4: "the page rendered as a result of the OAuth authorization response and the authorization endpoint SHOULD NOT include third-party resources or
/// links"; Referer is suppressed.
#[tokio::test]
async fn section_4_2_4_pages_leak_nothing_by_referrer() {
    let app = App::start().await;
    let (_, client, mut browser) = world(&app).await;
    let page = browser.get(&client.request(&[])).await.expect(200);
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let html = page.text();
    assert!(!html.contains("src=") && !html.contains("<link") && !html.contains("<a "), "{html}");
}

/// 4.3.1: "the authorization code is replayed": it works once, and for a minute.
#[tokio::test]
async fn section_4_3_1_a_code_from_the_history_of_a_browser_is_worth_nothing() {
    let app = App::start().await;
    let (_, client, mut browser) = world(&app).await;
    let code = client.code(&mut browser).await;
    let tokens = client.exchange(&app, &code).await.expect(200).json();
    client.exchange(&app, &code).await.refusal(400, "invalid_grant");
    // Section 4.5.3 and RFC 6749, section 4.1.2: what it was exchanged for ends as well.
    let asked = app.get("/v1/wallets").bearer(tokens["access_token"].as_str().unwrap());
    asked.send().await.problem(401, "unauthenticated");
}

/// 4.3.2: "Clients MUST NOT pass access tokens in a URI query parameter."
#[tokio::test]
async fn section_4_3_2_a_token_in_a_query_is_no_token() {
    let app = App::start().await;
    let (_, client, mut browser) = world(&app).await;
    let tokens = client.tokens(&mut browser).await;
    let path = format!("/v1/wallets?access_token={}", tokens["access_token"].as_str().unwrap());
    assert!([401, 422].contains(&app.get(&path).send().await.status));
}

/// 4.4.2.1: "the authorization server includes `iss` in the authorization response" (RFC 9207), in errors as well.
#[tokio::test]
async fn section_4_4_answers_say_who_answers() {
    let app = App::start().await;
    let (_, client, mut browser) = world(&app).await;
    for decision in ["allow", "deny"] {
        let sent = client.decide(&mut browser, &client.request(&[]), decision).await.expect(303).sent_with();
        assert_eq!(sent["iss"], format!("http://{}", app.address));
    }
    let metadata = app.get("/.well-known/oauth-authorization-server").send().await.expect(200).json();
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
}

/// 4.5.3.1: a code is bound to the client, the verifier and the address that it was asked for with.
#[tokio::test]
async fn section_4_5_an_injected_code_is_refused() {
    let app = App::start().await;
    let (user, client, mut browser) = world(&app).await;
    let other = Client::register(&user, json!({})).await;
    let code = client.code(&mut browser).await;
    other.exchange(&app, &code).await.refusal(400, "invalid_grant");
    let verifier = "b".repeat(43);
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", verifier.as_str()),
    ];
    client.ask(&app, &fields).send().await.refusal(400, "invalid_grant");
}

/// 4.7.1: forms that act in a person's name are protected from cross-site request forgery.
#[tokio::test]
async fn section_4_7_consent_cannot_be_forged() {
    let app = App::start().await;
    let (_, client, mut browser) = world(&app).await;
    let page = browser.get(&client.request(&[])).await.expect(200);
    let form = [
        ("request", field(&page, "request")),
        ("csrf_token", field(&page, "csrf_token")),
        ("decision", "allow".into()),
    ];
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.send("POST", "/oauth/authorize", "cross-site", &form).await.expect(403);
}

/// 4.11.2: "the authorization server MUST NOT redirect the user agent" where client or address is not known; the person agrees before any redirect.
#[tokio::test]
async fn section_4_11_2_the_server_is_no_open_redirector() {
    let app = App::start().await;
    let (_, client, mut browser) = world(&app).await;
    for change in [("client_id", Some("ocl_x")), ("redirect_uri", Some("https://evil.example/"))] {
        assert_eq!(browser.get(&client.request(&[change])).await.expect(400).header("location"), None);
    }
}

/// 4.12: "the status code 303 (See Other) SHOULD be used": 307 would send the person's password along.
#[tokio::test]
async fn section_4_12_redirects_have_the_status_303() {
    let app = App::start().await;
    let (user, client, mut browser) = world(&app).await;
    client.decide(&mut browser, &client.request(&[]), "allow").await.expect(303);
    Browser::new(&app).sign_in(&user.email, crate::support::user::PASSWORD).await.expect(303);
}

/// 4.14.2: refresh tokens are bound to scope, and end when they are not used.
#[tokio::test]
async fn section_4_14_refresh_tokens_are_bound_to_what_was_granted_and_expire() {
    let app = App::start().await;
    let (_, client, mut browser) = world(&app).await;
    let tokens = client.tokens(&mut browser).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh), ("scope", "wallets:write")];
    client.ask(&app, &fields).send().await.refusal(400, "invalid_scope");
    let mut tx = app.tamper().await;
    sqlx::query("UPDATE oauth_refresh_tokens SET expires_at = 1").execute(tx.connection()).await.unwrap();
    tx.commit_empty().await.unwrap();
    client.refresh(&app, refresh).await.refusal(400, "invalid_grant");
}

/// 4.15: "clients influencing their `client_id`": a client cannot be taken for a user.
#[tokio::test]
async fn section_4_15_a_client_is_never_taken_for_a_user() {
    let app = App::start().await;
    let (user, client, _) = world(&app).await;
    assert!(client.id.starts_with("ocl_"));
    let me = user.get("/v1/auth/me").send().await.expect(200).json();
    assert!(me["user"]["id"].as_str().unwrap().starts_with("usr_"));
}

/// 4.16: "Authorization servers MUST prevent clickjacking attacks."
#[tokio::test]
async fn section_4_16_pages_cannot_be_framed() {
    let app = App::start().await;
    let (_, client, mut browser) = world(&app).await;
    let page = browser.get(&client.request(&[])).await.expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(policy.contains("form-action 'self' https://books.example;"), "{policy}");
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
}
