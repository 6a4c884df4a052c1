//! The life of a payment, pure: what may follow what, and which amounts fit.
//!
//! `authorized` is followed by `captured` or `canceled`; `captured` by `partially_refunded` and `refunded`. What is
//! captured never exceeds what was authorized, what is refunded never what was captured.

use crate::http::Error;

/// How far a payment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Authorized,
    Captured,
    PartiallyRefunded,
    Refunded,
    Canceled,
}

impl Status {
    const ALL: [Self; 5] =
        [Self::Authorized, Self::Captured, Self::PartiallyRefunded, Self::Refunded, Self::Canceled];

    /// The word of the contract and of the table.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Authorized => "authorized",
            Self::Captured => "captured",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
            Self::Canceled => "canceled",
        }
    }

    /// Reads the word of the table.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// A payment as the rules see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) status: Status,
    pub(super) amount: i64,
    pub(super) captured: i64,
    pub(super) refunded: i64,
}

/// What a payment refuses. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("The payment is `{}`; only an `authorized` one can be captured.", .0.as_str())]
    NotCapturable(Status),
    #[error("The payment is `{}`; only an `authorized` one can be canceled. Captured money is given back with a refund.", .0.as_str())]
    NotCancelable(Status),
    #[error("The payment is `{}`; only a `captured` or `partially_refunded` one can be refunded.", .0.as_str())]
    NotRefundable(Status),
    #[error("{amount} minor units are asked for, {authorized} were authorized.")]
    ExceedsAuthorized { amount: i64, authorized: i64 },
    #[error("{amount} minor units are asked for, {refundable} can still be refunded.")]
    ExceedsRefundable { amount: i64, refundable: i64 },
}

impl Refusal {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::NotCapturable(_) => "payment_not_capturable",
            Self::NotCancelable(_) => "payment_not_cancelable",
            Self::NotRefundable(_) => "payment_not_refundable",
            Self::ExceedsAuthorized { .. } => "amount_exceeds_authorized",
            Self::ExceedsRefundable { .. } => "amount_exceeds_refundable",
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotCapturable(_) | Refusal::NotCancelable(_) | Refusal::NotRefundable(_) => {
                Self::conflict(refusal.code(), refusal.to_string())
            }
            Refusal::ExceedsAuthorized { .. } | Refusal::ExceedsRefundable { .. } => {
                Self::unprocessable(refusal.code(), refusal.to_string())
            }
        }
    }
}

impl Progress {
    /// A payment that holds its amount.
    pub(super) fn authorized(amount: i64) -> Self {
        Self { status: Status::Authorized, amount, captured: 0, refunded: 0 }
    }

    /// After a capture of this amount, of all unless told.
    pub(super) fn capture(self, amount: Option<i64>) -> Result<Self, Refusal> {
        if self.status != Status::Authorized {
            return Err(Refusal::NotCapturable(self.status));
        }
        let captured = amount.unwrap_or(self.amount);
        if captured > self.amount {
            return Err(Refusal::ExceedsAuthorized { amount: captured, authorized: self.amount });
        }
        Ok(Self { status: Status::Captured, captured, ..self })
    }

    /// After a cancellation.
    pub(super) fn cancel(self) -> Result<Self, Refusal> {
        match self.status {
            Status::Authorized => Ok(Self { status: Status::Canceled, ..self }),
            other => Err(Refusal::NotCancelable(other)),
        }
    }

    /// After a refund of this amount, of all that is left unless told.
    pub(super) fn refund(self, amount: Option<i64>) -> Result<Self, Refusal> {
        if !matches!(self.status, Status::Captured | Status::PartiallyRefunded) {
            return Err(Refusal::NotRefundable(self.status));
        }
        let refundable = self.captured.saturating_sub(self.refunded);
        let amount = amount.unwrap_or(refundable);
        if amount > refundable {
            return Err(Refusal::ExceedsRefundable { amount, refundable });
        }
        let refunded = self.refunded.saturating_add(amount);
        let status = if refunded == self.captured { Status::Refunded } else { Status::PartiallyRefunded };
        Ok(Self { status, refunded, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payment(status: Status) -> Progress {
        let (captured, refunded) = match status {
            Status::Authorized | Status::Canceled => (0, 0),
            Status::Captured => (80, 0),
            Status::PartiallyRefunded => (80, 30),
            Status::Refunded => (80, 80),
        };
        Progress { status, amount: 100, captured, refunded }
    }

    #[test]
    fn each_status_allows_what_the_table_says() {
        for (status, capture, cancel, refund) in [
            (Status::Authorized, true, true, false),
            (Status::Captured, false, false, true),
            (Status::PartiallyRefunded, false, false, true),
            (Status::Refunded, false, false, false),
            (Status::Canceled, false, false, false),
        ] {
            assert_eq!(payment(status).capture(None).is_ok(), capture, "capture of {status:?}");
            assert_eq!(payment(status).cancel().is_ok(), cancel, "cancel of {status:?}");
            assert_eq!(payment(status).refund(None).is_ok(), refund, "refund of {status:?}");
        }
    }

    #[test]
    fn a_capture_takes_all_unless_told_and_never_more() {
        let authorized = payment(Status::Authorized);
        assert_eq!(authorized.capture(None).unwrap().captured, 100);
        assert_eq!(authorized.capture(Some(1)).unwrap().captured, 1);
        assert_eq!(authorized.capture(Some(101)).unwrap_err().code(), "amount_exceeds_authorized");
    }

    #[test]
    fn refunds_add_up_to_what_was_captured_and_never_to_more() {
        let part = payment(Status::Captured).refund(Some(79)).unwrap();
        assert_eq!((part.status, part.refunded), (Status::PartiallyRefunded, 79));
        assert_eq!(part.refund(Some(2)).unwrap_err().code(), "amount_exceeds_refundable");
        let whole = part.refund(None).unwrap();
        assert_eq!((whole.status, whole.refunded), (Status::Refunded, 80));
    }
}
