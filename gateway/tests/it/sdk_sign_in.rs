//! People who sign in by the Rust SDK: in their browser, on another device, at a web application.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use waypost::oauth::{MemoryTokenStore, SignIn, TokenSet};
use waypost::{Error, ErrorKind};

use crate::support::browser::{Browser, field};
use crate::support::oauth::Client;
use crate::support::{App, User};

const GRANTS: [&str; 3] =
    ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"];

/// A client for programs on people's machines.
async fn public(user: &User<'_>) -> Client {
    let change =
        json!({"type": "public", "grant_types": GRANTS, "redirect_uris": ["http://127.0.0.1/callback"]});
    Client::register(user, change).await
}

fn sign_in(app: &App, client: &Client) -> SignIn {
    SignIn::new(format!("http://{}", app.address), client.id.as_str()).unwrap().scope("wallets:read")
}

/// Path and query of an address of the gateway.
fn path<'u>(app: &App, url: &'u str) -> &'u str {
    url.strip_prefix(&format!("http://{}", app.address)).unwrap_or_else(|| panic!("{url} is elsewhere"))
}

async fn works(app: &App, tokens: &TokenSet) {
    app.get("/v1/wallets").bearer(tokens.access_token.expose()).send().await.expect(200);
}

fn word(error: &Error) -> Option<&str> {
    assert_eq!(error.kind(), ErrorKind::OAuth, "{error}");
    error.oauth()?.error.as_deref()
}

/// Signs in by a browser whose person decides so; `strange` is asked for before they come back.
async fn by_browser(decision: &str, strange: &[&str]) -> (Result<TokenSet, Error>, Vec<u16>, String) {
    let app = App::start().await;
    let user = app.register().await;
    let client = public(&user).await;
    let mut browser = Browser::signed_in(&user).await;
    let (tell, told) = tokio::sync::oneshot::channel();
    let sign_in = sign_in(&app, &client);
    let program = sign_in.with_browser(move |url| tell.send(url.to_owned()).unwrap());
    let person = async {
        let url = told.await.unwrap();
        let sent = client.decide(&mut browser, path(&app, &url), decision).await.expect(303);
        let callback = sent.header("location").unwrap().to_owned();
        let mut statuses = Vec::new();
        for change in strange {
            let url = url::Url::parse(&callback).unwrap().join(change).unwrap();
            statuses.push(app.client.get(url).send().await.unwrap().status().as_u16());
        }
        let page = app.client.get(callback).send().await.unwrap();
        assert_eq!(page.headers()["cache-control"], "no-store");
        (statuses, page.text().await.unwrap())
    };
    let (outcome, (statuses, page)) = tokio::join!(program, person);
    if let Ok(tokens) = &outcome {
        works(&app, tokens).await;
    }
    (outcome, statuses, page)
}

#[tokio::test]
async fn a_program_signs_a_person_in_by_their_browser_and_strangers_end_nothing() {
    let strange = ["/", "/callback", "/callback?state=another&code=c", "/favicon.ico"];
    let (outcome, statuses, page) = by_browser("allow", &strange).await;
    let tokens = outcome.unwrap();
    assert!(tokens.refresh_token.is_some() && tokens.expires_at.is_some());
    assert_eq!(tokens.scope.as_deref(), Some("wallets:read"));
    assert_eq!(statuses, [404, 400, 400, 404]);
    assert!(page.contains("You are signed in"), "{page}");
}

#[tokio::test]
async fn a_person_who_says_no_is_told_so_and_the_program_as_well() {
    let (outcome, _, page) = by_browser("deny", &[]).await;
    let error = outcome.unwrap_err();
    assert_eq!(word(&error), Some("access_denied"));
    assert!(page.contains("not signed in"), "{page}");
}

#[tokio::test]
async fn nobody_who_comes_back_is_a_timeout_and_nothing_listens_afterwards() {
    let app = App::start().await;
    let user = app.register().await;
    let client = public(&user).await;
    let opened = Mutex::new(String::new());
    let program = sign_in(&app, &client).limit(Duration::from_millis(50));
    let error = program.with_browser(|url| url.clone_into(&mut opened.lock().unwrap())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let url = url::Url::parse(&opened.into_inner().unwrap()).unwrap();
    let (_, callback) = url.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap();
    assert!(app.client.get(&*callback).send().await.is_err());
}

#[tokio::test]
async fn a_web_application_takes_its_people_back_once_and_no_others() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let store = Arc::new(MemoryTokenStore::new());
    let program =
        sign_in(&app, &client).client_secret(client.secret.as_str()).token_store(Arc::clone(&store));
    let mut browser = Browser::signed_in(&user).await;
    let [code, other] = [(); 2].map(|()| program.begin(crate::support::oauth::REDIRECT));
    let (code, other) = (code.await.unwrap(), other.await.unwrap());
    let sent = client.decide(&mut browser, path(&app, code.url()), "allow").await.expect(303);
    let redirect = sent.header("location").unwrap();
    assert_eq!(sent.sent_with()["state"], code.state());
    assert_eq!(word(&other.finish(redirect).await.unwrap_err()), Some("state_mismatch"));
    let printed = format!("{code:?} {program:?}");
    assert!(!printed.contains(code.state()) && !printed.contains(&client.secret), "{printed}");
    let tokens = code.finish(redirect).await.unwrap();
    works(&app, &tokens).await;
    assert_eq!(store.tokens(), Some(tokens));
}

#[tokio::test]
async fn a_device_is_let_in_by_its_code_typed_elsewhere() {
    let app = App::start().await;
    let user = app.register().await;
    let client = public(&user).await;
    let mut browser = Browser::signed_in(&user).await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let sign_in = sign_in(&app, &client);
    let program = sign_in.with_device(move |progress| tell.send(progress.clone()).unwrap());
    let person = async {
        let shown = told.recv().await.unwrap();
        assert_eq!((shown.polls, shown.wait), (0, Duration::from_secs(5)));
        let page = browser.get(path(&app, &shown.verification_uri)).await.expect(200);
        let form = [("user_code", shown.user_code.as_str()), ("csrf_token", &field(&page, "csrf_token"))];
        let asked = browser.submit("/oauth/device", &form).await.expect(200);
        let (code, token) = (field(&asked, "user_code"), field(&asked, "csrf_token"));
        let form = [("user_code", code.as_str()), ("csrf_token", &token), ("decision", "allow")];
        browser.submit("/oauth/device", &form).await.expect(200);
    };
    let (tokens, ()) = tokio::join!(program, person);
    works(&app, &tokens.unwrap()).await;
}

#[tokio::test]
async fn what_is_no_authorization_server_is_told_as_that() {
    let app = App::start().await;
    let user = app.register().await;
    let client = public(&user).await;
    let elsewhere = SignIn::new(format!("http://{}/v1", app.address), client.id.as_str()).unwrap();
    let error = elsewhere.with_device(|_| {}).await.unwrap_err();
    assert_eq!(word(&error), Some("invalid_response"));
    assert!(error.to_string().contains("/.well-known/oauth-authorization-server/v1"), "{error}");
    let stranger = SignIn::new(format!("http://{}", app.address), "ocl_nobody").unwrap();
    let error = stranger.with_device(|_| {}).await.unwrap_err();
    assert_eq!((word(&error), error.status()), (Some("invalid_client"), Some(401)));
}
