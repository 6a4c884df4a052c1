//! Four ways to an access token, each of which ends in the same call with it:
//!
//! ```text
//! sign_in client-credentials     a program for itself: WAYPOST_CLIENT_ID and WAYPOST_CLIENT_SECRET, and nothing else to do
//! sign_in browser tokens.json    a person, in their browser on this machine
//! sign_in device tokens.json     a person, whose browser is elsewhere
//! sign_in refresh tokens.json    any later time: the tokens of the file are used, and renewed when they have expired
//! ```
//!
//! It needs a gateway (`WAYPOST_BASE_URL`) and a client that is registered there (`WAYPOST_CLIENT_ID`; for the last three a public one, and for `browser` with the redirect
//! address `http://127.0.0.1/callback`).

use std::env;
use std::error::Error;
use std::process::ExitCode;

use waypost::Client;
use waypost::oauth::{FileTokenStore, SignIn};

const SCOPE: &str = "wallets:read";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let client = match arguments.as_slice() {
        ["client-credentials"] => Client::from_env()?,
        ["browser", file] => {
            let sign_in = SignIn::from_env()?.scope(SCOPE).token_store(FileTokenStore::new(file));
            sign_in.with_browser(|url| println!("Open this address in a browser: {url}")).await?;
            client_of(file)?
        }
        ["device", file] => {
            let sign_in = SignIn::from_env()?.scope(SCOPE).token_store(FileTokenStore::new(file));
            let shown = |progress: &waypost::oauth::DeviceProgress| match progress.polls {
                0 => println!("Visit {} and type {}", progress.verification_uri, progress.user_code),
                polls => println!("Asked {polls} times"),
            };
            sign_in.with_device(shown).await?;
            client_of(file)?
        }
        ["refresh", file] => client_of(file)?,
        _ => return Err("usage: sign_in client-credentials | (browser | device | refresh) FILE".into()),
    };
    let page = client.wallets().list(&Default::default()).await?;
    println!("Signed in: {} wallets", page.data.len());
    Ok(())
}

/// A client that uses the tokens of a file, and renews them there.
fn client_of(file: &str) -> Result<Client, Box<dyn Error>> {
    let store = FileTokenStore::new(file);
    let (url, id) = (env::var("WAYPOST_BASE_URL")?, env::var("WAYPOST_CLIENT_ID")?);
    Ok(Client::builder(url).client_id(id).token_store(store).build()?)
}
