//! An account, and an API key for the program that the rest of the story is about.

use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use waypost::{Client, Credentials, types};

use crate::telling::{Telling, Trouble, check};

/// What the program will do, and no more than that.
const PERMISSIONS: [&str; 5] =
    ["wallets:read", "wallets:write", "transactions:read", "payments:read", "payments:write"];

/// Makes an account, signs in, makes an API key, and answers with a client that uses it.
pub(crate) async fn open(telling: &mut Telling, client: &Client) -> Result<Client, Trouble> {
    telling.chapter("An account, and a key for a program");

    let email = format!("ada-{}@example.com", unique());
    let password = "seven wet umbrellas in a row";
    let account = types::RegisterUser::new(email.as_str(), password, "Ada Marlowe")
        .with_tenant_name("Marlowe and Daughters");
    let registered = client.auth().register(&account).raw().await?;
    let types::Registration { user, tenant, .. } = &registered.parsed;
    telling.call(
        "auth.register",
        &registered,
        format_args!("{} is {} of {}", user.email, user.role, tenant.name),
    );

    let login = client.auth().login(&types::Login::new(email, password)).raw().await?;
    let tokens = &login.parsed;
    telling.call(
        "auth.login",
        &login,
        format_args!("an access token for {} s, {}", tokens.expires_in, tokens.session_id),
    );
    let signed_in = client
        .with_options(|options| options.credentials = Credentials::bearer(tokens.access_token.as_str()))?;

    let wanted = types::CreateApiKey::new("Bookkeeping", PERMISSIONS.map(str::to_owned).to_vec());
    let created = signed_in.api_keys().create(&wanted).raw().await?;
    let types::ApiKeyWithSecret { api_key, secret, .. } = &created.parsed;
    telling.call("api_keys.create", &created, format_args!("{}, its secret shown this once", api_key.id));

    let program =
        client.with_options(|options| options.credentials = Credentials::api_key(secret.as_str()))?;
    let me = program.auth().me().raw().await?;
    telling.call(
        "auth.me",
        &me,
        format_args!("{} may {}", me.parsed.credential_id, me.parsed.permissions.join(", ")),
    );
    check(me.parsed.credential_id == api_key.id, "the gateway knows the program by its key")?;
    Ok(program)
}

/// Something that no earlier run used.
fn unique() -> String {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", since_1970.as_micros(), process::id())
}
