//! The effective configuration as a TOML file that would give it again, with the origin of each value. Secrets are not in it.

use std::fmt::Write as _;

use super::settings::SETTINGS;
use super::{Loaded, MASTER_KEY};

impl Loaded {
    /// The whole configuration as TOML.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        if self.config.master_key.is_some() {
            // Not a setting of the file, so it is shown as a comment.
            let _ = writeln!(text, "# master_key = \"[redacted]\"  (from {MASTER_KEY})");
        }
        let mut current = "";
        for setting in SETTINGS {
            let (table, key) = setting.key.rsplit_once('.').unwrap_or(("", setting.key));
            if table != current {
                current = table;
                let _ = writeln!(text, "\n[{table}]");
            }
            let origin = self.origins.get(setting.key).map_or("default", String::as_str);
            // Writing to a String cannot fail.
            let _ = match (setting.show)(&self.config) {
                Some(value) => {
                    writeln!(text, "{:<44} # {origin}: {}", format!("{key} = {value}"), setting.help)
                }
                None => writeln!(text, "{:<44} # not set: {}", format!("# {key} ="), setting.help),
            };
        }
        text.push_str(&super::providers::show(&self.config.oauth.providers));
        text
    }
}
