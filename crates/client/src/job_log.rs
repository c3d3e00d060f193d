//! A job's log and progress, read back and opened.

use sealane_api::v1::{JobLogIn, JobOut, LogPlace};
use sealane_core::id::JobId;
use sealane_core::time::Time;
use sealane_envelope::Part;

use crate::client::Client;
use crate::delivery::Unopenable;
use crate::error::Error;

/// A part of a job's log, opened, the oldest entry first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobLog {
    /// The entries.
    pub entries: Vec<Logged>,
    /// Entries of the whole log that had to leave.
    pub dropped: u64,
    /// Ask with this for what follows; nothing where this was all.
    pub next: Option<LogPlace>,
}

/// One entry of a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Logged {
    /// In which attempt, first = 1,
    pub attempt: u32,
    /// and in which of its reports.
    pub seq: u32,
    /// When, as the provider says.
    pub at: Time,
    /// One line or some; nothing where it is not to be seen.
    pub text: Option<Vec<u8>>,
}

impl std::fmt::Debug for Logged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Why without the text: it is the job's data.
        f.debug_struct("Logged")
            .field("attempt", &self.attempt)
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A page of what a job's workers logged, opened.
    ///
    /// # Errors
    /// As [`Client::job`], and when an entry does not open.
    pub async fn job_log(&self, id: JobId, after: Option<LogPlace>) -> Result<JobLog, Error> {
        let page = JobLogIn { after, max: None };
        let job = self.job(id).await?;
        let log = self.retry("job.logs", || self.provider().job_log(id, &page)).await?;
        let mut entries = Vec::with_capacity(log.entries.len());
        for entry in log.entries {
            let text = match &entry.bytes {
                None => None,
                Some(bytes) => {
                    let part = Part::Log { seq: entry.seq };
                    Some(self.sealing().open_part(&job, part, entry.attempt, &bytes.0).await?)
                }
            };
            entries.push(Logged { attempt: entry.attempt, seq: entry.seq, at: entry.at.0, text });
        }
        let last = entries.last().map(|entry| LogPlace { attempt: entry.attempt, seq: entry.seq });
        Ok(JobLog { entries, dropped: log.dropped, next: last.filter(|_| log.more) })
    }

    /// Opens what a job's worker said about how far it is.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn open_progress(&self, job: &JobOut) -> Result<Option<Vec<u8>>, Unopenable> {
        let Some(progress) = &job.progress else { return Ok(None) };
        let Some(bytes) = &progress.message else { return Ok(None) };
        let part = Part::Progress { seq: progress.seq };
        self.sealing().open_part(job, part, progress.attempt, &bytes.0).await.map(Some)
    }
}
