//! One story, told with the Rust SDK as a user of it would write it: an account and a key, two wallets and the money that moves between
//! them, a payment, errors that say what is wrong, a rate limit, and a connection that breaks at the worst moment.
//!
//! It needs a gateway: `WAYPOST_BASE_URL=http://127.0.0.1:8080 cargo run -p waypost-example`, or `make demo`, which starts one.
//! It makes an account of its own, so it can be run again on the same gateway. It exits with 0 if everything went as told; if not, with 1 and
//! a line that says what did not.

mod chapters;
mod gateway_address;
mod relay;
mod telling;

use std::process::ExitCode;

use waypost::Client;

use crate::telling::{Telling, Trouble};

#[tokio::main]
async fn main() -> ExitCode {
    match tell().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("\nThe story broke off. {trouble}");
            ExitCode::FAILURE
        }
    }
}

async fn tell() -> Result<(), Trouble> {
    let client = Client::from_env()?;
    let mut telling = Telling::begin(&client.options().base_url);

    let program = chapters::account::open(&mut telling, &client).await?;
    let wallets = chapters::money::move_some(&mut telling, &program).await?;
    chapters::paging::read_back(&mut telling, &program, &wallets.household).await?;
    chapters::payment::pay(&mut telling, &program, &wallets.household).await?;
    chapters::refusals::meet_some(&mut telling, &program, &wallets.holiday).await?;
    chapters::rate_limit::meet_and_recover(&mut telling, &program, &wallets.household).await?;
    chapters::broken_line::survive(&mut telling, &program, &wallets).await?;

    telling.end();
    Ok(())
}
