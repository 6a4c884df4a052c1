//! Standard Webhooks: signing what is delivered, and verifying that a delivery is genuine before a byte of it is believed
//! (<https://www.standardwebhooks.com>, symmetric signatures `v1`).
//!
//! Promises: signatures are compared in constant time; a delivery may carry several, and several secrets may be valid, so that a secret is replaced
//! without a gap; a timestamp is refused when it is too old and when it is too far ahead. The clock is an argument.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// The header with the message's id: the same on each delivery of a message, for recognising repeats.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of the delivery, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures, separated by spaces.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// How far a delivery's time may be from the clock, either way, unless told otherwise.
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// Signs and verifies with one or more secrets.
///
/// ```
/// use std::time::Duration;
/// use waypost::webhook::Webhook;
///
/// let webhook = Webhook::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
/// let signature = webhook.sign("evt_1", 1_614_265_330, b"{}")?;
/// let delivery = webhook.verify("evt_1", "1614265330", &signature, b"{}", Duration::from_secs(1_614_265_400))?;
/// assert_eq!(delivery.id, "evt_1");
/// # Ok::<(), waypost::webhook::WebhookError>(())
/// ```
#[derive(Clone)]
pub struct Webhook {
    /// The newest first.
    keys: Vec<Vec<u8>>,
    tolerance: Duration,
}

/// A delivery that is genuine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The message's id.
    pub id: String,
    /// When it was delivered, in seconds since 1970.
    pub timestamp: u64,
}

/// Why a secret is none, or a delivery is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The secret cannot be read.
    #[error("the webhook secret is not `whsec_` and the base64 of 24 to 64 bytes; copy it as it was shown")]
    Secret,
    /// A message id cannot be signed.
    #[error(
        "the message id is empty or holds a full stop, which separates it from the timestamp; choose another"
    )]
    Id,
    /// A header is not there.
    #[error("the delivery has no `{0}` header; refuse it")]
    MissingHeader(&'static str),
    /// The timestamp is not a number of seconds.
    #[error("the delivery's timestamp is not a whole number of seconds; refuse it")]
    Timestamp,
    /// Older than the tolerance.
    #[error("the delivery is {0} s old, more than is tolerated; refuse it, or check this machine's clock")]
    TooOld(u64),
    /// Further ahead than the tolerance.
    #[error(
        "the delivery is {0} s ahead of the clock, more than is tolerated; refuse it, or check this machine's clock"
    )]
    TooNew(u64),
    /// No signature is of any of the secrets.
    #[error(
        "no signature fits: the body was changed on its way (give it as it came, byte for byte), or the secret is another's; refuse it"
    )]
    Signature,
}

impl Webhook {
    /// With one secret, as it was shown: `whsec_` and base64. The prefix may be missing.
    ///
    /// # Errors
    /// [`WebhookError::Secret`].
    pub fn new(secret: &str) -> Result<Self, WebhookError> {
        Ok(Self { keys: vec![key(secret)?], tolerance: TOLERANCE })
    }

    /// Also accepts, and also signs with, the secret that was valid before: both, while receivers change over.
    ///
    /// # Errors
    /// [`WebhookError::Secret`].
    pub fn with_previous(mut self, secret: &str) -> Result<Self, WebhookError> {
        self.keys.push(key(secret)?);
        Ok(self)
    }

    /// Accepts times this far from the clock, either way, in place of five minutes.
    #[must_use]
    pub fn with_tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The value of [`SIGNATURE_HEADER`]: one signature for each secret, the newest secret's first.
    ///
    /// # Errors
    /// [`WebhookError::Id`] when the id cannot be told apart from what follows it.
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> Result<String, WebhookError> {
        if id.is_empty() || id.contains('.') {
            return Err(WebhookError::Id);
        }
        let timestamp = timestamp.to_string();
        let made = self.keys.iter().filter_map(|key| signature(key, id, &timestamp, body));
        let signatures: Vec<String> =
            made.map(|made| format!("v1,{}", BASE64_STANDARD.encode(made))).collect();
        Ok(signatures.join(" "))
    }

    /// Is this delivery genuine, and of now? `unix` is the time since 1970.
    ///
    /// # Errors
    /// Why it is to be refused.
    pub fn verify(
        &self,
        id: &str,
        timestamp: &str,
        signatures: &str,
        body: &[u8],
        unix: Duration,
    ) -> Result<Delivery, WebhookError> {
        for (value, name) in [(id, ID_HEADER), (timestamp, TIMESTAMP_HEADER), (signatures, SIGNATURE_HEADER)]
        {
            if value.is_empty() {
                return Err(WebhookError::MissingHeader(name));
            }
        }
        let digits = timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: u64 = digits.then(|| timestamp.parse().ok()).flatten().ok_or(WebhookError::Timestamp)?;
        let (now, tolerated) = (unix.as_secs(), self.tolerance.as_secs());
        if now.saturating_sub(seconds) > tolerated {
            return Err(WebhookError::TooOld(now.saturating_sub(seconds)));
        }
        if seconds.saturating_sub(now) > tolerated {
            return Err(WebhookError::TooNew(seconds.saturating_sub(now)));
        }
        let expected: Vec<[u8; 32]> =
            self.keys.iter().filter_map(|key| signature(key, id, timestamp, body)).collect();
        let mut genuine = subtle::Choice::from(0);
        for given in signatures.split(' ').filter_map(|entry| entry.strip_prefix("v1,")) {
            let Ok(given) = BASE64_STANDARD.decode(given) else { continue };
            for expected in &expected {
                // Every pair is compared, so the time tells nothing about which one fits.
                genuine |= expected.as_slice().ct_eq(&given);
            }
        }
        if bool::from(genuine) {
            Ok(Delivery { id: id.to_owned(), timestamp: seconds })
        } else {
            Err(WebhookError::Signature)
        }
    }

    /// [`Self::verify`] with the headers looked up by name.
    ///
    /// # Errors
    /// Why it is to be refused.
    pub fn verify_headers<'h>(
        &self,
        lookup: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
        unix: Duration,
    ) -> Result<Delivery, WebhookError> {
        let get = |name: &'static str| lookup(name).ok_or(WebhookError::MissingHeader(name));
        self.verify(get(ID_HEADER)?, get(TIMESTAMP_HEADER)?, get(SIGNATURE_HEADER)?, body, unix)
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Webhook")
            .field("secrets", &self.keys.len())
            .field("tolerance", &self.tolerance)
            .finish()
    }
}

fn key(secret: &str) -> Result<Vec<u8>, WebhookError> {
    let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
    let key = BASE64_STANDARD.decode(encoded).map_err(|_| WebhookError::Secret)?;
    if (24..=64).contains(&key.len()) { Ok(key) } else { Err(WebhookError::Secret) }
}

/// HMAC takes a key of any length, so there always is one.
fn signature(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().into())
}
