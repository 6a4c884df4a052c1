//! The SDK has two typed clients, resources and progenitor's, and an untyped one beneath. Every operation of the table goes through all three with the
//! contract's example arguments, and what arrives at a server is compared: method, path, query, headers, body. The server answers with the contract's
//! example, so that both typed clients read every answer too.

use std::collections::BTreeMap;

use saphyr::{LoadableYamlNode as _, ScalarOwned, YamlOwned};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use waypost::client::progenitor::ProgenitorClient;
use waypost::engine::operation::{Body, Location, Operation, ResultKind};
use waypost::engine::{Arguments, CallOptions};
use waypost::{Client, operations};

use crate::support::client::Kind;
use crate::support::server::{Act, Received, Server, answer};

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn every_operation_is_the_same_request_through_resources_progenitor_and_the_table() {
    let spec = Spec::read();
    for operation in operations::OPERATIONS {
        let examples = spec.examples(operation);
        let server = Server::start([examples.answer(), examples.answer(), examples.answer()]).await;
        let mut options = CallOptions::default();
        options.idempotency_key = operation.idempotency_key.then(|| "one-key".to_owned());
        let client = Kind::Reqwest.builder(&format!("{}/prefix/", server.url())).build().unwrap();
        let progenitor = client.progenitor_with(options.clone()).unwrap();
        typed(operation.id, &client, &progenitor, &examples, &options).await;
        client
            .call(operation, &examples.arguments(), &options)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let requests: Vec<_> = server.requests().into_iter().map(comparable).collect();
        let [resources, other, table] = &requests[..] else { panic!("{}: {requests:#?}", operation.id) };
        assert_eq!(resources, other, "{}: resources and progenitor", operation.id);
        assert_eq!(resources, table, "{}: resources and the table", operation.id);
        assert!(
            resources.path.starts_with("/prefix/") && !resources.path.starts_with("/prefix//"),
            "{}",
            resources.path
        );
        assert_eq!(resources.query.is_empty(), examples.query.is_empty(), "{}", operation.id);
    }
}

