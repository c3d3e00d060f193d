//! What one record says, and what callers supplied with it. Refuses to know how either is stored.

use std::fmt;
use std::sync::Arc;

use sealane_core::control::ControlEvent;
use sealane_core::job::JobInput;
use sealane_core::name::Namespace;
use sealane_core::queue::{Event, QueueNumber};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// To the access keys.
    Control(ControlEvent),
    /// To the queues and jobs of a namespace.
    Shard {
        /// Whose.
        namespace: Namespace,
        /// What.
        event: Event,
    },
}

/// What a caller supplied with an event. It is encrypted on its own, under the data key of its queue.
#[derive(Clone, Copy)]
pub enum CallerData<'a> {
    /// With `JobEnqueued`: everything the producer sent; with `SchedulePut`: what each of its jobs carries.
    Job {
        /// The queue whose data key is used.
        queue: QueueNumber,
        /// What the producer sent.
        input: &'a Arc<JobInput>,
    },
    /// With `JobCompleted`, `JobFailed` or `JobCancelled`: the result or error, as the worker gave it. With
    /// `JobReported`: message, log entry and checkpoint, one behind the other.
    Outcome {
        /// The queue whose data key is used.
        queue: QueueNumber,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// With `SessionAccepted`: the session's name. With `SessionStateSet`: what it remembers.
    Session {
        /// The queue whose data key is used.
        queue: QueueNumber,
        /// The bytes.
        bytes: &'a [u8],
    },
}

impl CallerData<'_> {
    /// Whether this fact is one that carries data of this kind.
    pub fn belongs_to(&self, fact: &Fact) -> bool {
        let Fact::Shard { event, .. } = fact else { return false };
        match self {
            Self::Job { .. } => matches!(event, Event::JobEnqueued(_) | Event::SchedulePut(_)),
            Self::Outcome { .. } => matches!(
                event,
                Event::JobCompleted { .. }
                    | Event::JobFailed { .. }
                    | Event::JobCancelled { .. }
                    | Event::JobReported { .. }
            ),
            Self::Session { .. } => {
                matches!(event, Event::SessionAccepted { .. } | Event::SessionStateSet { .. })
            }
        }
    }

    /// The queue whose data key is used.
    pub fn queue(&self) -> QueueNumber {
        match self {
            Self::Job { queue, .. } | Self::Outcome { queue, .. } | Self::Session { queue, .. } => *queue,
        }
    }
}

impl fmt::Debug for CallerData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Why: a body or a result in a log line is a leak.
        match self {
            Self::Job { .. } => f.write_str("Job(…)"),
            Self::Outcome { bytes, .. } => write!(f, "Outcome({} bytes)", bytes.len()),
            Self::Session { bytes, .. } => write!(f, "Session({} bytes)", bytes.len()),
        }
    }
}
