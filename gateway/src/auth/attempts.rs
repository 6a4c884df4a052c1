//! How fast passwords may be tried. Pure; `now` is passed in.
//!
//! Wrong passwords are counted by account and by address, and from the fourth on each makes the next wait longer. Three things keep the owner from being locked out by
//! somebody else's attempts: places where the account was signed in before are counted apart from all others; an attempt that has to wait is not
//! counted, so nobody can make the wait longer by not keeping it; and the wait has an end, after which the right password lets in.
//!
//! An address without an account is counted like one with: what is answered says nothing of who has one.

use std::net::IpAddr;
use std::time::Duration;

use moka::sync::Cache;

/// Wrong passwords that cost nothing: people mistype.
const FREE: u32 = 3;

/// Wrong passwords from one address, over all accounts, that cost nothing: offices share one.
const FREE_ADDRESS: u32 = 20;

const SECOND: i64 = 1_000_000;

/// The longest wait: a quarter of an hour.
const LONGEST: i64 = 900 * SECOND;

/// After this long without a wrong password everything is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3_600);

/// Counters that are kept. The oldest go first.
const KEPT: u64 = 200_000;

/// The wrong passwords so far, and until when the next has to wait (microseconds).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    wrong: u32,
    until: i64,
}

/// Who is trying, and where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Counter {
    /// An account, from everywhere that it does not know.
    Account([u8; 32]),
    /// An account, from a place where it was signed in before.
    Place([u8; 32], IpAddr),
    /// An address, at any account that does not know it.
    Address(IpAddr),
}

/// An attempt to be made: what it is counted by.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    counters: Vec<Counter>,
}

/// Wrong passwords by account and address.
#[derive(Debug)]
pub(crate) struct Attempts {
    counts: Cache<Counter, Count>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { counts: Cache::builder().max_capacity(KEPT).time_to_idle(FORGOTTEN).build() }
    }
}

impl Attempt {
    /// At the account under this name (an e-mail address in its normal form, or an identifier); `known` if it was signed in at this address before.
    pub(crate) fn new(account: &str, address: IpAddr, known: bool) -> Self {
        let account = *blake3::hash(account.as_bytes()).as_bytes();
        let address = network(address);
        let counters = match known {
            true => vec![Counter::Place(account, address)],
            false => vec![Counter::Account(account), Counter::Address(address)],
        };
        Self { counters }
    }
}

impl Attempts {
    /// Begins an attempt at `now`, or says how many seconds it has to wait. It counts as a wrong one until [`Attempts::right`] says otherwise, so that
    /// many at once get no further than one after the other.
    pub(crate) fn begin(&self, attempt: &Attempt, now: i64) -> Result<(), u64> {
        match self.wait(attempt, now) {
            Some(seconds) => Err(seconds),
            None => {
                self.wrong(attempt, now);
                Ok(())
            }
        }
    }

    fn wait(&self, attempt: &Attempt, now: i64) -> Option<u64> {
        let until = attempt.counters.iter().filter_map(|counter| self.counts.get(counter));
        let wait = until.map(|count| count.until.saturating_sub(now)).max().filter(|wait| *wait > 0)?;
        u64::try_from(wait.div_euclid(SECOND).saturating_add(1)).ok()
    }

    fn wrong(&self, attempt: &Attempt, now: i64) {
        for counter in &attempt.counters {
            let free = if matches!(counter, Counter::Address(_)) { FREE_ADDRESS } else { FREE };
            let next = |count: Count| {
                let wrong = count.wrong.saturating_add(1);
                Count { wrong, until: now.saturating_add(delay(wrong, free)) }
            };
            self.counts
                .entry(counter.clone())
                .and_upsert_with(|entry| next(entry.map(moka::Entry::into_value).unwrap_or_default()));
        }
    }

    /// The attempt had the right password: what was counted of the account there is forgotten. What came from the address at other accounts stays.
    pub(crate) fn right(&self, attempt: &Attempt) {
        for counter in &attempt.counters {
            match counter {
                Counter::Address(_) => {
                    let before = |count: Count| Count { wrong: count.wrong.saturating_sub(1), until: 0 };
                    self.counts.entry(counter.clone()).and_upsert_with(|entry| {
                        before(entry.map(moka::Entry::into_value).unwrap_or_default())
                    });
                }
                Counter::Account(_) | Counter::Place(..) => self.counts.invalidate(counter),
            }
        }
    }
}

/// 1, 2, 4, … seconds from the first that is not free.
fn delay(wrong: u32, free: u32) -> i64 {
    match wrong.saturating_sub(free) {
        0 => 0,
        over => (SECOND << (over - 1).min(20)).min(LONGEST),
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

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

    #[test]
    fn the_first_wrong_passwords_cost_nothing_and_each_further_one_twice_the_wait() {
        let (attempts, attempt) = (Attempts::default(), Attempt::new("ada", HERE, false));
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
        for wrong in [FREE + 10, FREE + 40, FREE + 64, FREE + 65, u32::MAX] {
            assert!((1..=LONGEST).contains(&delay(wrong, FREE)), "{wrong}");
        }
        assert_eq!(delay(u32::MAX, FREE), LONGEST);
    }

    #[test]
    fn where_the_owner_was_signed_in_others_attempts_change_nothing() {
        let attempts = Attempts::default();
        for _ in 0..100 {
            attempts.wrong(&Attempt::new("ada", THERE, false), 0);
        }
        assert!(attempts.wait(&Attempt::new("ada", HERE, false), 0).is_some(), "a new place waits");
        assert_eq!(attempts.wait(&Attempt::new("ada", HERE, true), 0), None, "the owner's does not");
    }

    #[test]
    fn one_address_that_tries_many_accounts_is_slowed_at_all_of_them() {
        let attempts = Attempts::default();
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
        let (attempts, attempt) = (Attempts::default(), Attempt::new("ada", HERE, false));
        for _ in 0..FREE + 1 {
            attempts.wrong(&attempt, 0);
        }
        attempts.right(&attempt);
        assert_eq!(attempts.wait(&attempt, 0), None);
    }
}
