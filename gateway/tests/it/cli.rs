//! The real program, as a user starts it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::support::Program;

fn run(arguments: &[&str]) -> Output {
    run_with(arguments, &[])
}

fn run_with(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost-gateway"));
    command.args(arguments).envs(environment.iter().copied()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// One request over a connection of its own, by hand: `(status, body)`.
fn get(url: &str, path: &str, header: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    (status.unwrap_or_else(|| panic!("no status: {answer}")), body.unwrap_or_default())
}

fn first_key(program: &Program) -> Option<String> {
    let words = program.greeting.iter().flat_map(|line| line.split([' ', '\'']));
    words.filter(|word| word.starts_with("wp_")).map(str::to_owned).next()
}

#[test]
fn every_command_has_help_with_an_example() {
    let top = run(&["--help"]);
    assert!(top.status.success());
    for command in ["serve", "keys", "config", "migrate", "ledger", "completions"] {
        assert!(stdout(&top).contains(command), "{command} is not listed");
    }
    let commands: [&[&str]; 7] = [
        &["serve"],
        &["keys", "create"],
        &["keys", "rotate"],
        &["config", "check"],
        &["migrate"],
        &["ledger", "verify"],
        &["completions"],
    ];
    for command in commands {
        let help = run(&[command, &["--help"]].concat());
        assert!(help.status.success(), "{command:?}");
        assert!(stdout(&help).contains("Example"), "{command:?} has no example");
        assert!(stdout(&help).contains(&format!("waypost-gateway {}", command.join(" "))), "{command:?}");
    }
    assert!(stdout(&run(&["serve", "--help"])).contains("[default: 127.0.0.1:8080]"));
}

#[test]
fn an_unknown_flag_is_a_mistake_of_the_caller() {
    let output = run(&["serve", "--lisen", "x"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--listen"), "{}", stderr(&output));
}

#[test]
fn the_first_start_prints_where_it_is_and_a_key_and_the_second_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path(), &[]);
    let greeting = program.greeting.join("\n");
    assert!(greeting.contains(&program.url), "{greeting}");
    assert!(greeting.contains(&format!("{}/docs", program.url)), "{greeting}");
    assert!(greeting.contains("will not be shown again"), "{greeting}");
    let key = first_key(&program).expect("no key in the greeting");
    let (status, me) = get(&program.url, "/v1/auth/me", &format!("X-API-Key: {key}\r\n"));
    assert_eq!(status, 200, "{me}");
    program.kill();
    let program = Program::start(directory.path(), &[]);
    assert_eq!(first_key(&program), None);
    assert_eq!(
        get(&program.url, "/v1/auth/me", &format!("X-API-Key: {key}\r\n")).0,
        200,
        "the key outlives a kill"
    );
}

#[cfg(unix)]
#[test]
fn what_is_in_the_data_directory_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let _program = Program::start(&data, &[]);
    let mode = |name: &str| std::fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    assert_eq!(mode("master.key"), 0o600);
}

#[test]
fn a_key_of_the_command_line_works_in_a_running_gateway() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path(), &[]);
    let arguments = [
        "keys",
        "create",
        "--data-dir",
        text(directory.path()),
        "--name",
        "ci",
        "--permissions",
        "wallets:read",
    ];
    let made = run(&arguments);
    assert!(made.status.success(), "{}", stderr(&made));
    let secret = stdout(&made);
    assert_eq!(secret.lines().count(), 1, "the secret alone: {secret}");
    let header = format!("X-API-Key: {}\r\n", secret.trim());
    let (status, me) = get(&program.url, "/v1/auth/me", &header);
    assert_eq!(status, 200, "{me}");
    assert!(me.contains("\"permissions\":[\"wallets:read\"]"), "{me}");
    let json = run(
        &[arguments.as_slice(), &["--expires-in", "30d", "--tier", "basic", "--output", "json"]].concat()
    );
    let key: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(key["api_key"]["tier"], "basic");
    assert!(key["api_key"]["expires_at"].is_string());
}

#[test]
fn every_mistake_in_a_wish_for_a_key_is_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let data = text(directory.path());
    let wish = [
        "--name",
        "",
        "--permissions",
        "wallets:fly",
        "--tier",
        "gold",
        "--expires-in",
        "soon",
        "--tenant",
        "x",
    ];
    let output = run(&[["keys", "create", "--data-dir", data].as_slice(), &wish].concat());
    assert_eq!(output.status.code(), Some(2));
    for flag in ["--name:", "--permissions:", "--tier:", "--expires-in:", "--tenant:"] {
        assert!(stderr(&output).contains(flag), "{flag} in {}", stderr(&output));
    }
}

#[test]
fn config_check_prints_the_effective_configuration_or_every_mistake() {
    let good =
        run_with(&["config", "check", "--listen", "127.0.0.1:9"], &[("WAYPOST_GATEWAY_DOCS", "false")]);
    assert!(good.status.success());
    assert!(stdout(&good).contains("listen = \"127.0.0.1:9\""), "{}", stdout(&good));
    assert!(stdout(&good).contains("# WAYPOST_GATEWAY_DOCS"), "{}", stdout(&good));
    let bad = run_with(&["config", "check", "--listen", "nowhere"], &[("WAYPOST_GATEWAY_DOKS", "false")]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(
        stderr(&bad).contains("--listen:") && stderr(&bad).contains("WAYPOST_GATEWAY_DOKS:"),
        "{}",
        stderr(&bad)
    );
    assert!(stdout(&bad).is_empty());
}

#[test]
fn a_wrong_configuration_starts_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let output = run(&["serve", "--data-dir", text(&data), "--set", "limits.body_byte=1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean `limits.body_bytes`?"), "{}", stderr(&output));
    assert!(!data.exists());
}

