//! Two seals of one body differ, so a server that is to notice a repeated request compares a
//! keyed fingerprint of the body, which tells it nothing else.

use sealane_crypto::{prefix, token};

use crate::envelope::Envelope;
use crate::error::SealError;
use crate::keys::KeyError;

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
        let ids = self.keys.openable_roots(namespace, queue).await?;
        let oldest = *ids.first().ok_or(KeyError::NoOpenableRoot)?;
        let root = self.keys.root(namespace, queue, oldest).await?.ok_or(KeyError::NoOpenableRoot)?;
        let key = root.fingerprint_key(namespace, queue);
        let kind = kind.as_bytes();
        let tag = token::tag_joined(&key, &[&prefix::length(kind), kind, body]);
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&tag[..16]);
        Ok(fingerprint)
    }
}