/// Sends an operation through both typed clients.
async fn typed(id: &str, c: &Client, p: &ProgenitorClient, e: &Examples, options: &CallOptions) {
    macro_rules! both {
        ($resources:expr, $progenitor:expr) => {{
            if let Err(error) = $resources.options(options.clone()).await {
                panic!("{id} through resources: {error}");
            }
            if let Err(error) = $progenitor.await {
                panic!("{id} through progenitor: {error:?}; {:?}", p.take_error());
            }
        }};
    }
    match id {
        "system_health" => both!(c.system().health(), p.system_health()),
        "system_health_gateway" => both!(c.system().health_gateway(), p.system_health_gateway()),
        "system_health_services" => both!(c.system().health_services(), p.system_health_services()),
        "system_health_auth" => both!(c.system().health_auth(), p.system_health_auth()),
        "system_health_middleware" => both!(c.system().health_middleware(), p.system_health_middleware()),
        "system_metrics" => both!(c.system().metrics(), p.system_metrics()),
        "system_openapi" => both!(c.system().openapi(), p.system_openapi()),
        "system_docs" => both!(c.system().docs(), p.system_docs()),
        "auth_register" => both!(c.auth().register(&e.body()), p.auth_register(&e.body())),
        "auth_login" => both!(c.auth().login(&e.body()), p.auth_login(&e.body())),
        "auth_refresh" => both!(c.auth().refresh(&e.body()), p.auth_refresh(&e.body())),
        "auth_me" => both!(c.auth().me(), p.auth_me()),
        "auth_change_password" => {
            both!(c.auth().change_password(&e.body()), p.auth_change_password(&e.body()))
        }
        "auth_logout" => both!(c.auth().logout(&e.body()), p.auth_logout(&e.body())),
        "sessions_list" => {
            both!(c.sessions().list(&e.params()), p.sessions_list(e.text("cursor"), e.number("limit")))
        }
        "sessions_revoke" => both!(c.sessions().revoke(e.id()), p.sessions_revoke(e.id())),
        "api_keys_list" => both!(
            c.api_keys().list(&e.params()),
            p.api_keys_list(e.text("cursor"), e.number("limit"), e.value("status").as_ref())
        ),
        "api_keys_create" => both!(c.api_keys().create(&e.body()), p.api_keys_create(&e.body())),
        "api_keys_get" => both!(c.api_keys().get(e.id()), p.api_keys_get(e.id())),
        "api_keys_revoke" => both!(c.api_keys().revoke(e.id()), p.api_keys_revoke(e.id())),
        "api_keys_rotate" => {
            both!(c.api_keys().rotate(e.id(), &e.body()), p.api_keys_rotate(e.id(), &e.body()))
        }
        "oauth_clients_create" => {
            both!(c.oauth_clients().create(&e.body()), p.oauth_clients_create(&e.body()))
        }
        "oauth_clients_list" => {
            both!(
                c.oauth_clients().list(&e.params()),
                p.oauth_clients_list(e.text("cursor"), e.number("limit"))
            )
        }
        "oauth_clients_get" => both!(c.oauth_clients().get(e.id()), p.oauth_clients_get(e.id())),
        "oauth_clients_delete" => both!(c.oauth_clients().delete(e.id()), p.oauth_clients_delete(e.id())),
        "oauth_providers" => both!(c.oauth().providers(), p.oauth_providers()),
        "oauth_identities" => both!(c.oauth().identities(), p.oauth_identities()),
        "oauth_unlink" => both!(c.oauth().unlink(e.id()), p.oauth_unlink(e.id())),
        "oauth_token" => both!(c.oauth().token(&e.body()), p.oauth_token(&e.body())),
        "oauth_device_authorization" => {
            both!(c.oauth().device_authorization(&e.body()), p.oauth_device_authorization(&e.body()))
        }
        "oauth_revoke" => both!(c.oauth().revoke(&e.body()), p.oauth_revoke(&e.body())),
        "oauth_introspect" => both!(c.oauth().introspect(&e.body()), p.oauth_introspect(&e.body())),
        "oauth_metadata" => both!(c.oauth().metadata(), p.oauth_metadata()),
        "oauth_jwks" => both!(c.oauth().jwks(), p.oauth_jwks()),
        "service_tokens_create" => {
            both!(c.service_tokens().create(&e.body()), p.service_tokens_create(&e.body()))
        }
        "service_tokens_list" => both!(
            c.service_tokens().list(&e.params()),
            p.service_tokens_list(e.text("cursor"), e.number("limit"))
        ),
        "service_tokens_revoke" => {
            both!(c.service_tokens().revoke(e.id()), p.service_tokens_revoke(e.id()))
        }
        "users_list" => {
            both!(c.users().list(&e.params()), p.users_list(e.text("cursor"), e.number("limit")))
        }
        "users_get" => both!(c.users().get(e.id()), p.users_get(e.id())),
        "users_invite" => both!(c.users().invite(&e.body()), p.users_invite(&e.body())),
        "users_remove" => both!(c.users().remove(e.id()), p.users_remove(e.id())),
        "users_set_roles" => {
            both!(c.users().set_roles(e.id(), &e.body()), p.users_set_roles(e.id(), &e.body()))
        }
        "roles_list" => {
            both!(c.roles().list(&e.params()), p.roles_list(e.text("cursor"), e.number("limit")))
        }
        "roles_get" => both!(c.roles().get(e.id()), p.roles_get(e.id())),
        "roles_put" => both!(c.roles().put(e.id(), &e.body()), p.roles_put(e.id(), &e.body())),
        "permissions_check" => {
            both!(c.permissions().check(&e.body()), p.permissions_check(&e.body()))
        }
        "tenants_create" => both!(c.tenants().create(&e.body()), p.tenants_create(&e.body())),
        "tenants_list" => {
            both!(c.tenants().list(&e.params()), p.tenants_list(e.text("cursor"), e.number("limit")))
        }
        "tenants_get" => both!(c.tenants().get(e.id()), p.tenants_get(e.id())),
        "tenants_update" => {
            both!(c.tenants().update(e.id(), &e.body()), p.tenants_update(e.id(), &e.body()))
        }
        "audit_list" => both!(
            c.audit().list(&e.params()),
            p.audit_list(
                e.text("actor_id"),
                e.text("created_after"),
                e.text("created_before"),
                e.text("cursor"),
                e.number("limit"),
                e.value("type").as_ref()
            )
        ),
        "wallets_list" => both!(
            c.wallets().list(&e.params()),
            p.wallets_list(
                e.text("created_after"),
                e.text("created_before"),
                e.text("currency"),
                e.text("cursor"),
                e.number("limit"),
                e.value("status").as_ref()
            )
        ),
        "wallets_create" => both!(c.wallets().create(&e.body()), p.wallets_create(&e.body())),
        "wallets_get" => both!(c.wallets().get(e.id()), p.wallets_get(e.id())),
        "wallets_credit" => both!(c.wallets().credit(e.id(), &e.body()), p.wallets_credit(e.id(), &e.body())),
        "wallets_debit" => both!(c.wallets().debit(e.id(), &e.body()), p.wallets_debit(e.id(), &e.body())),
        "wallets_transfer" => {
            both!(c.wallets().transfer(e.id(), &e.body()), p.wallets_transfer(e.id(), &e.body()))
        }
        "wallets_freeze" => both!(c.wallets().freeze(e.id(), &e.body()), p.wallets_freeze(e.id(), &e.body())),
        "wallets_unfreeze" => {
            both!(c.wallets().unfreeze(e.id(), &e.body()), p.wallets_unfreeze(e.id(), &e.body()))
        }
        "wallets_close" => both!(c.wallets().close(e.id(), &e.body()), p.wallets_close(e.id(), &e.body())),
        "wallets_balance" => both!(c.wallets().balance(e.id()), p.wallets_balance(e.id())),
        "wallets_transactions" => both!(
            c.wallets().transactions(e.id(), &e.params()),
            p.wallets_transactions(
                e.id(),
                e.text("created_after"),
                e.text("created_before"),
                e.text("cursor"),
                e.number("limit"),
                e.value("type").as_ref()
            )
        ),
        "wallets_statement" => both!(
            c.wallets().statement(e.id(), &e.params()),
            p.wallets_statement(e.id(), e.value("format").as_ref(), e.text("from"), e.text("to"))
        ),
        "transactions_get" => both!(c.transactions().get(e.id()), p.transactions_get(e.id())),
        "payments_list" => both!(
            c.payments().list(&e.params()),
            p.payments_list(
                e.text("created_after"),
                e.text("created_before"),
                e.text("currency"),
                e.text("cursor"),
                e.number("limit"),
                e.text("payer_wallet_id"),
                e.value("status").as_ref()
            )
        ),
        "payments_create" => both!(c.payments().create(&e.body()), p.payments_create(&e.body())),
        "payments_get" => both!(c.payments().get(e.id()), p.payments_get(e.id())),
        "payments_capture" => {
            both!(c.payments().capture(e.id(), &e.body()), p.payments_capture(e.id(), &e.body()))
        }
        "payments_cancel" => {
            both!(c.payments().cancel(e.id(), &e.body()), p.payments_cancel(e.id(), &e.body()))
        }
        "payments_refund" => {
            both!(c.payments().refund(e.id(), &e.body()), p.payments_refund(e.id(), &e.body()))
        }
        "medcards_issue" => both!(c.medcards().issue(&e.body()), p.medcards_issue(&e.body())),
        "medcards_list" => both!(
            c.medcards().list(&e.params()),
            p.medcards_list(
                e.text("created_after"),
                e.text("created_before"),
                e.text("cursor"),
                e.text("holder_reference"),
                e.number("limit"),
                e.value("status").as_ref()
            )
        ),
        "medcards_get" => both!(c.medcards().get(e.id()), p.medcards_get(e.id())),
        "medcards_update_status" => {
            both!(c.medcards().update_status(e.id(), &e.body()), p.medcards_update_status(e.id(), &e.body()))
        }
        "claims_submit" => both!(c.claims().submit(&e.body()), p.claims_submit(&e.body())),
        "claims_list" => both!(
            c.claims().list(&e.params()),
            p.claims_list(
                e.text("created_after"),
                e.text("created_before"),
                e.text("cursor"),
                e.number("limit"),
                e.text("medcard_id"),
                e.value("status").as_ref()
            )
        ),
        "claims_get" => both!(c.claims().get(e.id()), p.claims_get(e.id())),
        "claims_approve" => both!(c.claims().approve(e.id(), &e.body()), p.claims_approve(e.id(), &e.body())),
        "claims_reject" => both!(c.claims().reject(e.id(), &e.body()), p.claims_reject(e.id(), &e.body())),
        "events_publish" => both!(c.events().publish(&e.body()), p.events_publish(&e.body())),
        "events_list" => both!(
            c.events().list(&e.params()),
            p.events_list(
                e.text("cursor"),
                e.number("limit"),
                e.text("since"),
                e.text("subject"),
                e.value("type").as_ref(),
                e.text("until"),
            )
        ),
        "events_types" => both!(c.events().types(), p.events_types()),
        "events_stream" => both!(
            c.events().stream(&e.params()),
            p.events_stream(
                e.text("since"),
                e.text("subject"),
                e.value("type").as_ref(),
                e.text("Last-Event-ID"),
            )
        ),
        "events_prune" => both!(c.events().prune(&e.body()), p.events_prune(&e.body())),
        "realtime_ticket" => both!(c.realtime().ticket(), p.realtime_ticket()),
        "realtime_broadcast" => both!(c.realtime().broadcast(&e.body()), p.realtime_broadcast(&e.body())),
        "realtime_broadcast_all" => {
            both!(c.realtime().broadcast_all(&e.body()), p.realtime_broadcast_all(&e.body()))
        }
        "events_get" => both!(c.events().get(e.id()), p.events_get(e.id())),
        "services_create" => both!(c.services().create(&e.body()), p.services_create(&e.body())),
        "services_list" => {
            both!(c.services().list(&e.params()), p.services_list(e.text("cursor"), e.number("limit")))
        }
        "services_get" => both!(c.services().get(e.id()), p.services_get(e.id())),
        "services_update" => {
            both!(c.services().update(e.id(), &e.body()), p.services_update(e.id(), &e.body()))
        }
        "services_delete" => both!(c.services().delete(e.id()), p.services_delete(e.id())),
        "routes_create" => both!(c.routes().create(&e.body()), p.routes_create(&e.body())),
        "routes_list" => {
            both!(c.routes().list(&e.params()), p.routes_list(e.text("cursor"), e.number("limit")))
        }
        "routes_get" => both!(c.routes().get(e.id()), p.routes_get(e.id())),
        "routes_update" => both!(c.routes().update(e.id(), &e.body()), p.routes_update(e.id(), &e.body())),
        "routes_delete" => both!(c.routes().delete(e.id()), p.routes_delete(e.id())),
        "services_health" => both!(c.services().health(e.id()), p.services_health(e.id())),
        "routes_match" => both!(c.routes().r#match(&e.body()), p.routes_match(&e.body())),
        "breakers_list" => {
            both!(c.breakers().list(&e.params()), p.breakers_list(e.text("cursor"), e.number("limit")))
        }
        "breakers_get" => both!(c.breakers().get(e.id()), p.breakers_get(e.id())),
        "breakers_reset" => {
            both!(c.breakers().reset(e.id(), &e.body()), p.breakers_reset(e.id(), &e.body()))
        }
        "breakers_open" => both!(c.breakers().open(e.id(), &e.body()), p.breakers_open(e.id(), &e.body())),
        "rate_limits_tiers" => both!(c.rate_limits().tiers(), p.rate_limits_tiers()),
        "rate_limits_put_tier" => {
            both!(c.rate_limits().put_tier(e.id(), &e.body()), p.rate_limits_put_tier(e.id(), &e.body()))
        }
        "rate_limits_usage" => {
            both!(c.rate_limits().usage(&e.params()), p.rate_limits_usage(e.text("caller"), e.text("tier")))
        }
        "versions_list" => {
            both!(c.versions().list(&e.params()), p.versions_list(e.text("cursor"), e.number("limit")))
        }
        "config_get" => both!(c.config().get(), p.config_get()),
        "config_apply" => both!(c.config().apply(&e.body()), p.config_apply(&e.body())),
        "config_validate" => both!(c.config().validate(&e.body()), p.config_validate(&e.body())),
        "analytics_overview" => {
            both!(c.analytics().overview(&e.params()), p.analytics_overview(e.text("from"), e.text("to")))
        }
        "analytics_endpoints" => both!(
            c.analytics().endpoints(&e.params()),
            p.analytics_endpoints(e.text("from"), e.number("limit"), e.text("to"))
        ),
        "analytics_errors" => both!(
            c.analytics().errors(&e.params()),
            p.analytics_errors(e.text("from"), e.number("limit"), e.text("to"))
        ),
        "analytics_series" => both!(
            c.analytics().series(&e.params()),
            p.analytics_series(e.text("from"), e.text("route"), e.number("step_seconds"), e.text("to"))
        ),
        "analytics_consumers" => both!(
            c.analytics().consumers(&e.params()),
            p.analytics_consumers(e.text("from"), e.number("limit"), e.text("to"))
        ),
        _ => panic!("{id} is in the table and not in this test: add its line above, through both clients"),
    }
}

/// A request as far as it must be the same.
#[derive(Debug, PartialEq)]
struct Comparable {
    method: String,
    path: String,
    /// Decoded and sorted, as a form in the body is: the order of parameters and the way a space is written mean nothing.
    query: Vec<(String, String)>,
    headers: BTreeMap<String, String>,
    body: Value,
}

fn comparable(request: Received) -> Comparable {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let query = pairs(query);
    let mut headers: BTreeMap<_, _> = request.headers.into_iter().collect();
    // Of each call its own.
    assert!(headers.remove("traceparent").is_some());
    let body = match headers.get("content-type").map(String::as_str) {
        None => Value::Null,
        Some(FORM) => json!(pairs(str::from_utf8(&request.body).unwrap())),
        Some(_) => serde_json::from_slice(&request.body).unwrap(),
    };
    Comparable { method: request.method, path: path.to_owned(), query, headers, body }
}

/// The pairs of a query or a form.
fn pairs(text: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8().unwrap().into_owned()
    };
    let mut pairs: Vec<_> = text
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    pairs.sort();
    pairs
}

