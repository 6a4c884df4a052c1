//! The operations of `payments`.

use waypost_types::params::PaymentsListParams;
use waypost_types::{
    CancelPayment, CaptureMethod, CapturePayment, CreatePayment, ExternalDestination, Payment,
    PaymentDestination, PaymentPage, PaymentStatus, RefundPayment, WalletDestination,
};

use super::rules::Progress;
use super::storage::{self, Destination, Filter, Record};
use crate::Gateway;
use crate::events::{self, Fact};
use crate::generated::{Created, PaymentsApi, Success};
use crate::http::{Context, Error, FieldError};
use crate::ledger::storage::{Note, post, wallet, wallet_pair};
use crate::ledger::{Plan, Wallet, plan};
use crate::metadata;
use crate::secrets::id;
use crate::store::clock::to_rfc3339;
use crate::store::cursor::Scope;
use crate::store::list::Window;
use crate::store::{StoreError, WriteTx};

impl TryFrom<Record> for Payment {
    type Error = StoreError;

    fn try_from(record: Record) -> Result<Self, StoreError> {
        let destination = match record.destination {
            Destination::Wallet(wallet_id) => PaymentDestination::from(WalletDestination::new(wallet_id)),
            Destination::External { reference, name } => {
                ExternalDestination { name, ..ExternalDestination::new(reference) }.into()
            }
        };
        let metadata = record.metadata.as_deref().map(serde_json::from_str).transpose()?;
        Ok(Self {
            description: record.description,
            metadata,
            ..Self::new(
                record.id,
                PaymentStatus::from(record.progress.status.as_str()),
                record.payer_wallet_id,
                destination,
                record.progress.amount,
                record.progress.captured,
                record.progress.refunded,
                record.currency,
                CaptureMethod::from(record.capture_method),
                to_rfc3339(record.created_at),
                to_rfc3339(record.updated_at),
            )
        })
    }
}

fn destination_of(destination: PaymentDestination) -> Result<Destination, Error> {
    match destination {
        PaymentDestination::Wallet(wallet) => Ok(Destination::Wallet(wallet.wallet_id)),
        PaymentDestination::External(external) => {
            Ok(Destination::External { reference: external.reference, name: external.name })
        }
        PaymentDestination::Unknown(_) => Err(Error::invalid(vec![FieldError {
            pointer: "/destination/type".to_owned(),
            code: "enum".into(),
            detail: "A payment goes to a `wallet` or to an `external` receiver.".to_owned(),
        }])),
    }
}

/// The payer's wallet, and the destination's if it is one.
async fn sides(
    tx: &mut WriteTx,
    payer_id: &str,
    destination: &Destination,
) -> Result<(Wallet, Option<Wallet>), Error> {
    let missing = |wallet_id: &str| Error::not_found("wallet", wallet_id);
    match destination.wallet_id() {
        None => {
            let payer = wallet(tx, payer_id).await?;
            Ok((payer.ok_or_else(|| missing(payer_id))?, None))
        }
        Some(destination_id) => {
            let (payer, receiver) = wallet_pair(tx, payer_id, destination_id).await?;
            let payer = payer.ok_or_else(|| missing(payer_id))?;
            Ok((payer, Some(receiver.ok_or_else(|| missing(destination_id))?)))
        }
    }
}

/// What a step of a payment's life does: how far it has come then, and which money moves.
type Step = (Progress, Plan);

impl Gateway {
    /// Capture, cancel and refund: find the payment and its wallets, apply the rules, write both.
    async fn advance(
        &self,
        context: &Context,
        payment_id: &str,
        reason: Option<&str>,
        fact: fn(&Payment) -> Fact<'_>,
        rules: impl FnOnce(Progress, &Wallet, Option<&Wallet>) -> Result<Step, Error> + Send,
    ) -> Result<Success<Payment>, Error> {
        let mut tx = self.store.begin(context).await?;
        let mut payment = storage::find(&mut tx, payment_id)
            .await?
            .ok_or_else(|| Error::not_found("payment", payment_id))?;
        let (payer, destination) = sides(&mut tx, &payment.payer_wallet_id, &payment.destination).await?;
        let (progress, plan) = rules(payment.progress, &payer, destination.as_ref())?;
        let description = reason.or(payment.description.as_deref());
        let note = Note { payment_id: Some(payment_id), description, metadata: None };
        post(&mut tx, plan, note).await?;
        storage::update(&mut tx, payment_id, progress).await?;
        payment.progress = progress;
        payment.updated_at = tx.now();
        let answer = Payment::try_from(payment)?;
        events::record(&mut tx, context, fact(&answer)).await?;
        tx.commit(&answer).await?;
        Ok(Success(answer))
    }
}

