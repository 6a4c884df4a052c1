//! The streamed statement of a wallet: any length in constant memory, and one moment's view.
//!
//! It is read in pages by key, each on a reader of its own, so that a slow client neither keeps a connection nor stops
//! the write-ahead log from being written back. What the ledger holds at the start is fixed by the place where it ends
//! then; rows never change and times only grow, so later movements lie behind that place.

use axum::body::{Body, Bytes};
use futures_util::stream;
use waypost_types::params::WalletsStatementParams;
use waypost_types::{StatementFormat, Transaction};

use super::storage::{self, Record};
use crate::http::{Context, Error, FieldError};
use crate::store::cursor::Position;
use crate::store::list::time;
use crate::store::{Store, StoreError};

/// Rows that are in memory at once.
const ROWS: i64 = 500;

/// What a client asked for, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) format: Format,
    from: Option<i64>,
    to: Option<i64>,
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    JsonLines,
    Csv,
}

impl Format {
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::JsonLines => "application/x-ndjson",
            Self::Csv => "text/csv",
        }
    }

    fn write(self, records: Vec<Record>, first: bool) -> Result<Vec<u8>, Error> {
        match self {
            Self::Csv => super::csv::write(&records, first).map_err(Error::internal),
            Self::JsonLines => {
                let mut lines = Vec::with_capacity(records.len() * 300);
                for record in records {
                    let transaction = Transaction::try_from(record)?;
                    serde_json::to_writer(&mut lines, &transaction).map_err(StoreError::from)?;
                    lines.push(b'\n');
                }
                Ok(lines)
            }
        }
    }
}

impl Request {
    pub(crate) fn new(params: &WalletsStatementParams) -> Result<Self, Error> {
        let format = match params.format.as_ref().map(StatementFormat::as_str) {
            None | Some("jsonl") => Format::JsonLines,
            Some("csv") => Format::Csv,
            Some(other) => {
                return Err(wrong(
                    "query:format",
                    "enum",
                    format!("`{other}` is neither `jsonl` nor `csv`."),
                ));
            }
        };
        let from = time("from", params.from.as_deref())?;
        let to = time("to", params.to.as_deref())?;
        if let (Some(from), Some(to)) = (from, to)
            && to <= from
        {
            return Err(wrong("query:to", "range", "`to` must be later than `from`.".to_owned()));
        }
        Ok(Self { format, from, to })
    }
}

fn wrong(pointer: &str, code: &'static str, detail: String) -> Error {
    Error::invalid(vec![FieldError { pointer: pointer.to_owned(), code: code.into(), detail }])
}

struct Progress {
    store: Store,
    context: Context,
    wallet_id: String,
    format: Format,
    after: Position,
    last: Position,
    first: bool,
    done: bool,
}

/// The body. Of a wallet that is not the caller's it has no line.
pub(crate) async fn body(
    store: &Store,
    context: &Context,
    wallet_id: String,
    request: &Request,
) -> Result<Body, Error> {
    // `to` is the first moment that is not wanted any more, and the empty id sorts before every id.
    let nowhere = Position { created_at: i64::MIN, id: String::new() };
    let end = storage::newest(store.tenant(context)?, &wallet_id).await?.unwrap_or_else(|| nowhere.clone());
    let last = match request.to {
        Some(to) if to <= end.created_at => Position { created_at: to, id: String::new() },
        _ => end,
    };
    let after = request.from.map_or(nowhere, |from| Position { created_at: from, id: String::new() });
    let progress = Progress {
        store: store.clone(),
        context: context.clone(),
        wallet_id,
        format: request.format,
        after,
        last,
        first: true,
        done: false,
    };
    Ok(Body::from_stream(stream::try_unfold(progress, step)))
}

async fn step(mut progress: Progress) -> Result<Option<(Bytes, Progress)>, Error> {
    if progress.done {
        return Ok(None);
    }
    let Progress { store, context, wallet_id, after, last, .. } = &progress;
    let records = storage::next(store.tenant(context)?, wallet_id, after, last, ROWS).await?;
    progress.done = i64::try_from(records.len()).unwrap_or(ROWS) < ROWS;
    if let Some(record) = records.last() {
        progress.after = Position { created_at: record.created_at, id: record.id.clone() };
    }
    let chunk = progress.format.write(records, progress.first)?;
    progress.first = false;
    Ok(Some((Bytes::from(chunk), progress)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(from: &str, to: &str) -> WalletsStatementParams {
        WalletsStatementParams::default().with_from(from).with_to(to)
    }

    #[test]
    fn a_period_must_have_a_length() {
        for (from, to) in [
            ("2026-11-22T09:00:00Z", "2026-11-22T09:00:00Z"),
            ("2026-11-22T09:00:00Z", "2026-11-22T10:00:00+02:00"),
        ] {
            assert_eq!(Request::new(&params(from, to)).unwrap_err().fields[0].pointer, "query:to");
        }
        assert!(Request::new(&params("2026-11-22T09:00:00Z", "2026-11-22T09:00:00.000001Z")).is_ok());
    }

    #[test]
    fn json_lines_are_the_default_and_an_unknown_format_is_refused() {
        assert_eq!(Request::new(&WalletsStatementParams::default()).unwrap().format, Format::JsonLines);
        let csv = WalletsStatementParams::default().with_format(StatementFormat::Csv);
        assert_eq!(Request::new(&csv).unwrap().format.media_type(), "text/csv");
        let xml = WalletsStatementParams::default().with_format(StatementFormat::from("xml"));
        assert_eq!(Request::new(&xml).unwrap_err().fields[0].pointer, "query:format");
    }
}
