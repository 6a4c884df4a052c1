//! More calls at once than the gateway allows. The SDK waits as long as the gateway says and asks again; the program only sees answers.

use std::time::Duration;

use futures_util::future::try_join_all;
use waypost::engine::Cause;
use waypost::{Attempt, Client};

use crate::telling::{Telling, Trouble, check};

/// How many calls are made at once.
const AT_ONCE: usize = 40;
/// How often that is tried before it is said that there is no limit here.
const BURSTS: usize = 5;

/// Makes calls until some are refused with 429, and shows that all of them were answered in the end.
pub(crate) async fn meet_and_recover(
    telling: &mut Telling,
    program: &Client,
    wallet: &str,
) -> Result<(), Trouble> {
    telling.chapter("A rate limit, met and recovered from");
    // A gateway with its default limits counts by the minute, so recovering may take that long, and more than one try.
    let patient = program.with_options(|options| {
        options.max_retries = 10;
        options.deadline = Duration::from_secs(180);
    })?;

    for _ in 0..BURSTS {
        let answers = try_join_all((0..AT_ONCE).map(|_| patient.wallets().get(wallet).raw())).await?;
        check(answers.iter().all(|answer| answer.parsed.id == wallet), "every read answers with the wallet")?;
        let calls = || answers.iter().map(|answer| answer.attempts.as_slice());
        let refused = calls().filter(|attempts| attempts.iter().any(was_limited)).count();
        let Some(slowest) = answers.iter().max_by_key(|answer| answer.elapsed()).filter(|_| refused > 0)
        else {
            telling.count(calls());
            continue;
        };
        telling.call("wallets.get", slowest, format_args!("the slowest of {AT_ONCE} reads at once"));
        telling.count(calls().skip(1));
        telling.note(format_args!(
            "{refused} of {AT_ONCE} were refused with 429, waited as `Retry-After` told, and were answered then; the slowest after {:.1} s.",
            slowest.elapsed().as_secs_f64()
        ));
        return Ok(());
    }
    telling.note(format_args!(
        "{} reads, and none was refused: this caller has no limit here.",
        AT_ONCE * BURSTS
    ));
    Ok(())
}

fn was_limited(attempt: &Attempt) -> bool {
    attempt.cause == Some(Cause::Status) && attempt.status == Some(429)
}
