//! The example configuration, run for real: its services, the gateway in front of them, and every curl line of its README.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::support::Program;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/gateway")
}

/// The example's services, ended with it.
struct Services(Child);

impl Drop for Services {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The ports that the configuration names.
fn ports(file: &str) -> Vec<u16> {
    file.split("http://127.0.0.1:").skip(1).filter_map(|rest| rest.get(..4)?.parse().ok()).collect()
}

/// A number that, added to each port, makes it one that nobody listens on.
fn shift(ports: &[u16]) -> u16 {
    let start = std::process::id() as u16 % 300;
    let free = |shift: &u16| ports.iter().all(|port| TcpListener::bind(("127.0.0.1", port + shift)).is_ok());
    (0..300).map(|step| 10_000 + (start + step) % 300 * 100).find(free).expect("no ports are free")
}

/// A request as a curl line writes it, and its answer.
async fn curl(line: &str, url: &str, key: &str) -> (u16, HeaderMap, String) {
    let line = line.split(" #").next().unwrap_or_default().replace("$WAYPOST_API_KEY", key);
    let (mut method, mut target) = ("GET", None);
    let client =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let mut headers = Vec::new();
    // Words, with what stands in quotes as one.
    let words = line.split(['\'', '"']).enumerate().flat_map(|(index, part)| match index % 2 {
        1 => vec![part],
        _ => part.split_whitespace().collect(),
    });
    let mut words = words.skip(1);
    while let Some(word) = words.next() {
        match word {
            "-i" => {}
            "-X" => method = words.next().unwrap(),
            "-H" => headers.push(words.next().unwrap().split_once(": ").unwrap()),
            other => target = other.strip_prefix("localhost:8080"),
        }
    }
    let target = target.unwrap_or_else(|| panic!("no address in {line}"));
    let mut ask = client.request(method.parse().unwrap(), format!("{url}{target}"));
    for (name, value) in headers {
        ask = ask.header(name, value);
    }
    let answer = ask.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.text().await.unwrap())
}

#[tokio::test]
async fn every_line_of_the_examples_readme_is_answered_as_it_says() {
    let text = std::fs::read_to_string(folder().join("waypost.yaml")).unwrap();
    let ports = ports(&text);
    let shift = shift(&ports);
    let shifted = ports.iter().fold(text, |text, port| {
        text.replace(&format!("127.0.0.1:{port}\""), &format!("127.0.0.1:{}\"", port + shift))
    });
    let mut services = Command::new("python3")
        .arg(folder().join("upstreams.py"))
        .args(["--shift", &shift.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(services.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let _services = Services(services);
    assert!(said.contains("services of 8 kinds"), "{said}");

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("waypost.yaml");
    std::fs::write(&file, shifted).unwrap();
    let program = Program::start(&directory.path().join("data"), &["--proxy", file.to_str().unwrap()]);
    let key = program.first_key();

    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let lines: Vec<&str> = readme.lines().filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(lines.len(), 9, "a line of the README is not looked at here");
    let ask = |number: usize| curl(lines[number], &program.url, &key);

    let (status, headers, first) = ask(0).await;
    assert_eq!(status, 200);
    assert!(headers["cache-status"].to_str().unwrap().contains("fwd="), "{headers:?}");
    let (_, headers, again) = ask(0).await;
    assert!(headers["cache-status"].to_str().unwrap().contains("hit"), "{headers:?}");
    assert_eq!(first, again);

    for number in [1, 2] {
        let (status, _, offer) = ask(number).await;
        let told = readme.lines().skip_while(|line| *line != lines[number]);
        let told = told.take(2).find_map(|line| Some(line.split_once("# {")?.1)).unwrap();
        assert_eq!((status, offer), (200, format!("{{{told}")));
    }

    let (status, _, problem) = ask(3).await;
    let problem: Value = serde_json::from_str(&problem).unwrap();
    assert_eq!((status, &problem["code"]), (401, &json!("credentials_missing")));

    let (status, _, seen) = ask(4).await;
    let seen: Value = serde_json::from_str(&seen).unwrap();
    assert_eq!((status, &seen["service"]), (200, &json!("command")));
    assert!(seen["headers"]["x-waypost-caller"].as_str().unwrap().starts_with("usr_"), "{seen}");
    assert!(seen["headers"].get("x-api-key").is_none(), "{seen}");

    let (status, headers, _) = ask(5).await;
    assert_eq!((status, headers["location"].to_str().unwrap()), (308, "/api/marketplace/hats"));

    let (status, headers, _) = ask(6).await;
    assert_eq!(status, 200);
    assert!(headers["set-cookie"].to_str().unwrap().starts_with("handover="), "{headers:?}");

    let (status, headers, health) = ask(7).await;
    assert_eq!((status, headers["x-api-version"].to_str().unwrap()), (200, env!("CARGO_PKG_VERSION")));
    assert!(health.contains("\"status\":\"ok\""), "{health}");

    let (status, _, metrics) = ask(8).await;
    assert_eq!(status, 200);
    for start in ["waypost_proxy_requests_total{", "waypost_http_requests_total{operation="] {
        assert!(metrics.lines().any(|line| line.starts_with(start)), "no {start} in {metrics}");
    }
    let (route, class) = ("route=\"query\"", "status=\"2xx\"");
    let line = metrics
        .lines()
        .find(|line| line.contains("requests_total") && line.contains(route) && line.contains(class));
    assert!(line.is_some_and(|line| line.ends_with(" 2")), "{line:?}");
}
