//! To a provider and back: the authorization code flow with PKCE, for us as the client.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, header};
use serde::Deserialize;
use url::form_urlencoded::{Serializer, byte_serialize};
use waypost_types::AuditType;
use waypost_types::params::{OauthAuthorizeParams, OauthCallbackParams};
use zeroize::Zeroizing;

use super::account::{self, Account, News};
use super::discovery::{DiscoveryError, Metadata};
use super::id_token::{self, Expected};
use super::page::own_path;
use super::provider::{Profile, Provider};
use super::storage::{self, StateRow};
use super::{Person, Refusal, profile};
use crate::Gateway;
use crate::audit;
use crate::browser::cookie::Cookie;
use crate::browser::{origin, page};
use crate::generated::outcome::Page;
use crate::http::{Context, Error};
use crate::oauth::server::{pkce, redirect};
use crate::outbound::Question;
use crate::secrets::random;
use crate::store::System;

const STATE_HASH: &str = "sign-in state";
const BROWSER_HASH: &str = "sign-in browser";

/// How long a person may take at the provider.
const STATE_LIFETIME: i64 = 10 * 60 * 1_000_000;

/// What a state's verifier is sealed under: moved to another state, it does not open.
fn context_of(state_hash: &[u8; 32]) -> Vec<u8> {
    [b"sign-in verifier ".as_slice(), state_hash].concat()
}

impl From<Refusal> for Page {
    fn from(refusal: Refusal) -> Self {
        page::failure(refusal.status, refusal.title, &refusal.detail)
    }
}

