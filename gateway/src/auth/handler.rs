//! The operations of `auth`.

use std::net::{IpAddr, Ipv4Addr};

use waypost_types::{
    AuditType, ChangePassword, CredentialKind, Identity, Login, Logout, RefreshTokens, RegisterUser,
    Registration, Role, Tenant, Tier, TokenPair, TokenType, User,
};
use zeroize::Zeroizing;

use super::attempts::Attempt;
use super::storage::{self, NewSession};
use super::{TokenError, rules};
use crate::Gateway;
use crate::audit::{self, Refusal};
use crate::generated::{AuthApi, Created, NoContent, Success};
use crate::http::{Context, Error};
use crate::secrets::password::PasswordError;
use crate::secrets::{id, random};
use crate::store::{System, SystemTx, clock::to_rfc3339, dialect};
use crate::users::invitations;

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
        let invitation = body.invitation.map(Zeroizing::new);
        let invitation = invitation.map(|secret| invitations::hash(self.secrets.tokens(), &secret));
        if let Some(hash) = &invitation {
            // Looked at first without the writer, and without a password's time, so that guesses make nobody wait.
            let readers = self.store.system(System::SignIn);
            invitations::find(readers, hash, &email, self.store.now()).await?.ok_or_else(uninvited)?;
        }
        let hash = self.auth.passwords.hash(password).await?;
        let mut tx = self.store.begin_system_for(&context, System::SignIn).await?;
        let (now, made) = (tx.now(), to_rfc3339(tx.now()));
        let (tenant, role) = match &invitation {
            None => {
                let name = body.tenant_name.as_ref().unwrap_or(&body.name);
                let tenant = Tenant::new(id::new("ten"), name.as_str(), Tier::Free, made.as_str());
                storage::insert_tenant(tx.connection(), &tenant, false, now).await?;
                (tenant, Role::Admin)
            }
            Some(hash) => {
                let invited = invitations::find(&mut *tx.connection(), hash, &email, now).await?;
                let invited = invited.ok_or_else(uninvited)?;
                invitations::accept(tx.connection(), hash, now).await?;
                let role = Role::from(invited.role.as_str());
                (invited.tenant(), role)
            }
        };
        let user = User::new(id::new("usr"), tenant.id.as_str(), email, body.name.as_str(), role, made);
        let inserted = storage::insert_user(tx.connection(), &user, Some(&hash), now).await;
        let registration = Registration::new(user, tenant);
        match inserted {
            Ok(()) => {
                let mut tx = tx.in_tenant(registration.tenant.id.as_str());
                let entry = audit::Entry::new(AuditType::Registered, &registration.user.id)
                    .with_detail(if invitation.is_some() { "invited" } else { "" });
                audit::record(&mut tx, &context, entry).await?;
                tx.commit(&registration).await?;
            }
            Err(error) if dialect::is_duplicate(&error) => {
                drop(tx);
                self.answer_alike(&context, &registration).await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Created(registration))
    }

    async fn auth_login(&self, context: Context, body: Login) -> Result<Success<TokenPair>, Error> {
        let refused =
            || Error::new(401, "invalid_credentials", "The e-mail address or the password is wrong.");
        let (user, stored) = self
            .user_with_password(&context, &body.email, Zeroizing::new(body.password))
            .await?
            .ok_or_else(refused)?;
        let mut tx = self.store.begin_system_for(&context, System::SignIn).await?;
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
            ip_address: context.peer().map(|address| address.to_string()),
            expires_at: self.refresh_expiry(tx.now()),
        };
        let now = tx.now();
        storage::insert_session(tx.connection(), &session, now).await?;
        let pair = self.issue(&mut tx, &user.id, &session_id).await?;
        let mut tx = tx.in_tenant(user.tenant_id.as_str());
        let entry = audit::Entry::new(AuditType::SignedIn, &user.id).with_detail(&session_id);
        audit::record(&mut tx, &context, entry).await?;
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
        storage::refresh_token(self.store.system(System::SignIn), &hash).await?.ok_or_else(unknown)?;
        let mut tx = self.store.begin_system_for(&context, System::SignIn).await?;
        let now = tx.now();
        let row = storage::refresh_token(&mut *tx.connection(), &hash).await?.ok_or_else(unknown)?;
        if row.used_at.is_some() {
            drop(tx);
            if row.ended_at.is_none() {
                self.end_leaked(&row.tenant_id, &row.user_id, &row.session_id).await?;
                let kind = "refresh_token_reused";
                let refusal = Refusal::of_account(kind, &row.tenant_id, &row.user_id, &context);
                self.refusals.note(refusal, context.request_id(), now);
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
        let user = storage::user_by_id(self.store.tenant(&context)?, &caller.user_id)
            .await?
            .ok_or_else(Error::unauthenticated)?;
        let is = |kind| id::is(kind, &caller.credential_id);
        let credential = match () {
            () if is("ses") => CredentialKind::Session,
            () if is("ogr") => CredentialKind::Oauth,
            () if is("stk") => CredentialKind::ServiceToken,
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
        let user = storage::user_by_id(self.store.tenant(&context)?, &caller.user_id)
            .await?
            .ok_or_else(Error::unauthenticated)?;
        rules::check_password("/new_password", &new, &user.email)
            .map_err(|field| Error::invalid(vec![field]))?;
        // Whoever took over a session must not guess the password with it.
        let account = format!("password of {}", user.id);
        let attempt = Attempt::new(&account, context.peer().unwrap_or(NOWHERE), true);
        self.begin_attempt(&attempt).await?.map_err(too_many_attempts)?;
        let unchanged = current == new;
        if !self.auth.passwords.verify(current, user.password_hash.clone()).await? {
            return Err(wrong());
        }
        self.attempt_was_right(&attempt).await?;
        if unchanged {
            let detail = "The new password is the current one. Choose another.";
            return Err(Error::unprocessable("password_unchanged", detail));
        }
        let hash = self.auth.passwords.hash(new).await?;
        let mut tx = self.store.begin(&context).await?;
        let expected = user.password_hash.unwrap_or_default();
        if !storage::replace_password(&mut tx, &user.id, &expected, &hash).await? {
            return Err(wrong());
        }
        let ended = storage::end_sessions_but(&mut tx, &user.id, &caller.credential_id).await?;
        for session in &ended {
            self.auth.changed(&mut tx, session).await?;
        }
        audit::record(&mut tx, &context, audit::Entry::new(AuditType::PasswordChanged, &user.id)).await?;
        tx.commit_empty().await?;
        Ok(NoContent)
    }

    async fn auth_logout(&self, context: Context, body: Logout) -> Result<NoContent, Error> {
        let caller = context.identity()?;
        let mut tx = self.store.begin(&context).await?;
        let mut ended = Vec::new();
        if body.everywhere.unwrap_or(false) {
            ended = storage::end_sessions_but(&mut tx, &caller.user_id, &caller.credential_id).await?;
        }
        storage::end_session(&mut tx, &caller.user_id, &caller.credential_id).await?;
        ended.push(caller.credential_id.clone());
        for session in &ended {
            self.auth.changed(&mut tx, session).await?;
        }
        audit::record(&mut tx, &context, audit::Entry::new(AuditType::SignedOut, &caller.user_id)).await?;
        tx.commit_empty().await?;
        Ok(NoContent)
    }
}

/// What stands for the address of a request that came over no network.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

fn uninvited() -> Error {
    let detail = "The invitation is unknown, used, expired or for another address. Ask for a new one, or register without one.";
    Error::unprocessable("invitation_invalid", detail)
}

fn too_many_attempts(seconds: u64) -> Error {
    let detail = format!("There were too many wrong passwords. Try again in {seconds} seconds.");
    Error { retry_after: Some(seconds), ..Error::new(429, "too_many_attempts", detail) }
}

impl Gateway {
    /// The user with this address and password, and the hash that was compared with; none if there is no such user, or the password is another. Attempts are
    /// counted and slowed, and refused ones noted, whichever way they come.
    pub(crate) async fn user_with_password(
        &self,
        context: &Context,
        email: &str,
        password: Zeroizing<String>,
    ) -> Result<Option<(storage::UserRow, String)>, Error> {
        let readers = self.store.system(System::SignIn);
        let email = rules::normal_email(email);
        let place = context.peer().map(|address| address.to_string());
        let known = storage::is_known_place(readers, &email, place.as_deref().unwrap_or_default()).await?;
        let attempt = Attempt::new(&email, context.peer().unwrap_or(NOWHERE), known);
        self.begin_attempt(&attempt).await?.map_err(too_many_attempts)?;
        let user = storage::user_by_email(readers, &email).await?;
        let stored = user.as_ref().and_then(|user| user.password_hash.clone());
        // The same work with and without an account, so that time does not tell which it was.
        let right = self.auth.passwords.verify(password, stored.clone()).await?;
        match (user, stored, right) {
            (Some(user), Some(stored), true) => {
                self.attempt_was_right(&attempt).await?;
                Ok(Some((user, stored)))
            }
            (user, ..) => {
                if let Some(user) = user {
                    let refusal = Refusal::of_account("sign_in_failed", &user.tenant_id, &user.id, context);
                    self.refusals.note(refusal, context.request_id(), self.store.now());
                }
                Ok(None)
            }
        }
    }

    /// Answers a registration with an address that has an account like any other, with as much writing: nobody learns who has one. Its owner does.
    async fn answer_alike(&self, context: &Context, registration: &Registration) -> Result<(), Error> {
        let readers = self.store.system(System::SignIn);
        let owner = storage::user_by_email(readers, &registration.user.email).await?;
        let tx = self.store.begin_system_for(context, System::SignIn).await?;
        match owner {
            Some(owner) => {
                let mut tx = tx.in_tenant(owner.tenant_id.as_str());
                let entry = audit::Entry::new(AuditType::RegistrationRefused, &owner.id);
                audit::record_refusal(&mut tx, context, entry).await?;
                tx.commit(registration).await?;
            }
            None => tx.commit(registration).await?,
        }
        Ok(())
    }

    fn refresh_expiry(&self, now: i64) -> i64 {
        let lifetime = i64::try_from(self.config.tokens.refresh_lifetime.as_micros()).unwrap_or(i64::MAX);
        now.saturating_add(lifetime)
    }

    /// A pair of tokens for this session, its refresh token stored as a hash.
    async fn issue(&self, tx: &mut SystemTx, user_id: &str, session_id: &str) -> Result<TokenPair, Error> {
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
    async fn end_leaked(&self, tenant_id: &str, user_id: &str, session_id: &str) -> Result<(), Error> {
        let tx = self.store.begin_system(System::SignIn).await?;
        let mut tx = tx.in_tenant(tenant_id);
        storage::end_session(&mut tx, user_id, session_id).await?;
        self.auth.changed(&mut tx, session_id).await?;
        tx.commit_empty().await?;
        tracing::warn!(session_id, user_id, "a refresh token was used twice; its session was ended");
        Ok(())
    }
}