#[test]
fn migrate_and_ledger_verify_work_on_a_new_directory() {
    let directory = tempfile::tempdir().unwrap();
    let data = text(directory.path());
    let migrated = run(&["migrate", "--data-dir", data]);
    assert!(stdout(&migrated).contains("is up to date"), "{}", stderr(&migrated));
    let verified = run(&["ledger", "verify", "--data-dir", data]);
    assert!(stdout(&verified).contains("0 entries"), "{}", stderr(&verified));
}

#[test]
fn completions_are_printed_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(&["completions", shell]);
        assert!(script.status.success() && stdout(&script).contains("waypost-gateway"), "{shell}");
    }
}

#[test]
fn a_second_gateway_on_the_same_data_or_address_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path(), &[]);
    let same_data = run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", text(directory.path())]);
    assert_eq!(same_data.status.code(), Some(1));
    assert!(stderr(&same_data).contains("--data-dir"), "{}", stderr(&same_data));
    let other = tempfile::tempdir().unwrap();
    let address = program.url.trim_start_matches("http://");
    let same_address = run(&["serve", "--listen", address, "--data-dir", text(other.path())]);
    assert_eq!(same_address.status.code(), Some(1));
    assert!(stderr(&same_address).contains("--listen"), "{}", stderr(&same_address));
    assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn without_its_master_key_a_database_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let data = text(directory.path());
    assert!(run(&["migrate", "--data-dir", data]).status.success());
    std::fs::remove_file(directory.path().join("master.key")).unwrap();
    let output = run(&["migrate", "--data-dir", data]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("WAYPOST_GATEWAY_MASTER_KEY"), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn the_log_is_json_where_asked_for_and_shows_no_credential() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let mut child = Command::new(env!("CARGO_BIN_EXE_waypost-gateway"))
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--log-format",
            "json",
            "--log",
            "waypost_gateway=trace",
            "--data-dir",
        ])
        .arg(directory.path().join("data"))
        .stdout(std::process::Stdio::piped())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    for line in std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap())) {
        said.push(line.unwrap());
        if said.last().unwrap().starts_with("listening on ") {
            break;
        }
    }
    let url = said.last().unwrap().trim_start_matches("listening on ").to_owned();
    let key =
        said.iter().flat_map(|line| line.split([' ', '\''])).find(|word| word.starts_with("wp_")).unwrap();
    get(&url, "/v1/auth/me", &format!("X-API-Key: {key}\r\n"));
    get(&url, &format!("/v1/{key}"), "");
    let killed = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success() && child.wait().unwrap().success());
    let log = std::fs::read_to_string(log).unwrap();
    let events: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(events.iter().any(|event| event["operation"] == "auth_me" && event["status"] == 200), "{log}");
    assert!(log.contains("wp_[redacted]") && !log.contains(key), "{log}");
}

#[cfg(unix)]
#[test]
fn a_shutdown_lets_a_request_in_flight_finish() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path(), &[]);
    let body = r#"{"email":"ada@example.com","password":"correct horse battery staple","name":"Ada"}"#;
    let (first, rest) = body.split_at(10);
    let address = program.url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    let length = body.len();
    let head = format!(
        "POST /v1/auth/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n"
    );
    write!(stream, "{head}\r\n{first}").unwrap();
    // The gateway has the request when it counts it as in flight.
    wait_until(|| get(&program.url, "/metrics", "").1.contains("waypost_http_requests_in_flight 2"));
    program.signal("TERM");
    wait_until(|| TcpStream::connect(&address).is_err());
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(program.wait().success());
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_it_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path(), &[]);
    let address = program.url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{{").unwrap();
    wait_until(|| get(&program.url, "/metrics", "").1.contains("waypost_http_requests_in_flight 2"));
    program.signal("INT");
    wait_until(|| TcpStream::connect(&address).is_err());
    program.signal("INT");
    assert_eq!(program.wait().code(), Some(130));
}

/// What another process does cannot be awaited, only asked for.
fn wait_until(done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(20), "it did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_signing_key_that_is_rotated_beside_a_gateway_is_published_by_it_before_it_signs() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path(), &[]);
    let published = || {
        let (status, body) = get(&program.url, "/.well-known/jwks.json", "");
        assert_eq!(status, 200, "{body}");
        let keys: serde_json::Value = serde_json::from_str(&body).unwrap();
        let names =
            keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let before = published();
    assert_eq!(before.len(), 1);
    let rotated = run(&["keys", "rotate", "--data-dir", text(directory.path())]);
    assert!(rotated.status.success(), "{}", stderr(&rotated));
    assert!(stderr(&rotated).starts_with("signs from 20"), "{}", stderr(&rotated));
    let kid = stdout(&rotated).trim().to_owned();
    let started = Instant::now();
    while published().len() < 2 {
        assert!(started.elapsed() < Duration::from_secs(60), "the gateway does not take it over");
        std::thread::sleep(Duration::from_millis(200));
    }
    // The one before stays, for the tokens that are out and for those of the next ten minutes.
    assert_eq!(published(), [before[0].clone(), kid]);
}
