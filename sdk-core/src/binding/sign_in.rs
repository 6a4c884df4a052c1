//! A sign-in, step by step, for a facade whose language sends and waits itself: events and steps cross as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::members::Members;
use super::report::millis;
use crate::engine::error::Error;
use crate::engine::failure::{FailureKind, TransportFailure};
use crate::engine::message::{Headers, ResponseHead};
use crate::engine::redact::Secret;
use crate::engine::sign_in::{Event, Settings, SignIn, Step};
use crate::engine::time::Now;

/// A sign-in whose steps are JSON.
#[derive(Debug)]
pub struct SignInSteps {
    flow: SignIn,
}

impl SignInSteps {
    /// Begins one. `settings` is an object: `base_url`, `client_id`, `client_secret`, `scope`; for the authorization code grant also `redirect_uri`, `verifier` and `state`. Without
    /// `redirect_uri` it is the device grant.
    ///
    /// # Errors
    /// [`Error::Config`], naming what is wrong.
    pub fn begin(settings: &[u8]) -> Result<Self, Error> {
        let mut members = Members::parse("the sign-in's settings", settings)?;
        let mut text = |name: &str| members.text(name);
        let [redirect_uri, verifier, state] = ["redirect_uri", "verifier", "state"].map(&mut text);
        let settings = Settings {
            base_url: text("base_url").unwrap_or_default(),
            client_id: text("client_id").unwrap_or_default(),
            client_secret: text("client_secret").map(Secret::from),
            scope: text("scope"),
        };
        members.finish()?;
        let flow = match redirect_uri {
            Some(uri) => {
                let [verifier, state] = [verifier, state].map(|text| Secret::from(text.unwrap_or_default()));
                SignIn::code(settings, uri, verifier, state)?
            }
            None => SignIn::device(settings)?,
        };
        Ok(Self { flow })
    }

    /// What to do after an event, at this time of the calendar. The event is an object: empty (it begins, or the step before is done); `status`, `headers` (a list of pairs) and
    /// `body`; `failure` (a transport's word), `bytes_sent` and `message`; or `redirected`, an address. The step is an object of one member: `send` (`method`, `url`,
    /// `headers`, `body`), `open` (an address), `progress`, `wait_ms`, or `done` (the tokens).
    ///
    /// # Errors
    /// As [`SignIn::next`] has them.
    pub fn next(&mut self, event: &[u8], unix: Duration) -> Result<Value, Error> {
        let mut members = Members::parse("the sign-in's event", event)?;
        let event = if let Some(url) = members.text("redirected") {
            Event::Redirected(url)
        } else if let Some(word) = members.text("failure") {
            let kind = FailureKind::parse(&word).unwrap_or(FailureKind::Request);
            let sent = members.flag("bytes_sent").unwrap_or(true);
            Event::Failed(TransportFailure::new(kind, sent, members.text("message").unwrap_or_default()))
        } else if let Some(status) = members.count("status") {
            let status = u16::try_from(status).unwrap_or_default();
            let headers = members.headers("headers").unwrap_or_else(Headers::new);
            let body = members.text("body").unwrap_or_default();
            Event::Answer(ResponseHead { status, headers }, body.into())
        } else {
            Event::Go
        };
        members.finish()?;
        let step = self.flow.next(event, Now::new(Duration::ZERO, unix))?;
        Ok(match step {
            Step::Send(request) => json!({ "send": {
                "method": request.method,
                "url": request.url,
                "headers": request.headers.iter().collect::<Vec<_>>(),
                "body": String::from_utf8_lossy(&request.body),
            } }),
            Step::Open(url) => json!({ "open": url }),
            Step::Progress(told) => json!({ "progress": {
                "user_code": told.user_code,
                "verification_uri": told.verification_uri,
                "verification_uri_complete": told.verification_uri_complete,
                "expires_at": told.expires_at,
                "polls": told.polls,
                "wait": told.wait.as_secs_f64(),
            } }),
            Step::Wait(wait) => json!({ "wait_ms": millis(wait) }),
            Step::Done(tokens) => {
                json!({ "done": serde_json::from_str::<Value>(&tokens.to_json()).unwrap_or_default() })
            }
        })
    }
}
