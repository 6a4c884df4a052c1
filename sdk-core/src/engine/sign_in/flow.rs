//! The steps of a sign-in, one after another.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::device::{DeviceCode, DeviceProgress};
use super::metadata::{self, Endpoints};
use super::redirect;
use super::refusal::{Answer, Refusal};
use crate::engine::encode;
use crate::engine::error::{Error, ErrorKind, Failure};
use crate::engine::failure::{FailureKind, TransportFailure};
use crate::engine::message::{Headers, Request, ResponseHead};
use crate::engine::oauth::{OAuthError, TokenSet, basic, granted};
use crate::engine::policy::retry_after::retry_after;
use crate::engine::redact::{self, Secret};
use crate::engine::text;
use crate::engine::time::Now;

/// The waits before a request is sent again that had no answer, or one of 429 or 5xx. A person is there and waits too.
const WAITS: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Who signs in where, for what.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The authorization server's address, which is its issuer: its metadata is asked there.
    pub base_url: String,
    /// The client's id.
    pub client_id: String,
    /// Its secret; a public client has none.
    pub client_secret: Option<Secret>,
    /// What is asked for, words separated by spaces; the server's choice where there is none.
    pub scope: Option<String>,
}

/// What to do next.
#[derive(Debug)]
pub enum Step {
    /// Send this request and tell of its [`Event::Answer`] or [`Event::Failed`]. Follow no redirect.
    Send(Request),
    /// Send the person to this address and tell where they come back: [`Event::Redirected`].
    Open(String),
    /// Show the code, and go on.
    Progress(DeviceProgress),
    /// Wait for so long, and go on.
    Wait(Duration),
    /// The tokens.
    Done(TokenSet),
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// It begins; or the step before is done.
    Go,
    /// The request's answer, whatever its status.
    Answer(ResponseHead, Bytes),
    /// It had none.
    Failed(TransportFailure),
    /// The address that the person came back to, or its path and query.
    Redirected(String),
}

/// A sign-in. It ends with the first error or with [`Step::Done`].
pub struct SignIn {
    settings: Settings,
    issuer: String,
    discovery_url: String,
    endpoints: Option<Endpoints>,
    way: Way,
    at: At,
}

/// How a person says yes.
enum Way {
    /// At a page that sends them back.
    Code { redirect_uri: String, verifier: Secret, state: Secret },
    /// At a page elsewhere.
    Device { code: Option<DeviceCode>, polls: u32 },
}

/// Where it stands.
enum At {
    Begin,
    /// Waits for an answer.
    Sent(What, Request, usize),
    /// Waits to send it again.
    Resting(What, Request, usize),
    /// Waits for the person.
    Opened,
    /// The code is shown.
    Shown(Duration),
    /// The device waits.
    Waiting,
    Over,
}

/// Which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Discovery,
    DeviceCode,
    /// The code for tokens: it is sent once, since the answer may be what was lost (RFC 6749, section 4.1.2).
    Exchange,
    Poll,
}

impl What {
    const fn told(self) -> &'static str {
        match self {
            Self::Discovery => "the authorization server's metadata could not be read",
            Self::DeviceCode => "the authorization server gave the device no code",
            Self::Exchange => "the authorization server gave no tokens for the code",
            Self::Poll => "the authorization server did not let the device in",
        }
    }
}

impl SignIn {
    /// Begins the authorization code grant. `verifier` and `state` are random texts of 43 to 128 letters, made anew each time: [`token`](super::token).
    ///
    /// # Errors
    /// [`Error::Config`] when a setting cannot be used.
    pub fn code(
        settings: Settings,
        redirect_uri: String,
        verifier: Secret,
        state: Secret,
    ) -> Result<Self, Error> {
        Self::new(settings, Way::Code { redirect_uri, verifier, state })
    }

    /// Begins the device grant.
    ///
    /// # Errors
    /// [`Error::Config`] when a setting cannot be used.
    pub fn device(settings: Settings) -> Result<Self, Error> {
        Self::new(settings, Way::Device { code: None, polls: 0 })
    }

    fn new(settings: Settings, way: Way) -> Result<Self, Error> {
        if settings.client_id.is_empty() {
            return Err(Error::config(
                "there is no client id to sign in with; set `client_id` or WAYPOST_CLIENT_ID",
            ));
        }
        let (issuer, discovery_url) = metadata::place(&settings.base_url)?;
        Ok(Self { settings, issuer, discovery_url, endpoints: None, way, at: At::Begin })
    }

