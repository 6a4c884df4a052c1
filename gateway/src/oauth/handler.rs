//! The operations of `oauth`, each of which is one call into its half.

use waypost_types::params::{
    OauthAuthorizeParams, OauthCallbackParams, OauthConsentParams, OauthDeviceParams, OauthSignInParams,
};
use waypost_types::{
    BrowserSignIn, BrowserSignOut, JsonWebKeySet, LinkedIdentityList, OAuthDecision, OAuthDeviceCodes,
    OAuthDeviceDecision, OAuthDeviceRequest, OAuthIntrospectRequest, OAuthIntrospection, OAuthRevocation,
    OAuthRevokeRequest, OAuthServerMetadata, OAuthTokenRequest, OAuthTokens, SignInProviderList,
};

use crate::Gateway;
use crate::generated::outcome::Page;
use crate::generated::{NoContent, OauthApi, Success};
use crate::http::{Context, Error};

impl OauthApi<Context, Error> for Gateway {
    async fn oauth_providers(&self, _context: Context) -> Result<Success<SignInProviderList>, Error> {
        Ok(Success(self.sign_in_providers()))
    }

    async fn oauth_authorize(
        &self,
        context: Context,
        provider: String,
        params: OauthAuthorizeParams,
    ) -> Result<Page, Error> {
        self.begin_sign_in(&context, &provider, params).await
    }

    async fn oauth_callback(
        &self,
        context: Context,
        provider: String,
        params: OauthCallbackParams,
    ) -> Result<Page, Error> {
        self.finish_sign_in(&context, &provider, params).await
    }

    async fn oauth_identities(&self, context: Context) -> Result<Success<LinkedIdentityList>, Error> {
        Ok(Success(self.linked_identities(&context).await?))
    }

    async fn oauth_unlink(&self, context: Context, identity_id: String) -> Result<NoContent, Error> {
        self.unlink(&context, &identity_id).await?;
        Ok(NoContent)
    }

    async fn oauth_consent(&self, context: Context, params: OauthConsentParams) -> Result<Page, Error> {
        self.ask_for_consent(&context, params).await
    }

    async fn oauth_decide(&self, context: Context, body: OAuthDecision) -> Result<Page, Error> {
        self.take_decision(&context, body).await
    }

    async fn oauth_sign_in(&self, context: Context, params: OauthSignInParams) -> Result<Page, Error> {
        self.show_sign_in(&context, params.return_to.as_deref()).await
    }

    async fn oauth_sign_in_submit(&self, context: Context, body: BrowserSignIn) -> Result<Page, Error> {
        self.sign_in_with_password(&context, body).await
    }

    async fn oauth_sign_out(&self, context: Context, body: BrowserSignOut) -> Result<Page, Error> {
        self.sign_out_browser(&context, body).await
    }

    async fn oauth_token(
        &self,
        context: Context,
        body: OAuthTokenRequest,
    ) -> Result<Success<OAuthTokens>, Error> {
        Ok(Success(self.tokens_for(&context, body).await?))
    }

    async fn oauth_device_authorization(
        &self,
        context: Context,
        body: OAuthDeviceRequest,
    ) -> Result<Success<OAuthDeviceCodes>, Error> {
        Ok(Success(self.begin_device(&context, body).await?))
    }

    async fn oauth_device(&self, context: Context, params: OauthDeviceParams) -> Result<Page, Error> {
        self.device_page(&context, params).await
    }

    async fn oauth_device_decide(&self, context: Context, body: OAuthDeviceDecision) -> Result<Page, Error> {
        self.decide_device(&context, body).await
    }

    async fn oauth_revoke(
        &self,
        context: Context,
        body: OAuthRevokeRequest,
    ) -> Result<Success<OAuthRevocation>, Error> {
        self.revoke(&context, body).await?;
        Ok(Success(OAuthRevocation::default()))
    }

    async fn oauth_introspect(
        &self,
        context: Context,
        body: OAuthIntrospectRequest,
    ) -> Result<Success<OAuthIntrospection>, Error> {
        Ok(Success(self.introspect(&context, body).await?))
    }

    async fn oauth_metadata(&self, _context: Context) -> Result<Success<OAuthServerMetadata>, Error> {
        Ok(Success(self.server_metadata()))
    }

    async fn oauth_jwks(&self, _context: Context) -> Result<Success<JsonWebKeySet>, Error> {
        Ok(Success(self.key_set()?))
    }
}
