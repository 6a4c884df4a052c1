//! A route as the API shows it.

use serde_json::Value;
use waypost_types::Route;

use crate::configuration::rules::hide;
use crate::control::{Kind, Source, View, form};
use crate::http::Error;
use crate::store::clock::to_rfc3339;

/// A route of this name, if it is there.
pub(super) fn route(view: &View, name: &str) -> Result<Option<Route>, Error> {
    let Some(written) = view.config.routes.iter().find(|route| route.name == name) else { return Ok(None) };
    let mut shown = form::shown(written)?;
    let source = view.source(Kind::Route, name);
    if source == Some(Source::File) {
        // The file may have them from the environment, which is not the API's to show.
        shown.values_mut().for_each(|field| hide(field, ""));
    }
    if let Some(source) = source {
        shown.insert("source".to_owned(), source.name().into());
    }
    if let Some(record) = view.api.find(Kind::Route, name) {
        shown.insert("created_at".to_owned(), to_rfc3339(record.created_at).into());
        shown.insert("updated_at".to_owned(), to_rfc3339(record.updated_at).into());
    }
    serde_json::from_value(Value::Object(shown)).map(Some).map_err(Error::internal)
}