    /// What to do after this event.
    ///
    /// # Errors
    /// [`Error::OAuth`] when the server or the SDK refused, with the word of the error; [`Error::Connection`] or [`Error::Timeout`] when no answer came.
    pub fn next(&mut self, event: Event, now: Now) -> Result<Step, Error> {
        match (std::mem::replace(&mut self.at, At::Over), event) {
            (At::Begin, Event::Go) => {
                let headers = [("accept", "application/json")].into_iter().collect();
                let request =
                    Request { method: "GET", url: self.discovery_url.clone(), headers, body: Bytes::new() };
                Ok(self.send(What::Discovery, request, 0))
            }
            (At::Resting(what, request, tries), Event::Go) => Ok(self.send(what, request, tries)),
            (At::Sent(what, request, tries), Event::Answer(head, body)) => {
                let target = target(&request);
                let answer = Answer { status: head.status, headers: head.headers, body, target };
                if answer.status == 429 || answer.status >= 500 {
                    let asked = retry_after(&answer.headers, now.unix);
                    let error = Error::from(Refusal::invalid(
                        &answer,
                        &text::concat(&[what.told(), ": it answered with an error of its own"]),
                        "Try again later",
                    ));
                    // Too many requests: that one was not looked at. After any other error the code may have been used.
                    let used = what == What::Exchange && answer.status != 429;
                    return if used {
                        Err(error)
                    } else {
                        self.again(what, request, tries, asked, error, now)
                    };
                }
                self.answered(what, &answer, now)
            }
            (At::Sent(what, request, tries), Event::Failed(failure)) => {
                let error = unanswered(what, &request, &failure);
                let hopeless =
                    matches!(failure.kind, FailureKind::Tls | FailureKind::Protocol | FailureKind::Request);
                let used = what == What::Exchange && failure.bytes_sent;
                if hopeless || used { Err(error) } else { self.again(what, request, tries, None, error, now) }
            }
            (At::Opened, Event::Redirected(url)) => self.exchange(&url),
            (At::Shown(wait), Event::Go) => {
                self.at = At::Waiting;
                Ok(Step::Wait(wait))
            }
            (At::Waiting, Event::Go) => self.poll(),
            _ => Err(Error::config("this sign-in is over, or was told of something that it did not ask for")),
        }
    }

    fn send(&mut self, what: What, request: Request, tries: usize) -> Step {
        self.at = At::Sent(what, request.clone(), tries);
        Step::Send(request)
    }

    /// After no answer, or one of another time.
    fn again(
        &mut self,
        what: What,
        request: Request,
        tries: usize,
        asked: Option<Duration>,
        error: Error,
        now: Now,
    ) -> Result<Step, Error> {
        if what == What::Poll {
            if let Way::Device { code: Some(code), .. } = &mut self.way {
                code.back_off();
            }
            return self.show(asked, now);
        }
        let wait = WAITS.get(tries);
        match wait.map(|wait| asked.map_or(*wait, |asked| asked.max(*wait))) {
            // Who is asked to wait for longer than a person does is told so.
            Some(wait) if wait <= Duration::from_secs(30) => {
                self.at = At::Resting(what, request, tries + 1);
                Ok(Step::Wait(wait))
            }
            _ => Err(error),
        }
    }

    fn answered(&mut self, what: What, answer: &Answer, now: Now) -> Result<Step, Error> {
        match what {
            What::Discovery => {
                self.endpoints = Some(Endpoints::read(&self.issuer, answer)?);
                self.discovered()
            }
            What::DeviceCode if answer.status == 200 => {
                let secure = self.issuer.starts_with("https://");
                self.way = Way::Device { code: Some(DeviceCode::read(answer, secure, now)?), polls: 0 };
                self.show(None, now)
            }
            What::Exchange | What::Poll if answer.status == 200 => {
                let mut tokens = granted(&answer.body, now.unix).map_err(|what| {
                    let message = text::concat(&["the authorization server gave ", what]);
                    Refusal::invalid(answer, &message, "The server does not keep to RFC 6749")
                })?;
                // One that is left out is the one that was asked for (RFC 6749, section 5.1).
                tokens.scope = tokens.scope.or_else(|| self.settings.scope.clone());
                Ok(Step::Done(tokens))
            }
            What::DeviceCode | What::Exchange => Err(refused(what, answer).into()),
            What::Poll => {
                let told = OAuthError::read(answer.status, &answer.body, &[]);
                match (told.error.as_deref().unwrap_or_default(), &mut self.way) {
                    ("authorization_pending", _) => {}
                    ("slow_down", Way::Device { code: Some(code), .. }) => code.slow_down(),
                    _ => return Err(refused(what, answer).into()),
                }
                self.show(None, now)
            }
        }
    }

