//! The operations of `medcards`.

use waypost_types::params::MedcardsListParams;
use waypost_types::{IssueMedcard, Medcard, MedcardPage, MedcardStatus, UpdateMedcardStatus};

use super::rules::{Cover, Status};
use super::storage::{self, Author, Filter, Record};
use crate::Gateway;
use crate::events::{self, Fact};
use crate::generated::{Created, MedcardsApi, Success};
use crate::http::{Context, Error, FieldError};
use crate::metadata;
use crate::secrets::id;
use crate::store::StoreError;
use crate::store::clock::{from_rfc3339, to_rfc3339};
use crate::store::cursor::Scope;
use crate::store::list::Window;
use crate::wallets::listed_currency;

impl TryFrom<Record> for Medcard {
    type Error = StoreError;

    fn try_from(record: Record) -> Result<Self, StoreError> {
        let metadata = record.metadata.as_deref().map(serde_json::from_str).transpose()?;
        Ok(Self {
            holder_reference: record.holder_reference,
            valid_until: record.cover.valid_until.map(to_rfc3339),
            metadata,
            ..Self::new(
                record.id,
                MedcardStatus::from(record.cover.status.as_str()),
                record.holder_name,
                record.plan,
                record.currency,
                record.cover.limit,
                record.cover.covered,
                to_rfc3339(record.created_at),
                to_rfc3339(record.updated_at),
            )
        })
    }
}

fn no_card(medcard_id: &str) -> Error {
    Error::not_found("medcard", medcard_id)
}

fn wrong(pointer: &str, code: &'static str, detail: String) -> Error {
    Error::invalid(vec![FieldError { pointer: pointer.to_owned(), code: code.into(), detail }])
}

/// Until when the card is to be valid, which is not over at `now`.
fn end_of(valid_until: Option<&str>, now: i64) -> Result<Option<i64>, Error> {
    let Some(text) = valid_until else { return Ok(None) };
    match from_rfc3339(text) {
        Some(end) if end > now => Ok(Some(end)),
        _ => Err(wrong("/valid_until", "future", format!("`{text}` is not in the future."))),
    }
}

impl MedcardsApi<Context, Error> for Gateway {
    async fn medcards_issue(&self, context: Context, body: IssueMedcard) -> Result<Created<Medcard>, Error> {
        listed_currency(&body.currency)?;
        let metadata = metadata::to_json(body.metadata.as_ref())?;
        let mut tx = self.store.begin(&context).await?;
        let card = Record {
            id: id::new("med"),
            cover: Cover {
                status: Status::Active,
                limit: body.coverage_limit,
                covered: 0,
                valid_until: end_of(body.valid_until.as_deref(), tx.now())?,
            },
            holder_name: body.holder_name,
            holder_reference: body.holder_reference,
            plan: body.plan,
            currency: body.currency,
            metadata,
            created_at: tx.now(),
            updated_at: tx.now(),
        };
        storage::insert(&mut tx, &card).await?;
        let answer = Medcard::try_from(card)?;
        events::record(&mut tx, &context, Fact::MedcardIssued(&answer)).await?;
        tx.commit(&answer).await?;
        Ok(Created(answer))
    }

    async fn medcards_list(
        &self,
        context: Context,
        params: MedcardsListParams,
    ) -> Result<Success<MedcardPage>, Error> {
        let tenant = self.store.tenant(&context)?;
        let statuses: Vec<&str> = params.status.iter().map(MedcardStatus::as_str).collect();
        let scope = Scope::new("medcards")
            .with(Some(tenant.tenant_id()))
            .with(Some(&statuses.join(",")))
            .with(params.holder_reference.as_deref());
        let window = Window::new(
            scope,
            params.limit,
            params.cursor.as_deref(),
            params.created_after.as_deref(),
            params.created_before.as_deref(),
        )?;
        let filter = Filter { statuses: &statuses, holder_reference: params.holder_reference.as_deref() };
        let page = storage::list(tenant, filter, &window).await?;
        let data = page.rows.into_iter().map(Medcard::try_from).collect::<Result<Vec<_>, _>>()?;
        let has_more = page.next_cursor.is_some();
        Ok(Success(MedcardPage { data, next_cursor: page.next_cursor, has_more, ..MedcardPage::default() }))
    }

    async fn medcards_get(&self, context: Context, medcard_id: String) -> Result<Success<Medcard>, Error> {
        let record = storage::find(self.store.tenant(&context)?, &medcard_id).await?;
        Ok(Success(record.ok_or_else(|| no_card(&medcard_id))?.try_into()?))
    }

    async fn medcards_update_status(
        &self,
        context: Context,
        medcard_id: String,
        body: UpdateMedcardStatus,
    ) -> Result<Success<Medcard>, Error> {
        let asked = Status::parse(body.status.as_str()).ok_or_else(|| {
            wrong("/status", "enum", "A card is `active`, `suspended` or `revoked`.".to_owned())
        })?;
        let identity = context.identity()?;
        let mut tx = self.store.begin(&context).await?;
        let mut card = storage::find(&mut tx, &medcard_id).await?.ok_or_else(|| no_card(&medcard_id))?;
        let changed = card.cover.change(asked)?;
        if let Some(status) = changed {
            let author = Author {
                user_id: &identity.user_id,
                request_id: context.request_id(),
                reason: body.reason.as_deref(),
            };
            storage::set_status(&mut tx, &medcard_id, status, author).await?;
            card.cover.status = status;
            card.updated_at = tx.now();
        }
        let answer = Medcard::try_from(card)?;
        if changed.is_some() {
            events::record(&mut tx, &context, Fact::MedcardStatusChanged(&answer)).await?;
        }
        tx.commit(&answer).await?;
        Ok(Success(answer))
    }
}
