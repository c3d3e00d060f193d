//! A job as a row.

use crate::id::{JobId, LeaseId};
use crate::job::Priority;
use crate::name::{Principal, QueueName};
use crate::queue::attempt::{Attempt, RunBy};
use crate::queue::event::QueueNumber;
use crate::queue::job::{Failure, Job, Past, Phase, Settled};
use crate::queue::options::JobOptions;
use crate::queue::parents::{ParentEnd, Parents};
use crate::queue::report::{Progress, ReportKey, ReportedBytes, Reports};
use crate::record::RecordRef;
use crate::time::Time;

/// A job, live or finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// Its id.
    pub id: JobId,
    /// Its queue.
    pub queue: QueueNumber,
    /// Who sent it.
    pub owner: Principal,
    /// How urgent it is.
    pub priority: Priority,
    /// Its place among others of its class.
    pub sequence: u64,
    /// Where it stands.
    pub phase: Phase,
    /// Attempts of its whole life that count.
    pub attempt: u32,
    /// Attempts that it may have since it was sent or re-driven.
    pub max_attempts: u16,
    /// When it was accepted.
    pub created_at: Time,
    /// Not before this time.
    pub run_at: Time,
    /// Whether it was accepted as `delayed`.
    pub delayed_at_first: bool,
    /// When it is worth nothing any more.
    pub expires_at: Option<Time>,
    /// Digest over everything the producer supplied.
    pub digest: [u8; 16],
    /// The record with that.
    pub input: RecordRef,
    /// What it goes on with of what only some jobs are sent with. Of a unique key only the key counts.
    pub options: Option<Box<JobOptions>>,
    /// What happened to it besides waiting.
    pub past: Option<Box<PastRow>>,
    /// Jobs whose end it has not heard of and still waits for, ascending.
    pub blocked_by: Vec<JobId>,
}

/// What happened to a job besides waiting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PastRow {
    /// The last failed attempt.
    pub last_failure: Option<Failure>,
    /// When an attempt failed first.
    pub first_failed_at: Option<Time>,
    /// The last lease that was settled, and how.
    pub settled: Option<(LeaseId, Settled)>,
    /// How often it was re-driven,
    pub redrives: u32,
    /// when last,
    pub redriven_at: Option<Time>,
    /// and after how many attempts.
    pub attempts_before: u32,
    /// The queue that it was sent to, where it was moved.
    pub origin: Option<QueueName>,
    /// Since when it stands where it stands, where not since it was sent.
    pub here_since: Option<Time>,
    /// The last few attempts that did not complete it.
    pub attempts: Vec<Attempt>,
    /// What its workers reported.
    pub reports: Option<Box<ReportsRow>>,
    /// Who completed it.
    pub completed_by: Option<RunBy>,
    /// What it waits or waited for.
    pub parents: Option<Box<ParentsRow>>,
}

/// What a job's workers reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportsRow {
    /// The last report.
    pub last: Option<ReportKey>,
    /// How far it was.
    pub progress: Option<Progress>,
    /// What the next attempt goes on from.
    pub checkpoint: Option<ReportedBytes>,
    /// Log entries, the oldest first.
    pub log: Vec<ReportedBytes>,
    /// Log entries that had to leave.
    pub log_dropped: u64,
}

/// What a job remembers of those that it waits or waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParentsRow {
    /// Jobs on the longest way to it, itself included.
    pub depth: u32,
    /// Whether it was accepted as `blocked`.
    pub blocked_at_first: bool,
    /// Left of those that must all be met.
    pub left_all: u32,
    /// Of those of which one is enough, how many have not ended.
    pub left_any: u32,
    /// Whether one of them is met, or none is asked for.
    pub one_met: bool,
    /// Those that ended.
    pub ended: Vec<ParentEnd>,
    /// Whose end became its own.
    pub lost_to: Option<JobId>,
}

impl JobRow {
    /// Of a job that waits for these.
    pub(super) fn of(id: JobId, job: &Job, blocked_by: Vec<JobId>) -> Self {
        Self {
            id,
            queue: job.queue,
            owner: Principal::clone(&job.owner),
            priority: job.priority,
            sequence: job.sequence,
            phase: job.phase.clone(),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            created_at: job.created_at,
            run_at: job.run_at,
            delayed_at_first: job.delayed_at_first,
            expires_at: job.expires.time(),
            digest: job.digest,
            input: RecordRef { lsn: job.input_lsn, bytes: job.input_bytes },
            options: job.options.as_ref().map(|options| Box::new(options.as_sent())),
            past: job.past.as_deref().map(|past| Box::new(PastRow::of(past))),
            blocked_by,
        }
    }
}

impl PastRow {
    fn of(past: &Past) -> Self {
        Self {
            last_failure: past.last_failure,
            first_failed_at: past.first_failed_at,
            settled: past.settled,
            redrives: past.redrives,
            redriven_at: past.redriven_at,
            attempts_before: past.attempts_before,
            origin: past.origin.clone(),
            here_since: past.here_since,
            attempts: past.attempts.clone(),
            reports: past.reports.as_deref().map(|reports| Box::new(ReportsRow::of(reports))),
            completed_by: past.completed_by.clone(),
            parents: past.parents.as_deref().map(|parents| Box::new(ParentsRow::of(parents))),
        }
    }
}

impl ReportsRow {
    fn of(reports: &Reports) -> Self {
        Self {
            last: reports.last,
            progress: reports.progress,
            checkpoint: reports.checkpoint,
            log: reports.log.iter().copied().collect(),
            log_dropped: reports.log_dropped,
        }
    }
}

impl ParentsRow {
    fn of(parents: &Parents) -> Self {
        let count = |jobs| u32::try_from(jobs).expect("FLOW_BREADTH_MAX is far below u32::MAX");
        Self {
            depth: parents.depth,
            blocked_at_first: parents.blocked_at_first,
            left_all: count(parents.left.all),
            left_any: count(parents.left.any),
            one_met: parents.left.one_met,
            ended: parents.ended.clone(),
            lost_to: parents.lost_to,
        }
    }
}
