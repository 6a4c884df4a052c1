//! The device grant (RFC 8628): what a device shows, and how fast it may ask.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::metadata::is_web;
use super::refusal::{Answer, Refusal};
use crate::engine::redact::Secret;
use crate::engine::time::Now;

/// How often a device asks where the server says nothing (RFC 8628, section 3.2).
const INTERVAL: Duration = Duration::from_secs(5);

/// Longer than any server asks for: a wait is never more.
const SLOWEST: Duration = Duration::from_secs(300);

/// How long codes last where the server, against the RFC, says nothing.
const LIFETIME: u64 = 600;

/// What a person needs to let a device in, and the device's own half.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceCode {
    /// What the person types: `WDJB-MJHT`.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// The same address with the code in it, for a link or a QR code.
    pub verification_uri_complete: Option<String>,
    /// When both codes expire, in seconds since 1970.
    pub expires_at: u64,
    pub(super) device_code: Secret,
    interval: Duration,
}

/// What is told before each time that a device waits: what to show, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceProgress {
    /// What the person types: `WDJB-MJHT`.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// The same address with the code in it, for a link or a QR code.
    pub verification_uri_complete: Option<String>,
    /// When the code expires, in seconds since 1970.
    pub expires_at: u64,
    /// How often the server was asked already; 0 when there is something to show for the first time.
    pub polls: u32,
    /// How long until it is asked again.
    pub wait: Duration,
}

impl DeviceCode {
    /// Reads the answer of the device authorization endpoint (RFC 8628, section 3.2).
    pub(super) fn read(answer: &Answer, secure: bool, now: Now) -> Result<Self, Refusal> {
        let wrong = |what: &str| Refusal::invalid(answer, what, "The server does not keep to RFC 8628");
        let told: Value =
            serde_json::from_slice(&answer.body).map_err(|_| wrong("the device's codes are not JSON"))?;
        let member = |name: &str| told.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let seconds = |name: &str| told.get(name).and_then(Value::as_u64);
        let address = |url: &&str| is_web(url, secure);
        // A person reads it from a screen and types it: anything else there is not a code.
        let shown = |code: &&str| code.len() <= 64 && code.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        Ok(Self {
            device_code: member("device_code").ok_or_else(|| wrong("there is no `device_code`"))?.into(),
            user_code: member("user_code")
                .filter(shown)
                .ok_or_else(|| wrong("there is no `user_code` that a person could type"))?
                .to_owned(),
            verification_uri: member("verification_uri")
                .filter(address)
                .ok_or_else(|| wrong("there is no `verification_uri` that a person could visit"))?
                .to_owned(),
            verification_uri_complete: member("verification_uri_complete").filter(address).map(str::to_owned),
            expires_at: now.unix.as_secs().saturating_add(seconds("expires_in").unwrap_or(LIFETIME)),
            interval: seconds("interval")
                .map_or(INTERVAL, Duration::from_secs)
                .clamp(Duration::from_secs(1), SLOWEST),
        })
    }

    /// Asks more slowly from now on: `slow_down` means five seconds more (RFC 8628, section 3.5).
    pub(super) fn slow_down(&mut self) {
        self.interval = self.interval.saturating_add(Duration::from_secs(5)).min(SLOWEST);
    }

    /// No answer came: half as often from now on (RFC 8628, section 3.5).
    pub(super) fn back_off(&mut self) {
        self.interval = self.interval.saturating_mul(2).min(SLOWEST);
    }

    /// What is told before the next wait; `None`: the code will have expired by then.
    pub(super) fn progress(
        &self,
        polls: u32,
        at_least: Option<Duration>,
        now: Now,
    ) -> Option<DeviceProgress> {
        let wait = at_least.map_or(self.interval, |asked| asked.max(self.interval)).min(SLOWEST);
        let then = now.unix.saturating_add(wait);
        (then < Duration::from_secs(self.expires_at)).then(|| DeviceProgress {
            user_code: self.user_code.clone(),
            verification_uri: self.verification_uri.clone(),
            verification_uri_complete: self.verification_uri_complete.clone(),
            expires_at: self.expires_at,
            polls,
            wait,
        })
    }
}

impl fmt::Debug for DeviceCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DeviceCode")
            .field("user_code", &self.user_code)
            .field("verification_uri", &self.verification_uri)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