impl Gateway {
    /// Sends the browser to the provider.
    pub(in crate::oauth) async fn begin_sign_in(
        &self,
        context: &Context,
        name: &str,
        params: OauthAuthorizeParams,
    ) -> Result<Page, Error> {
        let Some(provider) = self.oauth.providers.get(name) else { return Ok(unknown_provider().into()) };
        let headers = context.headers();
        let user_id = match params.link.unwrap_or(false) {
            false => None,
            true => {
                // Another site could otherwise link an account of its own choice, and then sign in with that.
                if !origin::is_own_or_typed(headers) {
                    let detail = "Linking is begun on a page of this gateway, not on another site.";
                    return Ok(Refusal::new(403, "Not from here", detail).into());
                }
                let Some(session) = self.browser_session(headers).await? else {
                    let detail = "Sign in first, then link the provider.";
                    return Ok(Refusal::new(403, "Not signed in", detail).into());
                };
                Some(session.user_id)
            }
        };
        let authorization_endpoint = match endpoints(&provider).await {
            Ok((authorization, _)) => authorization,
            Err(error) => return Ok(Refusal::provider(&provider.label, error).into()),
        };
        let token = || random::token().map_err(|error| Error::internal(error.to_string()));
        let (state, nonce, verifier) = (token()?, token()?, token()?);
        let (browser, is_new) = self.browser_secret(headers)?;
        let hash = *self.secrets.tokens().hash(STATE_HASH, state.as_bytes()).as_bytes();
        let mut tx = self.store.begin_system(System::OAuth).await?;
        let row = StateRow {
            provider: provider.name.clone(),
            browser_hash: self.secrets.tokens().hash(BROWSER_HASH, browser.as_bytes()).as_bytes().to_vec(),
            nonce: nonce.to_string(),
            verifier: self
                .secrets
                .sealer()
                .seal(&context_of(&hash), verifier.as_bytes())
                .map_err(Error::internal)?,
            return_to: own_path(params.return_to.as_deref()).to_owned(),
            user_id,
            expires_at: tx.now() + STATE_LIFETIME,
        };
        storage::insert_state(tx.connection(), &hash, &row).await?;
        tx.commit_empty().await?;
        let (callback, challenge) = (self.callback(&provider), pkce::challenge(&verifier));
        let mut query = vec![
            ("response_type", "code"),
            ("client_id", provider.client_id.as_str()),
            ("redirect_uri", &callback),
            ("scope", &provider.scopes),
            ("state", state.as_str()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        if provider.profile == Profile::Oidc {
            query.push(("nonce", &nonce));
        }
        let to = Page::see_other(&redirect::with(&authorization_endpoint, &query))
            .header(header::REFERRER_POLICY, "no-referrer");
        Ok(match is_new {
            true => to.header(header::SET_COOKIE, &Cookie::Browser.set(&browser, self.is_secure())),
            false => to,
        })
    }

    /// Takes the provider's answer: signs the person in, or links the provider, or says why not.
    pub(in crate::oauth) async fn finish_sign_in(
        &self,
        context: &Context,
        name: &str,
        params: OauthCallbackParams,
    ) -> Result<Page, Error> {
        let Some(provider) = self.oauth.providers.get(name) else { return Ok(unknown_provider().into()) };
        let (state, hash) = match self.take_state(context, &provider, params.state.as_deref()).await? {
            Ok(taken) => taken,
            Err(refusal) => return Ok(refusal.into()),
        };
        let verifier =
            self.secrets.sealer().open(&context_of(&hash), &state.verifier).map_err(Error::internal)?;
        let verifier = Zeroizing::new(String::from_utf8(verifier).unwrap_or_default());
        let person = match self.person(&provider, &state, params, &verifier).await {
            Ok(person) => person,
            Err(refusal) => return Ok(refusal.into()),
        };
        let before = self.browser_session(context.headers()).await?;
        let mut tx = self.store.begin_system_for(context, System::OAuth).await?;
        let account = match &state.user_id {
            None => match account::of(&mut tx, &provider, person).await? {
                Ok(account) => account,
                Err(refusal) => return Ok(refusal.into()),
            },
            Some(user_id) => {
                // Linked to whoever is signed in now, and only if that is who began.
                let Some(session) = before.as_ref().filter(|session| session.user_id == *user_id) else {
                    let detail = "The session in which this was begun has ended. Sign in and begin again.";
                    return Ok(Refusal::new(403, "Not signed in", detail).into());
                };
                let mut account = Account {
                    tenant_id: session.tenant_id.clone(),
                    user_id: session.user_id.clone(),
                    news: None,
                };
                if let Err(refusal) = account::link(&mut tx, &provider, person, &mut account).await? {
                    return Ok(refusal.into());
                }
                account
            }
        };
        let Account { tenant_id, user_id, news } = &account;
        let news = news.map(|news| {
            let kind = if news == News::Made { AuditType::Registered } else { AuditType::IdentityLinked };
            audit::Entry::new(kind, user_id).with_detail(&provider.name)
        });
        let secret =
            self.begin_browser_session(tx, context, before.as_ref(), tenant_id, user_id, news).await?;
        tracing::info!(provider = provider.name, user_id = account.user_id, "signed in with a provider");
        Ok(self.with_session(Page::see_other(own_path(Some(&state.return_to))), &secret))
    }

    /// The sign-in that a `state` stands for, which is used up by this. It must be of this browser, this provider and this hour.
    async fn take_state(
        &self,
        context: &Context,
        provider: &Provider,
        state: Option<&str>,
    ) -> Result<Result<(StateRow, [u8; 32]), Refusal>, Error> {
        let refused = || {
            let detail =
                "The sign-in was begun in another browser, too long ago, or has been finished. Begin again.";
            Ok(Err(Refusal::new(400, "That did not work", detail)))
        };
        let Some(state) = state else { return refused() };
        let hash = *self.secrets.tokens().hash(STATE_HASH, state.as_bytes()).as_bytes();
        if !storage::has_state(self.store.system(System::OAuth), &hash).await? {
            return refused();
        }
        let mut tx = self.store.begin_system(System::OAuth).await?;
        let now = tx.now();
        let row = storage::take_state(tx.connection(), &hash).await?;
        let Some(row) = row else { return refused() };
        let browser = Cookie::Browser.read(context.headers(), self.is_secure());
        let is_own = browser.is_some_and(|browser| {
            self.secrets.tokens().hash(BROWSER_HASH, browser.as_bytes()).matches(&row.browser_hash)
        });
        // Somebody else's browser must not use up what is not its own.
        if !is_own {
            return refused();
        }
        tx.commit_empty().await?;
        if row.provider != provider.name || row.expires_at <= now {
            return refused();
        }
        Ok(Ok((row, hash)))
    }

    /// Whom the provider vouches for.
    async fn person(
        &self,
        provider: &Provider,
        state: &StateRow,
        params: OauthCallbackParams,
        verifier: &str,
    ) -> Result<Person, Refusal> {
        let failed = |reason: String| Refusal::provider(&provider.label, reason);
        if let Some(error) = params.error {
            return Err(match error.as_str() {
                "access_denied" => Refusal::new(
                    403,
                    "You said no",
                    format!("{} was not allowed to tell who you are.", provider.label),
                ),
                _ => failed(format!("it refused the request ({})", plain(&error))),
            });
        }
        let metadata = match provider.profile {
            Profile::Oidc => {
                Some(provider.discovered.metadata().await.map_err(|error| failed(error.to_string()))?)
            }
            _ => None,
        };
        // Whoever answers must be who was asked, or a code would be shown to somebody else (RFC 9207).
        if let Some(metadata) = metadata.as_deref() {
            let told = params.iss.as_deref();
            let is_right = told.map_or(!metadata.authorization_response_iss_parameter_supported, |iss| {
                iss == metadata.issuer
            });
            if !is_right {
                return Err(failed("the answer is another issuer's".to_owned()));
            }
        }
        let code = params.code.ok_or_else(|| failed("there is no code in the answer".to_owned()))?;
        let tokens = self.exchange(provider, metadata.as_deref(), &code, verifier).await.map_err(failed)?;
        let Some(metadata) = metadata else {
            let token = tokens
                .access_token
                .ok_or_else(|| failed("there is no access token in the answer".to_owned()))?;
            return profile::ask(&self.outbound, provider, &token).await.map_err(failed);
        };
        let token = tokens.id_token.ok_or_else(|| failed("there is no ID token in the answer".to_owned()))?;
        let kid = id_token::key_name(&token);
        let keys =
            provider.discovered.keys(kid.as_deref()).await.map_err(|error| failed(error.to_string()))?;
        let expected = Expected {
            issuer: &metadata.issuer,
            configured_issuer: provider.issuer.as_deref().unwrap_or_default(),
            client_id: &provider.client_id,
            nonce: &state.nonce,
            trust_email: provider.trust_email,
            now: self.store.now().div_euclid(1_000_000),
        };
        id_token::verify(&token, &keys, &expected).map_err(|reason| failed(reason.to_owned()))
    }

    /// The provider's tokens for a code.
    async fn exchange(
        &self,
        provider: &Provider,
        metadata: Option<&Metadata>,
        code: &str,
        verifier: &str,
    ) -> Result<ProviderTokens, String> {
        let endpoint =
            metadata.map(|metadata| metadata.token_endpoint.as_str()).or(provider.token_endpoint.as_deref());
        let endpoint = endpoint.ok_or("it has no token endpoint in the configuration")?;
        let callback = self.callback(provider);
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &callback),
            ("code_verifier", verifier),
        ];
        let mut question = Question::new(Method::POST, endpoint)
            .map_err(|error| error.to_string())?
            .header(header::ACCEPT, "application/json");
        match (&provider.client_secret, provider.basic) {
            (Some(secret), true) => {
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encoded(&provider.client_id), encoded(secret));
                question =
                    question.header(header::AUTHORIZATION, &format!("Basic {}", STANDARD.encode(pair)));
            }
            (secret, _) => {
                form.push(("client_id", &provider.client_id));
                form.extend(secret.as_deref().map(|secret| ("client_secret", secret)));
            }
        }
        let body = Serializer::new(String::new()).extend_pairs(form).finish();
        let question = question.body("application/x-www-form-urlencoded", body);
        let answer = self.outbound.ask(question).await.map_err(|error| error.to_string())?;
        let tokens: ProviderTokens = serde_json::from_slice(&answer.body)
            .map_err(|_| format!("its token endpoint answered {} in another form", answer.status.as_u16()))?;
        // GitHub answers errors with 200.
        match &tokens.error {
            Some(error) => Err(format!("it refused the code ({})", plain(error))),
            None if !answer.status.is_success() => {
                Err(format!("its token endpoint answered with the status {}", answer.status.as_u16()))
            }
            None => Ok(tokens),
        }
    }

    fn callback(&self, provider: &Provider) -> String {
        format!("{}/v1/oauth/{}/callback", self.issuer(), provider.name)
    }
}

#[derive(Deserialize)]
struct ProviderTokens {
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    id_token: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

/// Where a provider asks people, and where it gives tokens.
async fn endpoints(provider: &Provider) -> Result<(String, String), DiscoveryError> {
    match (&provider.authorization_endpoint, &provider.token_endpoint) {
        (Some(authorization), Some(token)) if provider.profile != Profile::Oidc => {
            Ok((authorization.clone(), token.clone()))
        }
        _ => {
            let metadata = provider.discovered.metadata().await?;
            Ok((metadata.authorization_endpoint.clone(), metadata.token_endpoint.clone()))
        }
    }
}

fn unknown_provider() -> Refusal {
    Refusal::new(404, "No such provider", "This gateway is not configured for signing in with that provider.")
}

/// A word of somebody else's, as far as it is one.
fn plain(word: &str) -> String {
    word.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').take(64).collect()
}
