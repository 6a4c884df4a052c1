//! How fast passwords, and codes that people type, may be tried. What is decided is pure, `now` is passed in; the counters are in the database, so that every
//! node knows them and none forgets them by being started again.
//!
//! Wrong ones are counted by account and by address, and from the fourth on each makes the next wait longer. Three things keep the owner from being locked out by
//! somebody else's attempts: places where the account was signed in before are counted apart from all others; an attempt that has to wait is not
//! counted, so nobody can make the wait longer by not keeping it; and the wait has an end, after which the right password lets in.
//!
//! An address without an account is counted like one with: what is answered says nothing of who has one.

use std::net::IpAddr;

use sqlx::sqlite::SqliteConnection;

use crate::Gateway;
use crate::http::Error;
use crate::secrets::TokenHasher;
use crate::store::{StoreError, System};

/// Wrong passwords that cost nothing: people mistype.
const FREE: i64 = 3;

/// Wrong passwords from one address, over all accounts, that cost nothing: offices share one.
const FREE_ADDRESS: i64 = 20;

/// Wrong codes of devices: one in 25 billion is right.
const FREE_CODES: i64 = 9;

const SECOND: i64 = 1_000_000;

/// The longest wait: a quarter of an hour.
const LONGEST: i64 = 900 * SECOND;

/// After this long without a wrong one everything is forgotten.
const FORGOTTEN: i64 = 24 * 3_600 * SECOND;

/// What counters are hashed for.
const HASH: &str = "attempt";

/// The wrong ones so far, and until when the next has to wait (microseconds).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    wrong: i64,
    until: i64,
}

/// Who is trying, and where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Counter {
    /// An account, from everywhere that it does not know.
    Account(String),
    /// An account, from a place where it was signed in before.
    Place(String, IpAddr),
    /// An address, at any account that does not know it.
    Address(IpAddr),
    /// Somebody who is signed in, at codes that devices show.
    Codes(String),
}

/// An attempt to be made: what it is counted by.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    counters: Vec<Counter>,
}

impl Attempt {
    /// At the account under this name (an e-mail address in its normal form, or an identifier); `known` if it was signed in at this address before.
    pub(crate) fn new(account: &str, address: IpAddr, known: bool) -> Self {
        let address = network(address);
        let account = account.to_owned();
        let counters = match known {
            true => vec![Counter::Place(account, address)],
            false => vec![Counter::Account(account), Counter::Address(address)],
        };
        Self { counters }
    }

    /// Of this user, at a code that a device shows.
    pub(crate) fn at_code(user_id: &str) -> Self {
        Self { counters: vec![Counter::Codes(user_id.to_owned())] }
    }
}

impl Counter {
    /// Under what it is kept: nobody who has the database alone can tell of whom it is.
    fn key(&self, hasher: &TokenHasher) -> [u8; 32] {
        let name = match self {
            Self::Account(account) => format!("account\n{account}"),
            Self::Place(account, address) => format!("place\n{address}\n{account}"),
            Self::Address(address) => format!("address\n{address}"),
            Self::Codes(user) => format!("codes\n{user}"),
        };
        *hasher.hash(HASH, name.as_bytes()).as_bytes()
    }

    /// How many wrong ones cost nothing, and how long the first wait is.
    fn terms(&self) -> (i64, i64) {
        match self {
            Self::Account(_) | Self::Place(..) => (FREE, SECOND),
            Self::Address(_) => (FREE_ADDRESS, SECOND),
            // Nobody mistypes so often.
            Self::Codes(_) => (FREE_CODES, 60 * SECOND),
        }
    }

    /// The count with one more wrong one at `now`.
    fn wrong(&self, before: Count, now: i64) -> Count {
        let wrong = before.wrong.saturating_add(1);
        let (free, first) = self.terms();
        Count { wrong, until: now.saturating_add(delay(wrong, free, first)) }
    }

