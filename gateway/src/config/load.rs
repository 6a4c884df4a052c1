//! Reading the configuration: file, then environment, then flags, and every mistake of all three at once.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::providers;
use super::settings::{self, SETTINGS, Setting};
use super::value::Input;
use super::{Config, MASTER_KEY, PREFIX};
use crate::secrets::MasterKey;

/// Where the values come from. Nothing is read from the process itself, so that tests can say what the environment is.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file, if one was named.
    pub file: Option<PathBuf>,
    /// Environment variables; those that do not begin with `WAYPOST_GATEWAY_` are not looked at.
    pub environment: Vec<(String, String)>,
    /// Flags, each with the setting that it sets.
    pub flags: Vec<Flag>,
}

/// A flag of the command line that sets a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// As it was written: `--listen`, `--set docs`.
    pub name: String,
    /// The setting: `listen`, `docs`.
    pub key: String,
    /// The value.
    pub value: String,
}

/// A configuration, and for each setting that is not at its default where it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    pub(super) origins: BTreeMap<&'static str, String>,
}

/// One mistake and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// `gateway.toml:3:8`, `WAYPOST_GATEWAY_LISTEN`, `--listen`.
    pub place: String,
    /// What is wrong and what is expected.
    pub what: String,
}

/// Every mistake of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one, in the order file, environment, flags.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.mistakes.len();
        write!(f, "the configuration has {count} mistake{}:", if count == 1 { "" } else { "s" })?;
        self.mistakes.iter().try_for_each(|Mistake { place, what }| write!(f, "\n  {place}: {what}"))
    }
}

impl std::error::Error for ConfigError {}

impl Sources {
    /// The environment of this process. Variables that are not Unicode are kept with their damaged part replaced.
    pub fn process_environment() -> Vec<(String, String)> {
        std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect()
    }
}

impl Config {
    /// Reads the configuration from these sources.
    pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
        let mut reader = Reader::default();
        if let Some(path) = &sources.file {
            reader.file(path);
        }
        reader.environment(&sources.environment);
        for Flag { name, key, value } in &sources.flags {
            match (settings::find(key), providers::parts(key)) {
                (Some(setting), _) => reader.set(setting, &Input::Word(value), name.clone()),
                (None, Some((provider, own))) => {
                    reader.set_provider(provider, own, &Input::Word(value), name.clone())
                }
                (None, None) => reader.unknown(name.clone(), key),
            }
        }
        reader.finish()
    }
}

#[derive(Default)]
struct Reader {
    config: Config,
    origins: BTreeMap<&'static str, String>,
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn finish(mut self) -> Result<Loaded, ConfigError> {
        for (setting, why) in providers::missing(&self.config.oauth.providers) {
            self.mistake(setting.clone(), format!("`{setting}` {why}"));
        }
        if self.mistakes.is_empty() {
            Ok(Loaded { config: self.config, origins: self.origins })
        } else {
            Err(ConfigError { mistakes: self.mistakes })
        }
    }

    fn mistake(&mut self, place: String, what: impl Into<String>) {
        self.mistakes.push(Mistake { place, what: what.into() });
    }

    fn unknown(&mut self, place: String, key: &str) {
        let hint = suggestion(key, SETTINGS.iter().map(|setting| setting.key.to_owned()));
        self.mistake(place, format!("there is no setting `{key}`{hint}"));
    }

    fn set(&mut self, setting: &'static Setting, input: &Input<'_>, place: String) {
        match (setting.set)(&mut self.config, input) {
            Ok(()) => {
                self.origins.insert(setting.key, place);
            }
            Err(what) => self.mistake(place, format!("`{}`: {what}", setting.key)),
        }
    }

    fn set_provider(&mut self, provider: &str, key: &str, input: &Input<'_>, place: String) {
        if let Err(what) = providers::set(&mut self.config, provider, key, input) {
            self.mistake(place, format!("`{}{provider}.{key}`: {what}", providers::PREFIX));
        }
    }

