//! Devices without a browser (RFC 8628): they show a short code, a person types it here, and the device asks until there is an answer.

use http::StatusCode;
use waypost_types::params::OauthDeviceParams;
use waypost_types::{AuditType, OAuthDeviceCodes, OAuthDeviceDecision, OAuthDeviceRequest};

use super::authorize::{foreign_form, scope_list};
use super::client::Presented;
use super::storage::{self, DeviceRow};
use super::{scope, token};
use crate::Gateway;
use crate::audit;
use crate::auth::attempts::Attempt;
use crate::browser::BrowserSession;
use crate::browser::page::{self, escaped, hidden};
use crate::generated::outcome::Page;
use crate::http::{Context, Error};
use crate::oauth_clients::storage as clients;
use crate::secrets::random;
use crate::store::System;

/// What device codes are hashed for.
pub(super) const DEVICE_HASH: &str = "oauth device code";

const USER_CODE_HASH: &str = "oauth user code";

const LIFETIME: i64 = 600;

const INTERVAL: i64 = 5;

/// No vowels, so no words, and no letters that look like others (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

const LENGTH: usize = 8;

/// What a device that asks is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The RFC's word, unless there are tokens.
    pub(super) refusal: Option<(&'static str, &'static str)>,
    /// How long it must wait from now on.
    pub(super) wait_seconds: i64,
}

/// What a device that asks at `now` is told. Pure.
pub(super) fn answer(row: &DeviceRow, now: i64) -> Answer {
    let wait = row.wait_seconds;
    let refuse = |code, detail| Answer { refusal: Some((code, detail)), wait_seconds: wait };
    if row.expires_at <= now {
        return refuse("expired_token", "The device code has expired. Begin again.");
    }
    // A tick of grace: a device that waits for exactly as long as it was told is not too early.
    if row.asked_at.is_some_and(|asked| now - asked < wait * 1_000_000 - 100_000) {
        let refusal = Some(("slow_down", "Asked too soon; wait 5 seconds longer from now on."));
        return Answer { refusal, wait_seconds: wait + 5 };
    }
    if row.denied_at.is_some() {
        return refuse("access_denied", "The person said no.");
    }
    match row.grant_id {
        None => refuse("authorization_pending", "The person has not decided yet."),
        Some(_) => Answer { refusal: None, wait_seconds: wait },
    }
}

/// The letters of a code that a person typed, however it was typed.
fn letters(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase()).collect()
}

fn user_code() -> Result<String, getrandom::Error> {
    let mut code = String::with_capacity(LENGTH);
    while code.len() < LENGTH {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        // 240 is the largest multiple of 20 in a byte: no letter is likelier than another.
        let fair = bytes.iter().filter(|byte| **byte < 240);
        code.extend(
            fair.filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()))
                .map(|byte| char::from(*byte)),
        );
    }
    code.truncate(LENGTH);
    Ok(code)
}

/// `WDJB-MJHT`.
fn shown(letters: &str) -> String {
    match letters.split_at_checked(LENGTH / 2) {
        Some((first, second)) => format!("{first}-{second}"),
        None => letters.to_owned(),
    }
}

impl Gateway {
    /// Gives a device its codes.
    pub(in crate::oauth) async fn begin_device(
        &self,
        context: &Context,
        body: OAuthDeviceRequest,
    ) -> Result<OAuthDeviceCodes, Error> {
        let presented = Presented {
            client_id: body.client_id,
            client_secret: body.client_secret,
            client_assertion_type: body.client_assertion_type,
            client_assertion: body.client_assertion,
        };
        let client = self.oauth_client(context, presented).await?;
        if !client.grants("urn:ietf:params:oauth:grant-type:device_code") {
            return Err(token::refused(
                "unauthorized_client",
                "The client is not registered for this grant.",
            ));
        }
        let scopes = token::client_scopes(&client, body.scope.as_deref())?;
        let random = |error: getrandom::Error| Error::internal(error.to_string());
        let (device_code, letters) = (random::token().map_err(random)?, user_code().map_err(random)?);
        let mut tx = self.store.begin_system(System::OAuth).await?;
        let row = DeviceRow {
            client_id: client.id,
            scope: scope::text(&scopes),
            grant_id: None,
            denied_at: None,
            used_at: None,
            asked_at: None,
            wait_seconds: INTERVAL,
            expires_at: tx.now() + LIFETIME * 1_000_000,
        };
        let hash = self.secrets.tokens().hash(DEVICE_HASH, device_code.as_bytes());
        let user_hash = self.secrets.tokens().hash(USER_CODE_HASH, letters.as_bytes());
        storage::insert_device(tx.connection(), hash.as_bytes(), user_hash.as_bytes(), &row).await?;
        tx.commit_empty().await?;
        let (uri, code) = (format!("{}/oauth/device", self.issuer()), shown(&letters));
        let complete = format!("{uri}?user_code={code}");
        Ok(OAuthDeviceCodes::new(device_code.as_str(), code, uri, complete, LIFETIME, INTERVAL))
    }