    /// The count once the attempt turned out to be right, if anything is left of it: what was counted of the account there is forgotten; what came from the
    /// address at other accounts stays.
    fn right(&self, before: Count) -> Option<Count> {
        matches!(self, Self::Address(_)).then(|| Count { wrong: before.wrong.saturating_sub(1), until: 0 })
    }
}

/// How many seconds an attempt with these counts has to wait at `now`, if it has to.
fn wait(counts: &[Count], now: i64) -> Option<u64> {
    let wait = counts.iter().map(|count| count.until.saturating_sub(now)).max().filter(|wait| *wait > 0)?;
    u64::try_from(wait.div_euclid(SECOND).saturating_add(1)).ok()
}

/// From the first that is not free on, once, twice, four times … as long.
fn delay(wrong: i64, free: i64, first: i64) -> i64 {
    match wrong.saturating_sub(free) {
        over @ 1.. => (first << (over - 1).min(20)).min(LONGEST),
        _ => 0,
    }
}

/// Who has one address of an IPv6 network has all of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let bits = address.to_bits() & !u128::from(u64::MAX);
            std::net::Ipv6Addr::from_bits(bits).into()
        }
    }
}

impl Gateway {
    /// Begins an attempt, or says how many seconds it has to wait. It counts as a wrong one until [`Gateway::attempt_was_right`] says otherwise, so that
    /// many at once get no further than one after the other.
    pub(crate) async fn begin_attempt(&self, attempt: &Attempt) -> Result<Result<(), u64>, Error> {
        let keys = self.keys_of(attempt);
        let readers = self.store.system(System::SignIn);
        let mut counts = Vec::with_capacity(keys.len());
        let now = self.store.now();
        for key in &keys {
            counts.push(read(readers, key, now).await?);
        }
        // Looked at first without the writer, so that whoever does not keep the wait makes nobody else wait.
        if let Some(seconds) = wait(&counts, now) {
            return Ok(Err(seconds));
        }
        let mut tx = self.store.begin_system(System::SignIn).await?;
        let now = tx.now();
        counts.clear();
        for key in &keys {
            counts.push(read(&mut *tx.connection(), key, now).await?);
        }
        if let Some(seconds) = wait(&counts, now) {
            return Ok(Err(seconds));
        }
        for ((counter, key), count) in attempt.counters.iter().zip(&keys).zip(counts) {
            write(tx.connection(), key, counter.wrong(count, now), now).await?;
        }
        tx.commit_empty().await?;
        Ok(Ok(()))
    }

    /// The attempt was no wrong one.
    pub(crate) async fn attempt_was_right(&self, attempt: &Attempt) -> Result<(), Error> {
        let mut tx = self.store.begin_system(System::SignIn).await?;
        let now = tx.now();
        for (counter, key) in attempt.counters.iter().zip(self.keys_of(attempt)) {
            let count = read(&mut *tx.connection(), &key, now).await?;
            match counter.right(count) {
                Some(count) => write(tx.connection(), &key, count, now).await?,
                None => forget(tx.connection(), &key).await?,
            }
        }
        tx.commit_empty().await?;
        Ok(())
    }

    fn keys_of(&self, attempt: &Attempt) -> Vec<[u8; 32]> {
        attempt.counters.iter().map(|counter| counter.key(self.secrets.tokens())).collect()
    }
}

async fn read(
    executor: impl sqlx::SqliteExecutor<'_>,
    key: &[u8; 32],
    now: i64,
) -> Result<Count, StoreError> {
    let row: Option<(i64, i64)> =
        sqlx::query_as("SELECT wrong, waits_until FROM attempts WHERE counter = $1 AND expires_at > $2")
            .bind(key.as_slice())
            .bind(now)
            .fetch_optional(executor)
            .await?;
    Ok(row.map_or_else(Count::default, |(wrong, until)| Count { wrong, until }))
}

async fn write(
    connection: &mut SqliteConnection,
    key: &[u8; 32],
    count: Count,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO attempts (counter, wrong, waits_until, expires_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (counter) DO UPDATE SET wrong = excluded.wrong, waits_until = excluded.waits_until,
           expires_at = excluded.expires_at",
    )
    .bind(key.as_slice())
    .bind(count.wrong)
    .bind(count.until)
    .bind(now.saturating_add(FORGOTTEN))
    .execute(connection)
    .await?;
    Ok(())
}

