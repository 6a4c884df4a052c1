//! The gateway in front of services of an integrator's, as `serve --proxy` makes it one: its own API and theirs behind one address.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use serde_json::{Value, json};

use crate::support::Program;

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

fn first_key(program: &Program) -> String {
    let words = program.greeting.iter().flat_map(|line| line.split([' ', '\'']));
    words.into_iter().find(|word| word.starts_with("wp_")).unwrap().to_owned()
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
    let key = first_key(&program);
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
        client.get(&url).header("X-API-Key", first_key(&program)).header("X-Waypost-Caller", "usr_forged");
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