    fn file(&mut self, path: &Path) {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => self.text(&name, &text),
            Err(error) => self.mistake(name, format!("cannot be read: {error}")),
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let place = place(name, text, error.span().map_or(0, |span| span.start));
            self.mistake(place, error.message().to_owned());
        }
        self.table(name, text, "", table.get_ref());
    }

    fn table(&mut self, name: &str, text: &str, prefix: &str, table: &DeTable<'_>) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let path = match prefix {
                "" => key.get_ref().to_string(),
                prefix => format!("{prefix}.{}", key.get_ref()),
            };
            let at_key = || place(name, text, key.span().start);
            match (settings::find(&path), value.get_ref()) {
                (Some(setting), _) => self.set(setting, &input(value), place(name, text, value.span().start)),
                (None, DeValue::Table(inner)) if is_provider(&path) => self.table(name, text, &path, inner),
                (None, _) if providers::parts(&path).is_some() => {
                    if let Some((provider, own)) = providers::parts(&path) {
                        self.set_provider(provider, own, &input(value), place(name, text, value.span().start));
                    }
                }
                (None, DeValue::Table(inner)) if is_table(&path) => self.table(name, text, &path, inner),
                (None, _) if path == "master_key" => self.mistake(
                    at_key(),
                    format!("the master key is not read from a file that others may see; give it in {MASTER_KEY}, or leave it to <data_dir>/master.key"),
                ),
                (None, _) if is_table(&path) => {
                    self.mistake(at_key(), format!("`{path}` is a table: write [{path}] and its keys below"));
                }
                (None, _) => self.unknown(at_key(), &path),
            }
        }
    }

    fn environment(&mut self, environment: &[(String, String)]) {
        let mut ours: Vec<_> = environment.iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        ours.sort();
        for (name, value) in ours {
            if name == MASTER_KEY {
                match MasterKey::parse(value) {
                    Ok(key) => self.config.master_key = Some(key),
                    Err(error) => self.mistake(name.clone(), error.to_string()),
                }
            } else if let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == *name) {
                self.set(setting, &Input::Word(value), name.clone());
            } else if let Some((provider, key)) =
                name.strip_prefix(PROVIDER_VARIABLE).and_then(providers::variable_parts)
            {
                self.set_provider(&provider, key, &Input::Word(value), name.clone());
            } else if name != super::CONFIG_FILE {
                let hint = suggestion(name, SETTINGS.iter().map(Setting::variable));
                self.mistake(name.clone(), format!("there is no setting of this name{hint}"));
            }
        }
    }
}

/// What the variables of providers begin with: `WAYPOST_GATEWAY_OAUTH_PROVIDERS_GOOGLE_CLIENT_SECRET`.
const PROVIDER_VARIABLE: &str = "WAYPOST_GATEWAY_OAUTH_PROVIDERS_";

/// `oauth.providers`, and each provider's own table.
fn is_provider(path: &str) -> bool {
    path == "oauth.providers" || path.strip_prefix(providers::PREFIX).is_some_and(providers::is_name)
}

fn is_table(path: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

fn input<'a>(value: &'a Spanned<DeValue<'_>>) -> Input<'a> {
    match value.get_ref() {
        DeValue::Boolean(value) => Input::Bool(*value),
        DeValue::Integer(value) => i64::from_str_radix(value.as_str(), value.radix())
            .map_or(Input::Other("integer that is too large"), Input::Integer),
        DeValue::String(text) => Input::Text(text),
        other => Input::Other(other.type_str()),
    }
}

/// `file:line:column`, both counted from one, the column in characters.
fn place(name: &str, text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{name}:{line}:{column}")
}

/// The known name that was probably meant.
fn suggestion(unknown: &str, known: impl Iterator<Item = String>) -> String {
    known
        .map(|name| (strsim::jaro_winkler(unknown, &name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map_or_else(
            || "; `waypost-gateway config check` prints all there are".to_owned(),
            |(_, name)| format!("; did you mean `{name}`?"),
        )
}
