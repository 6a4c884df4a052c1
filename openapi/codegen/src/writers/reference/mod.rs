//! The reference: the contract as it is served, and one page to read it on.
//!
//! `openapi.yaml` is the spec as written with the snippet of every language beside each operation (`x-codeSamples`).
//! `index.html` is one file with no links to anything: it works without a network, without JavaScript (then nothing filters and
//! every language is shown) and on paper. All text of the spec goes through maud, which escapes it, or through [`markdown`], which
//! lets no HTML of the author's through.

mod contract;
mod highlight;
mod markdown;
mod operation;
mod page;
mod schema;
#[cfg(test)]
mod tests;

use indexmap::IndexMap;

use super::samples::{self, Sample};
use super::{Context, Error, File};
use crate::model::Api;

const WRITER: &str = "reference";

/// The snippets of every operation, by its id.
type Samples<'a> = IndexMap<&'a str, Vec<Sample>>;

/// Writes `openapi.yaml` and `index.html`.
pub fn write(api: &Api, context: &Context<'_>) -> Result<Vec<File>, Error> {
    let samples: Samples<'_> = api
        .operations()
        .map(|operation| Ok((operation.id.as_str(), samples::of(api, context, operation)?)))
        .collect::<Result<_, Error>>()?;
    Ok(vec![
        File::new("openapi.yaml", contract::write(context, &samples)?),
        File::new("index.html", page::write(api, context, &samples)),
    ])
}
