//! Transactions as CSV (RFC 4180) that is safe to open in a spreadsheet.
//!
//! A text that begins with `=`, `+`, `-`, `@`, a tab or a line break is a formula to a spreadsheet, and descriptions are
//! written by whoever pays; such a text gets an apostrophe in front (OWASP, "CSV Injection"). Where the comma is the decimal
//! sign, spreadsheets split at semicolons instead, so what follows one is the beginning of a text as well. Numbers are ours and stay.

use std::borrow::Cow;

use super::storage::Record;
use crate::store::clock::to_rfc3339;

const HEADER: [&str; 10] = [
    "id",
    "created_at",
    "type",
    "amount",
    "currency",
    "balance_after",
    "available_after",
    "counterpart_wallet_id",
    "payment_id",
    "description",
];

/// The rows as CSV lines, after a header line if `header`.
pub(super) fn write(records: &[Record], header: bool) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    if header {
        writer.write_record(HEADER)?;
    }
    for record in records {
        writer.write_record([
            record.id.as_str(),
            &to_rfc3339(record.created_at),
            &record.kind,
            &record.amount.to_string(),
            &record.currency,
            &record.balance_after.to_string(),
            &record.available_after.to_string(),
            record.counterpart_wallet_id.as_deref().unwrap_or_default(),
            record.payment_id.as_deref().unwrap_or_default(),
            &harmless(record.description.as_deref().unwrap_or_default()),
        ])?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

fn harmless(text: &str) -> Cow<'_, str> {
    let is_formula = |cell: &str| cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if !text.split(';').any(is_formula) {
        return Cow::Borrowed(text);
    }
    let cells = text.split(';').map(|cell| match is_formula(cell) {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    });
    Cow::Owned(cells.collect::<Vec<_>>().join(";"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(description: &str) -> String {
        let record = Record {
            id: "txn_1".to_owned(),
            wallet_id: "wal_1".to_owned(),
            entry_id: "ent_1".to_owned(),
            kind: "debit".to_owned(),
            amount: -1500,
            currency: "EUR".to_owned(),
            balance_after: 8500,
            available_after: 8500,
            counterpart_wallet_id: None,
            payment_id: None,
            description: Some(description.to_owned()),
            metadata: None,
            created_at: 0,
        };
        String::from_utf8(write(&[record], false).unwrap()).unwrap()
    }

    #[test]
    fn a_row_has_the_columns_of_the_header() {
        assert_eq!(line("Cash"), "txn_1,1970-01-01T00:00:00.000000Z,debit,-1500,EUR,8500,8500,,,Cash\r\n");
        assert_eq!(write(&[], true).unwrap().split(|byte| *byte == b',').count(), 10);
    }

    #[test]
    fn a_text_that_a_spreadsheet_would_run_gets_an_apostrophe() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert!(line(formula).contains(&format!("'{formula}")), "{formula:?}");
        }
        assert!(line("rent;=1+1;x").contains("rent;'=1+1;x"), "where semicolons part the cells");
    }

    #[test]
    fn commas_quotes_and_line_breaks_stay_in_their_field() {
        assert!(line("a,b \"c\"\r\nd").ends_with(",\"a,b \"\"c\"\"\r\nd\"\r\n"));
    }
}
