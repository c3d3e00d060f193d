//! Data keys for tests: one per namespace and queue, all derived from one known key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sealane_core::name::Namespace;
use sealane_core::queue::QueueNumber;
use sealane_crypto::{Key, kdf};

use crate::keys::{DataKey, DataKeys, KeyError};

/// Data keys that everybody knows.
pub struct KnownKeys {
    root: Key,
    by_ref: Mutex<BTreeMap<u32, Arc<Key>>>,
}

impl KnownKeys {
    /// All keys follow from `seed`.
    pub fn danger_from_seed(seed: u8) -> Self {
        Self { root: Key::new([seed; 32]), by_ref: Mutex::default() }
    }

    /// Forgets a key, as a registry does that was told to destroy it.
    pub fn destroy(&self, key_ref: u32) {
        self.by_ref.lock().unwrap_or_else(PoisonError::into_inner).remove(&key_ref);
    }
}

impl DataKeys for KnownKeys {
    fn journal_key(&self) -> Arc<Key> {
        Arc::new(self.root.duplicate())
    }

    fn for_queue(&self, namespace: &Namespace, queue: QueueNumber) -> Result<DataKey, KeyError> {
        let key_ref = queue.0 + 1;
        let parts: [&[u8]; 2] = [namespace.as_str().as_bytes(), &queue.0.to_be_bytes()];
        let key = Arc::new(kdf::derive(&self.root, "known key", &parts));
        self.by_ref.lock().unwrap_or_else(PoisonError::into_inner).insert(key_ref, Arc::clone(&key));
        Ok(DataKey { key_ref, key })
    }

    fn by_ref(&self, key_ref: u32) -> Option<Arc<Key>> {
        self.by_ref.lock().unwrap_or_else(PoisonError::into_inner).get(&key_ref).cloned()
    }
}
