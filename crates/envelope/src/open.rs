//! Opening. The order of checks is part of the contract: structure, message id, key, commitment,
//! tag, padding, inner fields, times. No plaintext is looked at before the tag has matched, no
//! time is believed before that either.

use std::sync::Arc;

use sealane_core::sealed::{Header, RecipientKind};
use sealane_crypto::commit::ContextHash;

use crate::content::Opened;
use crate::context::{BodyContext, PartContext};
use crate::envelope::Envelope;
use crate::error::OpenError;
use crate::keys::{DataKey, RootId};
use crate::{raw, recipient};

/// How far a sealer's clock may run ahead of ours.
const CLOCK_SKEW_MS: u64 = 5 * 60 * 1000;

impl Envelope {
    /// Opens a job's body. The template of a schedule opens in its firings only: [`Envelope::open_firing`].
    ///
    /// # Errors
    /// See [`OpenError`]; nothing of the content is released with any of them.
    pub async fn open_body(&self, context: &BodyContext<'_>, bytes: &[u8]) -> Result<Opened, OpenError> {
        let header = Header::parse(bytes)?;
        check_body(&header, &context.job_id)?;
        self.open(&header, context.namespace, context.queue, &context.hash()).await
    }

    /// Opens what a worker reported about a job.
    ///
    /// # Errors
    /// As [`Envelope::open_body`].
    pub async fn open_part(&self, context: &PartContext<'_>, bytes: &[u8]) -> Result<Opened, OpenError> {
        let header = Header::parse(bytes)?;
        let extensions = header.extensions();
        let of_bodies = [
            extensions.template.is_some(),
            extensions.clone_of.is_some(),
            extensions.bound_names.is_some(),
            header.expires_ms().is_some(),
        ];
        if of_bodies.contains(&true) {
            return Err(OpenError::Unsupported { feature: "in a part what only bodies have" });
        }
        check_message(&header, &context.job_id)?;
        self.open(&header, context.namespace, context.queue, &context.hash()).await
    }

    pub(crate) async fn open(
        &self,
        header: &Header<'_>,
        namespace: &str,
        queue: &str,
        context: &ContextHash,
    ) -> Result<Opened, OpenError> {
        self.open_until(header, namespace, queue, context, Expiry::Kept).await
    }

    pub(crate) async fn open_until(
        &self,
        header: &Header<'_>,
        namespace: &str,
        queue: &str,
        context: &ContextHash,
        expiry: Expiry,
    ) -> Result<Opened, OpenError> {
        let Some((data_key, root_id)) = self.find_key(header, namespace, queue).await? else {
            raw::pretend(header, &self.decoy, context);
            let id = header.extensions().epoch.map_or(*header.dek_id(), |epoch| epoch.root_id);
            return Err(OpenError::KeyNotFound { id });
        };
        let content = raw::open(header, &data_key, context)?;
        check_times(header, self.clock.now_ms(), expiry)?;
        Ok(Opened {
            content,
            created_ms: header.created_ms(),
            expires_ms: header.expires_ms(),
            clone_of: header.extensions().clone_of,
            root_id,
        })
    }

    /// The key a header asks for: below a root, else from a recipient, else named directly.
    async fn find_key(
        &self,
        header: &Header<'_>,
        namespace: &str,
        queue: &str,
    ) -> Result<Option<(Arc<DataKey>, Option<RootId>)>, OpenError> {
        if let Some(epoch) = header.extensions().epoch {
            let id = RootId::from_bytes(epoch.root_id);
            if let Some(root) = self.keys.root(namespace, queue, id).await? {
                let key = self.data_keys.of(&root, namespace, queue, epoch.number);
                return Ok(Some((key, Some(id))));
            }
        }
        for entry in header.recipients().iter().filter(|entry| entry.kind == RecipientKind::KeyWrap) {
            let Some(wrapping_key) = self.keys.wrapping_key(namespace, entry.id).await? else { continue };
            let key = recipient::unwrap(&wrapping_key, namespace, &entry, header.dek_id())
                .map_err(|_| OpenError::AuthenticationFailed)?;
            return Ok(Some((Arc::new(key), None)));
        }
        if header.extensions().epoch.is_some() || header.recipients().count() > 0 {
            return Ok(None);
        }
        let key = self.keys.data_key(namespace, queue, header.dek_id()).await?;
        Ok(key.map(|key| (key, None)))
    }
}

/// What becomes of a body whose time is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Expiry {
    /// It does not open.
    Kept,
    /// It opens all the same.
    Ignored,
}

/// Refuses what is no body of this very job.
pub(crate) fn check_body(header: &Header<'_>, job_id: &[u8; 16]) -> Result<(), OpenError> {
    if header.extensions().template.is_some() {
        return Err(OpenError::Unsupported { feature: "a schedule's template outside of its firings" });
    }
    if header.extensions().bound_names.is_some() {
        return Err(OpenError::Unsupported { feature: "further bound attributes" });
    }
    check_message(header, job_id)
}

pub(crate) fn check_message(header: &Header<'_>, job_id: &[u8; 16]) -> Result<(), OpenError> {
    if header.message_id() == job_id {
        return Ok(());
    }
    Err(OpenError::WrongMessage { expected: *job_id, found: *header.message_id() })
}

fn check_times(header: &Header<'_>, now_ms: u64, expiry: Expiry) -> Result<(), OpenError> {
    let created_ms = header.created_ms();
    if created_ms > now_ms.saturating_add(CLOCK_SKEW_MS) {
        return Err(OpenError::FromTheFuture { created_ms, now_ms });
    }
    if let Some(not_before_ms) = header.extensions().not_before_ms
        && not_before_ms > now_ms
    {
        return Err(OpenError::NotYetValid { not_before_ms, now_ms });
    }
    if let Some(expires_ms) = header.expires_ms()
        && expiry == Expiry::Kept
        && now_ms >= expires_ms
    {
        return Err(OpenError::Expired { expires_ms, now_ms });
    }
    Ok(())
}
