//! What a session remembers, sealed. It belongs to a namespace, a queue and a session, to no job and no
//! attempt: whoever holds the session next opens it.
//!
//! ```text
//! message id = first 16 bytes of SHA-256("QRE2 session" ‖ LP(namespace) ‖ LP(queue) ‖ LP(session id))
//! bound      = $part = session-state
//! ```
//! Which of several states that one session had is the last one is the server's word.

use sealane_core::sealed::Header;
use sealane_crypto::commit::ContextHash;
use sealane_crypto::digest::Sha256;

use crate::content::{Content, Opened};
use crate::envelope::Envelope;
use crate::error::{OpenError, SealError};
use crate::open::check_message;
use crate::seal::Place;

/// Where a session's state belongs.
#[derive(Clone, Copy, Debug)]
pub struct SessionContext<'a> {
    /// The tenant.
    pub namespace: &'a str,
    /// The queue that the session is one of.
    pub queue: &'a str,
    /// The session.
    pub session_id: &'a str,
}

impl SessionContext<'_> {
    fn message_id(&self) -> [u8; 16] {
        let mut digest = Sha256::new();
        digest.update(b"QRE2 session");
        for name in [self.namespace, self.queue, self.session_id] {
            digest.update_prefixed(name.as_bytes());
        }
        *digest.finish().first_chunk().expect("32 bytes begin with 16")
    }

    fn hash(&self) -> ContextHash {
        ContextHash::new(self.namespace, self.queue, &[("$part", "session-state")])
            .expect("one fixed name is in order")
    }
}

impl Envelope {
    /// Seals what a session remembers. It never expires.
    ///
    /// # Errors
    /// As [`Envelope::seal_body`].
    pub async fn seal_session_state(
        &self,
        context: &SessionContext<'_>,
        content: &Content,
    ) -> Result<Vec<u8>, SealError> {
        let place = Place {
            namespace: context.namespace,
            queue: context.queue,
            message_id: context.message_id(),
            template: None,
            clone_of: None,
        };
        self.seal(place, context.hash(), content, None).await
    }

    /// Opens what a session remembers.
    ///
    /// # Errors
    /// As [`Envelope::open_body`].
    pub async fn open_session_state(
        &self,
        context: &SessionContext<'_>,
        bytes: &[u8],
    ) -> Result<Opened, OpenError> {
        let header = Header::parse(bytes)?;
        let extensions = header.extensions();
        if extensions.template.is_some() || extensions.bound_names.is_some() || header.expires_ms().is_some()
        {
            return Err(OpenError::Unsupported { feature: "in a part what only bodies have" });
        }
        check_message(&header, &context.message_id())?;
        self.open(&header, context.namespace, context.queue, &context.hash()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by another program from the words of the contract.
    #[test]
    fn the_message_id_follows_from_namespace_queue_and_session() {
        let here = SessionContext { namespace: "acme", queue: "orders", session_id: "s-42" };
        assert_eq!(here.message_id(), MESSAGE_ID);
        let shifted = SessionContext { queue: "orderss", session_id: "-42", ..here };
        assert_ne!(shifted.message_id(), here.message_id(), "lengths stand in between");
    }

    const MESSAGE_ID: [u8; 16] = 0xeb5207511e0d6d7399eb36459019baa4_u128.to_be_bytes();
}