    /// Asks for a code, or shows who asks for what where there is one.
    pub(in crate::oauth) async fn device_page(
        &self,
        context: &Context,
        params: OauthDeviceParams,
    ) -> Result<Page, Error> {
        let typed = params.user_code.unwrap_or_default();
        let Some(session) = self.browser_session(context.headers()).await? else {
            let letters = letters(&typed);
            let back =
                if letters.is_empty() { String::new() } else { format!("?user_code={}", shown(&letters)) };
            return self.sign_in_page(context, &format!("/oauth/device{back}"), None);
        };
        // A link with the code in it fills the field only: the person compares it with the device before anything is shown (RFC 8628, section 5.4).
        Ok(self.ask_for_code(&session, &typed, None))
    }

    /// Shows who asks, or takes the decision.
    pub(in crate::oauth) async fn decide_device(
        &self,
        context: &Context,
        body: OAuthDeviceDecision,
    ) -> Result<Page, Error> {
        let Some(session) = self.browser_session(context.headers()).await? else {
            return self.sign_in_page(context, "/oauth/device", None);
        };
        let letters = letters(body.user_code.as_deref().unwrap_or_default());
        let subject = match body.decision {
            None => "device code".to_owned(),
            Some(_) => decision_subject(&letters),
        };
        if !session.sent_form(self, context.headers(), &subject, body.csrf_token.as_deref()) {
            return Ok(foreign_form());
        }
        let attempt = Attempt::at_code(&session.user_id);
        if let Err(seconds) = self.begin_attempt(&attempt).await? {
            let detail = format!("You typed too many wrong codes. Try again in {seconds} seconds.");
            return Ok(page::failure(StatusCode::TOO_MANY_REQUESTS, "Too many wrong codes", &detail));
        }
        let hash = *self.secrets.tokens().hash(USER_CODE_HASH, letters.as_bytes()).as_bytes();
        let device = storage::open_device(self.store.system(System::OAuth), &hash, self.store.now()).await?;
        let client = match &device {
            Some(device) => clients::by_id(self.store.system(System::OAuth), &device.client_id).await?,
            None => None,
        };
        let (Some(device), Some(client)) = (device, client) else {
            let wrong = "No device waits for this code. It may have expired, or it was typed wrong.";
            return Ok(self.ask_for_code(&session, "", Some(wrong)));
        };
        self.attempt_was_right(&attempt).await?;
        let granted = scope::meet(&scope::parse(&device.scope), &session.permissions);
        let Some(decision) = body.decision else {
            return Ok(self.device_consent(&session, &client.name, &granted, &letters));
        };
        if decision != "allow" || granted.is_empty() {
            let mut tx = self.store.begin_system(System::OAuth).await?;
            let now = tx.now();
            storage::decide_device(tx.connection(), &hash, None, now).await?;
            tx.commit_empty().await?;
            self.note_refused_grant(context, &session, &client.id);
            return Ok(page::page(
                StatusCode::OK,
                "Denied",
                "<p>The device gets no access. You can close this page.</p>",
            ));
        }
        let mut tx = self.store.begin_system(System::OAuth).await?;
        let now = tx.now();
        let grant = self.new_grant(&client, &session, &granted, device.expires_at);
        // Two decisions at once: the second finds nothing open any more.
        if storage::open_device(&mut *tx.connection(), &hash, now).await?.is_none() {
            return Ok(self.ask_for_code(&session, "", Some("The code has been used or has expired.")));
        }
        storage::insert_grant(tx.connection(), &grant, now).await?;
        storage::decide_device(tx.connection(), &hash, Some(&grant.id), now).await?;
        let mut tx = tx.in_tenant(grant.tenant_id.as_str());
        let entry = grant.entry(AuditType::OauthGrantGiven).by(&grant.user_id);
        audit::record(&mut tx, context, entry).await?;
        tx.commit_empty().await?;
        tracing::info!(
            client_id = grant.client_id,
            user_id = grant.user_id,
            grant_id = grant.id,
            "access was granted to a device"
        );
        Ok(page::page(
            StatusCode::OK,
            "Allowed",
            "<p>The device goes on by itself. You can close this page.</p>",
        ))
    }

