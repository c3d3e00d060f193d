//! What the queue can see of a sealed body: that it says so, that its structure is right, and that it
//! was made for this job. Whether it opens is for the worker to judge.

use super::cloning;
use super::command::Enqueue;
use super::refusal::Refusal;
use super::settings::{QueueSettings, SealingPolicy};
use crate::id::ScheduleId;
use crate::job::JobInput;
use crate::sealed::{CONTENT_TYPE, Header, MAGIC};
use crate::time::Time;

/// Judges a body by the queue's policy. Only the declared content type counts: guessing from the
/// bytes would let whoever strips or adds a marker choose the policy.
pub(super) fn check(settings: &QueueSettings, command: &Enqueue<'_>) -> Result<(), Refusal> {
    check_size(settings, command.input)?;
    match (settings.sealing, command.input.is_sealed()) {
        (SealingPolicy::Required, false) => Err(Refusal::SealingRequired),
        (SealingPolicy::Forbidden, true) => Err(Refusal::SealingForbidden),
        (SealingPolicy::Allowed | SealingPolicy::Forbidden, false) => Ok(()),
        (SealingPolicy::Required | SealingPolicy::Allowed, true) => {
            let header = Header::parse(&command.input.body).map_err(Refusal::Sealed)?;
            if !command.id_given {
                return Err(Refusal::SealedNeedsId);
            }
            // Why not a template: whoever holds one could run it as often as he likes.
            if header.message_id() != command.job.as_bytes() || header.extensions().template.is_some() {
                return Err(Refusal::SealedForOther);
            }
            cloning::check_seal(command, &header)?;
            check_root(settings, &header)
        }
    }
}

fn check_size(settings: &QueueSettings, input: &JobInput) -> Result<(), Refusal> {
    let max = settings.max_body;
    if usize::try_from(max).is_ok_and(|max| input.body.len() > max) {
        return Err(Refusal::BodyTooLarge { max });
    }
    Ok(())
}

/// Why at the door: a body under a root that no worker has would only come to be held.
fn check_root(settings: &QueueSettings, header: &Header<'_>) -> Result<(), Refusal> {
    if settings.root_ids.allow(header.extensions().epoch.map(|epoch| epoch.root_id)) {
        Ok(())
    } else {
        Err(Refusal::RootNotPublished)
    }
}

/// Judges the template of a schedule: a sealed one was made for this schedule and no single job.
pub(super) fn check_template(
    settings: &QueueSettings,
    input: &JobInput,
    schedule: ScheduleId,
) -> Result<(), Refusal> {
    check_moved(settings.sealing, input.is_sealed())?;
    check_size(settings, input)?;
    if input.is_sealed() {
        let header = Header::parse(&input.body).map_err(Refusal::Sealed)?;
        if header.extensions().template != Some(*schedule.as_bytes())
            || header.extensions().clone_of.is_some()
        {
            return Err(Refusal::NotItsTemplate);
        }
        check_root(settings, &header)?;
    }
    Ok(())
}

/// Judges a job that is moved here from another queue. Its body was looked at when it was sent, by that
/// queue's settings.
pub(super) fn check_moved(policy: SealingPolicy, sealed: bool) -> Result<(), Refusal> {
    match (policy, sealed) {
        (SealingPolicy::Required, false) => Err(Refusal::SealingRequired),
        (SealingPolicy::Forbidden, true) => Err(Refusal::SealingForbidden),
        _ => Ok(()),
    }
}

/// Judges what a session is to remember. It comes without a word on whether it is sealed, so its
/// structure alone says so. Whom it was sealed for is not looked at: a session has no name here.
pub(super) fn check_state(policy: SealingPolicy, bytes: &[u8]) -> Result<(), Refusal> {
    match (policy, Header::parse(bytes)) {
        (SealingPolicy::Required, Err(error)) if bytes.starts_with(&MAGIC) => Err(Refusal::Sealed(error)),
        (SealingPolicy::Required, Err(_)) => Err(Refusal::StateSealingRequired),
        (SealingPolicy::Forbidden, Ok(_)) => Err(Refusal::SealingForbidden),
        _ => Ok(()),
    }
}

impl JobInput {
    /// Whether the body says that it is sealed.
    pub fn is_sealed(&self) -> bool {
        self.content_type.as_ref().is_some_and(|name| name.as_str() == CONTENT_TYPE)
    }

    /// When a sealed body stops to open, as it says itself. Unauthenticated: whoever forged it keeps a
    /// job from running that he could have spoilt altogether.
    pub fn seal_expires(&self) -> Option<Time> {
        let header = Header::parse(&self.body).ok().filter(|_| self.is_sealed())?;
        header.expires_ms().map(Time::from_unix_ms)
    }
}
