//! Two seals of one body differ, so a server that is to notice a repeated request compares a
//! keyed fingerprint of the body, which tells it nothing else.

use std::sync::Arc;

use sealane_crypto::{prefix, token};

use crate::envelope::Envelope;
use crate::error::SealError;
use crate::keys::{KeyError, Root};

impl Envelope {
    /// The fingerprint of a body of this kind in this queue.
    ///
    /// It is made under the oldest root that may open, so that it outlives a rotation.
    ///
    /// # Errors
    /// When no root may open or the provider cannot answer.
    pub async fn fingerprint(
        &self,
        namespace: &str,
        queue: &str,
        kind: &str,
        body: &[u8],
    ) -> Result<[u8; 16], SealError> {
        let key = self.oldest_root(namespace, queue).await?.fingerprint_key(namespace, queue);
        let kind = kind.as_bytes();
        Ok(half(&token::tag_joined(&key, &[&prefix::length(kind), kind, body])))
    }

    /// The fingerprint of an error in this queue: equal for equal words, under the same root as that of
    /// bodies and never equal to one of those.
    ///
    /// # Errors
    /// As [`Envelope::fingerprint`].
    pub async fn error_fingerprint(
        &self,
        namespace: &str,
        queue: &str,
        error: &[u8],
    ) -> Result<[u8; 16], SealError> {
        let key = self.oldest_root(namespace, queue).await?.error_fingerprint_key(namespace, queue);
        Ok(half(&token::tag_joined(&key, &[error])))
    }

    /// The one that outlives a rotation for as long as it may open.
    async fn oldest_root(&self, namespace: &str, queue: &str) -> Result<Arc<Root>, SealError> {
        let ids = self.keys.openable_roots(namespace, queue).await?;
        let oldest = *ids.first().ok_or(KeyError::NoOpenableRoot)?;
        Ok(self.keys.root(namespace, queue, oldest).await?.ok_or(KeyError::NoOpenableRoot)?)
    }
}

fn half(tag: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&tag[..16]);
    half
}
