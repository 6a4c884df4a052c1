//! What happened to a wallet, read back: page by page, item by item, and as a file.

use waypost::{Client, types};

use crate::telling::{Telling, Trouble, check, money};

/// Reads the wallet's transactions and its statement.
pub(crate) async fn read_back(telling: &mut Telling, program: &Client, wallet: &str) -> Result<(), Trouble> {
    telling.chapter("What happened, read back page by page");

    let two_a_page = types::params::WalletsTransactionsParams::default().with_limit(2);
    let mut params = two_a_page.clone();
    let mut read = 0;
    loop {
        let page = program.wallets().transactions(wallet, &params).raw().await?;
        let amounts: Vec<_> = page.parsed.data.iter().map(|one| money(one.amount, &one.currency)).collect();
        read += amounts.len();
        telling.call("wallets.transactions", &page, amounts.join(", "));
        match page.into_parsed().next_cursor {
            Some(cursor) => params = params.with_cursor(cursor),
            None => break,
        }
    }

    // The same in one line: the SDK asks for the next page when it is wanted.
    let all = program.wallets().transactions(wallet, &two_a_page).items().collect().await?;
    telling
        .note(format_args!("`.items()` goes through the same pages by itself: {} transactions.", all.len()));
    check(all.len() == 5 && read == 5, "one credit and four transfers are listed, each once")?;

    let csv = types::params::WalletsStatementParams::default().with_format(types::StatementFormat::Csv);
    let statement = program.wallets().statement(wallet, &csv).await?;
    let (status, attempts) = (statement.status(), statement.attempts().to_vec());
    let text = statement.bytes().await?;
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    telling.line(
        "wallets.statement",
        Some(status),
        &attempts,
        format_args!("CSV, streamed: {lines} lines, the first a heading"),
    );
    check(lines == 6, "the statement has a heading and five transactions")
}
