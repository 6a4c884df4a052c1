//! The operations of `wallets`.

use waypost_types::params::{WalletsListParams, WalletsStatementParams, WalletsTransactionsParams};
use waypost_types::{
    Balance, CloseWallet, CreateWallet, CreditWallet, DebitWallet, FreezeWallet, Metadata, Transaction,
    TransactionPage, TransactionType, Transfer, TransferFunds, UnfreezeWallet, Wallet, WalletPage,
    WalletStatus,
};

use super::rules::{self, Change};
use super::storage::{self, Author, Filter, Record};
use crate::Gateway;
use crate::events::{self, Fact};
use crate::generated::{Created, Streamed, Success, WalletsApi};
use crate::http::{Context, Error};
use crate::ledger::storage::{Note, post, wallet, wallet_pair};
use crate::ledger::{self, Plan, Refusal, plan};
use crate::metadata;
use crate::secrets::id;
use crate::store::StoreError;
use crate::store::clock::to_rfc3339;
use crate::store::cursor::Scope;
use crate::store::list::Window;
use crate::transactions::{statement, storage as transactions, view};

impl TryFrom<Record> for Wallet {
    type Error = StoreError;

    fn try_from(record: Record) -> Result<Self, StoreError> {
        let metadata = record.metadata.as_deref().map(serde_json::from_str).transpose()?;
        let state = record.state;
        Ok(Self {
            name: record.name,
            metadata,
            closed_at: record.closed_at.map(to_rfc3339),
            ..Self::new(
                state.id.as_str(),
                state.currency.as_str(),
                WalletStatus::from(state.status.as_str()),
                state.balance(),
                state.available,
                state.held,
                to_rfc3339(record.created_at),
                to_rfc3339(record.updated_at),
            )
        })
    }
}

fn no_wallet(wallet_id: &str) -> Error {
    Error::not_found("wallet", wallet_id)
}

impl Gateway {
    async fn wallet_of(&self, context: &Context, wallet_id: &str) -> Result<Record, Error> {
        storage::find(self.store.tenant(context)?, wallet_id).await?.ok_or_else(|| no_wallet(wallet_id))
    }

    /// Credit and debit: one wallet, one line.
    async fn move_outside(
        &self,
        context: &Context,
        wallet_id: &str,
        rule: impl FnOnce(&ledger::Wallet) -> Result<Plan, Refusal> + Send,
        fact: fn(&Transaction) -> Fact<'_>,
        description: Option<String>,
        metadata: Option<Metadata>,
    ) -> Result<Created<Transaction>, Error> {
        let metadata_text = metadata::to_json(metadata.as_ref())?;
        let mut tx = self.store.begin(context).await?;
        let found = wallet(&mut tx, wallet_id).await?.ok_or_else(|| no_wallet(wallet_id))?;
        let note = Note {
            description: description.as_deref(),
            metadata: metadata_text.as_deref(),
            ..Note::default()
        };
        let entry = post(&mut tx, rule(&found)?, note).await?;
        let [line] = entry.lines.as_slice() else {
            return Err(Error::internal("an entry of one wallet has one line"));
        };
        let answer = view::posted(&entry, line, description, metadata);
        events::record(&mut tx, context, fact(&answer)).await?;
        tx.commit(&answer).await?;
        Ok(Created(answer))
    }

    async fn change_status(
        &self,
        context: &Context,
        wallet_id: &str,
        change: Change,
        reason: Option<&str>,
    ) -> Result<Success<Wallet>, Error> {
        let identity = context.identity()?;
        let mut tx = self.store.begin(context).await?;
        let find = |record: Option<Record>| record.ok_or_else(|| no_wallet(wallet_id));
        let mut record = find(storage::find(&mut tx, wallet_id).await?)?;
        let status = rules::next_status(&record.state, change)?;
        if let Some(status) = status {
            let author = Author { user_id: &identity.user_id, request_id: context.request_id(), reason };
            storage::set_status(&mut tx, wallet_id, status, author).await?;
            record = find(storage::find(&mut tx, wallet_id).await?)?;
        }
        let answer = Wallet::try_from(record)?;
        if status.is_some() {
            let fact = match change {
                Change::Freeze => Fact::WalletFrozen(&answer),
                Change::Unfreeze => Fact::WalletUnfrozen(&answer),
                Change::Close => Fact::WalletClosed(&answer),
            };
            events::record(&mut tx, context, fact).await?;
        }
        tx.commit(&answer).await?;
        Ok(Success(answer))
    }
}

