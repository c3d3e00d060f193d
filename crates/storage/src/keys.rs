//! Which key a record is under. The journal asks; whoever implements [`DataKeys`] keeps the keys,
//! outside the journal, so that destroying one really ends what it encrypted.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use sealane_core::name::Namespace;
use sealane_core::queue::QueueNumber;
use sealane_crypto::{Key, at_rest};

/// A data key and the number records carry for it.
#[derive(Clone, Debug)]
pub struct DataKey {
    /// The number. Never reused.
    pub key_ref: u32,
    /// The key, ready for use.
    pub key: Arc<at_rest::DataKey>,
}

/// The keeper of keys could not give one.
#[derive(Debug)]
pub struct KeyError(Box<dyn Error + Send + Sync>);

impl KeyError {
    /// From whatever went wrong there.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key registry gave no data key")
    }
}

impl Error for KeyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.as_ref())
    }
}

/// The keeper of keys, as the journal sees it.
pub trait DataKeys: Send + Sync {
    /// The key that segment keys are derived from.
    fn journal_key(&self) -> Arc<Key>;

    /// The key for new records of a queue, made on first use. What it returns is already durable: a
    /// record must never be older than its key.
    ///
    /// # Errors
    /// When a new key could not be made or stored.
    fn for_queue(&self, namespace: &Namespace, queue: QueueNumber) -> Result<DataKey, KeyError>;

    /// The key a stored record names; `None` when it was destroyed or never existed.
    fn by_ref(&self, key_ref: u32) -> Option<Arc<at_rest::DataKey>>;
}
