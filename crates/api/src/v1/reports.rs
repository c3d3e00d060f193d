//! What workers report of the jobs that they run, and how it is shown.

use sealane_core::limits;
use sealane_core::queue::{Report, ReportKey, Reported, ReportedBytes, ReportedProgress};
use sealane_core::time::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::wire::{Bytes, Timestamp, at_most};

/// Reports on leased jobs. They make no lease longer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reports {
    /// 1 to 1000 items.
    #[serde(deserialize_with = "at_most::<_, _, { limits::BATCH_ITEMS_MAX }>")]
    pub items: Vec<ReportItem>,
}

/// One report on one job: progress, a log entry, a checkpoint, or some of them.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportItem {
    /// The receipt that came with the lease.
    pub receipt: String,
    /// The report's number in its attempt: from `next_report` of the lease on, without a gap. A sealed report
    /// is bound to it. The last one may be repeated.
    pub seq: u32,
    /// How far the job is. The last one stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressIn>,
    /// One line of a log or some, at most 64 KiB, sealed if the job was. The last entries stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Bytes>,
    /// What the next attempt is to go on from, at most 1 MiB, sealed if the job was. The last one stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Bytes>,
}

impl std::fmt::Debug for ReportItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Why: a receipt acts for its worker.
        f.debug_struct("ReportItem").field("seq", &self.seq).finish_non_exhaustive()
    }
}

/// How far a job is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgressIn {
    /// In percent, 0 to 100.
    pub percent: u8,
    /// What its worker says about it, at most 8 KiB, sealed if the job was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Bytes>,
}

impl ReportItem {
    /// The report, and its bytes one behind the other as they are stored.
    pub fn parts(&self) -> Result<(Report, Vec<u8>), Problem> {
        let message = self.progress.as_ref().and_then(|progress| progress.message.as_ref());
        let bytes = [message, self.log.as_ref(), self.checkpoint.as_ref()];
        let bytes = bytes.into_iter().flatten().flat_map(|part| part.0.iter().copied()).collect();
        let progress = self.progress.as_ref().map(|progress| {
            Ok::<_, Problem>(ReportedProgress {
                percent: progress.percent,
                message: length(progress.message.as_ref())?,
            })
        });
        let report = Report {
            seq: self.seq,
            progress: progress.transpose()?,
            log: length(self.log.as_ref())?,
            checkpoint: length(self.checkpoint.as_ref())?,
        };
        Ok((report, bytes))
    }
}

fn length(part: Option<&Bytes>) -> Result<Option<u32>, Problem> {
    part.map(|part| u32::try_from(part.0.len())).transpose().map_err(Problem::invalid)
}

/// What a job's worker said last about how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProgressOut {
    /// In percent.
    pub percent: u8,
    /// In which attempt, first = 1,
    pub attempt: u32,
    /// and in which report: a sealed message is bound to both.
    pub seq: u32,
    /// When.
    pub at: Timestamp,
    /// What it said, sealed if the job was; for the job's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Bytes>,
}

/// That there is a checkpoint. Its bytes are in leases only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckpointOut {
    /// In which attempt it was made, first = 1,
    pub attempt: u32,
    /// and in which report.
    pub seq: u32,
    /// When.
    pub at: Timestamp,
    /// How many bytes it has as stored.
    pub size: u32,
}

/// How much log of a job there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogOut {
    /// Entries that can be read.
    pub entries: u64,
    /// Entries that had to leave.
    pub dropped: u64,
}

/// What a former attempt left for this one to go on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeasedCheckpoint {
    /// In which attempt it was made, first = 1,
    pub attempt: u32,
    /// and in which report: a sealed one is bound to both.
    pub seq: u32,
    /// As it came, sealed if the job was.
    pub bytes: Bytes,
}

/// How long to wait for a job to end.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitIn {
    /// In milliseconds, at most 300000; not at all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

impl WaitIn {
    /// How long.
    pub fn wait(&self) -> Result<Millis, Problem> {
        let wait = self.wait_ms.unwrap_or(0);
        if wait > limits::JOB_WAIT_MS_MAX {
            return Err(Problem::invalid(format!("wait_ms must be at most {}", limits::JOB_WAIT_MS_MAX)));
        }
        Ok(Millis::new(wait))
    }
}

/// Which part of a log is wanted.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobLogIn {
    /// At most so many entries, 1 to 100; 100 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// Only what came behind this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<LogPlace>,
}

/// The place of an entry in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogPlace {
    /// The attempt, first = 1.
    pub attempt: u32,
    /// The report in it, first = 0.
    pub seq: u32,
}

impl JobLogIn {
    /// How many entries.
    pub fn max(&self) -> Result<usize, Problem> {
        let max = self.max.map_or(Ok(limits::LOG_PAGE_MAX), usize::try_from).unwrap_or(usize::MAX);
        if (1..=limits::LOG_PAGE_MAX).contains(&max) {
            return Ok(max);
        }
        Err(Problem::invalid(format!("max must be 1 to {}", limits::LOG_PAGE_MAX)))
    }

    /// Behind which report.
    pub fn after(&self) -> Option<ReportKey> {
        self.after.map(|LogPlace { attempt, seq }| ReportKey { attempt, seq })
    }
}

/// A part of a job's log, the oldest entry first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobLogOut {
    /// The entries.
    pub entries: Vec<LogEntry>,
    /// Entries of the whole log that had to leave.
    pub dropped: u64,
    /// Whether there are more behind these.
    pub more: bool,
}

/// One entry of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogEntry {
    /// In which attempt, first = 1,
    pub attempt: u32,
    /// and in which report: a sealed entry is bound to both.
    pub seq: u32,
    /// When.
    pub at: Timestamp,
    /// One line or some, sealed if the job was; for the job's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Bytes>,
}

impl LogEntry {
    /// An entry; `bytes` for those who may see them.
    pub fn show(entry: &ReportedBytes, bytes: Option<Vec<u8>>) -> Self {
        Self {
            attempt: entry.key.attempt,
            seq: entry.key.seq,
            at: Timestamp(entry.at),
            bytes: bytes.map(Bytes::from),
        }
    }
}

impl ProgressOut {
    pub(super) fn show(reported: &Reported, message: Option<Vec<u8>>) -> Option<Self> {
        reported.progress.map(|progress| Self {
            percent: progress.percent,
            attempt: progress.key.attempt,
            seq: progress.key.seq,
            at: Timestamp(progress.at),
            message: message.map(Bytes::from),
        })
    }
}

impl CheckpointOut {
    pub(super) fn show(reported: &Reported) -> Option<Self> {
        reported.checkpoint.map(|checkpoint| Self {
            attempt: checkpoint.key.attempt,
            seq: checkpoint.key.seq,
            at: Timestamp(checkpoint.at),
            size: checkpoint.bytes.bytes,
        })
    }
}

impl LogOut {
    pub(super) fn show(reported: &Reported) -> Option<Self> {
        let entries = u64::try_from(reported.log_entries).unwrap_or(u64::MAX);
        (entries > 0 || reported.log_dropped > 0).then_some(Self { entries, dropped: reported.log_dropped })
    }
}
