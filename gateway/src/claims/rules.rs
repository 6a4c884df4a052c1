//! The life of a claim, pure: it is decided once, and never for more than was claimed.

use crate::http::Error;

/// How far a claim has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Submitted,
    Approved,
    Rejected,
}

impl Status {
    const ALL: [Self; 3] = [Self::Submitted, Self::Approved, Self::Rejected];

    /// The word of the contract and of the table.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    /// Reads the word of the table.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// What a claim refuses. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("The claim is `{}`; only a `submitted` one can be decided.", .0.as_str())]
    Decided(Status),
    #[error("{amount} minor units are to be covered, {claimed} were claimed.")]
    ExceedsClaimed { amount: i64, claimed: i64 },
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Decided(_) => Self::conflict("claim_decided", refusal.to_string()),
            Refusal::ExceedsClaimed { .. } => {
                Self::unprocessable("amount_exceeds_claimed", refusal.to_string())
            }
        }
    }
}

/// What is covered of a claim, all of it unless told.
pub(super) fn approve(status: Status, claimed: i64, amount: Option<i64>) -> Result<i64, Refusal> {
    undecided(status)?;
    let amount = amount.unwrap_or(claimed);
    if amount > claimed {
        return Err(Refusal::ExceedsClaimed { amount, claimed });
    }
    Ok(amount)
}

/// Whether a claim can still be decided.
pub(super) fn undecided(status: Status) -> Result<(), Refusal> {
    if status == Status::Submitted { Ok(()) } else { Err(Refusal::Decided(status)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_decided_once() {
        assert_eq!(approve(Status::Submitted, 100, None), Ok(100));
        assert_eq!(undecided(Status::Submitted), Ok(()));
        for status in [Status::Approved, Status::Rejected] {
            assert_eq!(approve(status, 100, None), Err(Refusal::Decided(status)));
            assert_eq!(undecided(status), Err(Refusal::Decided(status)));
        }
    }

    #[test]
    fn less_than_was_claimed_may_be_covered_and_never_more() {
        assert_eq!(approve(Status::Submitted, 100, Some(1)), Ok(1));
        assert_eq!(
            approve(Status::Submitted, 100, Some(101)),
            Err(Refusal::ExceedsClaimed { amount: 101, claimed: 100 })
        );
    }
}
