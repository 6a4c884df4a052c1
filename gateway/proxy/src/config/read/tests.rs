use proptest::prelude::*;

use super::*;

fn variable(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("9001".to_owned()),
        "PRIORITY" => Some("7".to_owned()),
        _ => None,
    }
}

fn listed(text: &str) -> String {
    match read_with(text, "waypost.yaml", &variable) {
        Ok(read) => read.warnings.iter().map(|fault| format!("{fault}\n")).collect(),
        Err(faulty) => faulty.to_string(),
    }
}

const GOOD: &str = "
listeners: [{ address: '127.0.0.1:8080' }]
services:
  orders:
    targets: ['http://127.0.0.1:${PORT}', { url: 'http://127.0.0.1:9002', weight: 2 }]
    balance: { hash: { header: X-Cart } }
    timeouts: { connect: 500ms }
  files: { targets: ['http://127.0.0.1:9003'], balance: fastest }
routes:
  - name: orders
    match: { path: '/api/orders/*', methods: [GET, POST] }
    service: orders
    path: { strip: /api }
    priority: ${PRIORITY}
    max_body: 1MiB
  - { name: files, match: { path: '/files/{id}' }, service: files, fallback: { respond: { status: 503, body: soon } } }
  - { name: home, match: { path: / }, redirect: { to: /api/orders } }
";

#[test]
fn a_good_file_becomes_a_configuration() {
    let read = read_with(GOOD, "waypost.yaml", &variable).map_err(|faulty| faulty.to_string()).unwrap();
    assert_eq!(read.warnings, []);
    assert_eq!((read.config.routes.len(), read.config.routes[0].priority), (3, 7));
    let text = serde_json::to_string(&read.config).unwrap();
    let again = read_with(&text, "waypost.json", &variable).map_err(|faulty| faulty.to_string()).unwrap();
    assert_eq!(again.config, read.config, "JSON is YAML");
    assert!(read_with("", "waypost.yaml", &variable).is_ok());
}

#[test]
fn paths_are_those_of_the_files_folder() {
    let text =
        "services: { a: { discover: { file: { path: targets.yaml } } } }\nroutes: [{ name: a, service: a }]";
    let read = read_with(text, "/etc/waypost/waypost.yaml", &variable).unwrap();
    let Some(crate::config::Discovery::File(file)) = &read.config.services["a"].discover else { panic!() };
    assert_eq!(file.path, Path::new("/etc/waypost/targets.yaml"));
}

#[test]
fn all_that_has_not_the_form_is_listed_with_its_line() {
    insta::assert_snapshot!(listed(
        "listners: []
services:
  orders:
    targets: http://127.0.0.1:9001
    balance: round_robbin
    timeouts: { connect: 5 seconds, idle: 60 }
    retry: { retries: 70000, statuses: [502, x] }
  files:
    targets: [{ weight: 2 }]
    balance: { sticky: { cokie: a } }
    health: { passive: { failures: -1 } }
routes:
  - name: 7
    match: { path: /a, methods: GET }
    path: { strip: /a, replace: /b }
    service: [orders]
    redirect: { status: 301 }
  - 3
  - name: b
    fallback: cache
    validate:
    max_body: 2MB
    compress: yes
"
    ));
}

#[test]
fn all_that_cannot_be_meant_is_listed_with_its_line() {
    insta::assert_snapshot!(listed(
        "listeners: [{ address: localhost, redirect_https: 0 }]
trusted_proxies: [10.0.0.1/8]
services:
  orders: { targets: ['127.0.0.1:9001'], breaker: { failures: 2, probes: 0 }, retry: { budget: 7 } }
  empty: {}
  unused: { targets: ['http://a', 'http://a'] }
identity:
  providers:
    jwt: { jwt: { jwks_url: 'https://a/jwks', algorithms: [HS256] } }
versions: { default: v3, known: { v1: { deprecated: { since: soon } } } }
routes:
  - { name: a, match: { path: 'a/{b' }, service: order }
  - { name: a, match: { path: '/x/{id}', hosts: ['http://a'], methods: [get] }, respond: {}, redirect: { to: //evil } }
  - name: c
    match: { path: /c }
    service: empty
    access: { providers: [jwd], permissions: ['*'] }
    addresses: { deny: [nowhere] }
    cors: { origins: ['*'], credentials: true }
    transform: { request_headers: { set: { Host: x, X-A: '{who}' } }, request_body: [{ drop: a }] }
    shims: { v9: { request: [{ move: ['/a/*', /b] }] } }
  - { name: d, match: { path: /d }, service: orders, path: { strip: /e } }
  - { name: e, match: { path: '/e/*' }, respond: {}, priority: 1 }
  - { name: f, match: { path: /e/f }, respond: { status: 42 } }
limits: { tiers: { free: { per_minute: 0 } }, redis: { urls: ['http://:secret@a'] } }
observe: { traces: { endpoint: nowhere, sample: 2 } }
secret: ${GONE}
"
    ));
}

#[test]
fn what_is_no_yaml_is_told_by_its_line() {
    insta::assert_snapshot!(listed("routes:\n  - name: a\n   service: b\n"));
    insta::assert_snapshot!(listed("[]"));
}

#[test]
fn the_schema_knows_the_words_of_the_file() {
    let schema = schema();
    assert!(schema["properties"]["routes"].is_object());
    assert!(schema["$defs"]["Balance"].to_string().contains("round_robin"));
}

proptest! {
    #[test]
    fn a_file_with_anything_changed_is_read_or_refused_with_words(at in 0..700usize, with in "[ \\n:a0{}\\[\\],'*&-]{0,3}", len in 0..6usize) {
        let mut text = GOOD.to_owned();
        let from = at.min(text.len());
        let to = (from + len).min(text.len());
        text.replace_range(from..to, &with);
        if let Err(faulty) = read_with(&text, "f", &variable) {
            prop_assert!(!faulty.faults.is_empty());
            prop_assert!(faulty.faults.iter().all(|fault| !fault.message.is_empty()));
        }
    }
}
