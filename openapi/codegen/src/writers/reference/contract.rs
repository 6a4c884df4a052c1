//! The served contract: the spec's own text, its comments and order untouched, with `x-codeSamples` under each `operationId`.
//!
//! Lines are put in rather than the document written anew, so that a reader finds the file that was reviewed. What comes out is
//! read again and compared with what it must mean; a spec whose style leaves no line to put them at (flow style, JSON) is served
//! as JSON, which is YAML as well.

use serde_json::{Map, Value, json};

use super::{Samples, WRITER};
use crate::load::{escape, load};
use crate::writers::samples::Sample;
use crate::writers::{Context, Error};

const KEY: &str = "x-codeSamples";

/// Writes it.
pub(super) fn write(context: &Context<'_>, samples: &Samples<'_>) -> Result<String, Error> {
    let meant = with_samples(context.document, samples);
    if let Some(text) = spliced(context, samples)
        && load(&text).is_ok_and(|document| document.value == meant)
    {
        return Ok(text);
    }
    let json = serde_json::to_string_pretty(&meant).map_err(|error| Error::new(WRITER, error))?;
    Ok(format!("# {}\n{json}\n", context.header()))
}

/// The document as it must be.
fn with_samples(document: &Value, samples: &Samples<'_>) -> Value {
    let mut document = document.clone();
    for (_, operation) in operations_mut(&mut document) {
        let Some(samples) = operation
            .get("operationId")
            .and_then(Value::as_str)
            .and_then(|id| samples.get(id).filter(|samples| !samples.is_empty()))
        else {
            continue;
        };
        let samples =
            samples.iter().map(|s| json!({ "lang": s.lang, "label": s.label, "source": s.source })).collect();
        operation.insert(KEY.into(), samples);
    }
    document
}

fn operations_mut(document: &mut Value) -> impl Iterator<Item = (&String, &mut Map<String, Value>)> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    paths
        .filter_map(|(_, item)| item.as_object_mut())
        .flatten()
        .filter_map(|(method, operation)| Some((method, operation.as_object_mut()?)))
}

/// The text with the lines put in; none if an operation has no line of its own for its id.
fn spliced(context: &Context<'_>, samples: &Samples<'_>) -> Option<String> {
    let document = load(context.spec_text).ok()?;
    let lines: Vec<&str> = context.spec_text.lines().collect();
    let mut insertions: Vec<(usize, String)> = Vec::new();
    for (path, item) in document.value.get("paths")?.as_object()? {
        for (method, operation) in item.as_object()? {
            let Some(samples) = operation
                .get("operationId")
                .and_then(Value::as_str)
                .and_then(|id| samples.get(id).filter(|samples| !samples.is_empty()))
            else {
                continue;
            };
            let pointer = format!("/paths/{}/{}/operationId", escape(path), escape(method));
            let number = document.place(&pointer).line;
            let line = lines.get(number.checked_sub(1)?)?;
            let indent = line.get(..line.len() - line.trim_start().len())?;
            line.trim_start().strip_prefix("operationId:")?;
            insertions.push((number, block(indent, samples)));
        }
    }
    insertions.sort_by_key(|(number, _)| *number);
    let mut insertions = insertions.into_iter().peekable();
    let mut output = format!("# {}\n", context.header());
    for (index, line) in lines.iter().enumerate() {
        output.push_str(line);
        output.push('\n');
        while let Some((_, block)) = insertions.next_if(|(number, _)| *number == index + 1) {
            output.push_str(&block);
        }
    }
    Some(output)
}

fn block(indent: &str, samples: &[Sample]) -> String {
    let mut text = format!("{indent}{KEY}:\n");
    for Sample { lang, label, source } in samples {
        text.push_str(&format!("{indent}- lang: {lang}\n{indent}  label: {label}\n{indent}  source: |-\n"));
        for line in source.lines() {
            if !line.is_empty() {
                text.push_str(&format!("{indent}    {line}"));
            }
            text.push('\n');
        }
    }
    text
}
