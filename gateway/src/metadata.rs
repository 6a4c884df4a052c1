//! Metadata: the caller's own notes on a wallet, a transaction or a payment, on their way into the database.
//!
//! The contract bounds how many names there are and how long the texts; OpenAPI 3.0 cannot bound the names. Without a bound a
//! note may be as large as a request, and a page of a hundred of them as large as the memory.

use waypost_types::Metadata;

use crate::http::{Error, FieldError};
use crate::store::StoreError;

/// Longest name in characters.
const LONGEST_NAME: usize = 64;

/// The JSON text to store, or each name that is not 1 to 64 characters long.
pub(crate) fn to_json(metadata: Option<&Metadata>) -> Result<Option<String>, Error> {
    let Some(metadata) = metadata else { return Ok(None) };
    let fits = |name: &str| !name.is_empty() && name.chars().count() <= LONGEST_NAME;
    let wrong: Vec<_> = metadata.keys().filter(|name| !fits(name)).map(|name| wrong_name(name)).collect();
    if !wrong.is_empty() {
        return Err(Error::invalid(wrong));
    }
    Ok(Some(serde_json::to_string(metadata).map_err(StoreError::from)?))
}

fn wrong_name(name: &str) -> FieldError {
    FieldError {
        pointer: format!("/metadata/{}", name.replace('~', "~0").replace('/', "~1")),
        code: "name".into(),
        detail: format!("must have a name of 1 to {LONGEST_NAME} characters"),
    }
}
