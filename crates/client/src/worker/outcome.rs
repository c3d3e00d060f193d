//! What a handler says about a job.

use std::fmt;
use std::time::Duration;

use sealane_core::job::Category;

/// Of an error's text so many bytes are kept, the last ones.
pub const ERROR_BYTES_MAX: usize = 64 * 1024;

/// What became of a job in its handler's hands. Results and errors of a sealed job are sealed.
#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, perhaps with a result.
    Complete(Option<Vec<u8>>),
    /// The attempt failed.
    Fail {
        /// Why, in one word.
        category: Category,
        /// What you call the error, at most 64 visible characters: in the clear, for counting.
        code: Option<String>,
        /// What went wrong; the last [`ERROR_BYTES_MAX`] bytes are kept.
        error: Vec<u8>,
        /// Wait before the next attempt; as the queue says where absent.
        retry_after: Option<Duration>,
    },
    /// Hand it back; the attempt does not count.
    Release {
        /// Wait before the next attempt.
        delay: Duration,
    },
}

impl Outcome {
    /// It is done and came to nothing worth keeping.
    pub const COMPLETE: Self = Self::Complete(None);

    /// It is done and came to this.
    #[must_use]
    pub fn complete_with(result: impl Into<Vec<u8>>) -> Self {
        Self::Complete(Some(result.into()))
    }

    /// It may go better next time.
    #[must_use]
    pub fn fail(error: impl Into<Vec<u8>>) -> Self {
        Self::Fail { category: Category::Temporary, code: None, error: error.into(), retry_after: None }
    }

    /// It will never go better.
    #[must_use]
    pub fn fail_for_good(error: impl Into<Vec<u8>>) -> Self {
        Self::Fail { category: Category::Permanent, code: None, error: error.into(), retry_after: None }
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete(result) => {
                f.debug_struct("Complete").field("result_bytes", &result.as_ref().map(Vec::len)).finish()
            }
            Self::Fail { category, code: _, error, retry_after } => f
                .debug_struct("Fail")
                .field("category", category)
                .field("error_bytes", &error.len())
                .field("retry_after", retry_after)
                .finish(),
            Self::Release { delay } => f.debug_struct("Release").field("delay", delay).finish(),
        }
    }
}
