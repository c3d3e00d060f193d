//! Waiting for a job to end.

use std::time::Duration;

use sealane_api::v1::JobOut;
use sealane_core::id::JobId;
use sealane_core::job::State;
use sealane_core::limits;
use tokio::time::{Instant, sleep};

use crate::client::Client;
use crate::error::Error;

/// Why there is no result to wait for.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The job ended in another way than completed.
    #[error("the job is {state}, not completed: look at it to see why")]
    Ended {
        /// `dead`, `cancelled` or `expired`.
        state: String,
    },
    /// The job could not be looked at, or its result does not open.
    #[error(transparent)]
    Failed(#[from] Error),
    /// The time is up.
    #[error("the job is {state} and has not ended in this time: wait for longer")]
    TimeUp {
        /// Where it stands.
        state: String,
    },
}

impl Client {
    /// The job as it stands when it has ended (completed, dead, cancelled or expired), or when the time is
    /// up. Woken by the end, not by looking again and again; as long as you like.
    ///
    /// # Errors
    /// As [`Client::job`].
    pub async fn wait(&self, id: JobId, timeout: Duration) -> Result<JobOut, Error> {
        let longest = Duration::from_millis(limits::JOB_WAIT_MS_MAX);
        let give_up = Instant::now() + timeout;
        let mut early = 0;
        loop {
            let asked_at = Instant::now();
            let time = give_up.saturating_duration_since(asked_at).min(longest);
            let job = self.retry("job.wait", || self.provider().wait(id, time)).await?;
            if is_over(&job) || Instant::now() >= give_up {
                return Ok(job);
            }
            // A provider that is about to stop lets nobody wait.
            if asked_at.elapsed() < time {
                early += 1;
                let wait = self.retry_policy().wait(early, self.random());
                sleep(wait.min(give_up.saturating_duration_since(Instant::now()))).await;
            }
        }
    }

    /// What a job came to, opened, as soon as it is completed; `None` where it came to nothing.
    ///
    /// # Errors
    /// [`WaitError`]: it ended otherwise, the time is up, or it could not be looked at.
    pub async fn wait_result(&self, id: JobId, timeout: Duration) -> Result<Option<Vec<u8>>, WaitError> {
        let job = self.wait(id, timeout).await?;
        if job.state == State::Completed.as_str() {
            return Ok(self.open_result(&job).await.map_err(Error::from)?);
        }
        let state = job.state.clone();
        Err(if is_over(&job) { WaitError::Ended { state } } else { WaitError::TimeUp { state } })
    }
}

fn is_over(job: &JobOut) -> bool {
    State::parse(&job.state).is_some_and(State::is_over)
}