impl PaymentsApi<Context, Error> for Gateway {
    async fn payments_create(
        &self,
        context: Context,
        body: CreatePayment,
    ) -> Result<Created<Payment>, Error> {
        let metadata = metadata::to_json(body.metadata.as_ref())?;
        let destination = destination_of(body.destination)?;
        let method = body.capture_method.unwrap_or(CaptureMethod::Automatic);
        let mut tx = self.store.begin(&context).await?;
        let (payer, receiver) = sides(&mut tx, &body.payer_wallet_id, &destination).await?;
        if payer.currency != body.currency {
            let detail =
                format!("The payment is in {}, the payer's wallet holds {}.", body.currency, payer.currency);
            return Err(Error::unprocessable("currency_mismatch", detail));
        }
        let authorized = Progress::authorized(body.amount);
        let (progress, plan) = if method == CaptureMethod::Automatic {
            (authorized.capture(None)?, plan::charge(&payer, receiver.as_ref(), body.amount)?)
        } else {
            (authorized, plan::hold(&payer, receiver.as_ref(), body.amount)?)
        };
        let payment = Record {
            id: id::new("pay"),
            progress,
            payer_wallet_id: payer.id,
            destination,
            currency: body.currency,
            capture_method: method.as_str().to_owned(),
            description: body.description,
            metadata,
            created_at: tx.now(),
            updated_at: tx.now(),
        };
        storage::insert(&mut tx, &payment).await?;
        let note = Note {
            payment_id: Some(&payment.id),
            description: payment.description.as_deref(),
            metadata: None,
        };
        post(&mut tx, plan, note).await?;
        let answer = Payment::try_from(payment)?;
        events::record(&mut tx, &context, Fact::PaymentCreated(&answer)).await?;
        if method == CaptureMethod::Automatic {
            events::record(&mut tx, &context, Fact::PaymentCaptured(&answer)).await?;
        }
        tx.commit(&answer).await?;
        Ok(Created(answer))
    }

    async fn payments_list(
        &self,
        context: Context,
        params: PaymentsListParams,
    ) -> Result<Success<PaymentPage>, Error> {
        let tenant = self.store.tenant(&context)?;
        let statuses: Vec<&str> = params.status.iter().map(PaymentStatus::as_str).collect();
        let scope = Scope::new("payments")
            .with(Some(tenant.tenant_id()))
            .with(Some(&statuses.join(",")))
            .with(params.payer_wallet_id.as_deref())
            .with(params.currency.as_deref());
        let window = Window::new(
            scope,
            params.limit,
            params.cursor.as_deref(),
            params.created_after.as_deref(),
            params.created_before.as_deref(),
        )?;
        let filter = Filter {
            statuses: &statuses,
            payer_wallet_id: params.payer_wallet_id.as_deref(),
            currency: params.currency.as_deref(),
        };
        let page = storage::list(tenant, filter, &window).await?;
        let data = page.rows.into_iter().map(Payment::try_from).collect::<Result<Vec<_>, _>>()?;
        let has_more = page.next_cursor.is_some();
        Ok(Success(PaymentPage { data, next_cursor: page.next_cursor, has_more, ..PaymentPage::default() }))
    }

    async fn payments_get(&self, context: Context, payment_id: String) -> Result<Success<Payment>, Error> {
        let record = storage::find(self.store.tenant(&context)?, &payment_id)
            .await?
            .ok_or_else(|| Error::not_found("payment", &payment_id))?;
        Ok(Success(record.try_into()?))
    }

    async fn payments_capture(
        &self,
        context: Context,
        payment_id: String,
        body: CapturePayment,
    ) -> Result<Success<Payment>, Error> {
        let rules = |payment: Progress, payer: &Wallet, destination: Option<&Wallet>| {
            let next = payment.capture(body.amount)?;
            Ok((next, plan::capture(payer, destination, next.amount, next.captured)?))
        };
        self.advance(&context, &payment_id, None, |payment| Fact::PaymentCaptured(payment), rules).await
    }

    async fn payments_cancel(
        &self,
        context: Context,
        payment_id: String,
        body: CancelPayment,
    ) -> Result<Success<Payment>, Error> {
        let rules = |payment: Progress, payer: &Wallet, _: Option<&Wallet>| {
            let next = payment.cancel()?;
            Ok((next, plan::release(payer, next.amount)?))
        };
        self.advance(
            &context,
            &payment_id,
            body.reason.as_deref(),
            |payment| Fact::PaymentCanceled(payment),
            rules,
        )
        .await
    }

    async fn payments_refund(
        &self,
        context: Context,
        payment_id: String,
        body: RefundPayment,
    ) -> Result<Success<Payment>, Error> {
        let rules = |payment: Progress, payer: &Wallet, destination: Option<&Wallet>| {
            let next = payment.refund(body.amount)?;
            let amount = next.refunded.saturating_sub(payment.refunded);
            Ok((next, plan::refund(payer, destination, amount)?))
        };
        self.advance(
            &context,
            &payment_id,
            body.reason.as_deref(),
            |payment| Fact::PaymentRefunded(payment),
            rules,
        )
        .await
    }
}
