//! The configuration file (TOML). Every setting has a default; unknown names are refused.

use std::path::Path;

use sealane_core::limits;
use serde::Deserialize;

/// The configuration file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It could not be read.
    #[error("could not read {path}")]
    Read {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not what a configuration is.
    #[error("{path} is not a valid configuration: {message}")]
    Invalid {
        /// Which file.
        path: String,
        /// What is wrong, and where.
        message: String,
    },
}

/// What can be set in the file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The word in access keys that says which installation they are for.
    pub environment: String,
    /// The journal.
    pub journal: JournalConfig,
    /// Transport.
    pub tls: TlsConfig,
}

/// Transport settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// DNS names and addresses, at most 32, by which clients call this server; besides `localhost`, the loopback
    /// addresses and the address it listens on.
    pub names: Vec<String>,
}

/// The journal's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// Length of a segment file in bytes, 4 MiB to 1 GiB.
    pub segment_bytes: u64,
    /// Bytes of records behind the last snapshot from which on the next one is written, 1 MiB to 1 TiB.
    pub snapshot_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { environment: "live".to_owned(), journal: JournalConfig::default(), tls: TlsConfig::default() }
    }
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, snapshot_bytes: 1 << 30 }
    }
}

impl Config {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: shown.clone(), source })?;
        let invalid = |message: String| ConfigError::Invalid { path: shown.clone(), message };
        // Why only the message: the error's own text quotes the line, and a line may hold a secret.
        let config: Self = toml::from_str(&text).map_err(|error| invalid(error.message().to_owned()))?;
        if crate::authn::Environment::parse(&config.environment).is_none() {
            return Err(invalid("environment must be 1 to 16 of a-z and 0-9".to_owned()));
        }
        if !(4 << 20..=1 << 30).contains(&config.journal.segment_bytes) {
            return Err(invalid("journal.segment_bytes must be 4194304 to 1073741824".to_owned()));
        }
        if !(1 << 20..=1 << 40).contains(&config.journal.snapshot_bytes) {
            return Err(invalid("journal.snapshot_bytes must be 1048576 to 1099511627776".to_owned()));
        }
        if config.tls.names.len() > limits::CERTIFICATE_NAMES_MAX {
            let most = limits::CERTIFICATE_NAMES_MAX;
            return Err(invalid(format!("tls.names has at most {most} names")));
        }
        let dns = |name: &String| rustls::pki_types::ServerName::try_from(name.as_str()).is_ok();
        if let Some(name) = config.tls.names.iter().find(|name| !dns(name)) {
            return Err(invalid(format!("tls.names: '{name}' is neither a DNS name nor an address")));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack 23
    #[test]
    fn a_certificate_has_so_many_names_and_not_one_more() {
        let names = |count: usize| {
            let names: Vec<String> = (0..count).map(|number| format!("\"n{number}.example\"")).collect();
            read(&format!("[tls]\nnames = [{}]", names.join(", ")))
        };
        assert_eq!(
            names(limits::CERTIFICATE_NAMES_MAX).unwrap().tls.names.len(),
            limits::CERTIFICATE_NAMES_MAX
        );
        assert!(names(limits::CERTIFICATE_NAMES_MAX + 1).unwrap_err().contains("at most 32"));
    }

    fn read(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sealane.toml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn the_docs_show_the_defaults() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let page = std::fs::read_to_string(page).unwrap();
        let shown = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        assert_eq!(read(shown).unwrap(), Config::default());
        let named: Vec<&str> =
            shown.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name).collect();
        assert_eq!(
            named,
            ["environment", "segment_bytes", "snapshot_bytes", "names"],
            "every setting, and no other"
        );
    }

    #[test]
    fn what_is_not_set_has_its_default_and_what_is_wrong_is_named() {
        assert_eq!(read("").unwrap(), Config::default());
        assert_eq!(read("[journal]\nsegment_bytes = 4194304").unwrap().journal.segment_bytes, 4 << 20);
        let named = read("[tls]\nnames = [\"queue.example\", \"10.0.0.7\"]").unwrap();
        assert_eq!(named.tls.names, ["queue.example", "10.0.0.7"]);
        assert!(read("[tls]\nnames = [\"not a name\"]").unwrap_err().contains("not a name"));
        assert!(read("colour = 1").unwrap_err().contains("colour"));
        assert!(read("environment = \"Live\"").unwrap_err().contains("environment"));
        assert!(read("[journal]\nsegment_bytes = 4194303").unwrap_err().contains("segment_bytes"));
        assert_eq!(read("[journal]\nsnapshot_bytes = 1048576").unwrap().journal.snapshot_bytes, 1 << 20);
        for beyond in [1_048_575_u64, (1 << 40) + 1] {
            let refused = read(&format!("[journal]\nsnapshot_bytes = {beyond}")).unwrap_err();
            assert!(refused.contains("snapshot_bytes"), "{refused}");
        }
    }
}
