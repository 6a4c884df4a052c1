//! The example that signs in, run as its user would, against the real gateway. The person's part, signing in and agreeing, is played by forms.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails is to say where"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const PASSWORD: &str = "seven wet umbrellas in a row";

/// The gateway's program, which cargo builds beside the example.
fn binary() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_sign_in")).with_file_name("waypost-gateway");
    let binary = std::env::var_os("WAYPOST_GATEWAY_BIN").map_or(beside, PathBuf::from);
    assert!(binary.exists(), "{} is not there; build it (cargo build -p waypost-gateway)", binary.display());
    binary
}

/// A program with none of the environment's own settings.
fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WAYPOST_")) {
        command.env_remove(name);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a program says, line by line, to its end.
fn lines(said: ChildStdout) -> UnboundedReceiver<String> {
    let (tell, told) = unbounded_channel();
    thread::spawn(move || {
        // Whatever it says must have somewhere to go, heard or not.
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            tell.send(line).ok();
        }
    });
    told
}

/// A gateway, a folder that goes with it, and a person who has an account there.
struct World {
    url: String,
    folder: PathBuf,
    http: reqwest::Client,
    email: String,
    token: String,
    gateway: Child,
}

impl Drop for World {
    fn drop(&mut self) {
        self.gateway.kill().ok();
        self.gateway.wait().ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

impl World {
    async fn begin(name: &str) -> Self {
        let unique = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
        let folder = std::env::temp_dir().join(format!("waypost-example-{name}-{unique}"));
        fs::create_dir_all(&folder).unwrap();
        let mut command = program(&binary());
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--durability",
            "normal",
            "--set",
            "rate_limits.enabled=false",
        ]);
        let mut gateway =
            command.arg("--data-dir").arg(folder.join("data")).stderr(Stdio::null()).spawn().unwrap();
        let mut said = lines(gateway.stdout.take().unwrap());
        let url = loop {
            let line = said.recv().await.expect("the gateway ended before it listened");
            if let Some((_, url)) = line.split_once("listening on ") {
                break url.trim().to_owned();
            }
        };
        let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let email = format!("ada-{unique}@example.com");
        let mut world = Self { url, folder, http, email, token: String::new(), gateway };
        let account = json!({"email": world.email, "password": PASSWORD, "name": "Ada Marlowe"});
        world.post("/v1/auth/register", &account).await;
        let tokens = world.post("/v1/auth/login", &json!({"email": world.email, "password": PASSWORD})).await;
        world.token = text(&tokens["access_token"]);
        world
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let mut request = self.http.post(format!("{}{path}", self.url)).body(body.to_string());
        request = request.header("content-type", "application/json");
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let answer = request.send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Id and secret of a client that the person registers.
    async fn client(&self, kind: &str, grants: &[&str], redirects: &[&str]) -> (String, String) {
        let body = json!({"name": "Bookkeeper", "type": kind, "scopes": ["wallets:read"], "grant_types": grants, "redirect_uris": redirects});
        let made = self.post("/v1/oauth_clients", &body).await;
        (text(&made["client"]["id"]), made["client_secret"].as_str().unwrap_or_default().to_owned())
    }

    /// Runs the example, and what the person does when it says something.
    async fn run(&self, arguments: &[&str], client: &(String, String), person: impl AsyncFn(&str)) -> String {
        let mut command = program(Path::new(env!("CARGO_BIN_EXE_sign_in")));
        command.args(arguments).env("WAYPOST_BASE_URL", &self.url).env("WAYPOST_CLIENT_ID", &client.0);
        if !client.1.is_empty() {
            command.env("WAYPOST_CLIENT_SECRET", &client.1);
        }
        let mut child = command.spawn().unwrap();
        let mut told = lines(child.stdout.take().unwrap());
        let mut said = String::new();
        while let Some(line) = told.recv().await {
            person(&line).await;
            said.push_str(&line);
            said.push('\n');
        }
        let mut wrong = String::new();
        child.stderr.take().unwrap().read_to_string(&mut wrong).unwrap();
        assert!(child.wait().unwrap().success(), "{said}{wrong}");
        said
    }

    /// The person signs in at this address and agrees; where their browser is sent then.
    async fn agree(&self, address: &str) -> String {
        let mut browser = Browser { world: self, cookies: BTreeMap::new() };
        let (page, _) = browser.ask(address, None).await;
        let form = [
            ("email", &*self.email),
            ("password", PASSWORD),
            ("csrf_token", &field(&page, "csrf_token")),
            ("return_to", &field(&page, "return_to")),
        ];
        let (_, back) = browser.ask(&format!("{}/oauth/sign_in", self.url), Some(&form)).await;
        let (asked, _) = browser.ask(&format!("{}{back}", self.url), None).await;
        let token = field(&asked, "csrf_token");
        if asked.contains("name=\"request\"") {
            let form =
                [("csrf_token", &*token), ("request", &field(&asked, "request")), ("decision", "allow")];
            return browser.ask(&format!("{}/oauth/authorize", self.url), Some(&form)).await.1;
        }
        let device = format!("{}/oauth/device", self.url);
        let form = [("csrf_token", &*token), ("user_code", &field(&asked, "user_code"))];
        let (shown, _) = browser.ask(&device, Some(&form)).await;
        let form = [
            ("csrf_token", &*field(&shown, "csrf_token")),
            ("user_code", &field(&shown, "user_code")),
            ("decision", "allow"),
        ];
        browser.ask(&device, Some(&form)).await.1
    }
}

/// Keeps cookies, and fills in forms.
struct Browser<'w> {
    world: &'w World,
    cookies: BTreeMap<String, String>,
}

