//! What an ended job was sent with: for whoever makes a clone of it.

use std::borrow::Cow;
use std::sync::Arc;

use sealane_core::job::JobInput;
use sealane_core::limits;
use sealane_core::name::QueueName;
use sealane_core::queue::JobView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::attempts::RetryIn;
use super::schedules::FiringOut;
use super::shown::{self, BodyOf};
use crate::problem::Problem;
use crate::wire::{Bytes, Id, StringMap, Text};

/// Why a body is read. What is absent is fine for one's own job.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobBodyIn {
    /// Why somebody else's body is read, at most 256 bytes on one line: it stands in the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why a body is read, fit for the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reason(Option<String>);

impl Reason {
    /// The words, where there are any.
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl TryFrom<JobBodyIn> for Reason {
    type Error = Problem;

    fn try_from(wish: JobBodyIn) -> Result<Self, Problem> {
        let fits = |words: &String| {
            words.len() <= limits::REASON_BYTES_MAX
                && !words.trim().is_empty()
                && !words.chars().any(breaks_a_line)
        };
        if wish.reason.as_ref().is_none_or(fits) {
            return Ok(Self(wish.reason));
        }
        Err(Problem::invalid(format!(
            "a reason has words, on one line and of at most {} bytes",
            limits::REASON_BYTES_MAX
        )))
    }
}

/// Whether a letter ends a line, or turns or hides what stands beside it in one.
fn breaks_a_line(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        )
}

/// What an ended job was sent with, as far as a clone of it is sent with the same.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct JobBodyOut {
    /// The job's id.
    pub id: Id,
    /// The queue that it is in.
    pub queue: Text,
    /// The queue that it was sent to, where it was moved since: a sealed body is bound to that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_queue: Option<Text>,
    /// How it ended.
    pub state: Cow<'static, str>,
    /// What sort of job it is.
    pub kind: Text,
    /// The payload, as it was sent.
    pub body: Bytes,
    /// Media type of the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<Text>,
    /// Attributes in the clear.
    #[serde(default, skip_serializing_if = "StringMap::is_empty")]
    pub attributes: StringMap,
    /// Ordering key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Text>,
    /// Ties jobs of one business event together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Text>,
    /// Whose data it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Text>,
    /// Search words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Text>,
    /// How urgent it was at last.
    pub priority: Cow<'static, str>,
    /// Attempts that it had before dead-letter.
    pub max_attempts: u32,
    /// How it waited between attempts, where not as its queue says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryIn>,
    /// Which firing of which schedule it was; a sealed body is then the schedule's template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firing: Option<FiringOut>,
}

impl JobBodyOut {
    /// What a job was sent with.
    pub fn show(view: &JobView, queue: &QueueName, input: Arc<JobInput>) -> Self {
        Self {
            id: Id(view.id),
            queue: queue.into(),
            origin_queue: view.origin.as_ref().map(Text::from),
            state: view.state.as_str().into(),
            kind: (&input.kind).into(),
            content_type: input.content_type.as_ref().map(Text::from),
            attributes: shown::attributes(&input.attributes),
            session_id: input.session_id.as_ref().map(Text::from),
            correlation_id: input.correlation_id.as_ref().map(Text::from),
            subject: input.subject.as_ref().map(Text::from),
            tags: input.tags.iter().map(Text::from).collect(),
            body: Bytes(bytes::Bytes::from_owner(BodyOf(input))),
            priority: view.priority.as_str().into(),
            max_attempts: view.max_attempts,
            retry: view.backoff.as_ref().map(RetryIn::from),
            firing: view.firing.as_ref().map(FiringOut::from),
        }
    }
}

impl std::fmt::Debug for JobBodyOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Why: all the rest is its producer's data.
        f.debug_struct("JobBodyOut").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(words: &str) -> Result<Reason, Problem> {
        Reason::try_from(JobBodyIn { reason: Some(words.to_owned()) })
    }

    // attack 26
    #[test]
    fn a_reason_is_one_line_of_words() {
        assert_eq!(Reason::try_from(JobBodyIn::default()).unwrap().as_str(), None);
        assert_eq!(reason("ticket 4711: größer").unwrap().as_str(), Some("ticket 4711: größer"));
        let longest = "x".repeat(limits::REASON_BYTES_MAX);
        assert_eq!(reason(&longest).unwrap().as_str(), Some(&*longest));
        for words in ["", "  ", "a\nb", "a\rb", "\u{1b}[2J", "a\u{85}b", &format!("{longest}x")] {
            assert!(reason(words).is_err(), "{words:?}");
        }
    }
}
