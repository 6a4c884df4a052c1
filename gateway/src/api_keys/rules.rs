//! What an API key looks like, who may make which, and when it opens anything. Pure.

use waypost_types::ApiKeyStatus;
use zeroize::Zeroizing;

use super::storage::{KeyRecord, KeyRow};
use crate::auth::roles;
use crate::http::{Error, FieldError, permits};
use crate::secrets::{TokenHash, TokenHasher, random};
use crate::store::clock;

/// What every secret begins with.
const PREFIX: &str = "wp_";

/// Characters of the random part: 256 bits in base64url.
const RANDOM: usize = 43;

/// A key as it came with a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Presented {
    /// `key_…`: which key it says it is.
    pub(crate) id: String,
}

impl Presented {
    /// Takes the identifier out of `wp_<32 hexadecimal digits>_<43 characters>`.
    pub(crate) fn parse(secret: &str) -> Option<Self> {
        parse(PREFIX, "key", secret).map(|id| Self { id })
    }
}

/// The identifier of this kind that a secret with this prefix names.
pub(crate) fn parse(prefix: &str, kind: &str, secret: &str) -> Option<String> {
    let (id, random) = secret.strip_prefix(prefix)?.split_once('_')?;
    let id = [kind, "_", id].concat();
    (crate::secrets::id::is(kind, &id) && random.len() == RANDOM).then_some(id)
}

/// What is stored of a secret.
pub(crate) fn hash(hasher: &TokenHasher, secret: &str) -> TokenHash {
    hasher.hash("api key", secret.as_bytes())
}

/// A new secret for this key, and the hint that tells it apart.
pub(crate) fn new_secret(id: &str) -> Result<(Zeroizing<String>, String), getrandom::Error> {
    make(PREFIX, id)
}

/// A new secret with this prefix for what has this identifier, and the hint that tells it apart.
pub(crate) fn make(prefix: &str, id: &str) -> Result<(Zeroizing<String>, String), getrandom::Error> {
    let random = random::token()?;
    let hint = random.get(RANDOM - 4..).unwrap_or_default().to_owned();
    let digits = id.split_once('_').map_or(id, |(_, digits)| digits);
    Ok((Zeroizing::new(format!("{prefix}{digits}_{}", *random)), hint))
}

impl KeyRecord {
    /// Whether a secret with this hash opens the key at `now` (microseconds).
    pub(crate) fn opens(&self, hash: &TokenHash, now: i64) -> bool {
        let current = hash.matches(&self.hash);
        let previous =
            self.previous.as_ref().is_some_and(|(stored, until)| hash.matches(stored) && now < *until);
        let alive = !self.revoked && self.expires_at.is_none_or(|expires_at| now < expires_at);
        (current || previous) && alive
    }

    /// When a secret with this hash stops opening it by itself.
    pub(crate) fn ends(&self, hash: &TokenHash) -> Option<i64> {
        let replaced = match &self.previous {
            Some((_, until)) if !hash.matches(&self.hash) => Some(*until),
            _ => None,
        };
        self.expires_at.into_iter().chain(replaced).min()
    }
}

/// The state of a key at `now`.
pub(crate) fn status(row: &KeyRow, now: i64) -> ApiKeyStatus {
    match (row.revoked_at, row.expires_at) {
        (Some(_), _) => ApiKeyStatus::Revoked,
        (None, Some(expires_at)) if expires_at <= now => ApiKeyStatus::Expired,
        (None, _) => ApiKeyStatus::Active,
    }
}

/// Whether each permission means something; one entry for each that does not.
pub(crate) fn unknown_permissions(permissions: &[String]) -> Vec<FieldError> {
    let unknown = permissions.iter().enumerate().filter(|(_, permission)| !roles::is_known(permission));
    unknown
        .map(|(index, permission)| FieldError {
            pointer: format!("/permissions/{index}"),
            code: "unknown".into(),
            detail: format!(
                "there is no permission `{permission}`; expected one of {}, all of a resource such as `wallets:*`, or `*`.",
                roles::known().join(", ")
            ),
        })
        .collect()
}

/// Nobody gives away what they do not hold themselves.
pub(crate) fn check_subset(held: &[String], asked: &[String]) -> Result<(), Error> {
    match asked.iter().find(|permission| !permits(held, permission)) {
        None => Ok(()),
        Some(permission) => Err(Error::permission_denied(permission)),
    }
}

/// The lower of two tiers.
pub(crate) fn lower_tier<'t>(one: &'t str, other: &'t str) -> &'t str {
    if roles::within(one, other) { one } else { other }
}

