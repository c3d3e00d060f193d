//! What workers report of jobs: the machine counts and bounds it, the bytes are kept beside it.

use std::collections::BTreeMap;

use sealane_api::problem::Problem;
use sealane_api::v1::{JobLogIn, JobLogOut, LogEntry, ReportItem, SettleResult};
use sealane_core::id::JobId;
use sealane_core::queue::{Command, Event, Refusal, ReportKey, Reported, ReportedBytes};
use sealane_core::record::RecordSlice;
use sealane_core::time::Time;

use super::machine::Machine;
use super::receipt;

/// The bytes of a job's reports.
#[derive(Default)]
pub(super) struct ReportBytes(BTreeMap<ReportKey, Vec<u8>>);

impl ReportBytes {
    pub(super) fn get(&self, key: ReportKey, slice: &RecordSlice) -> Option<Vec<u8>> {
        slice.of(self.0.get(&key)?).map(<[u8]>::to_vec)
    }

    /// What the worker said last about how far the job is.
    pub(super) fn message(&self, known: &Reported) -> Option<Vec<u8>> {
        let progress = known.progress?;
        self.get(progress.key, &progress.message?)
    }

    pub(super) fn checkpoint(&self, known: &Reported) -> Option<Vec<u8>> {
        let checkpoint = known.checkpoint?;
        self.get(checkpoint.key, &checkpoint.bytes)
    }
}

impl Machine {
    pub(super) fn report(&mut self, now: Time, item: &ReportItem) -> SettleResult {
        let Some(receipt) = receipt::read(&item.receipt) else {
            return SettleResult::refused(None, &Refusal::LeaseLost.into());
        };
        let done = item.parts().and_then(|(report, bytes)| {
            let events = self.command(now, &Command::Report { receipt, report })?;
            if matches!(events[..], [Event::JobReported { .. }]) {
                self.keep(receipt.job, ReportKey { attempt: receipt.attempt, seq: report.seq }, bytes);
            }
            Ok(())
        });
        match done {
            Err(problem) => SettleResult::refused(Some(receipt.job), &problem),
            Ok(()) => self.done(receipt.job, now),
        }
    }

    /// Keeps the bytes of a report, and of the others what the machine still refers to.
    fn keep(&mut self, job: JobId, key: ReportKey, bytes: Vec<u8>) {
        let log = self.shard.job_log(&job, None, usize::MAX);
        let Some(known) = self.shard.job(&job).map(|view| view.reported) else { return };
        let Some(record) = self.records.get_mut(&job) else { return };
        record.reports.0.insert(key, bytes);
        record.reports.0.retain(|key, _| {
            known.progress.is_some_and(|progress| progress.key == *key)
                || known.checkpoint.is_some_and(|checkpoint| checkpoint.key == *key)
                || log.binary_search_by_key(key, |entry| entry.key).is_ok()
        });
    }

    pub(super) fn job_log(&self, id: JobId, page: &JobLogIn) -> Result<JobLogOut, Problem> {
        let max = page.max()?;
        let (Some(view), Some(record)) = (self.shard.job(&id), self.records.get(&id)) else {
            return Err(Problem::not_found());
        };
        let mut found = self.shard.job_log(&id, page.after(), max + 1);
        let more = found.len() > max;
        found.truncate(max);
        let show = |entry: &ReportedBytes| LogEntry::show(entry, record.reports.get(entry.key, &entry.bytes));
        Ok(JobLogOut { entries: found.iter().map(show).collect(), dropped: view.reported.log_dropped, more })
    }
}