/// The contract.
struct Spec(Value);

/// An operation's example arguments and answer.
struct Examples {
    operation: &'static Operation,
    path: Vec<(&'static str, String)>,
    query: Map<String, Value>,
    body: Option<Value>,
    answer: Option<Value>,
}

impl Spec {
    fn read() -> Self {
        let text = include_str!("../../../openapi/openapi-complete.yaml");
        Self(value(&YamlOwned::load_from_str(text).unwrap()[0]))
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.resolve(self.0.pointer(reference.trim_start_matches('#')).unwrap()),
            None => value,
        }
    }

    fn examples(&self, operation: &'static Operation) -> Examples {
        let item = &self.0["paths"][operation.path];
        let written = &item[operation.method.to_ascii_lowercase()];
        assert_eq!(written["operationId"], operation.id);
        let declared: Vec<_> = [&item["parameters"], &written["parameters"]]
            .into_iter()
            .filter_map(Value::as_array)
            .flatten()
            .map(|parameter| self.resolve(parameter))
            .collect();
        let example = |name: &str| {
            let parameter = declared.iter().find(|parameter| parameter["name"] == name).unwrap();
            let example = &parameter["example"];
            // A cursor is the server's making, so the contract has no example of one. This one holds what has to be encoded.
            if name == "cursor" { json!("a b+c&d=e/\u{e9}%") } else { example.clone() }
        };
        let at =
            |location| operation.parameters.iter().filter(move |parameter| parameter.location == location);
        let content = &written["requestBody"]["content"];
        let body = match operation.body {
            Body::None => None,
            Body::Json => content.get("application/json"),
            Body::Form => content.get(FORM),
            Body::Bytes(media) => content.get(media),
        };
        let status = &written["responses"][operation.status.to_string()];
        Examples {
            operation,
            path: at(Location::Path)
                .map(|parameter| (parameter.name, text(&example(parameter.name))))
                .collect(),
            query: at(Location::Query)
                .map(|parameter| (parameter.name.to_owned(), example(parameter.name)))
                .collect(),
            body: body.map(|content| content["example"].clone()),
            answer: self.resolve(status).pointer("/content/application~1json/example").cloned(),
        }
    }
}

