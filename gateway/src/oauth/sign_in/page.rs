//! The sign-in page and its form.

use http::{StatusCode, header};
use url::form_urlencoded::byte_serialize;
use waypost_types::{AuditType, BrowserSignIn, BrowserSignOut};
use zeroize::Zeroizing;

use crate::Gateway;
use crate::audit;
use crate::auth::storage::{end_session, has_password};
use crate::browser::cookie::Cookie;
use crate::browser::page::{self, escaped, hidden};
use crate::browser::{csrf, origin};
use crate::generated::outcome::Page;
use crate::http::{Context, Error};
use crate::oauth::server::authorize::foreign_form;
use crate::store::System;

/// What the form of the sign-in page is about.
const SIGN_IN: &str = "sign in";
const SIGN_OUT: &str = "sign out";

/// Where to go when nobody said.
pub(super) const HOME: &str = "/oauth/sign_in";

/// A path of this gateway that pages may lead to; anything else is where nobody meant to go (RFC 9700, section 4.11).
pub(super) fn own_path(path: Option<&str>) -> &str {
    let is_own = |path: &&str| {
        path.starts_with("/oauth/")
            && !path.contains(['\\', '#'])
            && path.bytes().all(|byte| byte.is_ascii_graphic())
    };
    path.filter(is_own).unwrap_or(HOME)
}

impl Gateway {
    /// The sign-in page; to somebody who is signed in, who that is.
    pub(in crate::oauth) async fn show_sign_in(
        &self,
        context: &Context,
        return_to: Option<&str>,
    ) -> Result<Page, Error> {
        let Some(session) = self.browser_session(context.headers()).await? else {
            return self.sign_in_page(context, own_path(return_to), None);
        };
        let links: String = self
            .sign_in_providers()
            .providers
            .iter()
            .map(|provider| {
                let href = format!("/v1/oauth/{}/authorize?link=true", provider.name);
                format!(
                    "<a class=\"button quiet\" href=\"{}\">Link {}</a>",
                    escaped(&href),
                    escaped(&provider.label)
                )
            })
            .collect();
        let body = format!(
            "<p>You are signed in as <strong>{}</strong>.</p>{links}<form method=\"post\" action=\"/oauth/sign_out\">{}\
             <button class=\"quiet\">Sign out</button></form>",
            escaped(&session.email),
            hidden("csrf_token", &session.form_token(self, SIGN_OUT)),
        );
        Ok(page::page(StatusCode::OK, "Signed in", &body))
    }

    /// The page with the form, in a browser that is given a name for it. `return_to` is a path of ours.
    pub(in crate::oauth) fn sign_in_page(
        &self,
        context: &Context,
        return_to: &str,
        wrong: Option<&str>,
    ) -> Result<Page, Error> {
        let (browser, is_new) = self.browser_secret(context.headers())?;
        let token = csrf::token(self.secrets.tokens(), &browser, SIGN_IN);
        let back: String = byte_serialize(return_to.as_bytes()).collect();
        let links: String = self
            .sign_in_providers()
            .providers
            .iter()
            .map(|provider| {
                let href = format!("/v1/oauth/{}/authorize?return_to={back}", provider.name);
                format!(
                    "<a class=\"button quiet\" href=\"{}\">{}</a>",
                    escaped(&href),
                    escaped(&provider.label)
                )
            })
            .collect();
        let others = if links.is_empty() { links } else { format!("<p>Or sign in with</p>{links}") };
        let body = format!(
            "{wrong}<form method=\"post\" action=\"/oauth/sign_in\">{csrf}{back}\
             <label for=\"email\">E-mail address</label><input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"username\" required autofocus>\
             <label for=\"password\">Password</label><input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>\
             <button>Sign in</button></form>{others}",
            wrong =
                wrong.map(|wrong| format!("<p class=\"wrong\">{}</p>", escaped(wrong))).unwrap_or_default(),
            csrf = hidden("csrf_token", &token),
            back = hidden("return_to", return_to),
        );
        let status = if wrong.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
        let shown = page::page(status, "Sign in", &body);
        Ok(match is_new {
            true => shown.header(header::SET_COOKIE, &Cookie::Browser.set(&browser, self.is_secure())),
            false => shown,
        })
    }

    /// Checks the password of the form and begins a session.
    pub(in crate::oauth) async fn sign_in_with_password(
        &self,
        context: &Context,
        body: BrowserSignIn,
    ) -> Result<Page, Error> {
        let headers = context.headers();
        // A form of another site would sign the person in as somebody else.
        let browser = Cookie::Browser.read(headers, self.is_secure());
        let is_ours = browser.is_some_and(|browser| {
            csrf::is_right(self.secrets.tokens(), browser, SIGN_IN, body.csrf_token.as_deref())
        });
        if !is_ours || !origin::is_own(headers) {
            return Ok(foreign_form());
        }
        let return_to = own_path(body.return_to.as_deref()).to_owned();
        let password = Zeroizing::new(body.password.unwrap_or_default());
        let found = match self.user_with_password(context, &body.email.unwrap_or_default(), password).await {
            Err(error) if error.status == 429 => {
                return self.sign_in_page(context, &return_to, Some(&error.detail));
            }
            found => found?,
        };
        let Some((user, hash)) = found else {
            return self.sign_in_page(
                context,
                &return_to,
                Some("The e-mail address or the password is wrong."),
            );
        };
        let before = self.browser_session(headers).await?;
        let mut tx = self.store.begin_system_for(context, System::OAuth).await?;
        // A password that was changed while this one was being checked must not let anybody in.
        if !has_password(tx.connection(), &user.id, &hash).await? {
            return self.sign_in_page(
                context,
                &return_to,
                Some("The e-mail address or the password is wrong."),
            );
        }
        let secret =
            self.begin_browser_session(tx, context, before.as_ref(), &user.tenant_id, &user.id, None).await?;
        Ok(self.with_session(Page::see_other(&return_to), &secret))
    }

    /// Ends the session of the browser.
    pub(in crate::oauth) async fn sign_out_browser(
        &self,
        context: &Context,
        body: BrowserSignOut,
    ) -> Result<Page, Error> {
        if let Some(session) = self.browser_session(context.headers()).await? {
            if !session.sent_form(self, context.headers(), SIGN_OUT, body.csrf_token.as_deref()) {
                return Ok(foreign_form());
            }
            let tx = self.store.begin_system_for(context, System::OAuth).await?;
            let mut tx = tx.in_tenant(session.tenant_id.as_str());
            end_session(&mut tx, &session.user_id, &session.id).await?;
            self.auth.changed(&mut tx, &session.id).await?;
            let entry = audit::Entry::new(AuditType::SignedOut, &session.user_id);
            audit::record(&mut tx, context, entry).await?;
            tx.commit_empty().await?;
        }
        Ok(Page::see_other(HOME).header(header::SET_COOKIE, &Cookie::Session.clear(self.is_secure())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_leads_to_pages_of_ours_only() {
        assert_eq!(own_path(Some("/oauth/authorize?client_id=1")), "/oauth/authorize?client_id=1");
        for other in [
            "https://evil.example/",
            "//evil.example/",
            "/\\evil.example",
            "/oauth/\\evil",
            "/v1/auth/me",
            "oauth/device",
            "/oauth/device\r\nset-cookie: x=1",
            "javascript:alert(1)",
        ] {
            assert_eq!(own_path(Some(other)), HOME, "{other}");
        }
        assert_eq!(own_path(None), HOME);
    }
}
