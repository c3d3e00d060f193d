//! A keyring in memory as a provider: what a process works with after loading its file.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use sealane_crypto::{Key, wrap};

use super::keyring::Keyring;
use super::provider::{KeyError, KeyProvider};
use super::root::{DataKey, Root, RootId};

/// One keyring for all queues; it can be replaced while in use.
#[derive(Debug, Default)]
pub struct MemoryKeys {
    keyring: RwLock<Keyring>,
    data_keys: HashMap<[u8; 16], Arc<DataKey>>,
    wrapping_keys: HashMap<[u8; 16], Arc<Key>>,
}

impl MemoryKeys {
    /// Serves this keyring.
    #[must_use]
    pub fn new(keyring: Keyring) -> Self {
        Self { keyring: RwLock::new(keyring), ..Self::default() }
    }

    /// Also serves a data key that headers name directly.
    #[must_use]
    pub fn with_data_key(mut self, key: DataKey) -> Self {
        self.data_keys.insert(*key.id(), Arc::new(key));
        self
    }

    /// Also serves the wrapping key of this name, for recipients made with it.
    #[must_use]
    pub fn with_wrapping_key(mut self, name: &str, key: Key) -> Self {
        self.wrapping_keys.insert(wrap::recipient_id(name.as_bytes()), Arc::new(key));
        self
    }

    /// Serves another keyring from now on.
    pub fn replace(&self, keyring: Keyring) {
        // Why poison is no news: a keyring is replaced whole or not at all.
        *self.keyring.write().unwrap_or_else(PoisonError::into_inner) = keyring;
    }

    fn read<T>(&self, read: impl FnOnce(&Keyring) -> T) -> T {
        read(&self.keyring.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl KeyProvider for MemoryKeys {
    async fn active_root(&self, _: &str, _: &str) -> Result<Arc<Root>, KeyError> {
        self.read(|keyring| keyring.active().cloned()).ok_or(KeyError::NoActiveRoot)
    }

    async fn root(&self, _: &str, _: &str, id: RootId) -> Result<Option<Arc<Root>>, KeyError> {
        Ok(self.read(|keyring| keyring.openable(id).cloned()))
    }

    async fn openable_roots(&self, _: &str, _: &str) -> Result<Vec<RootId>, KeyError> {
        Ok(self.read(|keyring| keyring.openable_ids().collect()))
    }

    async fn data_key(&self, _: &str, _: &str, id: &[u8; 16]) -> Result<Option<Arc<DataKey>>, KeyError> {
        Ok(self.data_keys.get(id).cloned())
    }

    async fn wrapping_key(&self, _: &str, recipient_id: &[u8; 16]) -> Result<Option<Arc<Key>>, KeyError> {
        Ok(self.wrapping_keys.get(recipient_id).cloned())
    }
}