impl WalletsApi<Context, Error> for Gateway {
    async fn wallets_create(&self, context: Context, body: CreateWallet) -> Result<Created<Wallet>, Error> {
        rules::listed_currency(&body.currency)?;
        let metadata = metadata::to_json(body.metadata.as_ref())?;
        let mut tx = self.store.begin(&context).await?;
        let record = Record {
            state: ledger::Wallet {
                id: id::new("wal"),
                currency: body.currency,
                status: ledger::WalletStatus::Active,
                available: 0,
                held: 0,
            },
            name: body.name,
            metadata,
            created_at: tx.now(),
            updated_at: tx.now(),
            closed_at: None,
        };
        storage::insert(&mut tx, &record).await?;
        let answer = Wallet::try_from(record)?;
        events::record(&mut tx, &context, Fact::WalletCreated(&answer)).await?;
        tx.commit(&answer).await?;
        Ok(Created(answer))
    }

    async fn wallets_list(
        &self,
        context: Context,
        params: WalletsListParams,
    ) -> Result<Success<WalletPage>, Error> {
        let tenant = self.store.tenant(&context)?;
        let statuses: Vec<&str> = params.status.iter().map(WalletStatus::as_str).collect();
        let scope = Scope::new("wallets")
            .with(Some(tenant.tenant_id()))
            .with(Some(&statuses.join(",")))
            .with(params.currency.as_deref());
        let window = Window::new(
            scope,
            params.limit,
            params.cursor.as_deref(),
            params.created_after.as_deref(),
            params.created_before.as_deref(),
        )?;
        let filter = Filter { statuses: &statuses, currency: params.currency.as_deref() };
        let page = storage::list(tenant, filter, &window).await?;
        let data = page.rows.into_iter().map(Wallet::try_from).collect::<Result<Vec<_>, _>>()?;
        let has_more = page.next_cursor.is_some();
        Ok(Success(WalletPage { data, next_cursor: page.next_cursor, has_more, ..WalletPage::default() }))
    }

    async fn wallets_get(&self, context: Context, wallet_id: String) -> Result<Success<Wallet>, Error> {
        Ok(Success(self.wallet_of(&context, &wallet_id).await?.try_into()?))
    }

    async fn wallets_credit(
        &self,
        context: Context,
        wallet_id: String,
        body: CreditWallet,
    ) -> Result<Created<Transaction>, Error> {
        let rule = |wallet: &ledger::Wallet| plan::credit(wallet, body.amount);
        self.move_outside(
            &context,
            &wallet_id,
            rule,
            |line| Fact::WalletCredited(line),
            body.description,
            body.metadata,
        )
        .await
    }

    async fn wallets_debit(
        &self,
        context: Context,
        wallet_id: String,
        body: DebitWallet,
    ) -> Result<Created<Transaction>, Error> {
        let rule = |wallet: &ledger::Wallet| plan::debit(wallet, body.amount);
        self.move_outside(
            &context,
            &wallet_id,
            rule,
            |line| Fact::WalletDebited(line),
            body.description,
            body.metadata,
        )
        .await
    }

