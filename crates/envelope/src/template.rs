//! Templates: a body sealed once for a schedule and opened in each of its firings.
//!
//! A template carries the schedule's id where a body carries its job's, binds the schedule, and never
//! expires. Which firing a job is, is the server's word; the id of its job must follow from that word, so
//! that what is known as one firing cannot be shown as another.

use sealane_core::id::{JobId, ScheduleId};
use sealane_core::queue::Firing;
use sealane_core::sealed::Header;
use sealane_crypto::commit::ContextHash;
use sealane_crypto::digest;

use crate::content::{Content, Opened};
use crate::context::BodyContext;
use crate::envelope::Envelope;
use crate::error::{OpenError, SealError};
use crate::open::check_message;

/// Where a template belongs.
#[derive(Clone, Copy, Debug)]
pub struct TemplateContext<'a> {
    /// The tenant.
    pub namespace: &'a str,
    /// The logical queue of the schedule's jobs.
    pub queue: &'a str,
    /// The schedule.
    pub schedule: ScheduleId,
    /// The kind of its jobs. An empty one is not bound.
    pub kind: &'a str,
    /// The session of its jobs. An empty one counts as none.
    pub session_id: Option<&'a str>,
    /// The correlation id of its jobs. An empty one counts as none.
    pub correlation_id: Option<&'a str>,
}

impl TemplateContext<'_> {
    fn hash(&self) -> ContextHash {
        let schedule = self.schedule.to_string();
        // Invariant: these names stand in ascending order.
        let bound: Vec<(&str, &str)> = [
            ("$schedule", schedule.as_str()),
            ("correlation-id", self.correlation_id.unwrap_or("")),
            ("kind", self.kind),
            ("session-id", self.session_id.unwrap_or("")),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
        ContextHash::new(self.namespace, self.queue, &bound)
            .expect("four fixed names, written in ascending order")
    }
}

impl Envelope {
    /// Seals the body of a schedule's jobs, once for all of them.
    ///
    /// # Errors
    /// As [`Envelope::seal_body`].
    pub async fn seal_template(
        &self,
        context: &TemplateContext<'_>,
        content: &Content,
    ) -> Result<Vec<u8>, SealError> {
        let place = crate::seal::Place {
            namespace: context.namespace,
            queue: context.queue,
            message_id: *context.schedule.as_bytes(),
            template: Some(context.schedule),
            clone_of: None,
        };
        self.seal(place, context.hash(), content, None).await
    }

    /// Opens the body of a job that its server calls a firing of a schedule. A body that is no template is
    /// opened as any other.
    ///
    /// # Errors
    /// As [`Envelope::open_body`]; [`OpenError::WrongMessage`] also where the job's id does not follow from
    /// schedule and due time.
    pub async fn open_firing(
        &self,
        context: &BodyContext<'_>,
        firing: &Firing,
        bytes: &[u8],
    ) -> Result<Opened, OpenError> {
        let header = Header::parse(bytes)?;
        let extensions = header.extensions();
        if extensions.template.is_none() {
            return self.open_body(context, bytes).await;
        }
        if extensions.bound_names.is_some() {
            return Err(OpenError::Unsupported { feature: "further bound attributes" });
        }
        if extensions.clone_of.is_some() {
            return Err(OpenError::Unsupported { feature: "a schedule's template that is a clone" });
        }
        // The syntax has it that a template's message id is its schedule's.
        check_message(&header, firing.schedule.as_bytes())?;
        let job: JobId = firing.job(digest::sha256);
        if *job.as_bytes() != context.job_id {
            return Err(OpenError::WrongMessage { expected: *job.as_bytes(), found: context.job_id });
        }
        let place = TemplateContext {
            namespace: context.namespace,
            queue: context.queue,
            schedule: firing.schedule,
            kind: context.kind,
            session_id: context.session_id,
            correlation_id: context.correlation_id,
        };
        self.open(&header, context.namespace, context.queue, &place.hash()).await
    }
}

#[cfg(test)]
mod tests {
    use sealane_core::time::Time;

    use super::*;

    /// Computed by another program from the words of the contract.
    #[test]
    fn the_id_of_a_firing_follows_from_schedule_and_time() {
        let schedule = ScheduleId::from_bytes([8; 16]);
        let firing = Firing { schedule, due: Time::from_unix_ms(1_767_225_600_000) };
        assert_eq!(firing.job(digest::sha256).to_string(), "2f36b9eb-e955-88de-ba4a-3b5dc7fe8a8d");
        let later = Firing { due: Time::from_unix_ms(1_767_225_600_001), ..firing };
        assert_ne!(later.job(digest::sha256), firing.job(digest::sha256));
    }
}
