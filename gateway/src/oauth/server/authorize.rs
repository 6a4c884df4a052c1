//! The authorization endpoint: who asks for what is checked, the person is asked, and the browser goes back with a code or a reason.
//!
//! Nothing is ever sent to an address before the client and the address are known to belong together (RFC 9700, section 4.11): what is wrong with these
//! two is told to the person. The consent page is shown each time, so that no site can get a code without a person who agreed just now.

use http::StatusCode;
use url::form_urlencoded::Serializer;
use waypost_types::params::OauthConsentParams;
use waypost_types::{AuditType, OAuthDecision};

use super::storage::{self, Grant};
use super::{pkce, redirect, scope};
use crate::Gateway;
use crate::audit;
use crate::browser::BrowserSession;
use crate::browser::page::{self, escaped, hidden};
use crate::generated::outcome::Page;
use crate::http::{Context, Error};
use crate::oauth_clients::storage::{self as clients, ClientRow};
use crate::secrets::{id, random};
use crate::store::System;

/// How long a code is good for: a redirect and a question of the client.
const CODE_LIFETIME: i64 = 60 * 1_000_000;

/// What codes are hashed for.
pub(super) const CODE_HASH: &str = "oauth code";

/// A request whose client and address are known to belong together.
#[derive(Debug)]
struct Request {
    client: ClientRow,
    /// Where the answer goes.
    redirect_uri: String,
    /// As it was given: then the token endpoint wants it again.
    given_uri: Option<String>,
    state: Option<String>,
}

/// What may be granted, if the person agrees.
#[derive(Debug)]
struct Asked {
    scopes: Vec<String>,
    challenge: String,
}

/// Why a request goes back unanswered: the RFC's word, and the same for a developer.
type Refusal = (&'static str, &'static str);

impl Gateway {
    /// Shows the consent page, or the sign-in page to a person who is not known yet.
    pub(in crate::oauth) async fn ask_for_consent(
        &self,
        context: &Context,
        params: OauthConsentParams,
    ) -> Result<Page, Error> {
        let request = match self.authorization_request(&params).await? {
            Ok(request) => request,
            Err(page) => return Ok(page),
        };
        let asked = match check(&request.client, &params) {
            Ok(asked) => asked,
            Err(refusal) => return Ok(self.send_back(&request, refusal)),
        };
        let query = query_of(&params);
        let Some(session) = self.browser_session(context.headers()).await? else {
            return self.sign_in_page(context, &format!("/oauth/authorize?{query}"), None);
        };
        let granted = scope::meet(&asked.scopes, &session.permissions);
        if granted.is_empty() {
            return Ok(
                self.send_back(&request, ("invalid_scope", "The person may do none of what is asked for."))
            );
        }
        Ok(self.consent_page(&session, &request, &granted, &query))
    }

    /// Takes the person's decision.
    pub(in crate::oauth) async fn take_decision(
        &self,
        context: &Context,
        body: OAuthDecision,
    ) -> Result<Page, Error> {
        let query = body.request.unwrap_or_default();
        let params = params_of(&query);
        let Some(session) = self.browser_session(context.headers()).await? else {
            return self.sign_in_page(context, &format!("/oauth/authorize?{}", query_of(&params)), None);
        };
        let subject = consent_subject(&query);
        if !session.sent_form(self, context.headers(), &subject, body.csrf_token.as_deref()) {
            return Ok(foreign_form());
        }
        // Everything is looked at again: the client may have changed while the page was shown.
        let request = match self.authorization_request(&params).await? {
            Ok(request) => request,
            Err(page) => return Ok(page),
        };
        let asked = match check(&request.client, &params) {
            Ok(asked) => asked,
            Err(refusal) => return Ok(self.send_back(&request, refusal)),
        };
        if body.decision.as_deref() != Some("allow") {
            self.note_refused_grant(context, &session, &request.client.id);
            return Ok(self.send_back(&request, ("access_denied", "The person said no.")));
        }
        let granted = scope::meet(&asked.scopes, &session.permissions);
        if granted.is_empty() {
            return Ok(
                self.send_back(&request, ("invalid_scope", "The person may do none of what is asked for."))
            );
        }
        let code = self.grant_with_code(context, &session, &request, &granted, &asked.challenge).await?;
        Ok(self.send_with(&request, &[("code", &code)]))
    }

