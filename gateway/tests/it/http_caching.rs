//! `ETag` and `If-None-Match`.

use serde_json::json;

use crate::support::App;

#[tokio::test]
async fn what_the_caller_has_already_is_not_sent_again() {
    let app = App::start().await;
    let user = app.register().await;
    let wallet = user.funded("EUR", 100).await;
    let path = format!("/v1/wallets/{wallet}");
    let first = user.get(&path).send().await.expect(200);
    let tag = first.header("etag").unwrap().to_owned();
    assert_eq!(first.header("cache-control"), Some("private, no-cache"));

    for sent in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let again = user.get(&path).header("If-None-Match", &sent).send().await.expect(304);
        assert!(again.body.is_empty() && again.header("content-type").is_none());
        assert_eq!(again.header("etag"), Some(tag.as_str()));
    }
    let other = user.get(&path).header("If-None-Match", "\"other\"").send().await.expect(200);
    assert_eq!(other.body, first.body);

    user.credit(&wallet, 1).await;
    let changed = user.get(&path).header("If-None-Match", &tag).send().await.expect(200);
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
}

#[tokio::test]
async fn only_answers_to_get_have_a_tag() {
    let app = App::start().await;
    let user = app.register().await;
    let made =
        user.post("/v1/wallets").json(json!({ "currency": "EUR" })).header("If-None-Match", "*").send().await;
    assert_eq!(made.expect(201).header("etag"), None);
    let wallet = user.wallet("EUR").await;
    let streamed = user.get(&format!("/v1/wallets/{wallet}/statement")).send().await.expect(200);
    assert_eq!((streamed.header("etag"), streamed.header("cache-control")), (None, Some("no-store")));
    let missing = user.get("/v1/nothing").header("If-None-Match", "*").send().await.expect(404);
    assert_eq!(missing.header("etag"), None);
}

#[tokio::test]
async fn a_tag_does_not_let_anybody_in() {
    let app = App::start().await;
    let (user, other) = (app.register().await, app.register().await);
    let path = format!("/v1/wallets/{}", user.wallet("EUR").await);
    other.get(&path).header("If-None-Match", "*").send().await.problem(404, "not_found");
    app.get(&path).header("If-None-Match", "*").send().await.problem(401, "unauthenticated");
}