    /// The endpoints are known.
    fn discovered(&mut self) -> Result<Step, Error> {
        let endpoints = self.endpoints()?;
        let lacking = |what: &str| {
            let message = format!("the authorization server has no {what}");
            Error::from(Refusal::own("unsupported_response", &message, "Sign in another way"))
        };
        let Settings { client_id, scope, .. } = &self.settings;
        match &self.way {
            Way::Code { redirect_uri, verifier, state } => {
                let endpoint =
                    endpoints.authorization.as_deref().ok_or_else(|| lacking("page to sign in at"))?;
                let parameters = [
                    ("client_id", Some(client_id.as_str())),
                    ("redirect_uri", Some(redirect_uri.as_str())),
                    ("scope", scope.as_deref()),
                    ("state", Some(state.expose())),
                ];
                let url = redirect::authorization_url(endpoint, &parameters, verifier.expose());
                self.at = At::Opened;
                Ok(Step::Open(url))
            }
            Way::Device { .. } => {
                let endpoint = endpoints
                    .device_authorization
                    .as_deref()
                    .ok_or_else(|| lacking("device authorization endpoint"))?;
                let request = self.form(endpoint, &[("scope", scope.as_deref())]);
                Ok(self.send(What::DeviceCode, request, 0))
            }
        }
    }

    fn exchange(&mut self, url: &str) -> Result<Step, Error> {
        let endpoints = self.endpoints()?;
        let Way::Code { redirect_uri, verifier, state, .. } = &self.way else {
            return Err(Error::config("a device is not redirected"));
        };
        let code = redirect::code(url, state.expose(), &endpoints)?;
        let parameters = [
            ("grant_type", Some("authorization_code")),
            ("code", Some(code.as_str())),
            ("redirect_uri", Some(redirect_uri.as_str())),
            ("code_verifier", Some(verifier.expose())),
        ];
        let request = self.form(&endpoints.token, &parameters);
        Ok(self.send(What::Exchange, request, 0))
    }

    /// Tells of the code, unless it expires first.
    fn show(&mut self, at_least: Option<Duration>, now: Now) -> Result<Step, Error> {
        let Way::Device { code: Some(code), polls } = &self.way else {
            return Err(Error::config("there is no device code"));
        };
        let Some(progress) = code.progress(*polls, at_least, now) else {
            let message = "nobody let the device in before its code expired";
            return Err(Refusal::own("expired_token", message, "Begin again").into());
        };
        self.at = At::Shown(progress.wait);
        Ok(Step::Progress(progress))
    }

    fn poll(&mut self) -> Result<Step, Error> {
        let endpoints = self.endpoints()?;
        let Way::Device { code: Some(code), polls } = &mut self.way else {
            return Err(Error::config("there is no device code"));
        };
        *polls += 1;
        let device_code = code.device_code.clone();
        let parameters = [("grant_type", Some(DEVICE_GRANT)), ("device_code", Some(device_code.expose()))];
        let request = self.form(&endpoints.token, &parameters);
        Ok(self.send(What::Poll, request, 0))
    }

    fn endpoints(&self) -> Result<Endpoints, Error> {
        self.endpoints.clone().ok_or_else(|| Error::config("the authorization server is not known yet"))
    }

    /// A form, with the client's authentication: Basic (RFC 6749, section 2.3.1), or its id alone where it has no secret.
    fn form(&self, url: &str, parameters: &[(&str, Option<&str>)]) -> Request {
        let Settings { client_id, client_secret, .. } = &self.settings;
        let mut headers: Headers =
            [("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")]
                .into_iter()
                .collect();
        let mut body = String::new();
        let own = [("client_id", Some(client_id.as_str()))];
        match client_secret {
            Some(secret) => {
                headers.insert("authorization", basic(client_id, secret));
            }
            None => push(&mut body, &own),
        }
        push(&mut body, parameters);
        Request { method: "POST", url: url.to_owned(), headers, body: body.into() }
    }
}

fn push(body: &mut String, parameters: &[(&str, Option<&str>)]) {
    for (name, value) in parameters {
        if let Some(value) = value {
            let separator = (!body.is_empty()).then_some('&');
            encode::pair(body, separator, name, value);
        }
    }
}

fn target(request: &Request) -> String {
    let url = request.url.split('?').next().unwrap_or_default();
    text::concat(&[request.method, " ", &redact::url(url)])
}

fn refused(what: What, answer: &Answer) -> Refusal {
    let told = OAuthError::read(answer.status, &answer.body, &[]);
    match &told.error {
        Some(_) => Refusal::told(what.told(), told, Some(answer)),
        None => Refusal::invalid(
            answer,
            what.told(),
            "Check the base URL: what answered may be no authorization server",
        ),
    }
}

fn unanswered(what: What, request: &Request, failure: &TransportFailure) -> Error {
    let kind = match failure.kind {
        FailureKind::Timeout => ErrorKind::Timeout,
        _ => ErrorKind::Connection,
    };
    let mut told = Failure::new(text::concat(&[what.told(), ": ", &failure.message]));
    told.target = Some(target(request));
    Error::new(kind, told)
}

impl fmt::Debug for SignIn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SignIn")
            .field("issuer", &self.issuer)
            .field("client_id", &self.settings.client_id)
            .finish_non_exhaustive()
    }
}