    async fn grant_with_code(
        &self,
        context: &Context,
        session: &BrowserSession,
        request: &Request,
        scopes: &[String],
        challenge: &str,
    ) -> Result<String, Error> {
        let code = random::token().map_err(|error| Error::internal(error.to_string()))?;
        let mut tx = self.store.begin_system_for(context, System::OAuth).await?;
        let now = tx.now();
        let expires_at = now + CODE_LIFETIME;
        let grant = self.new_grant(&request.client, session, scopes, expires_at);
        storage::insert_grant(tx.connection(), &grant, now).await?;
        let hash = self.secrets.tokens().hash(CODE_HASH, code.as_bytes());
        let given = request.given_uri.as_deref();
        storage::insert_code(tx.connection(), hash.as_bytes(), &grant.id, given, challenge, expires_at)
            .await?;
        let mut tx = tx.in_tenant(grant.tenant_id.as_str());
        let entry = grant.entry(AuditType::OauthGrantGiven).by(&grant.user_id);
        audit::record(&mut tx, context, entry).await?;
        tx.commit_empty().await?;
        tracing::info!(
            client_id = grant.client_id,
            user_id = grant.user_id,
            grant_id = grant.id,
            "access was granted"
        );
        Ok(code.to_string())
    }

    /// Notes for the audit trail that a person said no.
    pub(super) fn note_refused_grant(&self, context: &Context, session: &BrowserSession, client_id: &str) {
        let person = (session.tenant_id.as_str(), session.user_id.as_str());
        let kind = AuditType::OauthGrantRefused.as_str();
        let refusal = audit::Refusal::by_person(kind, person, &session.id, client_id, context);
        self.refusals.note(refusal, context.request_id(), self.store.now());
    }

    /// A grant of this person; it is the client's tenant's no more than the person's, so it is the person's.
    pub(super) fn new_grant(
        &self,
        client: &ClientRow,
        session: &BrowserSession,
        scopes: &[String],
        expires_at: i64,
    ) -> Grant {
        Grant {
            id: id::new("ogr"),
            tenant_id: session.tenant_id.clone(),
            client_id: client.id.clone(),
            user_id: session.user_id.clone(),
            subject: session.user_id.clone(),
            scope: scope::text(scopes),
            expires_at,
            ended_at: None,
        }
    }

    /// The client and the address of a request, or the page that says what is wrong with them.
    async fn authorization_request(
        &self,
        params: &OauthConsentParams,
    ) -> Result<Result<Request, Page>, Error> {
        let refused =
            |detail: &str| Ok(Err(page::failure(StatusCode::BAD_REQUEST, "This link does not work", detail)));
        let Some(client_id) = params.client_id.as_deref() else {
            return refused("The program that sent you here did not say who it is (`client_id`).");
        };
        let Some(client) = clients::by_id(self.store.system(System::OAuth), client_id).await? else {
            return refused("The program that sent you here is not registered.");
        };
        let registered = client.redirects();
        let redirect_uri = match (params.redirect_uri.as_deref(), registered.as_slice()) {
            (Some(asked), registered) if registered.iter().any(|own| redirect::matches(own, asked)) => {
                asked.to_owned()
            }
            (None, [only]) => only.clone(),
            _ => {
                return refused(
                    "The program that sent you here asked to be answered at an address that it is not registered with.",
                );
            }
        };
        Ok(Ok(Request {
            redirect_uri,
            given_uri: params.redirect_uri.clone(),
            state: params.state.clone(),
            client,
        }))
    }

    fn send_back(&self, request: &Request, (error, description): Refusal) -> Page {
        self.send_with(request, &[("error", error), ("error_description", description)])
    }

    /// Back to the client, with `state` as it came and with who answers (RFC 9207).
    fn send_with(&self, request: &Request, parameters: &[(&str, &str)]) -> Page {
        let issuer = self.issuer();
        let mut all = parameters.to_vec();
        if let Some(state) = &request.state {
            all.push(("state", state));
        }
        all.push(("iss", &issuer));
        Page::see_other(&redirect::with(&request.redirect_uri, &all))
    }