    async fn wallets_transfer(
        &self,
        context: Context,
        wallet_id: String,
        body: TransferFunds,
    ) -> Result<Created<Transfer>, Error> {
        let metadata = metadata::to_json(body.metadata.as_ref())?;
        let mut tx = self.store.begin(&context).await?;
        let (from, to) = wallet_pair(&mut tx, &wallet_id, &body.to_wallet_id).await?;
        let from = from.ok_or_else(|| no_wallet(&wallet_id))?;
        let to = to.ok_or_else(|| no_wallet(&body.to_wallet_id))?;
        let note = Note {
            description: body.description.as_deref(),
            metadata: metadata.as_deref(),
            ..Note::default()
        };
        let entry = post(&mut tx, plan::transfer(&from, &to, body.amount)?, note).await?;
        let [debit, credit] = entry.lines.as_slice() else {
            return Err(Error::internal("a transfer has two lines"));
        };
        let debit = view::posted(&entry, debit, body.description.clone(), body.metadata.clone());
        let credit = view::posted(&entry, credit, body.description, body.metadata);
        let answer = Transfer::new(entry.id, debit, credit);
        events::record(&mut tx, &context, Fact::WalletTransferred(&answer)).await?;
        tx.commit(&answer).await?;
        Ok(Created(answer))
    }

    async fn wallets_balance(&self, context: Context, wallet_id: String) -> Result<Success<Balance>, Error> {
        let as_of = self.store.now();
        let state = self.wallet_of(&context, &wallet_id).await?.state;
        let (balance, available, held) = (state.balance(), state.available, state.held);
        Ok(Success(Balance::new(state.id, state.currency, balance, available, held, to_rfc3339(as_of))))
    }

    async fn wallets_transactions(
        &self,
        context: Context,
        wallet_id: String,
        params: WalletsTransactionsParams,
    ) -> Result<Success<TransactionPage>, Error> {
        let tenant = self.store.tenant(&context)?;
        let types: Vec<&str> = params.r#type.iter().map(TransactionType::as_str).collect();
        let scope = Scope::new("transactions")
            .with(Some(tenant.tenant_id()))
            .with(Some(&wallet_id))
            .with(Some(&types.join(",")));
        let window = Window::new(
            scope,
            params.limit,
            params.cursor.as_deref(),
            params.created_after.as_deref(),
            params.created_before.as_deref(),
        )?;
        let page = transactions::list(tenant, &wallet_id, &types, &window).await?;
        // A row proves that the wallet is there and the caller's; only an empty page has to ask.
        if page.rows.is_empty() && !storage::exists(tenant, &wallet_id).await? {
            return Err(no_wallet(&wallet_id));
        }
        let data = page.rows.into_iter().map(Transaction::try_from).collect::<Result<Vec<_>, _>>()?;
        let has_more = page.next_cursor.is_some();
        Ok(Success(TransactionPage {
            data,
            next_cursor: page.next_cursor,
            has_more,
            ..TransactionPage::default()
        }))
    }

    async fn wallets_statement(
        &self,
        context: Context,
        wallet_id: String,
        params: WalletsStatementParams,
    ) -> Result<Streamed, Error> {
        let request = statement::Request::new(&params)?;
        if !storage::exists(self.store.tenant(&context)?, &wallet_id).await? {
            return Err(no_wallet(&wallet_id));
        }
        let body = statement::body(&self.store, &context, wallet_id, &request).await?;
        Ok(Streamed::new(request.format.media_type(), body))
    }

    async fn wallets_freeze(
        &self,
        context: Context,
        wallet_id: String,
        body: FreezeWallet,
    ) -> Result<Success<Wallet>, Error> {
        self.change_status(&context, &wallet_id, Change::Freeze, body.reason.as_deref()).await
    }

    async fn wallets_unfreeze(
        &self,
        context: Context,
        wallet_id: String,
        body: UnfreezeWallet,
    ) -> Result<Success<Wallet>, Error> {
        self.change_status(&context, &wallet_id, Change::Unfreeze, body.reason.as_deref()).await
    }

    async fn wallets_close(
        &self,
        context: Context,
        wallet_id: String,
        body: CloseWallet,
    ) -> Result<Success<Wallet>, Error> {
        self.change_status(&context, &wallet_id, Change::Close, body.reason.as_deref()).await
    }
}
