//! The life of a medical card and its coverage, pure.

use crate::http::Error;

/// Whether a card can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Active,
    Suspended,
    Revoked,
}

impl Status {
    const ALL: [Self; 3] = [Self::Active, Self::Suspended, Self::Revoked];

    /// The word of the contract and of the table.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }

    /// Reads the word of the table.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// A card as the rules see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cover {
    pub(crate) status: Status,
    /// Minor units, over all claims.
    pub(crate) limit: i64,
    /// Of these, what is used up.
    pub(crate) covered: i64,
    /// Microseconds since the Unix epoch.
    pub(crate) valid_until: Option<i64>,
}

/// What a card refuses. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("The card was revoked, which is final. Issue a new one.")]
    Revoked,
    #[error("The card is `{}`; claims can be submitted on an `active` one.", .0.as_str())]
    NotActive(Status),
    #[error("The card is past its `valid_until`. Issue a new one.")]
    Expired,
    #[error("{amount} minor units are to be covered, {left} are left on the card.")]
    CoverageExceeded { amount: i64, left: i64 },
}

impl Refusal {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Revoked => "medcard_revoked",
            Self::NotActive(_) => "medcard_not_active",
            Self::Expired => "medcard_expired",
            Self::CoverageExceeded { .. } => "coverage_exceeded",
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::CoverageExceeded { .. } => Self::unprocessable(refusal.code(), refusal.to_string()),
            _ => Self::conflict(refusal.code(), refusal.to_string()),
        }
    }
}

impl Cover {
    /// The status that follows when `asked` is asked for; `None` if the card has it.
    pub(super) fn change(self, asked: Status) -> Result<Option<Status>, Refusal> {
        match self.status {
            status if status == asked => Ok(None),
            Status::Revoked => Err(Refusal::Revoked),
            Status::Active | Status::Suspended => Ok(Some(asked)),
        }
    }

    /// Whether a claim can be submitted at `now` (microseconds).
    pub(crate) fn takes_claims(self, now: i64) -> Result<(), Refusal> {
        if self.status != Status::Active {
            return Err(Refusal::NotActive(self.status));
        }
        if self.valid_until.is_some_and(|end| end <= now) {
            return Err(Refusal::Expired);
        }
        Ok(())
    }

    /// What is covered in all when `amount` is covered as well.
    pub(crate) fn cover(self, amount: i64) -> Result<i64, Refusal> {
        let left = self.limit.saturating_sub(self.covered);
        if amount > left {
            return Err(Refusal::CoverageExceeded { amount, left });
        }
        Ok(self.covered.saturating_add(amount))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(status: Status) -> Cover {
        Cover { status, limit: 100, covered: 60, valid_until: Some(10) }
    }

    #[test]
    fn a_card_can_be_suspended_and_used_again_until_it_is_revoked() {
        use Status::{Active, Revoked, Suspended};
        assert_eq!(card(Active).change(Suspended), Ok(Some(Suspended)));
        assert_eq!(card(Suspended).change(Active), Ok(Some(Active)));
        assert_eq!(card(Suspended).change(Revoked), Ok(Some(Revoked)));
        assert_eq!(card(Active).change(Active), Ok(None));
        assert_eq!(card(Revoked).change(Revoked), Ok(None));
        assert_eq!(card(Revoked).change(Active), Err(Refusal::Revoked));
    }

    #[test]
    fn claims_are_taken_while_the_card_is_active_and_valid() {
        assert_eq!(card(Status::Active).takes_claims(9), Ok(()));
        assert_eq!(card(Status::Active).takes_claims(10), Err(Refusal::Expired));
        assert_eq!(card(Status::Suspended).takes_claims(9), Err(Refusal::NotActive(Status::Suspended)));
        assert_eq!(Cover { valid_until: None, ..card(Status::Active) }.takes_claims(i64::MAX), Ok(()));
    }

    #[test]
    fn what_is_covered_never_exceeds_the_limit() {
        assert_eq!(card(Status::Active).cover(40), Ok(100));
        assert_eq!(card(Status::Active).cover(41), Err(Refusal::CoverageExceeded { amount: 41, left: 40 }));
    }
}
