//! Why a typed handler did not come to a result.

use std::fmt;
use std::time::Duration;

use sealane_core::job::Category;

use crate::retry::Chain;
use crate::worker::Outcome;

/// Why a typed handler came to no result. Any error becomes one by `?`: temporary, its text and
/// its causes' as the (sealed) error.
pub struct Failure {
    outcome: Outcome,
}

impl Failure {
    /// It may go better next time.
    #[must_use]
    pub fn temporary(error: impl Into<Vec<u8>>) -> Self {
        Self { outcome: Outcome::fail(error) }
    }

    /// It will never go better: straight to dead-letter.
    #[must_use]
    pub fn permanent(error: impl Into<Vec<u8>>) -> Self {
        Self { outcome: Outcome::fail_for_good(error) }
    }

    /// The job was cancelled and the handler stopped for it.
    #[must_use]
    pub fn cancelled() -> Self {
        let outcome =
            Outcome::Fail { category: Category::Cancelled, code: None, error: Vec::new(), retry_after: None };
        Self { outcome }
    }

    /// Not now: the job is handed back for so long and the attempt does not count.
    #[must_use]
    pub fn hand_back(delay: Duration) -> Self {
        Self { outcome: Outcome::Release { delay } }
    }

    /// What you call the error, at most 64 visible characters: in the clear, for counting.
    #[must_use]
    pub fn code(mut self, name: impl Into<String>) -> Self {
        if let Outcome::Fail { code, .. } = &mut self.outcome {
            *code = Some(name.into());
        }
        self
    }

    /// Wait so long before the next attempt, instead of as the queue says.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        if let Outcome::Fail { retry_after, .. } = &mut self.outcome {
            *retry_after = Some(wait);
        }
        self
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::temporary(Chain(&error).to_string())
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        failure.outcome
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Failure").field(&self.outcome).finish()
    }
}
