//! The configuration: file, then environment, then flags, and every mistake at once.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use waypost_gateway::Config;
use waypost_gateway::config::{ConfigError, Flag, Loaded, LogFormat, Sources};

struct Setup {
    _directory: TempDir,
    sources: Sources,
}

fn setup(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str, &str)]) -> Setup {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.toml");
    std::fs::write(&path, file).unwrap();
    let owned = |text: &&str| (*text).to_owned();
    let sources = Sources {
        file: Some(path),
        environment: environment.iter().map(|(name, value)| (owned(name), owned(value))).collect(),
        flags: flags
            .iter()
            .map(|(name, key, value)| Flag { name: owned(name), key: owned(key), value: owned(value) })
            .collect(),
    };
    Setup { _directory: directory, sources }
}

fn load(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&str, &str, &str)],
) -> Result<Loaded, ConfigError> {
    Config::load(&setup(file, environment, flags).sources)
}

/// `file:line:column` without the folder, and what is wrong.
fn mistakes(error: &ConfigError) -> Vec<(String, &str)> {
    let name = |place: &str| place.rsplit('/').next().unwrap_or_default().to_owned();
    error.mistakes.iter().map(|mistake| (name(&mistake.place), mistake.what.as_str())).collect()
}

#[test]
fn nothing_set_is_the_default() {
    let config = Config::load(&Sources::default()).unwrap().config;
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.tokens.access_lifetime, Duration::from_secs(900));
    assert_eq!(config.rate_limits.free.per_minute, Some(60));
    assert_eq!(config.rate_limits.admin.per_minute, None);
}

#[test]
fn the_environment_wins_over_the_file_and_a_flag_over_both() {
    let file =
        "listen = '127.0.0.1:1'\ndocs = false\ndata_dir = 'from-file'\n[limits]\nbody_bytes = '64KiB'\n";
    let environment =
        [("WAYPOST_GATEWAY_LISTEN", "127.0.0.1:2"), ("WAYPOST_GATEWAY_DATA_DIR", "from-environment")];
    let flags = [("--listen", "listen", "127.0.0.1:3")];
    let config = load(file, &environment, &flags).unwrap().config;
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.data_dir, PathBuf::from("from-environment"));
    assert_eq!(config.limits.body_bytes, 65_536);
    assert!(!config.docs);
}

#[test]
fn every_mistake_is_reported_at_once_with_its_place() {
    let file = "\
listen = 8080
dokcs = true
[limits]
header_timeout = 10
body_byte = 1
[rate_limits.free]
per_minute = 0
[log]
format = 'xml'
";
    let environment = [
        ("WAYPOST_GATEWAY_LISTN", "x"),
        ("WAYPOST_GATEWAY_MASTER_KEY", "short"),
        ("WAYPOST_GATEWAY_TOKENS_ACCESS_LIFETIME", "2 years"),
        ("WAYPOST_OTHER", "is not ours"),
    ];
    let flags = [("--log", "log.filter", "a=b=c"), ("--set docz", "docz", "true")];
    let error = load(file, &environment, &flags).unwrap_err();
    let found = mistakes(&error);
    let places: Vec<_> = found.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(
        places,
        [
            "gateway.toml:1:10",
            "gateway.toml:2:1",
            "gateway.toml:4:18",
            "gateway.toml:5:1",
            "gateway.toml:7:14",
            "gateway.toml:9:10",
            "WAYPOST_GATEWAY_LISTN",
            "WAYPOST_GATEWAY_MASTER_KEY",
            "WAYPOST_GATEWAY_TOKENS_ACCESS_LIFETIME",
            "--log",
            "--set docz",
        ]
    );
    assert!(found[1].1.contains("did you mean `docs`?"), "{error}");
    assert!(found[3].1.contains("did you mean `limits.body_bytes`?"), "{error}");
    assert!(found[6].1.contains("did you mean `WAYPOST_GATEWAY_LISTEN`?"), "{error}");
    assert!(error.to_string().starts_with("the configuration has 11 mistakes:"));
}

