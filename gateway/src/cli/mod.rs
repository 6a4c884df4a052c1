//! The command line: what `waypost-gateway` does with its arguments.
//!
//! Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 it failed, 2 the arguments or the
//! configuration are wrong.

mod apply;
mod arguments;
mod keys;
mod ledger;
mod lock;
mod proxy;
mod serve;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::config::{Config, ConfigError, Loaded, Sources};
use crate::secrets::Secrets;
use crate::store::Store;
use crate::{StartError, data_plane, telemetry};
use arguments::{
    Arguments, Command, ConfigCommand, KeysCommand, LedgerCommand, ProxyCommand, ServeArguments, Settings,
};

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data plane's file is wrong.
    #[error("{0}")]
    Proxy(waypost_proxy::config::Faulty),
    /// What was asked for makes no sense; all of it at once.
    #[error("{}", .0.join("\n       "))]
    Arguments(Vec<String>),
    /// The gateway could not be opened.
    #[error(transparent)]
    Start(#[from] StartError),
    /// An address is taken, or not one of this machine; or its certificate cannot be read.
    #[error(
        "cannot listen on {0}. Stop what uses it, or choose another address with --listen or the file's `listeners` (port 0 takes a free one)."
    )]
    Listen(std::io::Error),
    /// Another gateway serves the same data.
    #[error(transparent)]
    Locked(#[from] lock::LockError),
    /// A step failed that usually does not.
    #[error("{doing}: {source}")]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The ledger does not balance.
    #[error("the ledger does not balance:\n  {}", .0.join("\n  "))]
    Unbalanced(Vec<String>),
}

impl CliError {
    fn failed(doing: &'static str) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> Self {
        move |source| Self::Failed { doing, source }
    }

    fn code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Proxy(_) | Self::Arguments(_) => 2,
            _ => 1,
        }
    }
}

impl From<crate::store::StoreError> for CliError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Start(error.into())
    }
}

impl From<crate::secrets::SecretsError> for CliError {
    fn from(error: crate::secrets::SecretsError) -> Self {
        Self::Start(error.into())
    }
}

/// Does what the arguments of this process ask for.
pub fn run() -> ExitCode {
    match dispatch(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = format!("error: {error}\n");
            // Nothing can be done about a standard error that is closed.
            let _closed = std::io::stderr().write_all(telemetry::redact(&text).as_bytes());
            ExitCode::from(error.code())
        }
    }
}

fn dispatch(command: Command) -> Result<(), CliError> {
    match command {
        Command::Serve(arguments) => {
            let Loaded { config, .. } = Config::load(&arguments.sources())?;
            telemetry::init(&config.log);
            runtime()?.block_on(serve::serve(config))
        }
        Command::Keys { command: KeysCommand::Create(arguments) } => {
            let config = quiet(&arguments.settings)?;
            runtime()?.block_on(keys::create(config, &arguments))
        }
        Command::Keys { command: KeysCommand::Rotate(settings) } => {
            runtime()?.block_on(keys::rotate(quiet(&settings)?))
        }
        Command::Config { command: ConfigCommand::Check(arguments) } => {
            let loaded = Config::load(&arguments.sources())?;
            telemetry::init(&loaded.config.log);
            if let Some(file) = &loaded.config.proxy {
                data_plane::File::read(file).map_err(CliError::Proxy)?;
            }
            print(&loaded.to_toml());
            Ok(())
        }
        Command::Config { command: ConfigCommand::Schema } => {
            print(&format!("{:#}\n", waypost_proxy::config::schema()));
            Ok(())
        }
        Command::Config { command: ConfigCommand::Apply(arguments) } => {
            let config = quiet_with(&arguments.settings)?;
            runtime()?.block_on(apply::apply(config, &arguments.file, arguments.check))
        }
        Command::Proxy { command: ProxyCommand::Match(arguments) } => {
            proxy::matching(&quiet_with(&arguments.settings)?, &arguments)
        }
        Command::Migrate(settings) => runtime()?.block_on(migrate(quiet(&settings)?)),
        Command::Ledger { command: LedgerCommand::Verify(settings) } => {
            runtime()?.block_on(ledger::verify(quiet(&settings)?))
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "waypost-gateway", &mut script);
            print(&String::from_utf8_lossy(&script));
            Ok(())
        }
    }
}

/// The configuration of a command that prints a result: its log has warnings only.
fn quiet(settings: &Settings) -> Result<Config, CliError> {
    quietly(&settings.sources())
}

/// The same of a command that takes the flags of `serve`.
fn quiet_with(arguments: &ServeArguments) -> Result<Config, CliError> {
    quietly(&arguments.sources())
}

fn quietly(sources: &Sources) -> Result<Config, CliError> {
    let Loaded { mut config, .. } = Config::load(sources)?;
    config.log.filter = "warn".to_owned();
    telemetry::init(&config.log);
    Ok(config)
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| CliError::failed("starting the runtime")(error.into()))
}

async fn migrate(config: Config) -> Result<(), CliError> {
    let secrets = Secrets::open(&config)?;
    let store = Store::open(&config.store(), secrets.sealer().clone()).await?;
    store.close().await;
    print(&format!("{} is up to date\n", config.database_file().display()));
    Ok(())
}

/// Writes to standard output. Whoever closed it does not want to read any more.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
