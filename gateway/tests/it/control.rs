//! The data plane managed through the API, by the SDK and by plain requests: what is made there serves, outlives a restart, and never gets in the way of the file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use serde_json::{Value, json};
use waypost::{Client, types};

use crate::support::{App, Program, Upstream, User};

/// What the gateway answers to a request that is for a service.
async fn through(app: &App, path: &str) -> (u16, Value) {
    let answer = app.client.get(format!("http://{}{path}", app.address)).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

fn service(name: &str, upstream: &Upstream) -> Value {
    json!({ "name": name, "targets": [{ "url": upstream.url }] })
}

fn route(name: &str) -> Value {
    json!({ "name": name, "match": { "path": format!("/api/{name}/*") }, "service": name, "path": { "strip": format!("/api/{name}") } })
}

/// A service and a route to it under `/api/<name>`.
async fn add(admin: &User<'_>, name: &str, upstream: &Upstream) {
    admin.post("/v1/services").json(service(name, upstream)).send().await.expect(201);
    admin.post("/v1/routes").json(route(name)).send().await.expect(201);
}

/// A gateway with a file in a folder of its own.
async fn with_file(text: String) -> (App, std::path::PathBuf, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("waypost.yaml");
    std::fs::write(&file, text).unwrap();
    let app = App::start_with(|config| config.proxy = Some(file.clone())).await;
    (app, file, folder)
}

#[tokio::test]
async fn a_service_and_a_route_that_the_sdk_adds_serve_at_once() {
    let (app, upstream) = (App::start().await, Upstream::start("orders").await);
    let admin = User::admin(&app).await;
    let client = Client::builder(format!("http://{}", app.address))
        .access_token(admin.access_token.as_str())
        .build()
        .unwrap();
    let mut wanted = types::CreateService::new("orders");
    wanted.targets = Some(vec![types::ServiceTarget::new(&upstream.url)]);
    wanted.balance = Some(types::BalanceSettings::new(types::BalanceAlgorithm::Fastest));
    let made = client.services().create(&wanted).await.unwrap();
    assert_eq!((made.name.as_str(), made.source), ("orders", types::ConfigSource::Api));
    assert!(made.status.available && made.status.targets[0].healthy);
    let mut wanted = types::CreateRoute::new("orders");
    wanted.r#match = Some(types::RouteMatch { path: Some("/api/orders/*".to_owned()), ..Default::default() });
    wanted.service = Some("orders".to_owned());
    wanted.path = Some(types::PathRewrite { strip: Some("/api/orders".to_owned()), ..Default::default() });
    client.routes().create(&wanted).await.unwrap();
    let (status, answer) = through(&app, "/api/orders/7?all=1").await;
    assert_eq!((status, &answer["path"]), (200, &json!("/7?all=1")));
    let health = client.services().health("orders").await.unwrap();
    assert_eq!(
        (health.status.targets[0].requests, health.status.breaker),
        (1, Some(types::BreakerState::Closed))
    );
    let answer = client.routes().r#match(&types::RouteQuestion::new("/api/orders/7")).await.unwrap();
    assert_eq!((answer.route.as_deref(), answer.service_path.as_deref()), (Some("orders"), Some("/7")));
}

#[tokio::test]
async fn what_is_changed_and_taken_away_under_load_loses_no_request_of_others() {
    let app = App::start().await;
    let admin = User::admin(&app).await;
    let (kept, other) = (Upstream::start("kept").await, Upstream::start("other").await);
    add(&admin, "kept", &kept).await;
    let (stop, failed, sent) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (stop, failed, sent) = (Arc::clone(&stop), Arc::clone(&failed), Arc::clone(&sent));
            let (client, url) = (app.client.clone(), format!("http://{}/api/kept/x", app.address));
            tokio::spawn(async move {
                while !stop.load(Relaxed) {
                    let good = client.get(&url).send().await.is_ok_and(|answer| answer.status() == 200);
                    failed.fetch_add(u64::from(!good), Relaxed);
                    sent.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..5 {
        add(&admin, "other", &other).await;
        assert_eq!(through(&app, "/api/other/1").await.0, 200);
        let change = json!({ "timeouts": { "total": "9s" } });
        admin.ask("PATCH", "/v1/services/kept").json(change).send().await.expect(200);
        admin.ask("DELETE", "/v1/services/other").send().await.problem(409, "in_use");
        admin.ask("DELETE", "/v1/routes/other").send().await.expect(204);
        admin.ask("DELETE", "/v1/services/other").send().await.expect(204);
        assert_eq!(through(&app, "/api/other/1").await.0, 404);
    }
    stop.store(true, Relaxed);
    for task in load {
        task.await.unwrap();
    }
    assert_eq!(failed.load(Relaxed), 0);
    assert!(sent.load(Relaxed) > 0);
}

#[tokio::test]
async fn a_bad_edit_names_every_fault_and_changes_nothing() {
    let (app, upstream) = (App::start().await, Upstream::start("orders").await);
    let admin = User::admin(&app).await;
    add(&admin, "orders", &upstream).await;
    let before = admin.get("/v1/config").send().await.expect(200).json();
    let bad = json!({ "targets": [{ "url": "nonsense" }], "breaker": { "failures": 0.0, "minimun": 3 } });
    let problem =
        admin.ask("PATCH", "/v1/services/orders").json(bad).send().await.problem(422, "invalid_config");
    let places: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
    assert!(places.contains(&&json!("/breaker/minimun")), "{problem}");
    let bad = json!({ "targets": [{ "url": "nonsense" }] });
    let problem =
        admin.ask("PATCH", "/v1/services/orders").json(bad).send().await.problem(422, "invalid_config");
    assert_eq!(problem["errors"][0]["pointer"], "/targets/0");
    let nowhere = json!({ "name": "lost", "service": "nobody" });
    let problem = admin.post("/v1/routes").json(nowhere).send().await.problem(422, "invalid_config");
    assert_eq!(problem["errors"][0]["pointer"], "/service");
    admin.post("/v1/services").json(service("orders", &upstream)).send().await.problem(409, "already_exists");
    admin
        .post("/v1/services")
        .json(service("platform", &upstream))
        .send()
        .await
        .problem(422, "invalid_config");
    admin.ask("DELETE", "/v1/routes/nobody").send().await.problem(404, "not_found");
    assert_eq!(admin.get("/v1/config").send().await.json(), before);
    assert_eq!(through(&app, "/api/orders/1").await.0, 200);
}

#[tokio::test]
async fn what_the_file_defines_only_the_file_changes() {
    let upstream = Upstream::start("filed").await;
    let text = format!(
        "services: {{ filed: {{ targets: [\"{}\"] }} }}\nroutes: [{{ name: filed, match: {{ path: /api/filed/* }}, service: filed }}]\nlimits: {{ tiers: {{ gold: {{ per_minute: 7 }} }} }}\n",
        upstream.url
    );
    let (app, file, _folder) = with_file(text).await;
    let admin = User::admin(&app).await;
    let seen = admin.get("/v1/services/filed").send().await.expect(200);
    assert_eq!(
        (seen.string("/source"), seen.string("/balance/algorithm")),
        ("file".to_owned(), "round_robin".to_owned())
    );
    for ask in [
        admin.ask("PATCH", "/v1/services/filed").json(json!({ "http2": true })),
        admin.ask("DELETE", "/v1/services/filed"),
        admin.ask("PATCH", "/v1/routes/filed").json(json!({ "priority": 1 })),
        admin.ask("DELETE", "/v1/routes/filed"),
        admin.ask("PUT", "/v1/rate_limits/tiers/gold").json(json!({ "per_minute": 8 })),
    ] {
        let problem = ask.send().await.problem(409, "managed_by_file");
        assert!(problem["detail"].as_str().unwrap().contains(file.to_str().unwrap()), "{problem}");
    }
    // A route of the API's may lead to a service of the file's.
    let more = json!({ "name": "more", "match": { "path": "/api/more/*" }, "service": "filed" });
    admin.post("/v1/routes").json(more).send().await.expect(201);
    assert_eq!(through(&app, "/api/more/1").await.0, 200);
}

#[tokio::test]
async fn what_was_made_outlives_a_restart_and_an_answer_is_told_again() {
    let (app, upstream) = (App::start().await, Upstream::start("orders").await);
    let admin = User::admin(&app).await;
    let ask = admin.post("/v1/services").json(service("orders", &upstream)).key("once");
    let first = ask.clone().send().await.expect(201);
    let again = ask.send().await.expect(201);
    assert_eq!((again.header("idempotency-replayed"), again.json()), (Some("true"), first.json()));
    admin.post("/v1/routes").json(route("orders")).send().await.expect(201);
    admin
        .ask("PUT", "/v1/rate_limits/tiers/partner")
        .json(json!({ "per_minute": 9 }))
        .send()
        .await
        .expect(200);
    let (email, before) = (admin.email.clone(), admin.get("/v1/config").send().await.expect(200).json());
    let app = app.restart().await;
    assert_eq!(through(&app, "/api/orders/1").await.0, 200);
    let admin = User::login(&app, &email, crate::support::user::PASSWORD).await;
    let after = admin.get("/v1/config").send().await.expect(200).json();
    assert_eq!((&after["revision"], &after["api"]), (&json!(3), &before["api"]));
    assert_eq!(after["api"]["limits"]["tiers"]["partner"], json!({ "per_minute": 9 }));
}

#[tokio::test]
async fn a_breaker_that_is_forced_open_answers_circuit_open_until_it_is_reset() {
    let (app, upstream) = (App::start().await, Upstream::start("orders").await);
    let admin = User::admin(&app).await;
    add(&admin, "orders", &upstream).await;
    assert_eq!(through(&app, "/api/orders/1").await.0, 200);
    let open =
        admin.post("/v1/breakers/orders/open").json(json!({ "reason": "moving" })).send().await.expect(200);
    assert_eq!((open.string("/state"), &open.json()["by_hand"]), ("open".to_owned(), &json!(true)));
    let (status, problem) = through(&app, "/api/orders/1").await;
    assert_eq!((status, &problem["code"], &problem["state"]), (503, &json!("circuit_open"), &json!("open")));
    assert_eq!(upstream.seen.load(Relaxed), 1, "nobody is asked");
    let list = admin.get("/v1/breakers").send().await.expect(200).json();
    assert_eq!((&list["data"][0]["name"], &list["data"][0]["refused"]), (&json!("orders"), &json!(1)));
    let reset = admin.post("/v1/breakers/orders/reset").json(json!({})).send().await.expect(200);
    assert_eq!(reset.string("/state"), "closed");
    assert_eq!(through(&app, "/api/orders/1").await.0, 200);
    admin.post("/v1/breakers/nobody/open").json(json!({})).send().await.problem(404, "not_found");
}

#[tokio::test]
async fn a_service_that_fails_opens_its_breaker_for_everybody_to_see() {
    let (app, upstream) = (App::start().await, Upstream::start("orders").await);
    let admin = User::admin(&app).await;
    let mut wanted = service("orders", &upstream);
    wanted["breaker"] = json!({ "minimum": 4, "per_route": true });
    admin.post("/v1/services").json(wanted).send().await.expect(201);
    admin.post("/v1/routes").json(route("orders")).send().await.expect(201);
    upstream.failing.store(true, Relaxed);
    for _ in 0..4 {
        assert_eq!(through(&app, "/api/orders/1").await.0, 500);
    }
    let seen = admin.get("/v1/breakers/orders").send().await.expect(200).json();
    assert_eq!((&seen["state"], &seen["failures"]), (&json!("open"), &json!(4)), "{seen}");
    let own = admin.get("/v1/breakers/orders:orders").send().await.expect(200).json();
    assert_eq!((&own["service"], &own["route"]), (&json!("orders"), &json!("orders")));
}

#[tokio::test]
async fn a_whole_configuration_is_checked_and_replaced_at_once_or_not_at_all() {
    let (app, upstream) = (App::start().await, Upstream::start("orders").await);
    let admin = User::admin(&app).await;
    add(&admin, "old", &upstream).await;
    let yaml = format!(
        "services:\n  orders: {{ targets: [\"{}\"] }}\nroutes:\n  - name: orders\n    match: {{ path: /api/orders/* }}\n    service: orders\n",
        upstream.url
    );
    let check = async |yaml: &str| {
        let body = json!({ "yaml": yaml });
        admin.post("/v1/config/validate").json(body).send().await.expect(200).json()
    };
    assert_eq!(check(&yaml).await, json!({ "valid": true, "faults": [] }));
    let odd =
        check(&yaml.replace("  orders: {", "  lonely: { targets: [\"http://127.0.0.1:1\"] }\n  orders: {"))
            .await;
    let warning = &odd["faults"][0];
    assert_eq!((&odd["valid"], &warning["level"]), (&json!(true), &json!("warning")), "{odd}");
    assert_eq!((&warning["pointer"], &warning["line"]), (&json!("/services/lonely"), &json!(2)));
    let wrong =
        format!("{}    priorty: 3\nlisteners: []\n", yaml.replace("service: orders", "service: ordrs"));
    let report = check(&wrong).await;
    let told: Vec<_> = report["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| (fault["pointer"].as_str().unwrap(), fault["line"].as_u64().unwrap()))
        .collect();
    assert!(told.contains(&("/routes/0/service", 6)) && told.contains(&("/routes/0/priorty", 7)), "{report}");
    let apply = |body: Value| admin.ask("PUT", "/v1/config").json(body).send();
    apply(json!({ "yaml": wrong })).await.problem(422, "invalid_config");
    apply(json!({ "yaml": yaml, "revision": 1 })).await.problem(409, "stale_revision");
    assert_eq!(through(&app, "/api/old/1").await.0, 200, "nothing was changed");
    let applied = apply(json!({ "yaml": yaml, "revision": 2 })).await.expect(200).json();
    assert_eq!((&applied["revision"], &applied["clashes"]), (&json!(3), &json!([])));
    assert_eq!(through(&app, "/api/old/1").await.0, 404);
    assert_eq!(through(&app, "/api/orders/1").await.0, 200);
    let same = apply(json!({ "config": applied["api"] })).await.expect(200).json();
    assert_eq!(same["api"], applied["api"], "what is shown can be applied");
}

#[tokio::test]
async fn tiers_are_set_and_what_a_caller_used_is_told() {
    let app = App::start_with(|config| config.rate_limits.enabled = true).await;
    let admin = User::admin(&app).await;
    let tiers = admin.get("/v1/rate_limits/tiers").send().await.expect(200).json();
    let free = tiers["tiers"].as_array().unwrap().iter().find(|tier| tier["name"] == "free").unwrap();
    assert_eq!((&free["source"], &free["per_minute"]), (&json!("gateway"), &json!(60)));
    let usage = async || {
        let usage = admin.get("/v1/rate_limits/usage").send().await.expect(200).json();
        usage["windows"]
            .as_array()
            .unwrap()
            .iter()
            .find(|window| window["window"] == "minute")
            .cloned()
            .unwrap()
    };
    let (first, second) = (usage().await, usage().await);
    assert!(second["used"].as_u64() > first["used"].as_u64(), "{first} {second}");
    let put = json!({ "per_minute": 50, "per_second": 40, "burst": 5 });
    let tier = admin.ask("PUT", "/v1/rate_limits/tiers/free").json(put).send().await.expect(200).json();
    assert_eq!(
        (&tier["source"], &tier["per_minute"], tier.get("per_day")),
        (&json!("api"), &json!(50), None)
    );
    assert_eq!(usage().await["limit"], 50, "it holds at once, and what was used stays");
    let bad = json!({ "burst": 5 });
    admin.ask("PUT", "/v1/rate_limits/tiers/free").json(bad).send().await.problem(422, "invalid_config");
    let manager = app.register().await;
    manager.get("/v1/rate_limits/usage").send().await.expect(200);
    manager.get("/v1/rate_limits/usage?caller=usr_x").send().await.problem(403, "permission_denied");
}

#[tokio::test]
async fn who_registers_does_not_see_the_platforms_services() {
    let app = App::start().await;
    let manager = app.register().await;
    for path in ["/v1/services", "/v1/routes", "/v1/breakers", "/v1/config", "/v1/analytics/overview"] {
        manager.get(path).send().await.problem(403, "permission_denied");
    }
    manager.get("/v1/versions").send().await.expect(200);
}

#[tokio::test]
async fn analytics_tell_who_calls_what_and_survive_a_restart() {
    let (app, upstream) = (App::start().await, Upstream::start("orders").await);
    let admin = User::admin(&app).await;
    add(&admin, "orders", &upstream).await;
    for _ in 0..10 {
        through(&app, "/api/orders/1").await;
    }
    upstream.failing.store(true, Relaxed);
    through(&app, "/api/orders/2").await;
    let email = admin.email.clone();
    let app = app.restart().await;
    upstream.failing.store(false, Relaxed);
    let admin = User::login(&app, &email, crate::support::user::PASSWORD).await;
    through(&app, "/api/orders/1").await;
    // What has just ended waits a moment before it is added up.
    let mut orders = Value::Null;
    for _ in 0..100 {
        let top = admin.get("/v1/analytics/endpoints").send().await.expect(200).json();
        orders = top["endpoints"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["route"] == "orders")
            .cloned()
            .unwrap();
        if orders["requests"] == 12 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!((&orders["requests"], &orders["server_errors"]), (&json!(12), &json!(1)), "{orders}");
    assert!(orders["p99_ms"].as_f64().unwrap() > 0.0);
    let errors = admin.get("/v1/analytics/errors").send().await.expect(200).json();
    assert!(
        errors["errors"]
            .as_array()
            .unwrap()
            .contains(&json!({ "route": "orders", "status": 500, "count": 1 }))
    );
    let consumers = admin.get("/v1/analytics/consumers").send().await.expect(200).json();
    let anonymous =
        consumers["consumers"].as_array().unwrap().iter().find(|one| one["caller"] == "anonymous").unwrap();
    assert!(anonymous["requests"].as_u64().unwrap() >= 12, "{consumers}");
    let series =
        admin.get("/v1/analytics/series?route=orders&step_seconds=3600").send().await.expect(200).json();
    let sum: u64 =
        series["points"].as_array().unwrap().iter().map(|point| point["requests"].as_u64().unwrap()).sum();
    assert_eq!(sum, 12);
    let long = "/v1/analytics/overview?from=2026-01-01T00:00:00Z&to=2026-06-01T00:00:00Z";
    assert_eq!(admin.get(long).send().await.fields(), ["query:from range"]);
}

#[tokio::test]
async fn a_file_that_comes_to_define_the_same_counts_and_the_clash_is_shown() {
    let (mine, filed) = (Upstream::start("api").await, Upstream::start("file").await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("waypost.yaml");
    std::fs::write(&file, "services: {}\n").unwrap();
    let program = Program::start(&folder.path().join("data"), &["--proxy", file.to_str().unwrap()]);
    let words = program.greeting.iter().flat_map(|line| line.split([' ', '\'']));
    let key = words.into_iter().find(|word| word.starts_with("wp_")).unwrap().to_owned();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async |path: &str, body: Value| {
        let ask = client.post(format!("{}{path}", program.url)).header("X-API-Key", &key).json(&body);
        assert_eq!(ask.send().await.unwrap().status(), 201);
    };
    let get = async |path: &str| -> Value {
        let ask = client.get(format!("{}{path}", program.url)).header("X-API-Key", &key);
        ask.send().await.unwrap().json().await.unwrap_or_default()
    };
    post("/v1/services", service("orders", &mine)).await;
    post("/v1/routes", route("orders")).await;
    assert_eq!(get("/api/orders/1").await["service"], "api");
    let text = format!(
        "services: {{ orders: {{ targets: [\"{}\"] }} }}\nroutes: [{{ name: filed, match: {{ path: /api/filed/* }}, service: orders }}]\n",
        filed.url
    );
    std::fs::write(&file, text).unwrap();
    let eventually = async |path: &str, service: &str| {
        for _ in 0..100 {
            if get(path).await["service"] == service {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{path} never came to {service}");
    };
    eventually("/api/filed/1", "file").await;
    assert_eq!(get("/api/orders/1").await["service"], "file", "the API's route leads to the file's service");
    let config = get("/v1/config").await;
    assert_eq!(
        (&config["clashes"][0]["kind"], &config["clashes"][0]["name"]),
        (&json!("service"), &json!("orders"))
    );
    // Beside the running gateway, from the command line.
    let other = folder.path().join("api.yaml");
    let more = "services: { more: { targets: [\"URL\"] } }\nroutes: [{ name: more, match: { path: /api/more/* }, service: more }]\n";
    std::fs::write(&other, more.replace("URL", &mine.url)).unwrap();
    let apply = |arguments: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_waypost-gateway"))
            .args(["config", "apply"])
            .arg(&other)
            .args(arguments)
            .arg("--data-dir")
            .arg(folder.path().join("data"))
            .arg("--proxy")
            .arg(&file)
            .output()
            .unwrap()
    };
    let checked = apply(&["--check"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert_eq!(get("/v1/config").await["revision"], 2);
    let applied = apply(&[]);
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    eventually("/api/more/1", "api").await;
    let config = get("/v1/config").await;
    assert_eq!((&config["revision"], &config["clashes"]), (&json!(3), &json!([])));
    std::fs::write(&other, more.replace("URL", "nonsense")).unwrap();
    let refused = apply(&[]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(2) && said.contains("api.yaml:1:"), "{said}");
}

#[test]
fn a_request_that_nobody_sends_is_matched_from_the_file_alone() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/gateway/waypost.yaml");
    let ask = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_waypost-gateway"))
            .args(["proxy", "match", "--proxy"])
            .arg(&file)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let said = ask(&["GET", "/api/marketplace/offers/7", "-H", "X-API-Version: v1"]);
    for line in ["route    marketplace-offer", "version  v1", "sees     /offers/7", "takes it"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let answer: Value = serde_json::from_str(&ask(&["POST", "/api/query/x", "-o", "json"])).unwrap();
    assert_eq!(answer["route"], "platform", "{answer}");
    let query = answer["candidates"].as_array().unwrap().iter().find(|one| one["route"] == "query").unwrap();
    assert_eq!((&query["verdict"], &query["accepts"]), (&json!("method"), &json!(["GET"])));
}
