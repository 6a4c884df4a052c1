//! May this failure be tried again? Two questions, kept apart: is the cause one that passes (`passes_*`), and would sending the same request
//! again be harmless ([`may_resend`])? A retry needs two times yes.

use crate::engine::failure::FailureKind;
use crate::engine::operation::{Operation, Retry};

/// Does an error of this status tend to pass by itself?
pub const fn passes_status(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// Does a failure of this kind tend to pass by itself? An answer that broke off in the middle is not among them: the server did the work,
/// and what broke it is likely to be in the answer.
pub const fn passes_failure(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Connect | FailureKind::Reset | FailureKind::Timeout)
}

/// Is it harmless to send the operation's request once more?
///
/// `has_key` tells whether the request carries an `Idempotency-Key`, `bytes_sent` whether a byte of the failed attempt may have left.
pub const fn may_resend(operation: &Operation, has_key: bool, bytes_sent: bool) -> bool {
    if !bytes_sent {
        return true;
    }
    match operation.retry {
        Retry::Safe => true,
        Retry::Idempotent => has_key || !operation.idempotency_key,
        Retry::Never => false,
    }
}
