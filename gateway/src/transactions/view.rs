//! A transaction as the contract shows it, from a row or straight from what the ledger has just written.

use waypost_types::{Metadata, Transaction, TransactionType};

use super::storage::Record;
use crate::ledger::Kind;
use crate::ledger::storage::{Entry, Posted};
use crate::store::StoreError;
use crate::store::clock::to_rfc3339;

impl TryFrom<Record> for Transaction {
    type Error = StoreError;

    fn try_from(record: Record) -> Result<Self, StoreError> {
        let metadata = record.metadata.as_deref().map(serde_json::from_str).transpose()?;
        let kind = TransactionType::from(record.kind);
        let transfer_id = (kind == TransactionType::Transfer).then_some(record.entry_id);
        Ok(Self {
            counterpart_wallet_id: record.counterpart_wallet_id,
            transfer_id,
            payment_id: record.payment_id,
            description: record.description,
            metadata,
            ..Self::new(
                record.id,
                record.wallet_id,
                kind,
                record.amount,
                record.currency,
                record.balance_after,
                record.available_after,
                to_rfc3339(record.created_at),
            )
        })
    }
}

/// One line of an entry that was just posted, with what the request said about it.
pub(crate) fn posted(
    entry: &Entry,
    posted: &Posted,
    description: Option<String>,
    metadata: Option<Metadata>,
) -> Transaction {
    let Posted { id, line } = posted;
    Transaction {
        counterpart_wallet_id: line.counterpart.clone(),
        transfer_id: (entry.kind == Kind::Transfer).then(|| entry.id.clone()),
        description,
        metadata,
        ..Transaction::new(
            id.as_str(),
            line.wallet_id.as_str(),
            TransactionType::from(line.kind.as_str()),
            line.amount,
            entry.currency.as_str(),
            line.balance_after,
            line.available_after,
            to_rfc3339(entry.created_at),
        )
    }
}