async fn forget(connection: &mut SqliteConnection, key: &[u8; 32]) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM attempts WHERE counter = $1").bind(key.as_slice()).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

    /// The same decisions, with the counters in memory.
    #[derive(Default)]
    struct Attempts(HashMap<Counter, Count>);

    impl Attempts {
        fn wait(&self, attempt: &Attempt, now: i64) -> Option<u64> {
            let counts = attempt.counters.iter().filter_map(|counter| self.0.get(counter).copied());
            wait(&counts.collect::<Vec<_>>(), now)
        }

        fn wrong(&mut self, attempt: &Attempt, now: i64) {
            for counter in &attempt.counters {
                let count = self.0.entry(counter.clone()).or_default();
                *count = counter.wrong(*count, now);
            }
        }

        fn right(&mut self, attempt: &Attempt) {
            for counter in &attempt.counters {
                let left = self.0.remove(counter).and_then(|count| counter.right(count));
                self.0.extend(left.map(|count| (counter.clone(), count)));
            }
        }
    }

    #[test]
    fn the_first_wrong_passwords_cost_nothing_and_each_further_one_twice_the_wait() {
        let (mut attempts, attempt) = (Attempts::default(), Attempt::new("ada", HERE, false));
        let mut now = 0;
        for _ in 0..FREE {
            assert_eq!(attempts.wait(&attempt, now), None);
            attempts.wrong(&attempt, now);
        }
        for seconds in [1, 2, 4, 8, 16] {
            attempts.wrong(&attempt, now);
            assert!(attempts.wait(&attempt, now).is_some_and(|wait| (seconds..=seconds + 1).contains(&wait)));
            now += i64::try_from(seconds).unwrap() * SECOND;
            assert_eq!(attempts.wait(&attempt, now), None, "after the wait the right password lets in");
        }
    }

    #[test]
    fn the_wait_never_exceeds_its_longest() {
        for wrong in [FREE + 10, FREE + 40, FREE + 64, FREE + 65, i64::MAX] {
            assert!((1..=LONGEST).contains(&delay(wrong, FREE, 60 * SECOND)), "{wrong}");
        }
        assert_eq!(delay(i64::MAX, FREE, SECOND), LONGEST);
    }

    #[test]
    fn where_the_owner_was_signed_in_others_attempts_change_nothing() {
        let mut attempts = Attempts::default();
        for _ in 0..100 {
            attempts.wrong(&Attempt::new("ada", THERE, false), 0);
        }
        assert!(attempts.wait(&Attempt::new("ada", HERE, false), 0).is_some(), "a new place waits");
        assert_eq!(attempts.wait(&Attempt::new("ada", HERE, true), 0), None, "the owner's does not");
    }

    #[test]
    fn one_address_that_tries_many_accounts_is_slowed_at_all_of_them() {
        let mut attempts = Attempts::default();
        for number in 0..=FREE_ADDRESS {
            attempts.wrong(&Attempt::new(&number.to_string(), HERE, false), 0);
        }
        assert!(attempts.wait(&Attempt::new("never tried", HERE, false), 0).is_some());
        assert_eq!(attempts.wait(&Attempt::new("never tried", THERE, false), 0), None);
        let (one, other): (IpAddr, IpAddr) =
            ("2001:db8::1".parse().unwrap(), "2001:db8::ffff:2".parse().unwrap());
        assert_eq!(network(one), network(other), "a /64 is one address");
    }

    #[test]
    fn the_right_password_forgets_the_wrong_ones_of_its_account() {
        let (mut attempts, attempt) = (Attempts::default(), Attempt::new("ada", HERE, false));
        for _ in 0..FREE + 1 {
            attempts.wrong(&attempt, 0);
        }
        attempts.right(&attempt);
        assert_eq!(attempts.wait(&attempt, 0), None);
    }
}
