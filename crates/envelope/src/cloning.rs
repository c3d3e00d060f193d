//! Clones: the body of a job that has ended, sealed anew for another one that repeats it.
//!
//! A body is bound to its job's id, so whoever makes a clone opens the original's and seals it again. The new
//! envelope names the original: an authenticated word, where what a server says about it is only a hint.

use sealane_core::sealed::Header;

use crate::content::{Content, Opened};
use crate::context::BodyContext;
use crate::envelope::Envelope;
use crate::error::{OpenError, SealError};
use crate::open::{Expiry, check_body};
use crate::seal::Place;

impl Envelope {
    /// Seals the body of a job that repeats another one, which `original` names.
    ///
    /// # Errors
    /// As [`Envelope::seal_body`], and when `original` is the job itself.
    pub async fn seal_clone(
        &self,
        context: &BodyContext<'_>,
        original: [u8; 16],
        content: &Content,
        expires_ms: Option<u64>,
    ) -> Result<Vec<u8>, SealError> {
        if original == context.job_id {
            return Err(SealError::CloneOfItself);
        }
        let place = Place { clone_of: Some(original), ..Place::of_body(context) };
        self.seal(place, context.hash(), content, expires_ms).await
    }

    /// Opens a job's body whether it has expired or not: for a person who knows that it may have, never for a
    /// worker.
    ///
    /// # Errors
    /// As [`Envelope::open_body`], but for [`OpenError::Expired`].
    pub async fn open_expired_body(
        &self,
        context: &BodyContext<'_>,
        bytes: &[u8],
    ) -> Result<Opened, OpenError> {
        let header = Header::parse(bytes)?;
        check_body(&header, &context.job_id)?;
        self.open_until(&header, context.namespace, context.queue, &context.hash(), Expiry::Ignored).await
    }
}
