//! Data keys for tests: one per namespace and queue, all derived from one known key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealane_core::name::Namespace;
use sealane_core::queue::QueueNumber;
use sealane_crypto::at_rest;
use sealane_crypto::{Key, kdf};

use crate::keys::{DataKey, DataKeys, KeyError};

/// Data keys that everybody knows.
pub struct KnownKeys {
    root: Key,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    by_ref: BTreeMap<u32, Arc<at_rest::DataKey>>,
    by_queue: BTreeMap<(Namespace, u32), DataKey>,
}

impl KnownKeys {
    /// All keys follow from `seed`.
    pub fn danger_from_seed(seed: u8) -> Self {
        Self { root: Key::new([seed; 32]), known: Mutex::default() }
    }

    /// Forgets a key, as a registry does that was told to destroy it.
    pub fn destroy(&self, key_ref: u32) {
        let mut known = self.known();
        known.by_ref.remove(&key_ref);
        known.by_queue.retain(|_, key| key.key_ref != key_ref);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DataKeys for KnownKeys {
    fn journal_key(&self) -> Arc<Key> {
        Arc::new(self.root.duplicate())
    }

    fn for_queue(&self, namespace: &Namespace, queue: QueueNumber) -> Result<DataKey, KeyError> {
        let mut known = self.known();
        let place = (namespace.clone(), queue.0);
        if let Some(key) = known.by_queue.get(&place) {
            return Ok(key.clone());
        }
        let key_ref = queue.0 + 1;
        let parts: [&[u8]; 2] = [namespace.as_str().as_bytes(), &queue.0.to_be_bytes()];
        let key = Arc::new(at_rest::DataKey::new(&kdf::derive(&self.root, "known key", &parts)));
        known.by_ref.insert(key_ref, Arc::clone(&key));
        let key = DataKey { key_ref, key };
        known.by_queue.insert(place, key.clone());
        Ok(key)
    }

    fn by_ref(&self, key_ref: u32) -> Option<Arc<at_rest::DataKey>> {
        self.known().by_ref.get(&key_ref).cloned()
    }
}
