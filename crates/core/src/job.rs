//! What a job is: the words for its states and outcomes, and what its producer supplies.

use std::collections::BTreeMap;
use std::fmt;

use crate::name::{AttributeName, ContentType, CorrelationId, Kind, SessionId, Subject, Tag};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal / $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used on every floor.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads the word.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }

            /// The byte that stands for it in stored records. Never reused.
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code),+ }
            }

            /// Reads the stored byte.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// How urgent a job is. The order is the order of service.
    Priority {
        /// Before everything else.
        Critical = "critical" / 0,
        /// Before normal work.
        High = "high" / 1,
        /// The default.
        Normal = "normal" / 2,
        /// After normal work.
        Low = "low" / 3,
        /// When nothing else waits.
        Bulk = "bulk" / 4,
    }
}

words! {
    /// Where a job stands in its life.
    State {
        /// Waits for other jobs.
        Blocked = "blocked" / 10,
        /// Waits for its time.
        Delayed = "delayed" / 1,
        /// Waits for a worker.
        Ready = "ready" / 2,
        /// Leased by a worker.
        Running = "running" / 3,
        /// Failed and waits for its next attempt.
        Retrying = "retrying" / 4,
        /// Set aside until a person looks.
        Held = "held" / 5,
        /// Done.
        Completed = "completed" / 6,
        /// In dead-letter: all attempts used, or failed for good.
        Dead = "dead" / 7,
        /// Not wanted any more.
        Cancelled = "cancelled" / 8,
        /// Its time to live ran out before it was done.
        Expired = "expired" / 9,
    }
}

impl State {
    /// Whether a job that stands there has ended: nothing happens to it any more by itself.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Dead | Self::Cancelled | Self::Expired)
    }
}

words! {
    /// Why an attempt failed, as its worker or the server saw it.
    Category {
        /// May go better next time.
        Temporary = "temporary" / 1,
        /// Will never go better: straight to dead-letter.
        Permanent = "permanent" / 2,
        /// Took too long, or its worker went silent.
        Timeout = "timeout" / 3,
        /// The worker was told to stop.
        Cancelled = "cancelled" / 4,
        /// The worker's surroundings failed, not the job.
        System = "system" / 5,
    }
}

words! {
    /// Why a job is held.
    HoldReason {
        /// Its worker could not open the sealed body.
        Unopenable = "unopenable" / 1,
        /// Its stored record could not be read back.
        Unreadable = "unreadable" / 2,
        /// A person set it aside.
        Quarantined = "quarantined" / 3,
    }
}

/// What a producer supplies with a job. Opaque to the queue's rules, returned as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct JobInput {
    /// What sort of job it is.
    pub kind: Kind,
    /// The payload.
    pub body: Vec<u8>,
    /// Media type of the payload.
    pub content_type: Option<ContentType>,
    /// Attributes in the clear.
    pub attributes: BTreeMap<AttributeName, String>,
    /// Ordering key.
    pub session_id: Option<SessionId>,
    /// Ties jobs of one business event together.
    pub correlation_id: Option<CorrelationId>,
    /// Whose data it is.
    pub subject: Option<Subject>,
    /// Search words.
    pub tags: Vec<Tag>,
}

impl fmt::Debug for JobInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Why: a body, an attribute or a subject in a log line is a leak.
        f.debug_struct("JobInput")
            .field("kind", &self.kind)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
