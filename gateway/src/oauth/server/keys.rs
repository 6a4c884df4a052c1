//! The keys that sign access tokens, and how one takes over from another.
//!
//! A new key is published before it signs, so that nobody meets a token whose key it cannot have seen; an old one stays published until the last token that it
//! signed has expired. Which key does what follows from the times alone ([`Ring`], pure); seeds are kept sealed.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::storage;
use crate::auth::TokenError;
use crate::secrets::{SealError, Secrets, SigningKey};
use crate::store::{Store, StoreError, System};

/// How long a key is published before it signs: longer than readers keep a set without looking again.
const LEAD: i64 = 10 * 60 * 1_000_000;

/// Readers whose clocks are behind take a token for a little longer.
const GRACE: i64 = 60 * 1_000_000;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A seed does not open.
    #[error("a signing key cannot be opened: {0}")]
    Sealed(#[from] SealError),
    /// A seed is no key, or there is no randomness for one.
    #[error("a signing key cannot be used: {0}")]
    Key(#[from] TokenError),
    /// The system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    Random(getrandom::Error),
}

impl From<sqlx::Error> for KeyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A key with the time from which it signs.
#[derive(Debug)]
pub(crate) struct Timed {
    pub(crate) key: SigningKey,
    active_from: i64,
}

/// The keys in the order in which they take over. Never empty.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    keys: Vec<Timed>,
}

impl Ring {
    /// The key that signs at `now`: the last whose time has come, or the first there is.
    fn signer(&self, now: i64) -> Option<&SigningKey> {
        let active = self.keys.iter().rev().find(|timed| timed.active_from <= now);
        active.or(self.keys.first()).map(|timed| &timed.key)
    }

    /// Those that tokens in use may be signed with, and those to come.
    fn published(&self, now: i64, token_lifetime: i64) -> impl Iterator<Item = &SigningKey> {
        let ends = self.keys.iter().skip(1).map(|next| Some(next.active_from)).chain([None]);
        self.keys
            .iter()
            .zip(ends)
            .filter(move |(_, end)| end.is_none_or(|end| now < end + token_lifetime + GRACE))
            .map(|(timed, _)| &timed.key)
    }

    /// When the next key should begin to sign, if it is time to make it: one lead before.
    fn due(&self, now: i64, key_lifetime: i64) -> Option<i64> {
        match self.keys.last() {
            None => Some(now),
            Some(last) => (last.active_from + key_lifetime <= now + LEAD).then_some(now + LEAD),
        }
    }
}

/// The keys of this gateway.
#[derive(Debug)]
pub(crate) struct Keys {
    ring: RwLock<Arc<Ring>>,
    key_lifetime: i64,
    token_lifetime: i64,
}

impl Keys {
    /// Opens what there is, and makes the first key where there is none.
    pub(crate) async fn open(
        store: &Store,
        secrets: &Secrets,
        key_lifetime: Duration,
        token_lifetime: Duration,
    ) -> Result<Self, KeyError> {
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4);
        let keys = Self {
            ring: RwLock::default(),
            key_lifetime: micros(key_lifetime),
            token_lifetime: micros(token_lifetime),
        };
        keys.refresh(store, secrets).await?;
        Ok(keys)
    }

    /// Makes the next key when it is time, and takes over what other nodes made.
    pub(crate) async fn refresh(&self, store: &Store, secrets: &Secrets) -> Result<(), KeyError> {
        let mut ring = read(store, secrets).await?;
        if ring.due(store.now(), self.key_lifetime).is_some() {
            let mut tx = store.begin_system(System::OAuth).await?;
            let now = tx.now();
            // Looked at again under the lease: another may have made it.
            ring = opened(storage::signing_keys(&mut *tx.connection()).await?, secrets)?;
            if let Some(active_from) = ring.due(now, self.key_lifetime) {
                let (key, sealed) = make(secrets)?;
                storage::insert_signing_key(tx.connection(), &key.kid, &sealed, active_from, now).await?;
                tracing::info!(kid = key.kid, "made a key for access tokens");
                ring.keys.push(Timed { key, active_from });
            }
            tx.commit_empty().await?;
        }
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }

    /// Makes the next key now, whenever the last was made; gives its name, and the time from which it signs.
    pub(crate) async fn rotate(&self, store: &Store, secrets: &Secrets) -> Result<(String, i64), KeyError> {
        let mut tx = store.begin_system(System::OAuth).await?;
        let now = tx.now();
        let (key, sealed) = make(secrets)?;
        storage::insert_signing_key(tx.connection(), &key.kid, &sealed, now + LEAD, now).await?;
        tx.commit_empty().await?;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read(store, secrets).await?);
        Ok((key.kid, now + LEAD))
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Signs with the key of the time.
    pub(crate) fn sign<T: serde::Serialize>(
        &self,
        header: jsonwebtoken::Header,
        claims: &T,
        now: i64,
    ) -> Result<String, TokenError> {
        let ring = self.ring();
        let key = ring.signer(now).ok_or(TokenError::UnknownKey)?;
        let header = jsonwebtoken::Header { kid: Some(key.kid.clone()), ..header };
        Ok(jsonwebtoken::encode(&header, claims, &key.signing)?)
    }

    /// The claims of a token that one of the keys signed.
    pub(crate) fn verify<T: serde::de::DeserializeOwned + Clone>(
        &self,
        token: &str,
        kid: &str,
        validation: &jsonwebtoken::Validation,
        now: i64,
    ) -> Result<T, TokenError> {
        let ring = self.ring();
        let key = ring
            .published(now, self.token_lifetime)
            .find(|key| key.kid == kid)
            .ok_or(TokenError::UnknownKey)?;
        Ok(jsonwebtoken::decode::<T>(token, &key.verifying, validation)?.claims)
    }

    /// The public halves that are published at `now`.
    pub(crate) fn published(&self, now: i64) -> Vec<jsonwebtoken::jwk::Jwk> {
        let ring = self.ring();
        ring.published(now, self.token_lifetime)
            .map(|key| {
                let mut public = key.public.clone();
                public.common.key_id = Some(key.kid.clone());
                public
            })
            .collect()
    }
}

