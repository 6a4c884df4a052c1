//! The SDK as a client of the authorization server: it gets its tokens itself, however many calls need them.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::json;
use waypost::oauth::{MemoryTokenStore, TokenSet};

use crate::support::browser::Browser;
use crate::support::oauth::Client;
use crate::support::{App, User};

/// How many token requests the gateway counted.
async fn asked(app: &App) -> u64 {
    let text = app.get("/metrics").send().await.expect(200).text();
    let lines =
        text.lines().filter(|line| line.starts_with("waypost_http_requests_total{operation=\"oauth_token\""));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

fn sdk(app: &App, client: &Client) -> waypost::ClientBuilder {
    waypost::Client::builder(format!("http://{}", app.address))
        .client_id(client.id.as_str())
        .client_secret(client.secret.as_str())
}

#[tokio::test]
async fn two_hundred_calls_of_a_machine_make_one_token_request() {
    let app = App::start().await;
    let client = Client::register(&app.register().await, json!({})).await;
    let sdk = sdk(&app, &client).scope("wallets:read").build().unwrap();
    let (wallets, all) = (sdk.wallets(), Default::default());
    for page in join_all((0..200).map(|_| wallets.list(&all).into_future())).await {
        assert!(page.unwrap().data.is_empty());
    }
    assert_eq!(asked(&app).await, 1);
    let refused = sdk.wallets().create(&waypost::types::CreateWallet::new("EUR")).await.unwrap_err();
    assert_eq!(refused.kind(), waypost::ErrorKind::PermissionDenied, "the scope holds");
}

#[tokio::test]
async fn a_persons_expired_token_is_refreshed_once_for_all_calls_and_its_successor_is_kept() {
    let app = App::start().await;
    let user: User<'_> = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let tokens = client.tokens(&mut Browser::signed_in(&user).await).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let store = Arc::new(MemoryTokenStore::with(
        TokenSet::new("long gone").with_refresh_token(refresh).with_expires_at(1),
    ));
    let before = asked(&app).await;
    let sdk = sdk(&app, &client).token_store(Arc::clone(&store)).build().unwrap();
    let (wallets, all) = (sdk.wallets(), Default::default());
    for page in join_all((0..200).map(|_| wallets.list(&all).into_future())).await {
        page.unwrap();
    }
    assert_eq!(asked(&app).await - before, 1);
    let kept = store.tokens().unwrap();
    assert_ne!(kept.refresh_token.as_ref().map(waypost::Secret::expose), Some(refresh));
    assert!(kept.expires_at > Some(1));

    // Used a second time it has leaked, and everything ends: the program hears that somebody has to sign in.
    client.refresh(&app, refresh).await.refusal(400, "invalid_grant");
    let person = waypost::Client::builder(format!("http://{}", app.address))
        .client_id(client.id.as_str())
        .client_secret(client.secret.as_str())
        .tokens(kept)
        .build()
        .unwrap();
    // The client has a secret, so it goes on as itself.
    person.wallets().list(&all).await.unwrap();
}

#[tokio::test]
async fn a_machine_that_gives_a_wrong_secret_is_told_so() {
    let app = App::start().await;
    let client = Client::register(&app.register().await, json!({})).await;
    let wrong = sdk(&app, &client).client_secret("wps_wrong").build().unwrap();
    let error = wrong.wallets().list(&Default::default()).await.unwrap_err();
    let told = error.oauth().unwrap();
    assert_eq!((told.error.as_deref(), told.status), (Some("invalid_client"), Some(401)));
    assert!(!format!("{error} {error:?}").contains("wps_wrong"));
}