    fn consent_page(
        &self,
        session: &BrowserSession,
        request: &Request,
        scopes: &[String],
        query: &str,
    ) -> Page {
        let token = session.form_token(self, &consent_subject(query));
        let target = redirect::source(&request.redirect_uri);
        let body = format!(
            "<p><strong>{name}</strong> asks for access to your account <strong>{email}</strong>.</p>{scopes}\
             <p>You will be sent to <code>{address}</code>.</p>\
             <form method=\"post\" action=\"/oauth/authorize\">{request}{csrf}\
             <button name=\"decision\" value=\"allow\">Allow</button>\
             <button class=\"quiet\" name=\"decision\" value=\"deny\">Deny</button></form>",
            name = escaped(&request.client.name),
            email = escaped(&session.email),
            scopes = scope_list(scopes),
            address = escaped(&target),
            request = hidden("request", query),
            csrf = hidden("csrf_token", &token),
        );
        page::page_that_leads_to(StatusCode::OK, "Allow access?", &body, &target)
    }
}

/// What a form of the consent page is about.
fn consent_subject(query: &str) -> String {
    format!("consent\n{query}")
}

/// What is asked for, for people.
pub(super) fn scope_list(scopes: &[String]) -> String {
    let items: String =
        scopes.iter().map(|scope| format!("<li><code>{}</code></li>", escaped(scope))).collect();
    format!("<p>It could then do this for you:</p><ul>{items}</ul>")
}

/// A form that none of our pages sent in this session.
pub(in crate::oauth) fn foreign_form() -> Page {
    let detail = "The form was not sent by a page of this gateway, or the page is too old. Go back, load it again, and try once more.";
    page::failure(StatusCode::FORBIDDEN, "This form does not count", detail)
}

/// Everything else that a request must be. Pure.
fn check(client: &ClientRow, params: &OauthConsentParams) -> Result<Asked, Refusal> {
    match params.response_type.as_deref() {
        Some("code") => {}
        Some(_) => return Err(("unsupported_response_type", "Only `code` is answered.")),
        None => return Err(("invalid_request", "There is no `response_type`.")),
    }
    if !client.grants("authorization_code") {
        return Err(("unauthorized_client", "The client is not registered for `authorization_code`."));
    }
    let challenge = match (params.code_challenge.as_deref(), params.code_challenge_method.as_deref()) {
        (Some(challenge), Some("S256")) if pkce::is_challenge(challenge) => challenge.to_owned(),
        (None, _) => return Err(("invalid_request", "There is no `code_challenge`; PKCE is required.")),
        (Some(_), Some("S256")) => {
            return Err(("invalid_request", "The `code_challenge` is not of the form of S256."));
        }
        (Some(_), _) => return Err(("invalid_request", "The `code_challenge_method` must be S256.")),
    };
    let registered = client.scopes();
    let scopes = match params.scope.as_deref().map(scope::parse) {
        Some(asked) if !asked.is_empty() => asked,
        _ => registered.clone(),
    };
    if !scope::within(&scopes, &registered) {
        return Err(("invalid_scope", "The client is not registered for all that it asks for."));
    }
    Ok(Asked { scopes, challenge })
}

/// A request as a query, and a query as a request: the consent page carries it along.
fn query_of(params: &OauthConsentParams) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in [
        ("response_type", &params.response_type),
        ("client_id", &params.client_id),
        ("redirect_uri", &params.redirect_uri),
        ("scope", &params.scope),
        ("state", &params.state),
        ("code_challenge", &params.code_challenge),
        ("code_challenge_method", &params.code_challenge_method),
    ] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    query.finish()
}

fn params_of(query: &str) -> OauthConsentParams {
    let mut params = OauthConsentParams::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let field = match &*name {
            "response_type" => &mut params.response_type,
            "client_id" => &mut params.client_id,
            "redirect_uri" => &mut params.redirect_uri,
            "scope" => &mut params.scope,
            "state" => &mut params.state,
            "code_challenge" => &mut params.code_challenge,
            "code_challenge_method" => &mut params.code_challenge_method,
            _ => continue,
        };
        *field = Some(value.into_owned());
    }
    params
}
