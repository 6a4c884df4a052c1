//! The token request (RFC 6749, sections 4.4.2 and 6): a form, and who asks.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::client::OAuthClient;
use crate::engine::encode;
use crate::engine::message::{Headers, Request};
use crate::engine::operation::{Body, Operation, ResultKind, Retry};
use crate::engine::options::ClientOptions;
use crate::engine::plan::Plan;
use crate::engine::random::Seed;
use crate::engine::redact::Secret;
use crate::engine::text;
use crate::engine::trace::TraceParent;

/// More of an answer is not read: tokens are small.
const LARGEST: usize = 64 * 1024;

/// Under the base URL.
const PATH: &str = "/oauth/token";

/// The token request as an operation. Its answer is read here, and more leniently than the contract's own `oauth_token`: it may be anybody's server.
pub static TOKEN: Operation = Operation {
    id: "oauth_token",
    method: "POST",
    path: PATH,
    parameters: &[],
    body: Body::Form,
    idempotency_key: false,
    retry: Retry::Idempotent,
    security: &[],
    paginate: None,
    result: ResultKind::Text("application/json"),
    status: 200,
};

/// What tokens are asked for with.
#[derive(Debug, Clone)]
pub enum Grant {
    /// `refresh_token`. It may work once: an answer that was lost is not asked for again.
    Refresh(Secret),
    /// `client_credentials`.
    Client,
}

/// The token request of a client, ready to be made.
pub(crate) fn plan(options: &ClientOptions, client: &OAuthClient, grant: &Grant, seed: Seed) -> Plan {
    let mut headers = Headers::with_capacity(8);
    if let Some(agent) = &options.user_agent {
        headers.insert("user-agent", agent.clone());
    }
    let url = match &client.token_url {
        Some(url) => url.clone(),
        None => {
            // What a program sends to the API with every call may be needed on the way to it; elsewhere it is nobody's business.
            headers.merge(&options.headers);
            match options.base() {
                Ok(base) => text::concat(&[base.origin(), base.prefix(), PATH]),
                Err(_) => text::concat(&[&options.base_url, PATH]),
            }
        }
    };
    headers.remove("x-api-key");
    headers.remove("authorization");
    headers.insert("accept", "application/json");
    headers.insert("content-type", "application/x-www-form-urlencoded");

    let mut body = String::new();
    let mut put = |name: &str, value: &str| {
        let separator = (!body.is_empty()).then_some('&');
        encode::pair(&mut body, separator, name, value);
    };
    match grant {
        Grant::Refresh(token) => {
            put("grant_type", "refresh_token");
            put("refresh_token", token.expose());
        }
        Grant::Client => {
            put("grant_type", "client_credentials");
            // A refresh keeps what was granted.
            if let Some(scope) = &client.scope {
                put("scope", scope);
            }
        }
    }
    match (&client.id, &client.secret) {
        (Some(id), Some(secret)) => headers.insert("authorization", basic(id, secret)),
        (Some(id), None) => put("client_id", id),
        (None, _) => {}
    }
    Plan {
        operation: &TOKEN,
        request: Request { method: TOKEN.method, url, headers, body: body.into() },
        timeout: options.timeout,
        connect_timeout: options.connect_timeout,
        deadline: options.deadline,
        max_retries: options.max_retries,
        backoff: options.backoff,
        pacing: options.pacing,
        max_answer_bytes: LARGEST,
        trace: options.trace.then(|| TraceParent::start(&mut seed.trace_generator())),
        seed,
        token: false,
        answered_only: matches!(grant, Grant::Refresh(_)),
    }
}

/// `client_secret_basic`: each half is form-encoded before the two are joined (RFC 6749, section 2.3.1), or an id with a colon would end early.
pub(crate) fn basic(id: &str, secret: &Secret) -> String {
    let pair = text::concat(&[&encode::component(id), ":", &encode::component(secret.expose())]);
    text::concat(&["Basic ", &BASE64_STANDARD.encode(pair)])
}
