//! Who may call what, for every operation of the contract.

use serde_json::json;

use crate::support::contract::Contract;
use crate::support::{App, User};

#[tokio::test]
async fn without_credentials_every_guarded_operation_is_401() {
    let (app, contract) = (App::start().await, Contract::read());
    let mut guarded = 0;
    for operation in contract.operations().iter().filter(|operation| operation.is_guarded()) {
        guarded += 1;
        app.ask(&operation.method, &contract.example_path(operation))
            .send()
            .await
            .problem(401, "unauthenticated");
    }
    assert!(guarded > 20, "{guarded}");
}

#[tokio::test]
async fn with_wrong_credentials_every_guarded_operation_is_401() {
    let (app, contract) = (App::start().await, Contract::read());
    for operation in contract.operations().iter().filter(|operation| operation.is_guarded()) {
        let ask = || app.ask(&operation.method, &contract.example_path(operation));
        ask().bearer("nonsense").send().await.expect(401);
        ask().api_key("wp_nonsense_nonsense").send().await.expect(401);
        ask().header("Authorization", "Basic YTpi").send().await.expect(401);
    }
}

#[tokio::test]
async fn without_the_permission_every_operation_that_names_one_is_403() {
    let (app, contract) = (App::start().await, Contract::read());
    let user = app.register().await;
    let wallets = user.api_key(&["wallets:read"]).await;
    let sessions = user.api_key(&["sessions:read"]).await;
    let mut named = 0;
    for operation in contract.operations() {
        let Some(permission) = operation.permission() else { continue };
        named += 1;
        let weak = if permission == "wallets:read" { &sessions } else { &wallets };
        let problem = app
            .ask(&operation.method, &contract.example_path(&operation))
            .api_key(weak)
            .send()
            .await
            .problem(403, "permission_denied");
        assert!(problem["detail"].as_str().unwrap().contains(permission), "{problem}");
    }
    assert!(named > 20, "{named}");
}

#[tokio::test]
async fn with_the_permission_alone_every_such_operation_lets_the_caller_in() {
    let (app, contract) = (App::start().await, Contract::read());
    let user = User::admin(&app).await;
    for operation in contract.operations() {
        let Some(permission) = operation.permission() else { continue };
        let key = user.api_key(&[permission]).await;
        let ask = app.ask(&operation.method, &contract.example_path(&operation)).api_key(&key);
        if operation.is_stream() {
            assert_eq!(ask.open().await.status(), 200, "{permission} is not enough");
            continue;
        }
        let reply = ask.send().await;
        assert!(![401, 403].contains(&reply.status), "{permission} is not enough: {reply}");
    }
}

#[tokio::test]
async fn an_operation_for_people_takes_no_api_key() {
    let (app, contract) = (App::start().await, Contract::read());
    let key = app.register().await.api_key(&["wallets:read"]).await;
    let mut personal = 0;
    for operation in contract.operations() {
        if operation.is_guarded() && !operation.takes("apiKey") {
            personal += 1;
            let problem = app
                .ask(&operation.method, &contract.example_path(&operation))
                .api_key(&key)
                .send()
                .await
                .problem(401, "unauthenticated");
            assert!(problem["detail"].as_str().unwrap().contains("bearer token"), "{problem}");
        }
    }
    assert!(personal > 0);
}

#[tokio::test]
async fn a_public_operation_does_not_look_at_credentials() {
    let app = App::start().await;
    app.get("/health").bearer("nonsense").send().await.expect(200);
}

#[tokio::test]
async fn what_belongs_to_another_tenant_is_not_there() {
    let app = App::start().await;
    let (mine, other) = (app.register().await, app.register().await);
    let wallet = mine.funded("EUR", 100).await;
    let (get, nothing) =
        (format!("/v1/wallets/{wallet}"), "/v1/wallets/wal_0000000000007000800000000000000f");
    mine.get(&get).send().await.expect(200);
    let theirs = other.get(&get).send().await.problem(404, "not_found");
    let nowhere = other.get(nothing).send().await.problem(404, "not_found");
    assert_eq!(theirs["detail"].as_str().unwrap().replace(&wallet, ""), {
        nowhere["detail"].as_str().unwrap().replace("wal_0000000000007000800000000000000f", "")
    });
    for verb in ["credit", "debit"] {
        let path = format!("/v1/wallets/{wallet}/{verb}");
        other.post(&path).json(json!({ "amount": 1 })).send().await.problem(404, "not_found");
    }
    assert_eq!(mine.balance(&wallet).await, 100);
}