/// The tier of a new key: the one asked for if it is not above `ceiling`, the best that may be given.
pub(crate) fn tier(asked: Option<&str>, ceiling: &str) -> Result<String, Error> {
    match asked {
        None => Ok(ceiling.to_owned()),
        Some(asked) if roles::within(asked, ceiling) => Ok(asked.to_owned()),
        Some(asked) => Err(Error::unprocessable(
            "tier_not_allowed",
            format!(
                "The tier `{asked}` is above the best that you can give, which is `{ceiling}`. Leave it out to get that one."
            ),
        )),
    }
}

/// Microseconds of an `expires_at`, which must be in the future.
pub(crate) fn expiry(text: Option<&str>, now: i64) -> Result<Option<i64>, FieldError> {
    let wrong = |code: &'static str, detail: &str| FieldError {
        pointer: "/expires_at".to_owned(),
        code: code.into(),
        detail: detail.to_owned(),
    };
    let Some(text) = text else { return Ok(None) };
    let expected = "expected an RFC 3339 time such as `2030-01-31T12:00:00Z`.";
    let time = clock::from_rfc3339(text).ok_or_else(|| wrong("format", expected))?;
    if time <= now {
        return Err(wrong(
            "minimum",
            "expected a time in the future; leave it out for a key that never expires.",
        ));
    }
    Ok(Some(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{MasterKey, Secrets, id};

    fn owned(permissions: &[&str]) -> Vec<String> {
        permissions.iter().map(|permission| (*permission).to_owned()).collect()
    }

    fn record(hasher: &TokenHasher, secret: &str) -> KeyRecord {
        KeyRecord {
            id: "key_1".to_owned(),
            tenant_id: "ten_1".to_owned(),
            user_id: "usr_1".to_owned(),
            permissions: owned(&["*"]).into(),
            tier: "free".to_owned(),
            hash: hash(hasher, secret).as_bytes().to_vec(),
            previous: None,
            expires_at: None,
            revoked: false,
            last_used_at: 0,
            platform: false,
        }
    }

    #[test]
    fn a_secret_names_its_key() {
        let id = id::new("key");
        let (secret, hint) = new_secret(&id).unwrap();
        assert_eq!(Presented::parse(&secret), Some(Presented { id }));
        assert!(secret.ends_with(&hint) && hint.len() == 4);
        for other in ["", "wp_", "wp__", &secret[..secret.len() - 1], &secret[1..], &secret.to_uppercase()] {
            assert_eq!(Presented::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_key_opens_with_its_secret_until_it_expires_or_is_revoked() {
        let secrets = Secrets::new(MasterKey::new([1; 32]));
        let hasher = secrets.tokens();
        let (right, wrong) = (hash(hasher, "right"), hash(hasher, "wrong"));
        let key = record(hasher, "right");
        assert!(key.opens(&right, 5) && !key.opens(&wrong, 5));
        let expiring = KeyRecord { expires_at: Some(10), ..record(hasher, "right") };
        assert!(expiring.opens(&right, 9) && !expiring.opens(&right, 10));
        let revoked = KeyRecord { revoked: true, ..record(hasher, "right") };
        assert!(!revoked.opens(&right, 5));
    }

    #[test]
    fn the_secret_before_opens_until_its_grace_is_over() {
        let secrets = Secrets::new(MasterKey::new([1; 32]));
        let hasher = secrets.tokens();
        let old = hash(hasher, "old");
        let key = KeyRecord { previous: Some((old.as_bytes().to_vec(), 10)), ..record(hasher, "new") };
        assert!(key.opens(&old, 9) && !key.opens(&old, 10));
        assert!(key.opens(&hash(hasher, "new"), 10));
    }

    #[test]
    fn nobody_gives_away_what_they_do_not_hold() {
        let held = owned(&["wallets:*", "payments:read"]);
        assert!(check_subset(&held, &owned(&["wallets:*", "wallets:read", "payments:read"])).is_ok());
        for asked in ["*", "payments:*", "payments:write", "sessions:read"] {
            assert_eq!(
                check_subset(&held, &owned(&[asked])).unwrap_err().code,
                "permission_denied",
                "{asked}"
            );
        }
    }

    #[test]
    fn each_unknown_permission_is_named_with_its_place() {
        let wrong = unknown_permissions(&owned(&["wallets:read", "wallets:fly", "walets:*"]));
        let places: Vec<_> = wrong.iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(places, ["/permissions/1", "/permissions/2"]);
    }

    #[test]
    fn an_expiry_is_in_the_future() {
        assert_eq!(expiry(None, 0), Ok(None));
        assert_eq!(expiry(Some("1970-01-01T00:00:01Z"), 0), Ok(Some(1_000_000)));
        assert_eq!(expiry(Some("1970-01-01T00:00:00Z"), 0).unwrap_err().code, "minimum");
        assert_eq!(expiry(Some("tomorrow"), 0).unwrap_err().code, "format");
    }
}
