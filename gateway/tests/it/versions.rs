//! Two versions of a real resource: the platform's wallets, which an older client knows by other names.

use serde_json::{Value, json};

use crate::support::{App, User};

/// The wallets as `v1` knew them: a `label` instead of a name, one `amount` instead of balances, and a request that says nothing of the currency.
const FILE: &str = r#"
versions:
  default: v2
  header: X-API-Version
  known:
    v1: { deprecated: { since: "2026-07-01T00:00:00Z", sunset: "2027-07-01T00:00:00Z", link: "https://example.com/v2" } }
    v2: {}
routes:
  - name: wallets
    match: { path: /wallets, methods: [POST] }
    service: platform
    path: { replace: /v1/wallets }
    versions: [v1, v2]
    shims:
      v1:
        request:
          - { rename: [/label, name] }
          - { default: [/currency, EUR] }
        response: &old
          - { rename: [/name, label] }
          - { move: [/balance, /amount] }
          - { drop: /available }
          - { drop: /held }
  - name: wallet
    match: { path: "/wallets/{id}", methods: [GET] }
    service: platform
    path: { replace: "/v1/wallets/{id}" }
    versions: [v1, v2]
    shims: { v1: { response: *old } }
"#;

#[tokio::test]
async fn an_older_client_is_served_by_the_newer_resource_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("waypost.yaml");
    std::fs::write(&file, FILE).unwrap();
    let app = App::start_with(|config| config.proxy = Some(file)).await;
    let admin = User::admin(&app).await;
    let ask = async |method: &str, path: &str, version: &str, body: Value| {
        let url = format!("http://{}{path}", app.address);
        let mut request = app
            .client
            .request(method.parse().unwrap(), url)
            .bearer_auth(&admin.access_token)
            .header("X-API-Version", version);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        (status, headers, answer.json::<Value>().await.unwrap())
    };
    let (status, _, made) = ask("POST", "/wallets", "v1", json!({ "label": "Holiday" })).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(
        (&made["label"], &made["currency"], &made["amount"]),
        (&json!("Holiday"), &json!("EUR"), &json!(0))
    );
    assert!(made.get("name").is_none() && made.get("available").is_none(), "{made}");
    let path = format!("/wallets/{}", made["id"].as_str().unwrap());
    let (_, _, old) = ask("GET", &path, "v1", Value::Null).await;
    assert_eq!(old, made);
    let (_, _, new) = ask("GET", &path, "v2", Value::Null).await;
    assert_eq!((&new["name"], &new["balance"], &new["available"]), (&json!("Holiday"), &json!(0), &json!(0)));
    let versions = admin.get("/v1/versions").header("X-API-Version", "v2").send().await.expect(200).json();
    assert_eq!(
        versions["data"][0],
        json!({
            "name": "v1",
            "default": false,
            "deprecated": { "since": "2026-07-01T00:00:00Z", "sunset": "2027-07-01T00:00:00Z", "link": "https://example.com/v2" },
            "routes": ["wallet", "wallets"],
            "shimmed_routes": ["wallet", "wallets"],
        })
    );
}
