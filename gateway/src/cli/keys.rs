//! `keys create`, the first key of a new data directory, and `keys rotate`.

use std::io::Write as _;

use waypost_types::{ApiKeyWithSecret, AuditType, Role, Tenant, Tier, User};

use super::arguments::{KeyArguments, Output};
use super::{CliError, print};
use crate::Gateway;
use crate::api_keys::handler::NewKey;
use crate::api_keys::{rules, storage};
use crate::audit;
use crate::auth::storage::{insert_tenant, insert_user};
use crate::config::{Config, value::parse_duration};
use crate::gateway::StartError;
use crate::http::Error;
use crate::oauth::server::keys::Keys;
use crate::secrets::{Secrets, id};
use crate::store::clock::to_rfc3339;
use crate::store::{Store, System, SystemTx, WriteTx};

/// The user that the keys of the command line belong to. The domain can have no mailbox (RFC 2606), and there is no password.
const OPERATOR: &str = "operator@waypost.invalid";

/// Who a key belongs to.
#[derive(Debug, sqlx::FromRow)]
struct Owner {
    tenant_id: String,
    user_id: String,
    tier: String,
}

fn failed(error: Error) -> CliError {
    CliError::failed("making the API key")(Box::new(error))
}

fn sql(error: sqlx::Error) -> CliError {
    CliError::failed("making the API key")(Box::new(error))
}

/// Makes a key for the first start; `None` if anybody is there already, who can make one.
pub(super) async fn first(gateway: &Gateway) -> Result<Option<String>, CliError> {
    let mut tx = gateway.store.begin_system(System::Operator).await?;
    let tenants = sqlx::query_scalar::<_, i64>("SELECT 1 FROM tenants LIMIT 1");
    if tenants.fetch_optional(tx.connection()).await.map_err(sql)?.is_some() {
        return Ok(None);
    }
    let owner = owner(&mut tx, None).await?;
    let everything = ["*".to_owned()];
    let key = NewKey {
        tenant_id: &owner.tenant_id,
        user_id: &owner.user_id,
        name: "First key",
        permissions: &everything,
        tier: &owner.tier,
        expires_at: None,
    };
    let (row, secret) = key.make(&gateway.secrets, tx.now()).map_err(failed)?;
    let mut tx = tx.in_tenant(owner.tenant_id.as_str());
    storage::insert(&mut tx, &row).await.map_err(sql)?;
    recorded(&mut tx, &row.id).await?;
    tx.commit_empty().await?;
    Ok(Some(secret))
}

/// Records a key that the command line made.
async fn recorded(tx: &mut WriteTx, key_id: &str) -> Result<(), CliError> {
    let entry = audit::Entry::new(AuditType::ApiKeyCreated, key_id).with_detail("by the command line");
    audit::record_by_operator(tx, entry).await.map_err(sql)
}

/// `keys create`.
pub(super) async fn create(config: Config, arguments: &KeyArguments) -> Result<(), CliError> {
    let lifetime = check(arguments)?;
    let secrets = Secrets::open(&config)?;
    let store = Store::open(&config.store(), secrets.sealer().clone()).await?;
    let made = make(&store, &secrets, arguments, lifetime).await;
    store.close().await;
    let (answer, tenant_id) = made?;
    match arguments.output {
        Output::Json => {
            let json = serde_json::to_string_pretty(&answer);
            let json = json.map_err(|error| CliError::failed("writing the API key")(error.into()))?;
            print(&format!("{json}\n"));
        }
        Output::Text => {
            let key = &answer.api_key;
            let expiry = key
                .expires_at
                .as_deref()
                .map_or_else(|| "never expires".to_owned(), |at| format!("expires {at}"));
            // Nothing can be done about a standard error that is closed.
            let _closed = writeln!(
                std::io::stderr(),
                "made {} `{}` for {tenant_id}: {}, tier {}, {expiry}. The secret will not be shown again:",
                key.id,
                key.name,
                key.permissions.join(" "),
                key.tier
            );
            print(&format!("{}\n", answer.secret));
        }
    }
    Ok(())
}

/// `keys rotate`.
pub(super) async fn rotate(config: Config) -> Result<(), CliError> {
    let secrets = Secrets::open(&config)?;
    let store = Store::open(&config.store(), secrets.sealer().clone()).await?;
    let tokens = &config.tokens;
    let rotated = async {
        let keys = Keys::open(&store, &secrets, tokens.key_lifetime, tokens.access_lifetime).await?;
        keys.rotate(&store, &secrets).await
    };
    let rotated = rotated.await;
    store.close().await;
    let (kid, active_from) = rotated.map_err(StartError::from)?;
    // Nothing can be done about a standard error that is closed.
    let _closed = writeln!(std::io::stderr(), "signs from {} on:", to_rfc3339(active_from));
    print(&format!("{kid}\n"));
    Ok(())
}