async fn read(store: &Store, secrets: &Secrets) -> Result<Ring, KeyError> {
    opened(storage::signing_keys(store.system(System::OAuth)).await?, secrets)
}

fn opened(rows: Vec<storage::SigningKeyRow>, secrets: &Secrets) -> Result<Ring, KeyError> {
    let open = |row: storage::SigningKeyRow| {
        let seed = zeroize::Zeroizing::new(secrets.sealer().open(&context(&row.kid), &row.seed)?);
        let seed = zeroize::Zeroizing::new(
            <[u8; 32]>::try_from(seed.as_slice()).map_err(|_| KeyError::Sealed(SealError::Form))?,
        );
        let key = SigningKey::new(&seed).map_err(TokenError::from)?;
        Ok(Timed { key, active_from: row.active_from })
    };
    Ok(Ring { keys: rows.into_iter().map(open).collect::<Result<_, KeyError>>()? })
}

fn make(secrets: &Secrets) -> Result<(SigningKey, Vec<u8>), KeyError> {
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(KeyError::Random)?;
    let key = SigningKey::new(&seed).map_err(TokenError::from)?;
    let sealed = secrets.sealer().seal(&context(&key.kid), seed.as_slice())?;
    Ok((key, sealed))
}

/// A seed that is moved to another row does not open.
fn context(kid: &str) -> Vec<u8> {
    format!("oauth signing key {kid}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400 * 1_000_000;
    const QUARTER: i64 = 15 * 60 * 1_000_000;

    fn ring(times: &[i64]) -> Ring {
        let timed = |(number, active_from): (usize, &i64)| {
            let key = SigningKey::new(&[u8::try_from(number).unwrap(); 32]).unwrap();
            Timed { key, active_from: *active_from }
        };
        Ring { keys: times.iter().enumerate().map(timed).collect() }
    }

    fn published(ring: &Ring, now: i64) -> Vec<usize> {
        let kid = |key: &SigningKey| ring.keys.iter().position(|timed| timed.key.kid == key.kid).unwrap();
        ring.published(now, QUARTER).map(kid).collect()
    }

    fn signer(ring: &Ring, now: i64) -> usize {
        let kid = &ring.signer(now).unwrap().kid;
        ring.keys.iter().position(|timed| timed.key.kid == *kid).unwrap()
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_until_its_last_token_has_expired() {
        let ring = ring(&[0, 30 * DAY]);
        assert_eq!((signer(&ring, 30 * DAY - 1), published(&ring, 30 * DAY - LEAD)), (0, vec![0, 1]));
        assert_eq!((signer(&ring, 30 * DAY), published(&ring, 30 * DAY)), (1, vec![0, 1]));
        assert_eq!(
            published(&ring, 30 * DAY + QUARTER + GRACE - 1),
            [0, 1],
            "its last token may still be shown"
        );
        assert_eq!(published(&ring, 30 * DAY + QUARTER + GRACE), [1]);
    }

    #[test]
    fn the_next_key_is_made_one_lead_before_the_last_one_ends() {
        assert_eq!(ring(&[]).due(5, DAY), Some(5), "the first signs at once");
        let ring = ring(&[0]);
        assert_eq!(ring.due(DAY - LEAD - 1, DAY), None);
        assert_eq!(ring.due(DAY - LEAD, DAY), Some(DAY));
    }
}
