//! The operations of `claims`.

use waypost_types::params::ClaimsListParams;
use waypost_types::{ApproveClaim, Claim, ClaimPage, ClaimStatus, RejectClaim, SubmitClaim};

use super::rules::{self, Status};
use super::storage::{self, Filter, Record};
use crate::Gateway;
use crate::events::{self, Fact};
use crate::generated::{ClaimsApi, Created, Success};
use crate::http::{Context, Error};
use crate::ledger::plan;
use crate::ledger::storage::{Note, post, wallet};
use crate::medcards::storage as medcards;
use crate::metadata;
use crate::secrets::id;
use crate::store::clock::to_rfc3339;
use crate::store::cursor::Scope;
use crate::store::list::Window;
use crate::store::{StoreError, WriteTx};

impl TryFrom<Record> for Claim {
    type Error = StoreError;

    fn try_from(record: Record) -> Result<Self, StoreError> {
        let metadata = record.metadata.as_deref().map(serde_json::from_str).transpose()?;
        Ok(Self {
            provider_name: record.provider_name,
            description: record.description,
            payout_wallet_id: record.payout_wallet_id,
            transaction_id: record.transaction_id,
            decision_reason: record.decision_reason,
            decided_at: record.decided_at.map(to_rfc3339),
            metadata,
            ..Self::new(
                record.id,
                ClaimStatus::from(record.status.as_str()),
                record.medcard_id,
                record.amount,
                record.approved,
                record.currency,
                to_rfc3339(record.created_at),
                to_rfc3339(record.updated_at),
            )
        })
    }
}

async fn claim_of(tx: &mut WriteTx, claim_id: &str) -> Result<Record, Error> {
    storage::find(tx, claim_id).await?.ok_or_else(|| Error::not_found("claim", claim_id))
}

async fn card_of(tx: &mut WriteTx, medcard_id: &str) -> Result<medcards::Record, Error> {
    medcards::find(tx, medcard_id).await?.ok_or_else(|| Error::not_found("medcard", medcard_id))
}

/// Credits what was approved to the claim's wallet, if it names one. Answers the transaction.
async fn pay_out(tx: &mut WriteTx, claim: &Record) -> Result<Option<String>, Error> {
    let Some(wallet_id) = claim.payout_wallet_id.as_deref() else { return Ok(None) };
    let found = wallet(tx, wallet_id).await?.ok_or_else(|| Error::not_found("wallet", wallet_id))?;
    let note = Note { description: claim.description.as_deref(), ..Note::default() };
    let entry = post(tx, plan::credit(&found, claim.approved)?, note).await?;
    Ok(entry.lines.into_iter().next().map(|line| line.id))
}

impl Gateway {
    /// The end of `claims_approve` and `claims_reject`.
    async fn decide(
        &self,
        context: &Context,
        mut tx: WriteTx,
        mut claim: Record,
        fact: fn(&Claim) -> Fact<'_>,
    ) -> Result<Success<Claim>, Error> {
        claim.decided_at = Some(tx.now());
        claim.updated_at = tx.now();
        storage::decide(&mut tx, &claim).await?;
        let answer = Claim::try_from(claim)?;
        events::record(&mut tx, context, fact(&answer)).await?;
        tx.commit(&answer).await?;
        Ok(Success(answer))
    }
}

impl ClaimsApi<Context, Error> for Gateway {
    async fn claims_submit(&self, context: Context, body: SubmitClaim) -> Result<Created<Claim>, Error> {
        let metadata = metadata::to_json(body.metadata.as_ref())?;
        let mut tx = self.store.begin(&context).await?;
        let card = card_of(&mut tx, &body.medcard_id).await?;
        card.cover.takes_claims(tx.now())?;
        if let Some(wallet_id) = &body.payout_wallet_id {
            let found =
                wallet(&mut tx, wallet_id).await?.ok_or_else(|| Error::not_found("wallet", wallet_id))?;
            if found.currency != card.currency {
                let detail =
                    format!("The card covers {}, the wallet holds {}.", card.currency, found.currency);
                return Err(Error::unprocessable("currency_mismatch", detail));
            }
        }
        let claim = Record {
            id: id::new("clm"),
            status: Status::Submitted,
            medcard_id: card.id,
            amount: body.amount,
            approved: 0,
            currency: card.currency,
            provider_name: body.provider_name,
            description: body.description,
            payout_wallet_id: body.payout_wallet_id,
            transaction_id: None,
            decision_reason: None,
            decided_at: None,
            metadata,
            created_at: tx.now(),
            updated_at: tx.now(),
        };
        storage::insert(&mut tx, &claim).await?;
        let answer = Claim::try_from(claim)?;
        events::record(&mut tx, &context, Fact::ClaimSubmitted(&answer)).await?;
        tx.commit(&answer).await?;
        Ok(Created(answer))
    }

    async fn claims_list(
        &self,
        context: Context,
        params: ClaimsListParams,
    ) -> Result<Success<ClaimPage>, Error> {
        let tenant = self.store.tenant(&context)?;
        let statuses: Vec<&str> = params.status.iter().map(ClaimStatus::as_str).collect();
        let scope = Scope::new("claims")
            .with(Some(tenant.tenant_id()))
            .with(Some(&statuses.join(",")))
            .with(params.medcard_id.as_deref());
        let window = Window::new(
            scope,
            params.limit,
            params.cursor.as_deref(),
            params.created_after.as_deref(),
            params.created_before.as_deref(),
        )?;
        let filter = Filter { statuses: &statuses, medcard_id: params.medcard_id.as_deref() };
        let page = storage::list(tenant, filter, &window).await?;
        let data = page.rows.into_iter().map(Claim::try_from).collect::<Result<Vec<_>, _>>()?;
        let has_more = page.next_cursor.is_some();
        Ok(Success(ClaimPage { data, next_cursor: page.next_cursor, has_more, ..ClaimPage::default() }))
    }

    async fn claims_get(&self, context: Context, claim_id: String) -> Result<Success<Claim>, Error> {
        let record = storage::find(self.store.tenant(&context)?, &claim_id).await?;
        Ok(Success(record.ok_or_else(|| Error::not_found("claim", &claim_id))?.try_into()?))
    }

    async fn claims_approve(
        &self,
        context: Context,
        claim_id: String,
        body: ApproveClaim,
    ) -> Result<Success<Claim>, Error> {
        let mut tx = self.store.begin(&context).await?;
        let mut claim = claim_of(&mut tx, &claim_id).await?;
        claim.approved = rules::approve(claim.status, claim.amount, body.amount)?;
        claim.status = Status::Approved;
        let card = card_of(&mut tx, &claim.medcard_id).await?;
        let covered = card.cover.cover(claim.approved)?;
        medcards::set_covered(&mut tx, &claim.medcard_id, covered).await?;
        claim.transaction_id = pay_out(&mut tx, &claim).await?;
        claim.decision_reason = body.reason;
        self.decide(&context, tx, claim, |claim| Fact::ClaimApproved(claim)).await
    }

    async fn claims_reject(
        &self,
        context: Context,
        claim_id: String,
        body: RejectClaim,
    ) -> Result<Success<Claim>, Error> {
        let mut tx = self.store.begin(&context).await?;
        let mut claim = claim_of(&mut tx, &claim_id).await?;
        rules::undecided(claim.status)?;
        claim.status = Status::Rejected;
        claim.decision_reason = Some(body.reason);
        self.decide(&context, tx, claim, |claim| Fact::ClaimRejected(claim)).await
    }
}