    fn ask_for_code(&self, session: &BrowserSession, typed: &str, wrong: Option<&str>) -> Page {
        let wrong_line =
            wrong.map(|wrong| format!("<p class=\"wrong\">{}</p>", escaped(wrong))).unwrap_or_default();
        let body = format!(
            "<p>Signed in as <strong>{email}</strong>.</p>{wrong_line}<form method=\"post\" action=\"/oauth/device\">{csrf}\
             <label for=\"code\">The code that your device shows</label>\
             <input id=\"code\" name=\"user_code\" type=\"text\" autocomplete=\"off\" autocapitalize=\"characters\" required value=\"{typed}\">\
             <button>Go on</button></form>",
            email = escaped(&session.email),
            csrf = hidden("csrf_token", &session.form_token(self, "device code")),
            typed = escaped(typed),
        );
        let status = if wrong.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        page::page(status, "Connect a device", &body)
    }

    fn device_consent(
        &self,
        session: &BrowserSession,
        client: &str,
        scopes: &[String],
        letters: &str,
    ) -> Page {
        let body = format!(
            "<p><strong>{client}</strong>, on the device that shows <code>{code}</code>, asks for access to your account <strong>{email}</strong>. \
             Say no if you did not begin this yourself.</p>{scopes}\
             <form method=\"post\" action=\"/oauth/device\">{csrf}{field}\
             <button name=\"decision\" value=\"allow\">Allow</button>\
             <button class=\"quiet\" name=\"decision\" value=\"deny\">Deny</button></form>",
            client = escaped(client),
            code = escaped(&shown(letters)),
            email = escaped(&session.email),
            scopes = scope_list(scopes),
            csrf = hidden("csrf_token", &session.form_token(self, &decision_subject(letters))),
            field = hidden("user_code", letters),
        );
        page::page(StatusCode::OK, "Allow access?", &body)
    }
}

/// What a form that decides is about.
fn decision_subject(letters: &str) -> String {
    format!("device decision\n{letters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> DeviceRow {
        DeviceRow {
            client_id: "ocl_1".into(),
            scope: String::new(),
            grant_id: None,
            denied_at: None,
            used_at: None,
            asked_at: None,
            wait_seconds: 5,
            expires_at: 600_000_000,
        }
    }

    fn word(row: &DeviceRow, now: i64) -> &'static str {
        answer(row, now).refusal.map_or("tokens", |(code, _)| code)
    }

    #[test]
    fn a_device_is_told_to_wait_until_the_person_decides() {
        assert_eq!(word(&row(), 1), "authorization_pending");
        assert_eq!(word(&DeviceRow { denied_at: Some(1), ..row() }, 2), "access_denied");
        assert_eq!(word(&DeviceRow { grant_id: Some("ogr_1".into()), ..row() }, 2), "tokens");
    }

    #[test]
    fn a_device_that_asks_too_soon_must_wait_longer_each_time() {
        let mut device = DeviceRow { asked_at: Some(0), ..row() };
        for wait in [10, 15, 20] {
            let told = answer(&device, 4_000_000);
            assert_eq!((told.refusal.unwrap().0, told.wait_seconds), ("slow_down", wait));
            device.wait_seconds = told.wait_seconds;
        }
        assert_eq!(word(&DeviceRow { asked_at: Some(0), ..row() }, 5_000_000), "authorization_pending");
    }

    #[test]
    fn a_device_code_expires_whatever_was_decided() {
        for row in [row(), DeviceRow { grant_id: Some("ogr_1".into()), ..row() }] {
            assert_eq!(word(&row, 600_000_000), "expired_token");
        }
    }

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = user_code().unwrap();
        assert_eq!(code.len(), LENGTH);
        assert!(code.bytes().all(|letter| LETTERS.contains(&letter)));
        assert_eq!(letters(&shown(&code).to_lowercase()), code);
        assert_eq!(letters(" wdjb mjht "), "WDJBMJHT");
    }
}
