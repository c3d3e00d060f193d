//! The context file: where the server is, whom to trust as it, and the access key to show it.
//!
//! ```toml
//! url = "https://127.0.0.1:7373"
//! ca = "ca.pem"            # a file, looked for beside this one, or the PEM text itself
//! namespace = "default"
//! api_key = "…"
//! ```

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealane_core::name::Namespace;
use sealane_crypto::Secret;
use serde::Deserialize;
use thiserror::Error;

const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where the server is and how to talk to it. Holds the access key; prints without it.
pub struct Context {
    pub(crate) url: reqwest::Url,
    pub(crate) ca_pem: String,
    pub(crate) namespace: Namespace,
    pub(crate) api_key: Secret<String>,
}

/// Why a context file cannot be used. No part of the key is ever in it.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ContextError {
    /// A field breaks its rule.
    #[error("{}: {field} must be {rule}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// Which one.
        field: &'static str,
        /// The rule.
        rule: &'static str,
    },
    /// It is not a context.
    #[error("{}{}: a context holds the texts url, ca, namespace and api_key, and nothing else", path.display(), line_text(*line))]
    Form {
        /// The file.
        path: PathBuf,
        /// Counted from 1, where it is known.
        line: Option<usize>,
    },
    /// It could not be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: Arc<io::Error>,
    },
    /// Others may read the key in it.
    #[error("{path} has mode {mode:04o} and others may read the key in it; type: chmod 600 {path}", path = path.display())]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    url: String,
    ca: String,
    namespace: String,
    api_key: String,
}

impl Context {
    /// Reads a context file that nobody but its owner can read.
    ///
    /// # Errors
    /// When others may read it, or it is no context.
    pub fn load(path: &Path) -> Result<Self, ContextError> {
        let text = read_private(path)?;
        let form = |line| ContextError::Form { path: path.to_owned(), line };
        // Why not the reader's own words: they quote the line, and the line may be the key's.
        let fields: Fields = toml::from_str(text.expose())
            .map_err(|error| form(error.span().map(|span| line_of(text.expose(), span.start))))?;
        let api_key = Secret::new(fields.api_key);
        let field = |field, rule| ContextError::Field { path: path.to_owned(), field, rule };

        let url = reqwest::Url::parse(&fields.url)
            .ok()
            .filter(|url| url.scheme() == "https" && url.has_host() && url.username().is_empty())
            .filter(|url| url.password().is_none() && url.path() == "/" && url.query().is_none())
            .ok_or_else(|| field("url", "an address such as https://127.0.0.1:7373"))?;
        let key = api_key.expose();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(field("api_key", "an access key as `access key create` printed it"));
        }
        let namespace =
            Namespace::parse(&fields.namespace).map_err(|error| field("namespace", error.rule))?;
        let ca_pem = if fields.ca.contains("-----BEGIN") {
            fields.ca
        } else {
            let ca = path.parent().unwrap_or(Path::new("")).join(&fields.ca);
            fs::read_to_string(&ca)
                .map_err(|cause| ContextError::Read { path: ca, cause: Arc::new(cause) })?
        };
        Ok(Self { url, ca_pem, namespace, api_key })
    }

    /// The same server, another namespace.
    #[must_use]
    pub fn with_namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = namespace;
        self
    }

    /// Where the server is.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The tenant.
    #[must_use]
    pub const fn namespace(&self) -> &Namespace {
        &self.namespace
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("url", &self.url.as_str())
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

fn read_private(path: &Path) -> Result<Secret<String>, ContextError> {
    use std::io::Read as _;
    let read_error = |cause| ContextError::Read { path: path.to_owned(), cause: Arc::new(cause) };
    let file = fs::File::open(path).map_err(read_error)?;
    // Why on the open file: the path could lead elsewhere a moment later.
    let metadata = file.metadata().map_err(read_error)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let mode = metadata.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(ContextError::TooOpen { path: path.to_owned(), mode });
        }
    }
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return Err(ContextError::Form { path: path.to_owned(), line: None });
    }
    // Why one byte more: with room to spare the buffer never moves and leaves no copy behind.
    let room = usize::try_from(metadata.len()).unwrap_or(0) + 1;
    let mut text = Secret::new(String::with_capacity(room));
    file.take(FILE_BYTES_MAX).read_to_string(text.expose_mut()).map_err(read_error)?;
    Ok(text)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn line_text(line: Option<usize>) -> String {
    line.map(|line| format!(", line {line}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const GOOD: &str = "url = \"https://127.0.0.1:7373\"\nca = \"-----BEGIN CERTIFICATE-----\"\nnamespace = \"default\"\napi_key = \"slk_canary\"\n";

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("admin.context");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    fn refused(text: &str) -> String {
        let (_directory, path) = file(text, 0o600);
        let error = Context::load(&path).expect_err(text);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("canary"), "{shown}");
        shown
    }

    #[test]
    fn a_context_is_read_and_prints_without_its_key() {
        let (_directory, path) = file(GOOD, 0o600);
        let context = Context::load(&path).unwrap();
        assert_eq!(context.api_key.expose(), "slk_canary");
        assert_eq!(context.namespace().as_str(), "default");
        // attack 27
        assert!(!format!("{context:?} {context:#?}").contains("canary"));
    }

    #[test]
    fn a_context_that_others_can_read_is_refused() {
        for mode in [0o644, 0o640, 0o604, 0o660] {
            let (_directory, path) = file(GOOD, mode);
            let error = Context::load(&path).expect_err("too open");
            assert!(matches!(error, ContextError::TooOpen { mode: found, .. } if found == mode));
            assert!(error.to_string().contains("chmod 600"));
        }
    }

    #[test]
    fn what_is_wrong_is_named_without_quoting_the_key() {
        assert!(refused(&GOOD.replace("https:", "http:")).contains("url must be"));
        assert!(refused(&GOOD.replace("127.0.0.1", "user:pw@127.0.0.1")).contains("url must be"));
        assert!(refused(&GOOD.replace("\"default\"", "\"Default\"")).contains("namespace must be"));
        assert!(refused(&GOOD.replace("slk_canary", "")).contains("api_key must be"));
        assert!(refused(&GOOD.replace("slk_canary", "slk canary")).contains("api_key must be"));
        assert!(refused(&format!("{GOOD}colour = \"canary\"\n")).contains("line 5"));
        assert!(refused(&GOOD.replace("\"slk_canary\"", "\"slk_canary")).contains("line 4"));
        assert!(refused(&GOOD.replace("\"slk_canary\"", "canary")).contains("line 4"));
        assert!(refused("").contains("url, ca, namespace and api_key"));
    }

    #[test]
    fn the_certificate_is_looked_for_beside_the_context() {
        let (directory, path) = file(&GOOD.replace("-----BEGIN CERTIFICATE-----", "ca.pem"), 0o600);
        assert!(
            matches!(Context::load(&path), Err(ContextError::Read { path, .. }) if path.ends_with("ca.pem"))
        );
        fs::write(directory.path().join("ca.pem"), "the authority").unwrap();
        assert_eq!(Context::load(&path).unwrap().ca_pem, "the authority");
    }
}
