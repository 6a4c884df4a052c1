//! OAuth both ways: [`server`] lets programs act for the people of this gateway; [`sign_in`] lets people in whom others vouch for.
//!
//! What does not live here: the registration of clients (`oauth_clients`), sessions of browsers, forms and pages (`browser`), and from a request to its caller
//! (`auth`).

mod handler;
pub(crate) mod server;
pub(crate) mod sign_in;

use crate::config::Config;
use crate::outbound::Outbound;
use crate::secrets::Secrets;
use crate::store::Store;
use server::access_token::AccessTokens;
pub use server::keys::KeyError;
use server::keys::Keys;
pub(crate) use server::storage::prune;
use sign_in::Providers;

/// The state of both.
#[derive(Debug)]
pub(crate) struct OAuth {
    pub(crate) tokens: AccessTokens,
    pub(crate) providers: Providers,
}

impl OAuth {
    /// Opens the signing keys, and makes the first where there is none.
    pub(crate) async fn open(
        config: &Config,
        store: &Store,
        secrets: &Secrets,
        outbound: &Outbound,
    ) -> Result<Self, KeyError> {
        let lifetime = config.tokens.access_lifetime;
        let keys = Keys::open(store, secrets, config.tokens.key_lifetime, lifetime).await?;
        Ok(Self {
            tokens: AccessTokens::new(keys, lifetime),
            providers: Providers::new(&config.oauth.providers, outbound),
        })
    }
}