/// Everything that can be wrong before the database is looked at, all at once.
fn check(arguments: &KeyArguments) -> Result<Option<i64>, CliError> {
    let mut wrong = Vec::new();
    if arguments.name.trim().is_empty() || arguments.name.chars().count() > 100 {
        wrong.push("--name: expected 1 to 100 characters".to_owned());
    }
    for field in rules::unknown_permissions(&arguments.permissions) {
        wrong.push(format!("--permissions: {}", field.detail));
    }
    if let Some(tier) = &arguments.tier
        && !Tier::ALL.iter().any(|known| known.as_str() == tier)
    {
        let known: Vec<_> = Tier::ALL.iter().map(Tier::as_str).collect();
        wrong.push(format!("--tier: there is no tier `{tier}`; expected one of {}", known.join(", ")));
    }
    let lifetime = arguments.expires_in.as_deref().map(|text| {
        parse_duration(text)
            .filter(|lifetime| !lifetime.is_zero())
            .and_then(|lifetime| i64::try_from(lifetime.as_micros()).ok())
    });
    if lifetime == Some(None) {
        let text = arguments.expires_in.as_deref().unwrap_or_default();
        wrong.push(format!("--expires-in: expected a duration such as 90m, 12h or 30d, found `{text}`"));
    }
    if let Some(tenant) = &arguments.tenant
        && !id::is("ten", tenant)
    {
        wrong.push(format!("--tenant: expected an identifier that begins with `ten_`, found `{tenant}`"));
    }
    if wrong.is_empty() { Ok(lifetime.flatten()) } else { Err(CliError::Arguments(wrong)) }
}

async fn make(
    store: &Store,
    secrets: &Secrets,
    arguments: &KeyArguments,
    lifetime: Option<i64>,
) -> Result<(ApiKeyWithSecret, String), CliError> {
    let mut tx = store.begin_system(System::Operator).await?;
    let owner = owner(&mut tx, arguments.tenant.as_deref()).await?;
    let tier = rules::tier(arguments.tier.as_deref(), &owner.tier)
        .map_err(|error| CliError::Arguments(vec![format!("--tier: {}", error.detail)]))?;
    let key = NewKey {
        tenant_id: &owner.tenant_id,
        user_id: &owner.user_id,
        name: arguments.name.trim(),
        permissions: &arguments.permissions,
        tier: &tier,
        expires_at: lifetime.map(|lifetime| tx.now().saturating_add(lifetime)),
    };
    let now = tx.now();
    let (row, secret) = key.make(secrets, now).map_err(failed)?;
    let mut tx = tx.in_tenant(owner.tenant_id.as_str());
    storage::insert(&mut tx, &row).await.map_err(sql)?;
    recorded(&mut tx, &row.id).await?;
    tx.commit_empty().await?;
    Ok((ApiKeyWithSecret::new(row.api_key(now), secret), owner.tenant_id))
}

/// The first user of this tenant, or of the first tenant, which is made if there is none.
async fn owner(tx: &mut SystemTx, tenant: Option<&str>) -> Result<Owner, CliError> {
    let found: Option<Owner> = sqlx::query_as(
        "SELECT t.id AS tenant_id, u.id AS user_id, t.tier FROM tenants t JOIN users u ON u.tenant_id = t.id
         WHERE $1 IS NULL OR t.id = $1 ORDER BY t.created_at, t.id, u.created_at, u.id LIMIT 1",
    )
    .bind(tenant)
    .fetch_optional(tx.connection())
    .await
    .map_err(sql)?;
    match (found, tenant) {
        (Some(owner), _) => Ok(owner),
        (None, Some(tenant)) => {
            Err(CliError::Arguments(vec![format!("--tenant: there is no tenant `{tenant}`")]))
        }
        (None, None) => make_owner(tx).await,
    }
}

async fn make_owner(tx: &mut SystemTx) -> Result<Owner, CliError> {
    let (now, made) = (tx.now(), to_rfc3339(tx.now()));
    let tenant = Tenant::new(id::new("ten"), "Default", Tier::Admin, made.as_str());
    let user = User::new(id::new("usr"), tenant.id.as_str(), OPERATOR, "Operator", Role::Admin, made);
    insert_tenant(tx.connection(), &tenant, true, now).await.map_err(sql)?;
    insert_user(tx.connection(), &user, None, now).await.map_err(sql)?;
    Ok(Owner { tenant_id: tenant.id, user_id: user.id, tier: tenant.tier.as_str().to_owned() })
}
