//! The session of a browser: found by its cookie, begun and ended.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use waypost_types::AuditType;

use super::cookie::Cookie;
use super::{csrf, origin, storage};
use crate::Gateway;
use crate::audit;
use crate::auth::storage::{NewSession, insert_session};
use crate::generated::outcome::Page;
use crate::http::{Caller, Context, Error, Identity};
use crate::oauth::server::storage::permissions_of;
use crate::secrets::{id, random};
use crate::store::{System, SystemTx};

/// What cookies are hashed for.
const HASH: &str = "browser session";

/// How much use of a session is noted at once.
const NOTED: i64 = 60 * 1_000_000;

/// Who is signed in in a browser.
#[derive(Debug, Clone)]
pub(crate) struct BrowserSession {
    pub(crate) id: String,
    pub(crate) tenant_id: String,
    pub(crate) user_id: String,
    pub(crate) email: String,
    pub(crate) permissions: Vec<String>,
    tier: String,
    platform: bool,
    /// The cookie's value.
    secret: String,
}

impl BrowserSession {
    /// The token of a form about `subject` on a page that this person sees.
    pub(crate) fn form_token(&self, gateway: &Gateway, subject: &str) -> String {
        csrf::token(gateway.secrets.tokens(), &self.secret, subject)
    }

    /// Whether a form about `subject` was sent by our own page, shown in this session.
    pub(crate) fn sent_form(
        &self,
        gateway: &Gateway,
        headers: &HeaderMap,
        subject: &str,
        token: Option<&str>,
    ) -> bool {
        origin::is_own(headers) && csrf::is_right(gateway.secrets.tokens(), &self.secret, subject, token)
    }

    fn identity(self) -> Identity {
        Identity {
            tenant_id: self.tenant_id,
            user_id: self.user_id,
            credential_id: self.id,
            permissions: self.permissions.into(),
            tier: self.tier,
            platform: self.platform,
        }
    }
}

impl Gateway {
    /// Whether browsers reach this gateway by https, so that cookies can be held to it.
    pub(crate) fn is_secure(&self) -> bool {
        self.issuer().starts_with("https:")
    }

    /// Who is signed in in the browser that sent these headers. Says nothing of which site made it send them.
    pub(crate) async fn browser_session(&self, headers: &HeaderMap) -> Result<Option<BrowserSession>, Error> {
        let Some(secret) = Cookie::Session.read(headers, self.is_secure()) else { return Ok(None) };
        let now = self.store.now();
        let hash = *self.secrets.tokens().hash(HASH, secret.as_bytes()).as_bytes();
        let Some(row) = storage::find(self.store.system(System::OAuth), &hash, now).await? else {
            return Ok(None);
        };
        if now - row.last_used_at > NOTED {
            let mut tx = self.store.begin_system(System::OAuth).await?;
            let until = self.idle_until(tx.now()).min(row.ends_at);
            let now = tx.now();
            storage::touch(tx.connection(), &row.id, until, now).await?;
            tx.commit_empty().await?;
        }
        Ok(Some(BrowserSession {
            permissions: permissions_of(self.store.system(System::OAuth), &row.user_id).await?,
            id: row.id,
            tenant_id: row.tenant_id,
            user_id: row.user_id,
            email: row.email,
            tier: row.tier,
            platform: row.platform != 0,
            secret: secret.to_owned(),
        }))
    }

    /// The caller of a request that has no other credentials than a cookie. A request of another site is refused: the browser sent the cookie without
    /// anybody having asked.
    pub(crate) async fn browser_caller(&self, headers: &HeaderMap) -> Result<Option<Caller>, Error> {
        if Cookie::Session.read(headers, self.is_secure()).is_none() {
            return Ok(None);
        }
        if !origin::is_own_or_typed(headers) {
            let detail =
                "A session's cookie counts only for pages of this gateway. Send a token or an API key.";
            return Err(Error::new(403, "cross_site_request", detail));
        }
        match self.browser_session(headers).await? {
            Some(session) => Ok(Some(Caller::Known(Arc::new(session.identity())))),
            None => Err(Error::new(401, "unauthenticated", "The session has ended. Sign in again.")),
        }
    }

    /// Begins a session for this user, with what else there is to record, commits, and gives the value of its cookie. The session that the browser had before ends: a secret that somebody knew
    /// before the sign-in is worth nothing after it.
    pub(crate) async fn begin_browser_session(
        &self,
        mut tx: SystemTx,
        context: &Context,
        before: Option<&BrowserSession>,
        tenant_id: &str,
        user_id: &str,
        news: Option<audit::Entry<'_>>,
    ) -> Result<String, Error> {
        let secret = random::token().map_err(|error| Error::internal(error.to_string()))?;
        let now = tx.now();
        let ends_at = now.saturating_add(micros(self.config.sessions.absolute_lifetime));
        let session_id = id::new("ses");
        let session = NewSession {
            id: &session_id,
            tenant_id,
            user_id,
            user_agent: context.user_agent().map(|agent| agent.get(..512).unwrap_or(agent)),
            ip_address: context.peer().map(|address| address.to_string()),
            expires_at: self.idle_until(now).min(ends_at),
        };
        insert_session(tx.connection(), &session, now).await?;
        let hash = self.secrets.tokens().hash(HASH, secret.as_bytes());
        storage::insert(tx.connection(), hash.as_bytes(), &session_id, ends_at).await?;
        if let Some(before) = before {
            storage::end(tx.connection(), &before.id, now).await?;
        }
        let mut tx = tx.in_tenant(tenant_id);
        if let Some(before) = before {
            self.auth.changed(&mut tx, &before.id).await?;
        }
        if let Some(news) = news {
            audit::record(&mut tx, context, news).await?;
        }
        let entry = audit::Entry::new(AuditType::SignedIn, user_id).with_detail(&session_id);
        audit::record(&mut tx, context, entry).await?;
        tx.commit_empty().await?;
        Ok(secret.to_string())
    }

    /// Gives the page the cookie of a session that was just begun.
    pub(crate) fn with_session(&self, page: Page, secret: &str) -> Page {
        page.header(http::header::SET_COOKIE, &Cookie::Session.set(secret, self.is_secure()))
    }

    /// The secret by which a browser is known before anybody has signed in, and whether it is new and has to be set.
    pub(crate) fn browser_secret(&self, headers: &HeaderMap) -> Result<(String, bool), Error> {
        match Cookie::Browser.read(headers, self.is_secure()) {
            Some(secret) if secret.len() == 43 => Ok((secret.to_owned(), false)),
            _ => {
                let secret = random::token().map_err(|error| Error::internal(error.to_string()))?;
                Ok((secret.to_string(), true))
            }
        }
    }

    fn idle_until(&self, now: i64) -> i64 {
        now.saturating_add(micros(self.config.sessions.idle_lifetime))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
