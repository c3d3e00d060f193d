//! What a worker reports while it runs a job: how far it is, lines of a log, a checkpoint to go on from.
//!
//! ```text
//!  report seq=0 ─▶ report seq=1 ─▶ …      one line of numbers for each attempt, without a gap
//!      progress    the last one stays      ┐
//!      log         the last entries stay   ├ bytes stand in the report's record, referred to by place
//!      checkpoint  the last one stays      ┘ and handed to the next attempt; gone with completion
//! ```
//! The numbers are what a sealed report is bound to, so no two reports of an attempt have one number, not
//! even where a job that was handed back comes again under the same attempt. A report is no sign of life:
//! a lease is made longer by extending it and by nothing else.

use std::collections::VecDeque;

use super::command::Receipt;
use super::event::Event;
use super::job::Job;
use super::refusal::Refusal;
use super::shard::Shard;
use crate::id::JobId;
use crate::limits;
use crate::record::{RecordRef, RecordSlice};
use crate::time::Time;

/// What one report says. Its bytes follow one another in its record, in this order: message, log,
/// checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Its number in its attempt, first = 0.
    pub seq: u32,
    /// How far the job is.
    pub progress: Option<ReportedProgress>,
    /// Bytes of a log entry: one line or some.
    pub log: Option<u32>,
    /// Bytes of a checkpoint.
    pub checkpoint: Option<u32>,
}

/// How far a job is, as one report says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportedProgress {
    /// In percent.
    pub percent: u8,
    /// Bytes of what the worker says about it.
    pub message: Option<u32>,
}

/// Which report something came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportKey {
    /// The attempt, first = 1.
    pub attempt: u32,
    /// The report's number in it, first = 0.
    pub seq: u32,
}

/// How far a job was when its worker said so last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which report.
    pub key: ReportKey,
    /// In percent.
    pub percent: u8,
    /// What the worker said about it.
    pub message: Option<RecordSlice>,
    /// When.
    pub at: Time,
}

/// Something reported that is bytes: a log entry, or a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportedBytes {
    /// Which report.
    pub key: ReportKey,
    /// Where the bytes are.
    pub bytes: RecordSlice,
    /// When.
    pub at: Time,
}

/// What is known of a job from its reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// How far it was.
    pub progress: Option<Progress>,
    /// What the next attempt goes on from.
    pub checkpoint: Option<ReportedBytes>,
    /// Log entries kept.
    pub log_entries: usize,
    /// Log entries that had to leave.
    pub log_dropped: u64,
    /// The number of the next report of this attempt.
    pub next_seq: u32,
}

/// The reports of one job, where it has any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reports {
    /// The last report.
    pub(super) last: Option<ReportKey>,
    pub(super) progress: Option<Progress>,
    pub(super) checkpoint: Option<ReportedBytes>,
    /// The oldest first.
    pub(super) log: VecDeque<ReportedBytes>,
    pub(super) log_bytes: usize,
    pub(super) log_dropped: u64,
}

impl Reports {
    fn note(&mut self, key: ReportKey, report: &Report, at: Time, record: RecordRef) {
        let mut offset = 0;
        let mut next = |bytes: u32| {
            let slice = RecordSlice { record, offset, bytes };
            // Why saturating: what a journal says is read as it stands.
            offset = offset.saturating_add(bytes);
            slice
        };
        if let Some(ReportedProgress { percent, message }) = report.progress {
            self.progress = Some(Progress { key, percent, message: message.map(&mut next), at });
        }
        if let Some(bytes) = report.log.map(&mut next) {
            self.log.push_back(ReportedBytes { key, bytes, at });
            self.log_bytes += length(&bytes);
        }
        if let Some(bytes) = report.checkpoint.map(&mut next) {
            self.checkpoint = Some(ReportedBytes { key, bytes, at });
        }
        self.last = Some(key);
    }

    /// Lets the oldest entries go until the rest is within its bounds; says how many went.
    fn shrink_log(&mut self) -> usize {
        let before = self.log.len();
        while self.log.len() > limits::LOG_ENTRIES_MAX || self.log_bytes > limits::LOG_BYTES_MAX {
            self.drop_oldest();
        }
        before - self.log.len()
    }

    fn drop_oldest(&mut self) {
        if let Some(entry) = self.log.pop_front() {
            self.log_bytes -= length(&entry.bytes);
            self.log_dropped += 1;
        }
    }

    /// Whether it still has this entry. Entries leave from the front only.
    fn has(&self, key: ReportKey) -> bool {
        self.log.front().is_some_and(|oldest| oldest.key <= key)
    }

