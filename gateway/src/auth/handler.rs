//! The operations of `auth`.

use waypost_types::{
    ChangePassword, CredentialKind, Identity, Login, Logout, RefreshTokens, RegisterUser, Registration, Role,
    Tenant, Tier, TokenPair, TokenType, User,
};
use zeroize::Zeroizing;

use super::storage::{self, NewSession};
use super::{TokenError, rules};
use crate::Gateway;
use crate::generated::{AuthApi, Created, NoContent, Success};
use crate::http::{Caller, Context, Error};
use crate::secrets::password::PasswordError;
use crate::secrets::{id, random};
use crate::store::{WriteTx, clock::to_rfc3339, dialect};

/// What refresh tokens begin with.
const REFRESH: &str = "wpr_";

/// What refresh tokens are hashed for.
const REFRESH_HASH: &str = "refresh token";

impl From<PasswordError> for Error {
    fn from(error: PasswordError) -> Self {
        Self::internal(error)
    }
}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        Self::internal(error)
    }
}

impl AuthApi<Context, Error> for Gateway {
    async fn auth_register(
        &self,
        context: Context,
        body: RegisterUser,
    ) -> Result<Created<Registration>, Error> {
        let email = rules::normal_email(&body.email);
        let password = Zeroizing::new(body.password);
        let wrong: Vec<_> =
            [rules::check_email("/email", &email), rules::check_password("/password", &password, &email)]
                .into_iter()
                .filter_map(Result::err)
                .collect();
        if !wrong.is_empty() {
            return Err(Error::invalid(wrong));
        }
        let hash = self.auth.passwords.hash(password).await?;
        let mut tx = self.store.begin(&context).await?;
        let (now, made) = (tx.now(), to_rfc3339(tx.now()));
        let tenant_name = body.tenant_name.as_ref().unwrap_or(&body.name);
        let tenant = Tenant::new(id::new("ten"), tenant_name.as_str(), Tier::Free, made.as_str());
        let user =
            User::new(id::new("usr"), tenant.id.as_str(), email, body.name.as_str(), Role::Manager, made);
        storage::insert_tenant(tx.connection(), &tenant, now).await?;
        storage::insert_user(tx.connection(), &user, Some(&hash), now).await.map_err(|error| {
            if dialect::is_duplicate(&error) {
                Error::conflict(
                    "email_taken",
                    "There is an account with this e-mail address. Sign in, or use another address.",
                )
            } else {
                error.into()
            }
        })?;
        let registration = Registration::new(user, tenant);
        tx.commit(&registration).await?;
        Ok(Created(registration))
    }

    async fn auth_login(&self, context: Context, body: Login) -> Result<Success<TokenPair>, Error> {
        let refused =
            || Error::new(401, "invalid_credentials", "The e-mail address or the password is wrong.");
        let found = self.user_with_password(&body.email, Zeroizing::new(body.password)).await?;
        let (user, stored) = found.ok_or_else(refused)?;
        let mut tx = self.store.begin(&context).await?;
        // A password that was changed while this one was being checked must not let anybody in.
        if !storage::has_password(tx.connection(), &user.id, &stored).await? {
            return Err(refused());
        }
        let session_id = id::new("ses");
        let session = NewSession {
            id: &session_id,
            tenant_id: &user.tenant_id,
            user_id: &user.id,
            user_agent: context.user_agent().map(|agent| agent.get(..512).unwrap_or(agent)),
            ip_address: match context.caller() {
                Caller::Anonymous { address } => Some(address.to_canonical().to_string()),
                Caller::Known(_) => None,
            },
            expires_at: self.refresh_expiry(tx.now()),
        };
        let now = tx.now();
        storage::insert_session(tx.connection(), &session, now).await?;
        let pair = self.issue(&mut tx, &user.id, &session_id).await?;
        tx.commit(&pair).await?;
        Ok(Success(pair))
    }

    async fn auth_refresh(&self, context: Context, body: RefreshTokens) -> Result<Success<TokenPair>, Error> {
        let unknown = || {
            let detail = "The refresh token is unknown or expired, or its session has ended. Sign in again.";
            Error::new(401, "invalid_refresh_token", detail)
        };
        let token = Zeroizing::new(body.refresh_token);
        let hash = *self.secrets.tokens().hash(REFRESH_HASH, token.as_bytes()).as_bytes();
        // Looked at first without the writer, so that guesses make nobody wait.
        storage::refresh_token(self.store.read(), &hash).await?.ok_or_else(unknown)?;
        let mut tx = self.store.begin(&context).await?;
        let now = tx.now();
        let row = storage::refresh_token(&mut *tx.connection(), &hash).await?.ok_or_else(unknown)?;
        if row.used_at.is_some() {
            drop(tx);
            if row.ended_at.is_none() {
                self.end_leaked(&row.user_id, &row.session_id).await?;
            }
            let detail = "The refresh token was used before, so it has leaked or an answer was lost. Its session has been ended; sign in again.";
            return Err(Error::new(401, "refresh_token_reused", detail));
        }
        if row.ended_at.is_some() || row.expires_at <= now {
            return Err(unknown());
        }
        let expires_at = self.refresh_expiry(now);
        storage::use_refresh_token(tx.connection(), &hash, &row.session_id, expires_at, now).await?;
        let pair = self.issue(&mut tx, &row.user_id, &row.session_id).await?;
        tx.commit(&pair).await?;
        Ok(Success(pair))
    }

