//! The arguments, and the help that explains them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{CONFIG_FILE, Flag, Sources};

const EXAMPLES: &str = "\
Examples:
  waypost-gateway serve
      starts on 127.0.0.1:8080 with its data in ./waypost-data
  waypost-gateway serve --listen 0.0.0.0:80 --data-dir /var/lib/waypost
  waypost-gateway keys create --name bookkeeping --permissions wallets:read,payments:read
  waypost-gateway config check --config gateway.toml
      shows the effective configuration, or every mistake in it

Settings:
  A file (--config), the environment (WAYPOST_GATEWAY_LISTEN for `listen`,
  WAYPOST_GATEWAY_LIMITS_BODY_BYTES for `limits.body_bytes`) and flags, the later over the earlier.
  `waypost-gateway config check` lists them all.";

/// The Waypost gateway: one binary that implements the contract.
#[derive(Debug, Parser)]
#[command(name = "waypost-gateway", version, about, after_help = EXAMPLES, max_term_width = 120, subcommand_required = true, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve requests until SIGTERM or SIGINT.
    ///
    /// Makes the data directory, the master key and the database when they are missing. On first start it prints an API key, once.
    ///
    /// SIGTERM or SIGINT lets the requests in flight finish for `limits.drain_timeout` (30s), then stops; a second signal stops at once.
    #[command(after_help = "\
Examples:
  waypost-gateway serve
  waypost-gateway serve --listen 127.0.0.1:0 --data-dir /tmp/try
      on a free port, printed as `listening on http://...`
  waypost-gateway serve --config gateway.toml --log debug
  waypost-gateway serve --proxy waypost.yaml
      in front of the services that the file names
  waypost-gateway serve --set rate_limits.enabled=false --set limits.body_bytes=64KiB")]
    Serve(ServeArguments),
    /// Manage API keys and signing keys in the data directory, without a running gateway or beside one.
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Look at the configuration, and replace what was made of it through the API.
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Ask the data plane's file.
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Proxy {
        #[command(subcommand)]
        command: ProxyCommand,
    },
    /// Bring the database up to date and exit. `serve` does this too.
    #[command(after_help = "Example:\n  waypost-gateway migrate --data-dir /var/lib/waypost")]
    Migrate(Settings),
    /// Look at the books.
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Ledger {
        #[command(subcommand)]
        command: LedgerCommand,
    },
    /// Print the completions of a shell.
    #[command(
        after_help = "Example:\n  waypost-gateway completions bash > /etc/bash_completion.d/waypost-gateway"
    )]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make an API key and print its secret, which cannot be shown again.
    ///
    /// The secret alone goes to standard output, so that a script can take it; what there is to say about it goes to standard error.
    #[command(after_help = "\
Examples:
  waypost-gateway keys create --name ci --expires-in 30d
  waypost-gateway keys create --name reports --permissions wallets:read,transactions:read --tier basic
  export WAYPOST_API_KEY=$(waypost-gateway keys create --name shell)
  waypost-gateway keys create --name partner --tenant ten_019abf3e5c7a7b3e9f0c2d4b6a8e1f03 -o json")]
    Create(KeyArguments),
    /// Publish a new key that signs access tokens of OAuth grants, and print its name.
    ///
    /// It signs from ten minutes later on, so that whoever verifies tokens with /.well-known/jwks.json has it by then; a running gateway takes it over within
    /// seconds. The key before stays published until the last token that it signed has expired. A gateway does the same by itself every `tokens.key_lifetime`.
    #[command(after_help = "Example:\n  waypost-gateway keys rotate --data-dir /var/lib/waypost")]
    Rotate(Settings),
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print the effective configuration as TOML with the origin of each value, or every mistake in it.
    ///
    /// Takes the flags of `serve`. Secrets are not shown. Exits with 2 if there is a mistake.
    #[command(after_help = "\
Examples:
  waypost-gateway config check
  waypost-gateway config check --config gateway.toml
  waypost-gateway config check > gateway.toml
      a file with every setting, to start from
  waypost-gateway config check --proxy waypost.yaml
      checks the data plane's file as well")]
    Check(ServeArguments),
    /// Print the form of the data plane's file (--proxy) as a JSON Schema, for editors.
    #[command(after_help = "Example:\n  waypost-gateway config schema > waypost.schema.json")]
    Schema,
    /// Put a file in the place of everything that was made of the data plane's configuration through the API.
    ///
    /// All of it or nothing. Beside a running gateway, which takes it over within seconds, or without one. What the file of `--proxy` defines stays. Exits with 2
    /// and every mistake with its line if the file is wrong.
    #[command(after_help = "\
Examples:
  waypost-gateway config apply services.yaml --data-dir /var/lib/waypost
  waypost-gateway config apply services.yaml --proxy waypost.yaml --check")]
    Apply(ApplyArguments),
}