#[test]
fn a_file_that_is_no_toml_names_each_line() {
    let error = load("listen = \ndocs = = true\n", &[], &[]).unwrap_err();
    let places: Vec<_> = mistakes(&error).into_iter().map(|(place, _)| place).collect();
    assert!(places.iter().any(|place| place.starts_with("gateway.toml:1:")), "{error}");
    assert!(places.iter().any(|place| place.starts_with("gateway.toml:2:")), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let sources = Sources { file: Some(PathBuf::from("/nowhere/gateway.toml")), ..Sources::default() };
    let error = Config::load(&sources).unwrap_err();
    assert_eq!(error.mistakes[0].place, "/nowhere/gateway.toml");
}

#[test]
fn a_table_where_a_value_belongs_and_the_reverse_are_mistakes() {
    let error = load("limits = 3\n[listen]\nport = 1\n", &[], &[]).unwrap_err();
    let found = mistakes(&error);
    assert!(found[0].1.contains("`limits` is a table"), "{error}");
    assert!(found[1].1.contains("expected a text"), "{error}");
}

#[test]
fn the_master_key_is_not_taken_from_a_file() {
    let error = load(&format!("master_key = '{}'", "ab".repeat(32)), &[], &[]).unwrap_err();
    assert!(error.to_string().contains("WAYPOST_GATEWAY_MASTER_KEY"), "{error}");
}

#[test]
fn what_is_shown_can_be_read_again_and_has_no_secret() {
    let key = "ab".repeat(32);
    let environment = [("WAYPOST_GATEWAY_MASTER_KEY", key.as_str()), ("WAYPOST_GATEWAY_LOG_FORMAT", "json")];
    let loaded =
        load("docs = false\n[rate_limits.free]\nper_minute = 'unlimited'\n", &environment, &[]).unwrap();
    let shown = loaded.to_toml();
    assert!(!shown.contains(&key) && shown.contains("[redacted]"), "{shown}");
    assert!(shown.contains("# WAYPOST_GATEWAY_LOG_FORMAT: "), "the origin is told: {shown}");
    let again = load(&shown, &[], &[]).unwrap().config;
    assert!(!again.docs);
    assert_eq!(again.log.format, LogFormat::Json);
    assert_eq!(again.rate_limits.free.per_minute, None);
    assert_eq!(load(&shown, &[], &[]).unwrap().to_toml().lines().count(), shown.lines().count() - 1);
}

#[test]
fn a_provider_is_a_table_with_a_name_of_the_operators_own() {
    let file = "[oauth.providers.google]\nclient_id = 'g'\n[oauth.providers.my-op]\nclient_id = 'o'\nissuer = 'https://op.example'\n";
    let environment = [
        ("WAYPOST_GATEWAY_OAUTH_PROVIDERS_GOOGLE_CLIENT_SECRET", "hush"),
        ("WAYPOST_GATEWAY_OAUTH_PROVIDERS_MY_OP_LABEL", "Mine"),
    ];
    let loaded = load(file, &environment, &[]).unwrap();
    let providers = &loaded.config.oauth.providers;
    assert_eq!(providers["google"].client_secret.as_deref(), Some("hush"));
    assert_eq!(providers["my-op"].label.as_deref(), Some("Mine"));
    let shown = loaded.to_toml();
    assert!(shown.contains("[oauth.providers.my-op]") && !shown.contains("hush"), "{shown}");
    assert!(!format!("{:?}", loaded.config).contains("hush"));
}

#[test]
fn what_is_missing_or_unknown_in_a_provider_is_told() {
    let file = "[oauth.providers.acme]\nclient_id = 'a'\nclient_ident = 'x'\n[oauth.providers.google]\nlabel = 'G'\n";
    let error = load(file, &[], &[]).unwrap_err();
    let told: Vec<_> = mistakes(&error).iter().map(|(place, what)| format!("{place}: {what}")).collect();
    let told = told.join("\n");
    for expected in
        ["3:1: there is no setting", "oauth.providers.acme.issuer", "oauth.providers.google.client_id"]
    {
        assert!(told.contains(expected), "{expected} in {told}");
    }
}

#[test]
fn an_issuer_is_an_origin_and_networks_are_networks() {
    for wrong in [
        "http://id.example",
        "https://id.example/",
        "https://id.example/x",
        "id.example",
        "https://a@id.example",
    ] {
        assert!(load(&format!("[oauth]\nissuer = '{wrong}'\n"), &[], &[]).is_err(), "{wrong}");
    }
    for right in ["https://id.example", "http://127.0.0.1:8080"] {
        assert!(load(&format!("[oauth]\nissuer = '{right}'\n"), &[], &[]).is_ok(), "{right}");
    }
    let config = load("[outbound]\nallow_networks = '10.0.0.0/8, ::1'\n", &[], &[]).unwrap().config;
    assert_eq!(config.outbound.allow_networks.len(), 2);
    assert!(load("[outbound]\nallow_networks = 'everything'\n", &[], &[]).is_err());
}

#[test]
fn the_readmes_configuration_can_be_read() {
    let readme = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
    let snippets: Vec<&str> =
        readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(snippets.len() >= 4);
    for snippet in snippets {
        load(snippet, &[], &[]).unwrap_or_else(|error| panic!("{error} in\n{snippet}"));
    }
}