    async fn auth_me(&self, context: Context) -> Result<Success<Identity>, Error> {
        let caller = context.identity()?;
        let user = storage::user_by_id(self.store.read(), &caller.user_id)
            .await?
            .ok_or_else(Error::unauthenticated)?;
        let is = |kind| id::is(kind, &caller.credential_id);
        let credential = match () {
            () if is("ses") => CredentialKind::Session,
            () if is("ogr") => CredentialKind::Oauth,
            () => CredentialKind::ApiKey,
        };
        Ok(Success(Identity::new(
            user.user(),
            user.tenant(),
            credential,
            caller.credential_id.as_str(),
            caller.permissions.to_vec(),
            caller.tier.as_str().into(),
        )))
    }

    async fn auth_change_password(&self, context: Context, body: ChangePassword) -> Result<NoContent, Error> {
        let caller = context.identity()?;
        let current = Zeroizing::new(body.current_password);
        let new = Zeroizing::new(body.new_password);
        let wrong = || Error::unprocessable("wrong_password", "The current password is not right.");
        let user = storage::user_by_id(self.store.read(), &caller.user_id)
            .await?
            .ok_or_else(Error::unauthenticated)?;
        rules::check_password("/new_password", &new, &user.email)
            .map_err(|field| Error::invalid(vec![field]))?;
        let unchanged = current == new;
        if !self.auth.passwords.verify(current, user.password_hash.clone()).await? {
            return Err(wrong());
        }
        if unchanged {
            let detail = "The new password is the current one. Choose another.";
            return Err(Error::unprocessable("password_unchanged", detail));
        }
        let hash = self.auth.passwords.hash(new).await?;
        let mut tx = self.store.begin(&context).await?;
        let now = tx.now();
        let expected = user.password_hash.unwrap_or_default();
        if !storage::replace_password(tx.connection(), &user.id, &expected, &hash, now).await? {
            return Err(wrong());
        }
        let ended = storage::end_sessions_but(tx.connection(), &user.id, &caller.credential_id, now).await?;
        ended.iter().for_each(|session| self.auth.sessions.changed(session));
        tx.commit_empty().await?;
        Ok(NoContent)
    }

    async fn auth_logout(&self, context: Context, body: Logout) -> Result<NoContent, Error> {
        let caller = context.identity()?;
        let mut tx = self.store.begin(&context).await?;
        let now = tx.now();
        let mut ended = Vec::new();
        if body.everywhere.unwrap_or(false) {
            ended = storage::end_sessions_but(tx.connection(), &caller.user_id, &caller.credential_id, now)
                .await?;
        }
        storage::end_session(tx.connection(), &caller.user_id, &caller.credential_id, now).await?;
        ended.push(caller.credential_id.clone());
        ended.iter().for_each(|session| self.auth.sessions.changed(session));
        tx.commit_empty().await?;
        Ok(NoContent)
    }
}

impl Gateway {
    /// The user with this address and password, and the hash that was compared with; none if there is no such user, or the password is another.
    pub(crate) async fn user_with_password(
        &self,
        email: &str,
        password: Zeroizing<String>,
    ) -> Result<Option<(storage::UserRow, String)>, Error> {
        let user = storage::user_by_email(self.store.read(), &rules::normal_email(email)).await?;
        let stored = user.as_ref().and_then(|user| user.password_hash.clone());
        // The same work with and without an account, so that time does not tell which it was.
        let right = self.auth.passwords.verify(password, stored.clone()).await?;
        Ok(user.zip(stored).filter(|_| right))
    }

    fn refresh_expiry(&self, now: i64) -> i64 {
        let lifetime = i64::try_from(self.config.tokens.refresh_lifetime.as_micros()).unwrap_or(i64::MAX);
        now.saturating_add(lifetime)
    }

    /// A pair of tokens for this session, its refresh token stored as a hash.
    async fn issue(&self, tx: &mut WriteTx, user_id: &str, session_id: &str) -> Result<TokenPair, Error> {
        let now = tx.now();
        let secret = random::token().map_err(|error| Error::internal(error.to_string()))?;
        let refresh = format!("{REFRESH}{}", *secret);
        let hash = self.secrets.tokens().hash(REFRESH_HASH, refresh.as_bytes());
        let expires_at = self.refresh_expiry(now);
        storage::insert_refresh_token(tx.connection(), hash.as_bytes(), session_id, expires_at, now).await?;
        let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        Ok(TokenPair::new(
            self.auth.tokens.sign(user_id, session_id, now.div_euclid(1_000_000))?,
            TokenType::Bearer,
            seconds(self.auth.tokens.lifetime()),
            refresh,
            seconds(self.config.tokens.refresh_lifetime),
            session_id,
        ))
    }

    /// Ends a session whose refresh token came back. Not recorded under the request's idempotency key: the answer is an error.
    async fn end_leaked(&self, user_id: &str, session_id: &str) -> Result<(), Error> {
        let mut tx = self.store.begin_unrecorded().await?;
        let now = tx.now();
        storage::end_session(tx.connection(), user_id, session_id, now).await?;
        self.auth.sessions.changed(session_id);
        tx.commit_empty().await?;
        tracing::warn!(session_id, user_id, "a refresh token was used twice; its session was ended");
        Ok(())
    }
}
