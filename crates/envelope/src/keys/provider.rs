//! The joint between envelopes and whatever keeps the keys. Asynchronous from the start: a
//! remote service is asked like a file in memory.

use std::error::Error as StdError;
use std::sync::Arc;

use async_trait::async_trait;
use sealane_crypto::Key;
use thiserror::Error;

use super::root::{DataKey, Root, RootId};

/// Answers with keys. It is asked for every seal and every open, so that a root that is disabled
/// stops opening at once; one that reaches over a network keeps a short-lived copy of its own.
#[async_trait]
pub trait KeyProvider: Send + Sync {
    /// The root to seal with.
    ///
    /// # Errors
    /// When there is none, or the provider cannot answer.
    async fn active_root(&self, namespace: &str, queue: &str) -> Result<Arc<Root>, KeyError>;

    /// A root by id, if it may open; `None` when it is not known or no longer may.
    ///
    /// # Errors
    /// When the provider cannot answer.
    async fn root(&self, namespace: &str, queue: &str, id: RootId) -> Result<Option<Arc<Root>>, KeyError>;

    /// The ids of all roots that may open, oldest first: what a worker announces.
    ///
    /// # Errors
    /// When the provider cannot answer.
    async fn openable_roots(&self, namespace: &str, queue: &str) -> Result<Vec<RootId>, KeyError>;

    /// A data key named directly, for envelopes without root and recipients.
    ///
    /// # Errors
    /// When the provider cannot answer.
    async fn data_key(
        &self,
        namespace: &str,
        queue: &str,
        id: &[u8; 16],
    ) -> Result<Option<Arc<DataKey>>, KeyError> {
        let _ = (namespace, queue, id);
        Ok(None)
    }

    /// The wrapping key of a recipient this process is.
    ///
    /// # Errors
    /// When the provider cannot answer.
    async fn wrapping_key(
        &self,
        namespace: &str,
        recipient_id: &[u8; 16],
    ) -> Result<Option<Arc<Key>>, KeyError> {
        let _ = (namespace, recipient_id);
        Ok(None)
    }
}

/// Why a provider gave no key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No root is active.
    #[error("no root is active; rotate the keyring to get one")]
    NoActiveRoot,
    /// No root may open any more.
    #[error("no root of the keyring may open; add one")]
    NoOpenableRoot,
    /// The provider failed; asking again later may help.
    #[error("the keys are out of reach for now")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
}
