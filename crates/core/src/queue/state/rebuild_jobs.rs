//! Jobs out of their rows, and under their indexes.

use super::error::RowError;
use super::job_row::{JobRow, ParentsRow, PastRow, ReportsRow};
use super::rebuild::Rebuild;
use crate::id::JobId;
use crate::limits;
use crate::queue::attempt::RunBy;
use crate::queue::job::{Expiry, Job, Past, Phase};
use crate::queue::links::Links;
use crate::queue::live_options::LiveOptions;
use crate::queue::parents::{Left, Parents};
use crate::queue::report::{Reports, length};
use crate::queue::shard::Shard;

impl Rebuild {
    pub(super) fn take_job(&mut self, row: JobRow) -> Result<(), RowError> {
        self.known_queue(row.queue)?;
        if matches!(row.phase, Phase::Ended(_)) {
            return Err(RowError::contradiction(format!("{} has ended and is live", row.id)));
        }
        let blocked_by = row.blocked_by.clone();
        let (id, job) = self.job_of(row)?;
        check_live(id, &job, &blocked_by)?;
        if job.sequence >= self.shard.next_sequence {
            return Err(RowError::contradiction(format!("{id} has a place that is still to come")));
        }
        let queue = self.shard.queue_at(job.queue);
        if !queue.ready.knows_key(job.fair_key()) {
            return Err(RowError::Unknown { what: "fair key" });
        }
        if job.unique_key().is_some_and(|key| queue.unique.contains_key(&key)) {
            return Err(RowError::Twice { what: "unique key" });
        }
        if self.shard.jobs.contains_key(&id) {
            return Err(RowError::Twice { what: "job" });
        }
        self.sequences.push(job.sequence);
        self.note_past(id, &job);
        for parent in blocked_by {
            self.shard.waiting.entry(parent).or_default().insert(id);
        }
        self.enter_line(id, &job)?;
        let in_session = self.shard.session_key(&job).is_some();
        self.shard.indexes().0.add_out_of_line(id, &job);
        self.shard.owned.add(&job.owner);
        if job.phase == Phase::Ready && !in_session {
            self.shard.queue_at_mut(job.queue).ready.put_back(id, &job);
        }
        self.shard.jobs.insert(id, job);
        Ok(())
    }

    /// Its place in its session's line.
    fn enter_line(&mut self, id: JobId, job: &Job) -> Result<(), RowError> {
        let key = self.shard.session_key(job).filter(|_| job.is_in_line());
        let Some(key) = key else { return Ok(()) };
        let sessions = &mut self.shard.sessions;
        let session = sessions.sessions.get_mut(&key).ok_or(RowError::Unknown { what: "session" })?;
        session.jobs += 1;
        if job.running().is_some_and(|running| running.lock.is_some()) {
            let lock = session.lock.as_deref_mut();
            lock.ok_or_else(|| RowError::contradiction(format!("{id} runs under a hold that is over")))?
                .out += 1;
        }
        match sessions.line.insert((key.0, key.1, job.sequence), id) {
            None => Ok(()),
            Some(_) => Err(RowError::Twice { what: "place in a session's line" }),
        }
    }

    /// What is counted or found by what a job went through, live or finished.
    pub(super) fn note_past(&mut self, id: JobId, job: &Job) {
        let shard = &mut self.shard;
        shard.logs.kept += job.reports().map_or(0, |reports| reports.log_entries());
        if let Some(links) = job.links() {
            shard.links_kept += links.parents().count();
            shard.flows.extend(links.flow().map(|flow| (flow, id)));
        }
    }

