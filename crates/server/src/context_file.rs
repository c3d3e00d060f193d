//! `admin.context`: what the command line needs to come in as the first administrator. Written on the
//! first start with the only copy of that key; its `url` is renewed at every start.

use serde::{Deserialize, Serialize};

use crate::data_dir::{DataDir, DataDirError};

/// The file's name.
pub const NAME: &str = "admin.context";

#[derive(Serialize, Deserialize)]
struct Context {
    url: String,
    ca: String,
    namespace: String,
    api_key: String,
}

/// The context could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// A file of the data directory.
    #[error(transparent)]
    File(#[from] DataDirError),
    /// It is not what it was.
    #[error("admin.context is damaged: remove it, and make a context by hand with another admin key")]
    Damaged,
}

/// Writes the context of a new key.
pub fn write(data_dir: &DataDir, url: &str, namespace: &str, api_key: &str) -> Result<(), ContextError> {
    let ca = data_dir.path().join("ca.pem").display().to_string();
    let context =
        Context { url: url.to_owned(), ca, namespace: namespace.to_owned(), api_key: api_key.to_owned() };
    save(data_dir, &context)
}

/// Renews the address and the authority's path. Without the file there is nothing to do: somebody took
/// it away on purpose.
pub fn renew(data_dir: &DataDir, url: &str) -> Result<(), ContextError> {
    if !data_dir.exists(NAME) {
        return Ok(());
    }
    let text = zeroize::Zeroizing::new(data_dir.read(NAME)?);
    let text = std::str::from_utf8(&text).map_err(|_| ContextError::Damaged)?;
    let mut context: Context = toml::from_str(text).map_err(|_| ContextError::Damaged)?;
    context.url = url.to_owned();
    context.ca = data_dir.path().join("ca.pem").display().to_string();
    save(data_dir, &context)
}

/// Whether it is whole and nobody else's.
pub fn check(data_dir: &DataDir) -> Result<(), ContextError> {
    let text = zeroize::Zeroizing::new(data_dir.read(NAME)?);
    let text = std::str::from_utf8(&text).map_err(|_| ContextError::Damaged)?;
    toml::from_str::<Context>(text).map(drop).map_err(|_| ContextError::Damaged)
}

fn save(data_dir: &DataDir, context: &Context) -> Result<(), ContextError> {
    let text = zeroize::Zeroizing::new(toml::to_string(context).map_err(|_| ContextError::Damaged)?);
    Ok(data_dir.write(NAME, text.as_bytes())?)
}