/// What to ask the data plane's file.
#[derive(Debug, Subcommand)]
pub(super) enum ProxyCommand {
    /// Say which route a request would take, and of every other why it does not.
    ///
    /// Nothing is sent, and no gateway has to run. Only what decides about the route is looked at: host, path, method, version, headers and query.
    #[command(after_help = "\
Examples:
  waypost-gateway proxy match --proxy waypost.yaml GET /api/orders/7
  waypost-gateway proxy match --proxy waypost.yaml POST 'https://shop.example/api/orders?dry=1' -H 'X-API-Version: v1'
  waypost-gateway proxy match --proxy waypost.yaml GET /api/orders/7 -o json")]
    Match(MatchArguments),
}

/// The flags of `proxy match`.
#[derive(Debug, Args)]
pub(super) struct MatchArguments {
    #[command(flatten)]
    pub(super) settings: ServeArguments,
    /// The request's method.
    #[arg(value_name = "METHOD")]
    pub(super) method: String,
    /// A path with its query, or a whole URL, whose host then counts.
    #[arg(value_name = "URL")]
    pub(super) url: String,
    /// One of the request's headers; may be given several times.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(super) headers: Vec<(String, String)>,
    /// How the answer is printed.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(super) output: Output,
}

/// The flags of `config apply`.
#[derive(Debug, Args)]
pub(super) struct ApplyArguments {
    #[command(flatten)]
    pub(super) settings: ServeArguments,
    /// A YAML file in the form of the data plane's, with `services`, `routes` and `limits.tiers`.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Only say what is wrong with it.
    #[arg(long)]
    pub(super) check: bool,
}

/// What to do with the books.
#[derive(Debug, Subcommand)]
pub(super) enum LedgerCommand {
    /// Prove from the tables alone that the books balance.
    ///
    /// Reads every posting. Exits with 1 and names what is off if they do not. May run beside a gateway.
    #[command(after_help = "Example:\n  waypost-gateway ledger verify --data-dir /var/lib/waypost")]
    Verify(Settings),
}

/// Where settings come from; every command takes these.
#[derive(Debug, Args)]
pub(super) struct Settings {
    /// A TOML file with settings.
    #[arg(short, long, value_name = "FILE", env = CONFIG_FILE)]
    config: Option<PathBuf>,
    /// Where the database and the master key live [default: waypost-data]
    #[arg(short, long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Any setting by its key, such as `limits.body_bytes=64KiB`; may be given several times.
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

/// The flags of `serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    settings: Settings,
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(short, long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// A YAML file with services to stand in front of and the routes to them; read anew when it changes
    #[arg(short, long, value_name = "FILE")]
    proxy: Option<String>,
    /// What is logged, such as `debug` or `warn,waypost_gateway=debug` [default: info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// `text` or `json` [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// What an answered write survives: `full` a power cut, `normal` a crash of the process [default: full]
    #[arg(long, value_name = "LEVEL")]
    durability: Option<String>,
}

/// The flags of `keys create`.
#[derive(Debug, Args)]
pub(super) struct KeyArguments {
    #[command(flatten)]
    pub(super) settings: Settings,
    /// What people call the key, such as the program that will use it.
    #[arg(short, long)]
    pub(super) name: String,
    /// What the key may do, separated by commas: `wallets:read`, `wallets:*`, `*` for everything.
    #[arg(short, long, value_delimiter = ',', default_value = "*")]
    pub(super) permissions: Vec<String>,
    /// free, basic, premium, enterprise or admin; not above the tenant's [default: the tenant's]
    #[arg(short, long)]
    pub(super) tier: Option<String>,
    /// How long it works, such as `12h` or `30d` [default: for ever]
    #[arg(short, long, value_name = "DURATION")]
    pub(super) expires_in: Option<String>,
    /// The tenant that it belongs to [default: the first one; made if there is none]
    #[arg(long, value_name = "TENANT_ID")]
    pub(super) tenant: Option<String>,
    /// How the key is printed.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(super) output: Output,
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people and scripts: the secret alone, or the answer line by line.
    Text,
    /// What the API answers.
    Json,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE, such as 'X-API-Version: v1'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE, such as docs=false")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

impl Settings {
    /// The sources that these flags and the environment make.
    pub(super) fn sources(&self) -> Sources {
        let mut flags = Vec::new();
        flag(&mut flags, "--data-dir", "data_dir", self.data_dir.as_ref());
        for (key, value) in &self.set {
            flags.push(Flag { name: format!("--set {key}"), key: key.clone(), value: value.clone() });
        }
        Sources { file: self.config.clone(), environment: Sources::process_environment(), flags }
    }
}

impl ServeArguments {
    pub(super) fn sources(&self) -> Sources {
        let mut sources = self.settings.sources();
        flag(&mut sources.flags, "--listen", "listen", self.listen.as_ref());
        flag(&mut sources.flags, "--proxy", "proxy", self.proxy.as_ref());
        flag(&mut sources.flags, "--log", "log.filter", self.log.as_ref());
        flag(&mut sources.flags, "--log-format", "log.format", self.log_format.as_ref());
        flag(&mut sources.flags, "--durability", "database.durability", self.durability.as_ref());
        sources
    }
}

fn flag(flags: &mut Vec<Flag>, name: &str, key: &str, value: Option<&String>) {
    flags.extend(value.map(|value| Flag {
        name: name.to_owned(),
        key: key.to_owned(),
        value: value.clone(),
    }));
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Arguments;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