impl Browser<'_> {
    /// The page, and where the browser is sent.
    async fn ask(&mut self, address: &str, form: Option<&[(&str, &str)]>) -> (String, String) {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let http = &self.world.http;
        let request = match form {
            None => http.get(address).header("sec-fetch-site", "none"),
            Some(form) => {
                let body: Vec<String> =
                    form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
                let request = http.post(address).header("sec-fetch-site", "same-origin");
                request.header("content-type", "application/x-www-form-urlencoded").body(body.join("&"))
            }
        };
        let answer = request.header("cookie", cookies.join("; ")).send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let location = answer.headers().get("location").map(|location| location.to_str().unwrap().to_owned());
        (answer.text().await.unwrap(), location.unwrap_or_default())
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The value of a field of a page, where it has one.
fn field(page: &str, name: &str) -> String {
    let rest =
        page.split(&format!("name=\"{name}\"")).nth(1).unwrap_or_else(|| panic!("no {name} in {page}"));
    let value = rest.split("value=\"").nth(1).unwrap().split('"').next().unwrap();
    value
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte.is_ascii_alphanumeric() {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
        encoded
    })
}

#[tokio::test]
async fn a_program_signs_in_for_itself_by_its_id_and_secret() {
    let world = World::begin("itself").await;
    let client = world.client("confidential", &["client_credentials"], &[]).await;
    let said = world.run(&["client-credentials"], &client, async |_: &str| {}).await;
    assert_eq!(said, "Signed in: 0 wallets\n");
}

#[tokio::test]
async fn a_person_signs_in_by_their_browser_and_on_another_device_and_the_tokens_of_the_file_are_renewed_later()
 {
    let world = World::begin("person").await;
    let grants = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"];
    let client = world.client("public", &grants, &["http://127.0.0.1/callback"]).await;
    let file = world.folder.join("tokens.json");
    let path = file.to_str().unwrap();
    let by_browser = async |line: &str| {
        if let Some(url) = line.strip_prefix("Open this address in a browser: ") {
            let redirect = world.agree(url).await;
            let page = world.http.get(redirect).timeout(Duration::from_secs(30)).send().await.unwrap();
            assert!(page.text().await.unwrap().contains("You are signed in"));
        }
    };
    let said = world.run(&["browser", path], &client, by_browser).await;
    assert!(said.ends_with("Signed in: 0 wallets\n"), "{said}");
    let on_a_device = async |line: &str| {
        if let Some((url, code)) = line.strip_prefix("Visit ").and_then(|line| line.split_once(" and type "))
        {
            world.agree(&format!("{url}?user_code={code}")).await;
        }
    };
    let said = world.run(&["device", path], &client, on_a_device).await;
    assert!(said.ends_with("Signed in: 0 wallets\n"), "{said}");

    let read = || serde_json::from_str::<Value>(&fs::read_to_string(&file).unwrap()).unwrap();
    let mut before = read();
    before["expires_at"] = json!(1);
    fs::write(&file, before.to_string()).unwrap();
    world.run(&["refresh", path], &client, async |_: &str| {}).await;
    let after = read();
    assert_ne!(after["access_token"], before["access_token"]);
    assert_ne!(after["refresh_token"], before["refresh_token"]);
}