impl Examples {
    /// The one path parameter.
    fn id(&self) -> &str {
        &self.path[0].1
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(|value| value.as_str().unwrap())
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.query.get(name).map(|value| value.as_i64().unwrap())
    }

    fn value<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.query.get(name).map(|value| serde_json::from_value(value.clone()).unwrap())
    }

    fn params<T: DeserializeOwned>(&self) -> T {
        serde_json::from_value(Value::Object(self.query.clone())).unwrap()
    }

    fn body<T: DeserializeOwned>(&self) -> T {
        serde_json::from_value(self.body.clone().unwrap()).unwrap()
    }

    fn arguments(&self) -> Arguments {
        let mut arguments = Arguments::new();
        for (name, value) in &self.path {
            arguments = arguments.path(name, value);
        }
        for parameter in self.operation.parameters {
            match self.query.get(parameter.name) {
                Some(Value::Array(values)) => {
                    arguments = arguments.query_all(parameter.name, values.iter().map(text))
                }
                Some(value) => arguments = arguments.query(parameter.name, Some(text(value))),
                None => {}
            }
        }
        match (&self.body, self.operation.body) {
            (Some(body), Body::Form) => arguments.form(body),
            (Some(body), _) => arguments.json(body),
            (None, _) => arguments,
        }
    }

    fn answer(&self) -> Act {
        let (media, body) = match self.operation.result {
            ResultKind::None => return Act::Answer(b"HTTP/1.1 204 X\r\n\r\n".to_vec()),
            ResultKind::Json => ("application/json", self.answer.clone().unwrap().to_string()),
            ResultKind::Text(media) => (media, "text".to_owned()),
            ResultKind::Bytes(media) => (media[0], json!({"a": 1}).to_string()),
            ResultKind::EventStream => ("text/event-stream", "data: {}\n\n".to_owned()),
        };
        Act::Answer(answer(self.operation.status, &[("content-type", media)], body.as_bytes()))
    }
}

/// A scalar as a parameter.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn value(yaml: &YamlOwned) -> Value {
    match yaml {
        YamlOwned::Value(ScalarOwned::Boolean(value)) => json!(value),
        YamlOwned::Value(ScalarOwned::Integer(value)) => json!(value),
        YamlOwned::Value(ScalarOwned::FloatingPoint(value)) => json!(value.into_inner()),
        YamlOwned::Value(ScalarOwned::String(value)) => json!(value),
        YamlOwned::Sequence(items) => items.iter().map(value).collect(),
        YamlOwned::Mapping(members) => {
            Value::Object(members.iter().map(|(key, member)| (text(&value(key)), value(member))).collect())
        }
        _ => Value::Null,
    }
}
