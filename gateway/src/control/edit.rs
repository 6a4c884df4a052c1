//! A change through the API: read, changed, compiled, committed, carried out. The database's one writer makes it one step over all processes.

use serde::Serialize;
use waypost_proxy::config::{Fault, Level};
use waypost_types::ConfigChange;

use super::layers::{ApiLayer, Kind};
use super::{Compiled, Revision, Source, View, faults, storage};
use crate::Gateway;
use crate::events::{self, Fact};
use crate::http::{Context, Error};
use crate::store::{StoreError, System};

/// Who changes something, for the record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Author<'a> {
    /// A user, or the command that does it.
    pub(crate) name: &'a str,
    pub(crate) request_id: Option<&'a str>,
}

/// What is to be changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) kind: Kind,
    pub(crate) name: &'a str,
    /// `create`, `update`, `delete`, `put`: for the record.
    pub(crate) verb: &'static str,
}

impl Gateway {
    /// Changes one part. `edit` changes the layer and may refuse; `answer` makes the answer of what will hold.
    pub(crate) async fn change_part<T: Serialize>(
        &self,
        context: &Context,
        change: Change<'_>,
        edit: impl FnOnce(&mut ApiLayer, i64) -> Result<(), Error> + Send,
        answer: impl FnOnce(&View) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        self.change_config(
            context,
            Some(change),
            |_| Ok(()),
            |layer, view, now| {
                managed_by_file(view, change.kind, change.name)?;
                edit(layer, now)
            },
            |compiled, before| accept(change, compiled, before),
            answer,
        )
        .await
    }

    /// Changes the layer, a part of it or as a whole. `permit` looks at the revision first, `accept` at what would hold.
    pub(crate) async fn change_config<T: Serialize>(
        &self,
        context: &Context,
        part: Option<Change<'_>>,
        permit: impl FnOnce(&Revision) -> Result<(), Error> + Send,
        edit: impl FnOnce(&mut ApiLayer, &View, i64) -> Result<(), Error> + Send,
        accept: impl FnOnce(&Compiled, &Compiled) -> Result<(), Error> + Send,
        answer: impl FnOnce(&View) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        let identity = context.identity()?;
        let action = part.map_or_else(
            || "apply".to_owned(),
            |change| format!("{} {} {}", change.verb, change.kind.name(), change.name),
        );
        let author = Author { name: &identity.user_id, request_id: Some(context.request_id()) };
        let mut tx = self.store.begin_system_for(context, System::DataPlane).await?;
        let before = storage::parts(tx.connection()).await?;
        let revision = storage::revision(tx.connection()).await?;
        permit(&revision)?;
        let mut after = before.clone();
        let view = self.control.view();
        edit(&mut after, &view, tx.now())?;
        let compiled = view.with(&after);
        accept(&compiled, &view.with(&before))?;
        let revision = storage::save(&mut tx, &before, &after, revision.number, author, &action).await?;
        let mut draft = (*view).clone();
        draft.api = after.clone().into();
        draft.revision = revision.clone();
        draft.config = compiled.config.into();
        draft.clashes = compiled.clashes.into();
        let answer = answer(&draft)?;
        let mut tx = tx.in_tenant(identity.tenant_id.as_str());
        let told = ConfigChange {
            name: part.map(|change| change.name.to_owned()),
            ..ConfigChange::new(revision.number, action.as_str())
        };
        let fact = match part.map(|change| change.kind) {
            Some(Kind::Service) => Fact::ServiceChanged(&told),
            Some(Kind::Route) => Fact::RouteChanged(&told),
            Some(Kind::Tier) => Fact::LimitChanged(&told),
            None => Fact::ConfigChanged(&told),
        };
        events::record(&mut tx, context, fact).await?;
        tx.commit(&answer).await?;
        tracing::info!(
            revision = revision.number,
            user = %identity.user_id,
            credential = %identity.credential_id,
            request_id = %context.request_id(),
            action,
            "the data plane's configuration was changed"
        );
        self.control.adopt(after, revision, self.proxy().ok().as_ref());
        Ok(answer)
    }

    /// Takes over what other processes changed.
    pub(crate) async fn follow_config(&self) -> Result<(), StoreError> {
        let known = self.control.view().revision.number;
        if storage::revision(self.store.system(System::DataPlane)).await?.number <= known {
            return Ok(());
        }
        // Both from one connection and in this order: parts that are newer than their revision are adopted again with the next.
        let revision = storage::revision(self.store.system(System::DataPlane)).await?;
        let parts = storage::parts(self.store.system(System::DataPlane)).await?;
        self.control.adopt(parts, revision, self.proxy().ok().as_ref());
        Ok(())
    }
}

/// 409 for what the file defines.
pub(crate) fn managed_by_file(view: &View, kind: Kind, name: &str) -> Result<(), Error> {
    match (view.source(kind, name), view.file_name()) {
        (Some(Source::File), Some(file)) => Err(Error::conflict(
            "managed_by_file",
            format!("The {} `{name}` is defined by the file {file}. Change it there.", kind.name()),
        )),
        _ => Ok(()),
    }
}

/// Whether what would hold is what is wanted: the changed part, and everything else that held before.
fn accept(change: Change<'_>, compiled: &Compiled, before: &Compiled) -> Result<(), Error> {
    let errors: Vec<Fault> =
        compiled.faults.iter().filter(|fault| fault.level == Level::Error).cloned().collect();
    if !errors.is_empty() {
        return Err(faults::invalid(&errors, 0));
    }
    let own = |clash: &&super::Clash| clash.kind == change.kind && clash.name == change.name;
    if let Some(clash) = compiled.clashes.iter().find(own) {
        // `services.orders`, `routes[3]`, `limits.tiers.partner`: what the body is about begins behind it.
        let depth = if change.kind == Kind::Tier { 3 } else { 2 };
        return Err(faults::invalid(&clash.faults, depth));
    }
    let broken: Vec<_> = compiled
        .clashes
        .iter()
        .filter(|clash| {
            !before.clashes.iter().any(|known| (known.kind, &known.name) == (clash.kind, &clash.name))
        })
        .map(|clash| format!("{} `{}`", clash.kind.name(), clash.name))
        .collect();
    if broken.is_empty() {
        return Ok(());
    }
    let detail = format!("It is needed by the {}. Change that first.", broken.join(", "));
    Err(Error::conflict("in_use", detail))
}
