//! Sealing: the active root's key of today, a fresh salt, the reader's context.

use sealane_core::id::ScheduleId;
use sealane_core::sealed::{Epoch, Extensions, Flags, MS_PER_EPOCH};
use sealane_crypto::Random;
use sealane_crypto::commit::ContextHash;

use crate::content::Content;
use crate::context::{BodyContext, PartContext};
use crate::envelope::Envelope;
use crate::error::SealError;
use crate::raw::{self, Draft};

impl Envelope {
    /// Seals a job's body. It opens for the same context only, and until `expires_ms`.
    ///
    /// # Errors
    /// When there is no key or no randomness, or the content does not fit. No plaintext has left.
    pub async fn seal_body(
        &self,
        context: &BodyContext<'_>,
        content: &Content,
        expires_ms: Option<u64>,
    ) -> Result<Vec<u8>, SealError> {
        self.seal(Place::of_body(context), context.hash(), content, expires_ms).await
    }

    /// Seals what a worker reports about a job. It never expires.
    ///
    /// # Errors
    /// As [`Envelope::seal_body`].
    pub async fn seal_part(
        &self,
        context: &PartContext<'_>,
        content: &Content,
    ) -> Result<Vec<u8>, SealError> {
        let place = Place {
            namespace: context.namespace,
            queue: context.queue,
            message_id: context.job_id,
            template: None,
            clone_of: None,
        };
        self.seal(place, context.hash(), content, None).await
    }

    pub(crate) async fn seal(
        &self,
        place: Place<'_>,
        context: ContextHash,
        content: &Content,
        expires_ms: Option<u64>,
    ) -> Result<Vec<u8>, SealError> {
        let root = self.keys.active_root(place.namespace, place.queue).await?;
        let created_ms = self.clock.now_ms();
        let epoch = u32::try_from(created_ms / MS_PER_EPOCH)
            .map_err(|_| SealError::ClockOutOfRange { now_ms: created_ms })?;
        let data_key = self.data_keys.of(&root, place.namespace, place.queue, epoch);

        let mut fresh = [0; 44];
        self.random.fill(&mut fresh)?;
        let (salt, rest) = fresh.split_first_chunk::<32>().expect("44 bytes begin with 32");
        let nonce = rest.first_chunk::<12>().expect("44 bytes less 32 are 12");
        let draft = Draft {
            data_key: &data_key,
            context,
            message_id: place.message_id,
            created_ms,
            expires_ms,
            salt: *salt,
            nonce: *nonce,
            flags: Flags { padded: self.padded, ..Flags::default() },
            recipients: &[],
            extensions: Extensions {
                clone_of: place.clone_of,
                template: place.template.map(|schedule| *schedule.as_bytes()),
                epoch: Some(Epoch { number: epoch, root_id: *root.id().as_bytes() }),
                ..Extensions::default()
            },
        };
        raw::seal(&draft, content)
    }
}

/// What a sealed message is for.
pub(crate) struct Place<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) queue: &'a str,
    pub(crate) message_id: [u8; 16],
    /// The schedule that it is a template for.
    pub(crate) template: Option<ScheduleId>,
    /// The job that it repeats.
    pub(crate) clone_of: Option<[u8; 16]>,
}

impl<'a> Place<'a> {
    pub(crate) const fn of_body(context: &BodyContext<'a>) -> Self {
        let BodyContext { namespace, queue, job_id, .. } = *context;
        Self { namespace, queue, message_id: job_id, template: None, clone_of: None }
    }
}