    pub(super) fn log_entries(&self) -> usize {
        self.log.len()
    }

    /// What does not fit together, if anything.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let bytes: usize = self.log.iter().map(|entry| length(&entry.bytes)).sum();
        match () {
            () if bytes != self.log_bytes => Err("the bytes of a log are not those of its entries"),
            () if !self.log.iter().is_sorted_by(|one, next| one.key < next.key) => {
                Err("a log is out of order")
            }
            () if self.log.back().is_some_and(|entry| Some(entry.key) > self.last) => {
                Err("a log entry is from after the last report")
            }
            () if self.log.len() > limits::LOG_ENTRIES_MAX || bytes > limits::LOG_BYTES_MAX => {
                Err("a log is beyond its bounds")
            }
            () => Ok(()),
        }
    }
}

/// The log entries of all jobs in the order they came, so that the oldest of all can leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Logs {
    /// Entries that left their job first leave a place behind.
    pub(super) order: VecDeque<(JobId, ReportKey)>,
    /// Entries that jobs have.
    pub(super) kept: usize,
}

impl Job {
    pub(super) fn reports(&self) -> Option<&Reports> {
        self.past.as_ref().and_then(|past| past.reports.as_deref())
    }

    fn reports_mut(&mut self) -> Option<&mut Reports> {
        self.past.as_mut().and_then(|past| past.reports.as_deref_mut())
    }

    /// The number of the next report of the running attempt.
    fn next_report(&self) -> u32 {
        let last = self.reports().and_then(|reports| reports.last);
        last.filter(|last| last.attempt == self.attempt).map_or(0, |last| last.seq.saturating_add(1))
    }

    pub(super) fn reported(&self) -> Reported {
        let Some(reports) = self.reports() else { return Reported::default() };
        Reported {
            progress: reports.progress,
            checkpoint: reports.checkpoint,
            log_entries: reports.log.len(),
            log_dropped: reports.log_dropped,
            next_seq: self.next_report(),
        }
    }

    /// There is nothing to go on from any more.
    pub(super) fn drop_checkpoint(&mut self) {
        if let Some(reports) = self.reports_mut() {
            reports.checkpoint = None;
        }
    }
}

impl Shard {
    pub(super) fn decide_report(
        &self,
        now: Time,
        receipt: &Receipt,
        report: &Report,
    ) -> Result<Vec<Event>, Refusal> {
        let job = self.held_by(receipt, now)?;
        within_bounds(report)?;
        let expected = job.next_report();
        // Why without a look at what it says: its answer was lost, and the worker sends the same again.
        if expected > 0 && report.seq == expected - 1 {
            return Ok(Vec::new());
        }
        if report.seq != expected {
            return Err(Refusal::ReportOrder { expected });
        }
        if expected >= limits::REPORTS_MAX {
            return Err(Refusal::ReportsUsed);
        }
        Ok(vec![Event::JobReported { job: receipt.job, report: *report, at: now }])
    }

    /// Log entries of a job, the oldest first, from behind `after`.
    pub fn job_log(&self, id: &JobId, after: Option<ReportKey>, max: usize) -> Vec<ReportedBytes> {
        let finished = self.finished.get(id).map(|finished| &finished.job);
        let Some(reports) = self.jobs.get(id).or(finished).and_then(|job| job.reports()) else {
            return Vec::new();
        };
        let from = reports.log.partition_point(|entry| Some(entry.key) <= after);
        reports.log.iter().skip(from).take(max).copied().collect()
    }

    pub(super) fn job_reported(&mut self, id: &JobId, report: &Report, at: Time, record: RecordRef) {
        // Why not by `change`: no index looks at reports.
        let Some(job) = self.jobs.get_mut(id) else { return };
        let key = ReportKey { attempt: job.attempt, seq: report.seq };
        let reports = job.past().reports.get_or_insert_default();
        reports.note(key, report, at, record);
        if report.log.is_some() {
            self.logs.kept += 1;
            self.logs.kept -= reports.shrink_log();
            self.logs.order.push_back((*id, key));
            self.bound_logs();
        }
    }