    pub(super) fn job_of(&mut self, row: JobRow) -> Result<(JobId, Box<Job>), RowError> {
        let id = row.id;
        let options = row.options.as_deref();
        if options.is_some_and(|options| options.idempotency.is_some()) {
            return Err(RowError::contradiction(format!("{id} has a key that is kept elsewhere")));
        }
        let shard = &mut self.shard;
        let mut phase = row.phase;
        match &mut phase {
            Phase::Running(running) => {
                running.holder = (*shard.shared_name(&running.holder)).clone();
                let runner = running.runner.take();
                running.runner = runner.map(|runner| shard.shared_runner(&runner));
            }
            Phase::Dead(death) => death.by.iter_mut().for_each(|by| share(shard, by)),
            _ => {}
        }
        let links = options.and_then(|options| options.links.as_deref());
        let past = row.past.map(|past| past_of(shard, *past, links)).transpose();
        let past = past.map_err(|why| RowError::contradiction(format!("{id}: {why}")))?;
        if past.as_ref().is_some_and(|past| past.parents.is_some()) != links.is_some() {
            return Err(RowError::contradiction(format!("{id} does not know how far its parents are")));
        }
        let job = Job {
            queue: row.queue,
            owner: shard.shared_name(&row.owner),
            priority: row.priority,
            sequence: row.sequence,
            phase,
            attempt: row.attempt,
            max_attempts: row.max_attempts,
            created_at: row.created_at,
            run_at: row.run_at,
            delayed_at_first: row.delayed_at_first,
            expires: Expiry::at(row.expires_at),
            digest: row.digest,
            input_lsn: row.input.lsn,
            input_bytes: row.input.bytes,
            options: options.and_then(LiveOptions::of),
            past: past.map(Box::new),
        };
        Ok((id, Box::new(job)))
    }
}

/// What must hold of every live job by itself.
fn check_live(id: JobId, job: &Job, blocked_by: &[JobId]) -> Result<(), RowError> {
    let no = |why: &str| Err(RowError::contradiction(format!("{id} {why}")));
    if job.attempt_of_round() > u32::from(job.max_attempts) {
        return no("had more attempts than it may have");
    }
    if job.phase == Phase::Ready && !job.has_attempts_left() {
        return no("is ready for an attempt that it does not have");
    }
    let blocked = job.phase == Phase::Blocked;
    if blocked && job.parents().is_none_or(Parents::is_met) {
        return no("is blocked by nothing");
    }
    let named = |parent: &JobId| {
        job.links().is_some_and(|links| links.is_any(parent) || links.all().binary_search(parent).is_ok())
    };
    let known = blocked_by.iter().all(named) && blocked_by.is_sorted_by(|one, next| one < next);
    if !known || (!blocked && !blocked_by.is_empty()) {
        return no("waits for what it has nothing to do with");
    }
    Ok(())
}

fn share(shard: &mut Shard, by: &mut RunBy) {
    by.worker = (*shard.shared_name(&by.worker)).clone();
    by.runner = by.runner.take().map(|runner| shard.shared_runner(&runner));
}

fn past_of(shard: &mut Shard, row: PastRow, links: Option<&Links>) -> Result<Past, &'static str> {
    let mut attempts = row.attempts;
    if attempts.len() > limits::ATTEMPTS_REMEMBERED_MAX {
        return Err("it remembers too many attempts");
    }
    attempts.iter_mut().for_each(|attempt| share(shard, &mut attempt.by));
    let mut completed_by = row.completed_by;
    completed_by.iter_mut().for_each(|by| share(shard, by));
    Ok(Past {
        last_failure: row.last_failure,
        first_failed_at: row.first_failed_at,
        settled: row.settled,
        redrives: row.redrives,
        redriven_at: row.redriven_at,
        attempts_before: row.attempts_before,
        origin: row.origin,
        here_since: row.here_since,
        attempts,
        reports: row.reports.map(|reports| reports_of(*reports).map(Box::new)).transpose()?,
        completed_by,
        parents: row.parents.map(|parents| parents_of(*parents, links).map(Box::new)).transpose()?,
    })
}

fn reports_of(row: ReportsRow) -> Result<Reports, &'static str> {
    let ReportsRow { last, progress, checkpoint, log, log_dropped } = row;
    let log_bytes = log.iter().map(|entry| length(&entry.bytes)).fold(0_usize, usize::saturating_add);
    let reports = Reports { last, progress, checkpoint, log: log.into(), log_bytes, log_dropped };
    reports.check().map(|()| reports)
}

fn parents_of(row: ParentsRow, links: Option<&Links>) -> Result<Parents, &'static str> {
    let ParentsRow { depth, blocked_at_first, left_all, left_any, one_met, ended, lost_to } = row;
    let Some(links) = links else { return Err("it has parents and was sent without") };
    let count = |jobs| usize::try_from(jobs).unwrap_or(usize::MAX);
    let left = Left { all: count(left_all), any: count(left_any), one_met };
    if left.all > links.all().len() || left.any > links.any().len() || ended.len() > links.parents().count() {
        return Err("more is left of its parents than there are");
    }
    Ok(Parents { depth, blocked_at_first, left, ended, lost_to })
}
