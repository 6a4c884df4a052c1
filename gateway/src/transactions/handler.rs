//! The operations of `transactions`.

use waypost_types::Transaction;

use super::storage;
use crate::Gateway;
use crate::generated::{Success, TransactionsApi};
use crate::http::{Context, Error};

impl TransactionsApi<Context, Error> for Gateway {
    async fn transactions_get(
        &self,
        context: Context,
        transaction_id: String,
    ) -> Result<Success<Transaction>, Error> {
        let record = storage::find(self.store.tenant(&context)?, &transaction_id)
            .await?
            .ok_or_else(|| Error::not_found("transaction", &transaction_id))?;
        Ok(Success(record.try_into()?))
    }
}