    /// Keeps the entries of all jobs together within their bound, and the places left behind within half.
    fn bound_logs(&mut self) {
        const SMALL: usize = 64;
        while self.logs.kept > limits::LOG_ENTRIES_OF_ALL_MAX {
            let Some((id, key)) = self.logs.order.pop_front() else { return };
            let job = self.jobs.get_mut(&id).or_else(|| self.finished.get_mut(&id));
            if let Some(reports) = job.and_then(|job| job.reports_mut()).filter(|reports| reports.has(key)) {
                reports.drop_oldest();
                self.logs.kept -= 1;
            }
        }
        if self.logs.order.len() > SMALL + 2 * self.logs.kept {
            let (jobs, finished) = (&self.jobs, &self.finished);
            self.logs.order.retain(|(id, key)| {
                let job = jobs.get(id).or_else(|| finished.get(id).map(|finished| &finished.job));
                job.and_then(|job| job.reports()).is_some_and(|reports| reports.has(*key))
            });
        }
    }
}

fn within_bounds(report: &Report) -> Result<(), Refusal> {
    let Report { seq: _, progress, log, checkpoint } = report;
    if progress.is_none() && log.is_none() && checkpoint.is_none() {
        return Err(Refusal::ReportEmpty);
    }
    if progress.is_some_and(|progress| progress.percent > 100) {
        return Err(Refusal::ReportPercent);
    }
    let message = progress.and_then(|progress| progress.message);
    let parts = [
        ("message", message, limits::PROGRESS_MESSAGE_BYTES_MAX),
        ("log entry", *log, limits::LOG_ENTRY_BYTES_MAX),
        ("checkpoint", *checkpoint, limits::CHECKPOINT_BYTES_MAX),
    ];
    for (what, bytes, max) in parts {
        if bytes.is_some_and(|bytes| usize::try_from(bytes).is_ok_and(|bytes| bytes > max)) {
            return Err(Refusal::ReportTooLarge { what, max });
        }
    }
    Ok(())
}

pub(super) fn length(slice: &RecordSlice) -> usize {
    usize::try_from(slice.bytes).expect("a usize holds a u32 on every supported machine")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::LeaseId;
    use crate::job::Priority;
    use crate::name::{Principal, QueueName};
    use crate::queue::event::{JobEnqueued, QueueNumber};
    use crate::queue::settings::QueueSettings;

    fn running(shard: &mut Shard, number: u8) -> JobId {
        let (at, record) = (Time::default(), RecordRef { lsn: 0, bytes: 1 });
        let (job, owner) = (JobId::from_bytes([number; 16]), Principal::parse("p").unwrap());
        let enqueued = JobEnqueued {
            job,
            queue: QueueNumber(0),
            owner: owner.clone(),
            priority: Priority::Normal,
            run_at: at,
            expires_at: None,
            max_attempts: 1,
            options: None,
            digest: [0; 16],
            at,
        };
        shard.evolve(&Event::JobEnqueued(enqueued), record);
        let lease = LeaseId::from_bytes([number; 16]);
        shard.evolve(
            &Event::JobLeased { job, lease, holder: owner, runner: None, lock: None, until: at, at },
            record,
        );
        job
    }

    #[test]
    fn places_of_entries_that_left_their_job_are_swept_out_and_all_others_stay() {
        let mut shard = Shard::default();
        let (at, record) = (Time::default(), RecordRef { lsn: 0, bytes: 1 });
        let (number, queue) = (QueueNumber(0), QueueName::parse("q").unwrap());
        let settings = Box::new(QueueSettings::default());
        shard.evolve(&Event::QueueCreated { number, queue, settings, at }, record);
        let (quiet, loud) = (running(&mut shard, 1), running(&mut shard, 2));
        let mut report = |job: JobId, seq: u32, bytes: usize| {
            let log = Some(u32::try_from(bytes).unwrap());
            shard.evolve(
                &Event::JobReported { job, report: Report { seq, log, ..Report::default() }, at },
                record,
            );
            (shard.logs.order.len(), shard.logs.kept)
        };
        report(quiet, 0, 1);
        let kept = limits::LOG_BYTES_MAX / limits::LOG_ENTRY_BYTES_MAX;
        for seq in 0..300 {
            let (places, entries) = report(loud, seq, limits::LOG_ENTRY_BYTES_MAX);
            assert!(places <= 64 + 2 * entries, "{places} places of {entries} entries");
            assert!(entries <= kept + 1);
        }
        for (job, entries) in [(quiet, 1), (loud, kept)] {
            let log = shard.job_log(&job, None, usize::MAX);
            assert_eq!(log.len(), entries);
            let has = |entry: &ReportedBytes| shard.logs.order.contains(&(job, entry.key));
            assert!(log.iter().all(has), "an entry without its place would never leave");
        }
        assert_eq!(shard.logs.order.front().map(|(job, _)| *job), Some(quiet), "the oldest of all");
    }
}
