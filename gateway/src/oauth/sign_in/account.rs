//! Whose account it is that a provider vouches for: one that is linked, one to link, a new one, or none.

use waypost_types::{AuditType, LinkedIdentityList, Role, Tenant, Tier, User};

use super::provider::Provider;
use super::storage::{self, IdentityRow};
use super::{Person, Refusal};
use crate::Gateway;
use crate::audit;
use crate::auth::rules::{check_email, normal_email};
use crate::auth::storage::{email_taken, insert_tenant, insert_user};
use crate::http::{Context, Error};
use crate::secrets::id;
use crate::store::SystemTx;
use crate::store::clock::to_rfc3339;

/// Who is signed in.
pub(super) struct Account {
    pub(super) tenant_id: String,
    pub(super) user_id: String,
    /// What was made of it just now.
    pub(super) news: Option<News>,
}

/// What there is to tell of an account besides that somebody signed in to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// It was made.
    Made,
    /// It was linked to an account at the provider.
    Linked,
}

/// The account of this person, in the caller's transaction.
pub(super) async fn of(
    tx: &mut SystemTx,
    provider: &Provider,
    person: Person,
) -> Result<Result<Account, Refusal>, sqlx::Error> {
    let now = tx.now();
    if let Some(known) = storage::identity(&mut *tx.connection(), &provider.name, &person.subject).await? {
        storage::identity_used(tx.connection(), &known.id, now).await?;
        return Ok(Ok(Account { tenant_id: known.tenant_id, user_id: known.user_id, news: None }));
    }
    let email = person.email.as_deref().map(normal_email);
    let Some(email) = email.filter(|email| check_email("/email", email).is_ok()) else {
        let detail = format!(
            "{} does not say that your e-mail address is yours, so no account was made. Verify the address there, or make an account with a password and link {0} to it.",
            provider.label
        );
        return Ok(Err(Refusal::new(403, "No verified e-mail address", detail)));
    };
    if email_taken(&mut *tx.connection(), &email).await? {
        // Whoever made it need not be who has the address: it is theirs to link.
        let detail = format!(
            "There is an account with your e-mail address already. Sign in to it as you did before, and link {} to it.",
            provider.label
        );
        return Ok(Err(Refusal::new(409, "You have an account", detail)));
    }
    let made = to_rfc3339(now);
    let name = person.name.as_deref().map(str::trim).filter(|name| !name.is_empty()).unwrap_or(&email);
    let name: String = name.chars().take(100).collect();
    let tenant = Tenant::new(id::new("ten"), name.as_str(), Tier::Free, made.as_str());
    let user = User::new(id::new("usr"), tenant.id.as_str(), email.as_str(), name, Role::Admin, made);
    insert_tenant(tx.connection(), &tenant, false, now).await?;
    insert_user(tx.connection(), &user, None, now).await?;
    let (tenant_id, user_id) = (tenant.id.to_string(), user.id.to_string());
    let account = Account { tenant_id, user_id, news: Some(News::Made) };
    let identity = row(provider, &person.subject, Some(email), &account, now);
    storage::insert_identity(tx.connection(), &identity).await?;
    Ok(Ok(account))
}

/// Links this person's account at the provider to a user.
pub(super) async fn link(
    tx: &mut SystemTx,
    provider: &Provider,
    person: Person,
    account: &mut Account,
) -> Result<Result<(), Refusal>, sqlx::Error> {
    let now = tx.now();
    if let Some(known) = storage::identity(&mut *tx.connection(), &provider.name, &person.subject).await? {
        if known.user_id == account.user_id {
            return Ok(Ok(()));
        }
        let detail = format!(
            "Your account at {} is linked to another account here. Unlink it there first.",
            provider.label
        );
        return Ok(Err(Refusal::new(409, "Linked elsewhere", detail)));
    }
    let identity = row(provider, &person.subject, person.email.as_deref().map(normal_email), account, now);
    storage::insert_identity(tx.connection(), &identity).await?;
    account.news = Some(News::Linked);
    Ok(Ok(()))
}

fn row(
    provider: &Provider,
    subject: &str,
    email: Option<String>,
    account: &Account,
    now: i64,
) -> IdentityRow {
    IdentityRow {
        id: id::new("idn"),
        tenant_id: account.tenant_id.clone(),
        user_id: account.user_id.clone(),
        provider: provider.name.clone(),
        subject: subject.to_owned(),
        email,
        created_at: now,
        last_used_at: Some(now),
    }
}

impl Gateway {
    /// The caller's identities.
    pub(in crate::oauth) async fn linked_identities(
        &self,
        context: &Context,
    ) -> Result<LinkedIdentityList, Error> {
        let caller = context.identity()?;
        let rows = storage::identities_of(self.store.tenant(context)?, &caller.user_id).await?;
        Ok(LinkedIdentityList::new(rows.into_iter().map(IdentityRow::identity).collect::<Vec<_>>()))
    }

    /// Takes an identity away, unless it is the last way to sign in.
    pub(in crate::oauth) async fn unlink(&self, context: &Context, identity_id: &str) -> Result<(), Error> {
        let caller = context.identity()?;
        let mut tx = self.store.begin(context).await?;
        let own = storage::identities_of(&mut tx, &caller.user_id).await?;
        let Some(identity) = own.iter().find(|identity| identity.id == identity_id) else {
            return Err(Error::not_found("identity", identity_id));
        };
        if own.len() == 1 && !storage::can_use_password(&mut tx, &caller.user_id).await? {
            let detail = "Nobody could sign in to the account any more. Link another provider first.";
            return Err(Error::conflict("last_sign_in_method", detail));
        }
        storage::delete_identity(&mut tx, identity_id).await?;
        let entry =
            audit::Entry::new(AuditType::IdentityUnlinked, &caller.user_id).with_detail(&identity.provider);
        audit::record(&mut tx, context, entry).await?;
        tx.commit_empty().await?;
        Ok(())
    }
}
