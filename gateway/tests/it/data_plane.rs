//! The gateway in front of services of an integrator's, as `serve --proxy` makes it one: its own API and theirs behind one address, and one pipeline for both.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use waypost_gateway::Config;

use crate::support::{App, Program};

/// A service that answers every request with its path and those headers that the gateway added.
fn service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while let Some(Ok(first)) = lines.next() {
                    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                    let head: Vec<String> =
                        lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                    let headers: serde_json::Map<String, Value> = head
                        .iter()
                        .filter_map(|line| line.split_once(": "))
                        .map(|(name, value)| (name.to_ascii_lowercase(), json!(value)))
                        .filter(|(name, _)| name.starts_with("x-"))
                        .collect();
                    let body = json!({ "path": path, "headers": headers }).to_string();
                    let length = body.len();
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
                    );
                    if (&stream).write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn start(folder: &Path, file: &str) -> Program {
    let path = folder.join("waypost.yaml");
    std::fs::write(&path, file).unwrap();
    Program::start(&folder.join("data"), &["--proxy", path.to_str().unwrap()])
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn routes(address: SocketAddr) -> String {
    format!(
        r#"
services:
  orders: {{ targets: ["http://{address}"] }}
identity:
  providers: {{ platform: {{ platform: {{}} }} }}
routes:
  - name: orders
    match: {{ path: /api/orders/* }}
    path: {{ strip: /api/orders }}
    service: orders
  - name: private
    match: {{ path: /api/private/* }}
    service: orders
    access: {{ providers: [platform], permissions: ["wallets:read"] }}
"#
    )
}

#[tokio::test]
async fn services_and_the_gateways_own_api_share_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let program = start(folder.path(), &routes(service()));
    let client = client();
    let seen: Value =
        client.get(format!("{}/api/orders/7?all=1", program.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(seen["path"], "/7?all=1");
    assert_eq!(seen["headers"]["x-forwarded-for"], "127.0.0.1");
    let key = program.first_key();
    let me =
        client.get(format!("{}/v1/auth/me", program.url)).header("X-API-Key", &key).send().await.unwrap();
    assert_eq!(me.status(), 200);
    let asked = client.get(format!("{}/v1/nothing", program.url)).header("X-Request-Id", "req-of-mine-0001");
    let lost = asked.send().await.unwrap();
    assert_eq!(
        (lost.status().as_u16(), &lost.headers()["x-request-id"]),
        (404, &"req-of-mine-0001".parse().unwrap())
    );
    let problem: Value = lost.json().await.unwrap();
    assert_eq!(problem["request_id"], "req-of-mine-0001");
}

#[tokio::test]
async fn a_route_takes_the_gateways_keys_and_tells_the_service_who_calls() {
    let folder = tempfile::tempdir().unwrap();
    let program = start(folder.path(), &routes(service()));
    let client = client();
    let url = format!("{}/api/private/x", program.url);
    let without = client.get(&url).send().await.unwrap();
    assert_eq!(without.status(), 401);
    assert_eq!(without.json::<Value>().await.unwrap()["code"], "credentials_missing");
    let wrong = client.get(&url).header("X-API-Key", "wp_nobody").send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    let asked =
        client.get(&url).header("X-API-Key", program.first_key()).header("X-Waypost-Caller", "usr_forged");
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let seen: Value = answer.json().await.unwrap();
    let caller = seen["headers"]["x-waypost-caller"].as_str().unwrap();
    assert!(caller.starts_with("usr_") && caller != "usr_forged", "{caller}");
    assert!(seen["headers"].get("x-api-key").is_none(), "a service was shown a key of the gateway: {seen}");
}

#[tokio::test]
async fn a_changed_file_is_carried_out_and_a_wrong_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let address = service();
    let program = start(folder.path(), &routes(address));
    let client = client();
    let status = async |path: &str| {
        client.get(format!("{}{path}", program.url)).send().await.unwrap().status().as_u16()
    };
    assert_eq!(status("/api/more/1").await, 404);
    let file = folder.path().join("waypost.yaml");
    let more = format!(
        "{}\n  - {{ name: more, match: {{ path: /api/more/* }}, service: orders }}\n",
        routes(address).trim_end()
    );
    std::fs::write(&file, &more).unwrap();
    let mut tries = 0;
    while status("/api/more/1").await != 200 {
        tries += 1;
        assert!(tries < 100, "the file is not carried out");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    std::fs::write(&file, more.replace("service: orders", "service: nobody")).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert_eq!(status("/api/more/1").await, 200);
}

/// A gateway in this process, in front of this service.
async fn app(address: SocketAddr, more: &str, change: impl FnOnce(&mut Config)) -> App {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("waypost.yaml");
    std::fs::write(&path, format!("{more}\n{}", routes(address).trim_start())).unwrap();
    App::start_with(|config| {
        config.proxy = Some(path);
        change(config);
    })
    .await
}

#[tokio::test]
async fn a_callers_calls_to_services_and_to_the_gateways_own_api_are_counted_together() {
    let limits = "limits: { enabled: true, tiers: { anonymous: { per_minute: 4 } } }";
    let app = app(service(), limits, |config| config.rate_limits.enabled = true).await;
    let left = |headers: &HeaderMap| headers["x-ratelimit-remaining"].to_str().unwrap().to_owned();
    let at_service = async || {
        let answer = app.client.get(format!("http://{}/api/orders/7", app.address)).send().await.unwrap();
        (answer.status().as_u16(), answer.headers().clone())
    };
    for (service, own) in [("3", "2"), ("1", "0")] {
        assert_eq!(left(&at_service().await.1), service);
        // `/health` costs nothing; a path that is nobody's is not counted either.
        app.get("/health").send().await.expect(200);
        assert_eq!(left(&app.get("/v1/wallets").send().await.expect(401).headers), own);
    }
    app.get("/v1/wallets").send().await.problem(429, "rate_limited");
    let (status, headers) = at_service().await;
    assert_eq!((status, headers["ratelimit-policy"].to_str().unwrap()), (429, "\"minute\";q=4;w=60"));
}

#[tokio::test]
async fn limits_of_services_and_of_the_gateways_own_api_are_turned_on_apart() {
    let few = |config: &mut Config| {
        config.rate_limits.enabled = true;
        config.rate_limits.anonymous.per_minute = Some(1);
    };
    let app = app(service(), "", few).await;
    let url = format!("http://{}/api/orders/7", app.address);
    for _ in 0..3 {
        assert_eq!(app.client.get(&url).send().await.unwrap().status(), 200);
    }
    app.get("/v1/wallets").send().await.expect(401);
    app.get("/v1/wallets").send().await.problem(429, "rate_limited");
}

#[tokio::test]
async fn a_route_to_the_gateways_own_api_limits_a_client_at_an_endpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("waypost.yaml");
    let route =
        "{ name: me, match: { path: /v1/auth/me }, service: platform, limit: { each: { per_minute: 2 } } }";
    std::fs::write(&path, format!("routes: [{route}]")).unwrap();
    let app = App::start_with(|config| {
        config.proxy = Some(path);
        config.rate_limits.enabled = true;
    })
    .await;
    let (user, other) = (app.register().await, app.register().await);
    user.get("/v1/auth/me").send().await.expect(200);
    assert_eq!(user.get("/v1/auth/me").send().await.expect(200).header("x-ratelimit-remaining"), Some("0"));
    let problem = user.get("/v1/auth/me").send().await.problem(429, "rate_limited");
    assert_eq!((&problem["policy"], &problem["quota"]), (&json!("route-minute"), &json!("me")));
    user.get("/v1/wallets").send().await.expect(200);
    other.get("/v1/auth/me").send().await.expect(200);
}

/// A Redis of its own, ended with it. `.ci/setup` installs it.
struct Redis(std::process::Child);

impl Drop for Redis {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn redis() -> (Redis, u16) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = std::process::Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is missing: run .ci/setup");
    let redis = Redis(child);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    (redis, port)
}

#[tokio::test]
async fn nodes_that_share_a_redis_count_calls_to_their_own_api_together() {
    let (_redis, port) = redis();
    let limits = format!("limits: {{ redis: {{ urls: [\"redis://127.0.0.1:{port}\"], exact: true }} }}");
    let few = |config: &mut Config| {
        config.rate_limits.enabled = true;
        config.rate_limits.anonymous.per_minute = Some(4);
    };
    let (one, other) = (app(service(), &limits, few).await, app(service(), &limits, few).await);
    for node in [&one, &other] {
        let proxy = node.gateway.data_plane().unwrap().proxy().clone();
        while !proxy.seen().limit_link.is_some_and(|link| link.connected) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
    for _ in 0..2 {
        one.get("/v1/wallets").send().await.expect(401);
        other.get("/v1/wallets").send().await.expect(401);
    }
    for node in [&one, &other] {
        node.get("/v1/wallets").send().await.problem(429, "rate_limited");
    }
}

#[tokio::test]
async fn the_gateways_own_api_has_its_own_version_whatever_services_have() {
    let versions = "versions: { default: v7, header: X-API-Version, in_path: true, known: { v7: {} } }";
    let app = app(service(), versions, |_| {}).await;
    let ask = |path: &str, version: Option<&str>| {
        let ask = app.client.get(format!("http://{}{path}", app.address));
        let ask = version.into_iter().fold(ask, |ask, version| ask.header("X-API-Version", version));
        async move {
            let answer = ask.send().await.unwrap();
            let version =
                answer.headers().get("x-api-version").map(|value| value.to_str().unwrap().to_owned());
            (answer.status().as_u16(), version)
        }
    };
    let own = Some(env!("CARGO_PKG_VERSION"));
    for version in [None, own, Some("v7")] {
        assert_eq!(ask("/v1/wallets", version).await, (401, own.map(str::to_owned)), "{version:?}");
    }
    for path in ["/api/orders/7", "/v7/api/orders/7"] {
        assert_eq!(ask(path, None).await, (200, Some("v7".to_owned())), "{path}");
    }
    assert_eq!(ask("/api/orders/7", Some("v9")).await.0, 400);
    assert_eq!(ask("/v9/api/orders/7", None).await.0, 400);
}

#[tokio::test]
async fn each_request_is_one_event_of_the_log_whoever_answers_it() {
    let folder = tempfile::tempdir().unwrap();
    let (file, log) = (folder.path().join("waypost.yaml"), folder.path().join("log"));
    std::fs::write(&file, routes(service())).unwrap();
    let arguments = ["--proxy", file.to_str().unwrap(), "--log-format", "json"];
    let program = Program::start_logging(
        &folder.path().join("data"),
        &arguments,
        Stdio::from(File::create(&log).unwrap()),
    );
    let client = client();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    for (id, path) in
        [("of-a-service", "/api/orders/7"), ("of-our-own", "/v1/auth/me"), ("refused", "/a%2fb")]
    {
        let ask = client.get(format!("{}{path}", program.url)).header("X-Request-Id", id);
        ask.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01")).send().await.unwrap();
    }
    program.signal("TERM");
    assert!(program.wait().success());
    let log = std::fs::read_to_string(log).unwrap();
    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let of = |id: &str| {
        let mut events = events.iter().filter(|event| event["request_id"] == id);
        let (event, more) = (events.next().unwrap_or_else(|| panic!("no {id} in {log}")), events.next());
        assert!(more.is_none() && event["trace_id"] == trace, "{log}");
        event.clone()
    };
    let (theirs, ours, refused) = (of("of-a-service"), of("of-our-own"), of("refused"));
    assert_eq!((&theirs["route"], &theirs["status"]), (&json!("orders"), &json!(200)));
    assert_eq!(
        (&ours["operation"], &ours["status"], &ours["code"]),
        (&json!("auth_me"), &json!(401), &json!("unauthenticated"))
    );
    assert_eq!((&refused["status"], &refused["code"]), (&json!(400), &json!("path_ambiguous")));
}

#[test]
fn the_example_is_right() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/gateway/waypost.yaml");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_waypost-gateway"))
        .args(["config", "check", "--proxy"])
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_form_of_the_file_is_there_for_editors() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_waypost-gateway"))
        .args(["config", "schema"])
        .output()
        .unwrap();
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(schema["properties"]["routes"].is_object(), "{schema}");
}

#[test]
fn a_wrong_file_is_refused_with_every_mistake_and_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("waypost.yaml");
    std::fs::write(
        &path,
        "services:\n  orders: { targets: [7] }\nroutes:\n  - name: a\n    service: nobody\n",
    )
    .unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_waypost-gateway"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.path().join("data"))
        .arg("--proxy")
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("waypost.yaml:2:") && said.contains("waypost.yaml:5:"), "{said}");
    assert!(!folder.path().join("data").exists(), "nothing is made by a start that fails");
}

#[tokio::test]
async fn a_version_that_is_not_known_is_refused_where_there_are_known_ones_and_left_to_the_platform_elsewhere()
 {
    let folder = tempfile::tempdir().unwrap();
    let file = format!(
        "services: {{ orders: {{ targets: [\"http://{}\"] }} }}
versions: {{ in_path: true, header: X-API-Version, known: {{ v1: {{}}, v2: {{}} }} }}
routes:
  - {{ name: orders, match: {{ path: /orders/* }}, service: orders, versions: [v1, v2] }}
",
        service()
    );
    let program = start(folder.path(), &file);
    let client = client();
    let ask = async |path: &str, version: Option<&str>| {
        let mut request = client.get(format!("{}{path}", program.url));
        if let Some(version) = version {
            request = request.header("X-API-Version", version);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap_or_default())
    };
    assert_eq!(ask("/v1/orders/7", None).await.0, 200);
    for (path, version) in [("/v9/orders/7", None), ("/orders/7", Some("v9"))] {
        let (status, problem) = ask(path, version).await;
        assert_eq!((status, &problem["code"]), (400, &json!("unknown_version")), "{path}: {problem}");
        assert_eq!(problem["versions"], json!(["v1", "v2"]));
    }
    // What is the platform's own has versions of its own, and what is nobody's is not there.
    assert_eq!(ask("/health", Some("0.1.0")).await.0, 200);
    assert_eq!(ask("/v1/wallets", None).await.1["code"], "unauthenticated");
    assert_eq!(ask("/v9/nothing", None).await.1["code"], "not_found");
}
