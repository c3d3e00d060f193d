//! Clones: a new job that repeats one that has ended, under an id of its own.
//!
//! The body is the sender's business: a sealed one is bound to its job, so only somebody with the keys can make
//! one for the clone. Here stands what the queue itself knows of the original, and what it has a say in: that
//! the original has ended, that request and seal name the same one, and under which fair key the clone takes
//! its turns.

use std::borrow::Cow;

use super::command::Enqueue;
use super::options::JobOptions;
use super::refusal::Refusal;
use super::shard::Shard;
use crate::sealed::Header;

impl Shard {
    /// What a job goes on with besides what every job has: of a clone, also what only the queue knows.
    pub(super) fn options_of<'a>(
        &self,
        command: &Enqueue<'a>,
    ) -> Result<Option<Cow<'a, JobOptions>>, Refusal> {
        let Some(options) = command.options else { return Ok(None) };
        let Some(original) = options.clone_of else { return Ok(Some(Cow::Borrowed(options))) };
        let live = self.jobs.get(&original);
        let job = live.or_else(|| self.finished.get(&original).map(|finished| &finished.job));
        let job = job.ok_or(Refusal::CloneUnknown { job: original })?;
        if !job.state().is_over() {
            return Err(Refusal::CloneNotEnded { state: job.state() });
        }
        // Why from here: of the key itself only the token is kept, so nobody could send it again.
        let fair_key = options.fair_key.or(job.fair_key());
        Ok(Some(Cow::Owned(JobOptions { fair_key, ..options.clone() })))
    }
}

/// Judges that seal and request name the same original, or none.
pub(super) fn check_seal(command: &Enqueue<'_>, header: &Header<'_>) -> Result<(), Refusal> {
    let asked = command.options.and_then(|options| options.clone_of);
    if header.extensions().clone_of == asked.map(|job| *job.as_bytes()) {
        Ok(())
    } else {
        Err(Refusal::CloneSealedOtherwise)
    }
}
