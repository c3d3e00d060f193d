//! What workers do with what they lease: settle, extend, report.

use sealane_core::id::{JobId, LockId};
use sealane_core::job::{Category, State};
use sealane_core::limits;
use sealane_core::queue::{AttemptEnd, DeadReason, Receipt};
use sealane_core::retry::BackoffShape;
use sealane_core::token::Token;

use super::job::{Death, Job};
use super::{Plain, Reasons};
use crate::step::{Outcome, Said};

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Complete => "completed",
            Self::Fail { .. } => "failed",
            Self::Hold(_) => "held",
            Self::Release(_) | Self::Undelivered => "released",
        }
    }
}

impl Plain {
    /// Why a receipt holds nothing.
    pub fn not_held(&self, receipt: &Receipt) -> Reasons {
        let job = self.find(&receipt.job);
        let runs = |job: &&Job| {
            let lease = job.running.as_ref().map(|run| run.lease);
            job.attempt == receipt.attempt && lease == Some(receipt.lease) && self.now < job.at
        };
        let lock_holds = receipt.lock.is_none_or(|lock| job.is_some_and(|job| self.lock_holds(job, lock)));
        if job.filter(runs).is_some() && lock_holds {
            return Vec::new();
        }
        if lock_holds { vec!["LeaseLost"] } else { vec!["SessionLockLost"] }
    }

    fn lock_holds(&self, job: &Job, lock: LockId) -> bool {
        let hold = self.session_of(job).and_then(|(queue, token)| self.hold(queue, token));
        hold.is_some_and(|hold| hold.lock == lock && self.now < self.hold_ends(hold))
    }

    pub fn is_repeat(&self, receipt: &Receipt, outcome: &Outcome) -> bool {
        self.find(&receipt.job).is_some_and(|job| job.settled == Some((receipt.lease, outcome.word())))
    }

    pub fn may_settle(&self, receipt: &Receipt, outcome: &Outcome) -> Reasons {
        let no = self.not_held(receipt);
        let stopping = self.find(&receipt.job).is_some_and(Job::is_stopping);
        match outcome {
            _ if !no.is_empty() => no,
            Outcome::Fail { after: Some(after), .. } if *after > limits::DELAY_MS_MAX && !stopping => {
                vec!["RetryAfter"]
            }
            Outcome::Release(delay) if *delay > limits::DELAY_MS_MAX && !stopping => vec!["Delay"],
            _ => no,
        }
    }

    /// The least and the longest wait before the next attempt.
    fn wait(&self, job: &Job, after: Option<u64>) -> (u64, u64) {
        if let Some(after) = after {
            return (after, after);
        }
        let backoff = job.backoff.unwrap_or(self.queues[job.queue].settings.retry.backoff);
        let mut grown = backoff.base.get();
        for _ in 1..job.attempt - job.before {
            grown = match backoff.shape {
                BackoffShape::Constant => grown,
                BackoffShape::Linear => grown + backoff.base.get(),
                BackoffShape::Exponential => grown * 2,
            };
            grown = grown.min(backoff.cap.get());
        }
        let moved = grown * u64::from(backoff.jitter_percent) / 100;
        (grown - moved, grown + moved)
    }

    /// Settles; `again_at` is when the machine wants to try a failed job again.
    pub fn settle(&mut self, receipt: &Receipt, outcome: &Outcome, again_at: Option<u64>) {
        let now = self.now;
        let wait = match outcome {
            Outcome::Fail { after, .. } => self.wait(self.find(&receipt.job).expect("it is held"), *after),
            _ => (0, 0),
        };
        let job = self.job(&receipt.job);
        let (stopping, queue, fair) = (job.is_stopping(), job.queue, job.fair);
        job.settled = Some((receipt.lease, outcome.word()));
        match outcome {
            Outcome::Complete => {
                job.end_run(now, AttemptEnd::Completed, None, None);
                job.checkpoint = None;
                job.finish(now, State::Completed);
            }
            Outcome::Fail { .. } if stopping => {
                job.end_run(now, AttemptEnd::Cancelled, Some(Category::Cancelled), None);
                job.finish(now, State::Cancelled);
            }
            _ if stopping => {
                job.end_run(now, AttemptEnd::Cancelled, None, None);
                job.attempt -= 1;
                job.finish(now, State::Cancelled);
            }
            Outcome::Fail { category, code, like, .. } => {
                let dead = *category == Category::Permanent || !job.attempts_left();
                assert_eq!(again_at.is_none(), dead, "{job:?}");
                let reason = match category {
                    Category::Permanent => DeadReason::Permanent,
                    _ => DeadReason::AttemptsUsed,
                };
                let like = like.map(|like| Token::from_bytes([like; 16]));
                let death = Death { reason, category: *category, code: *code, like, labels: None };
                job.end_run(now, AttemptEnd::Failed, Some(*category), *code);
                match again_at {
                    None => job.die(now, death),
                    Some(at) => {
                        let (least, most) = wait;
                        assert!((least..=most).contains(&(at - now)), "{} of {wait:?}, {job:?}", at - now);
                        job.retry(now, at);
                    }
                }
            }
            Outcome::Release(_) | Outcome::Undelivered => {
                let delay = if let Outcome::Release(delay) = outcome { *delay } else { 0 };
                if !matches!(outcome, Outcome::Undelivered) {
                    job.end_run(now, AttemptEnd::Released, None, None);
                }
                job.hand_back(now, delay);
            }
            Outcome::Hold(reason) => {
                job.end_run(now, AttemptEnd::Held, None, None);
                job.attempt -= 1;
                job.hold(now, *reason);
            }
        }
        if matches!(outcome, Outcome::Undelivered) && !stopping {
            self.note_start(queue, fair, true);
        }
        self.note_job_back(receipt);
        self.settle_rounds();
    }

    fn note_job_back(&mut self, receipt: &Receipt) {
        if let Some(lock) = receipt.lock {
            self.note_word(lock);
        }
    }

    /// A worker went silent, or its hold ended.
    pub fn lease_over(&mut self, id: &JobId) {
        let now = self.now;
        let job = self.job(id);
        let overrun = job.running.as_ref().is_some_and(|run| job.at >= run.run_until);
        let lock = job.lock();
        if job.is_stopping() {
            job.end_run(now, AttemptEnd::Cancelled, Some(Category::Cancelled), None);
            job.finish(now, State::Cancelled);
        } else {
            let end = if overrun { AttemptEnd::Overrun } else { AttemptEnd::Lost };
            job.end_run(now, end, Some(Category::Timeout), None);
            if job.attempts_left() {
                job.retry(now, now);
            } else {
                let reason = if overrun { DeadReason::RunTooLong } else { DeadReason::WorkerLost };
                let category = Category::Timeout;
                job.die(now, Death { reason, category, code: None, like: None, labels: None });
            }
        }
        lock.into_iter().for_each(|lock| self.note_word(lock));
    }

    pub fn may_extend(&self, receipt: &Receipt, lease: Option<u64>) -> Reasons {
        let mut no = self.not_held(receipt);
        if no.is_empty() && lease.is_some_and(|lease| !lease_fits(lease)) {
            no.push("LeaseTime");
        }
        no
    }

    pub fn extend(&mut self, receipt: &Receipt, lease: Option<u64>) {
        let queue = self.job(&receipt.job).queue;
        let (now, lease) = (self.now, lease.unwrap_or(self.queues[queue].settings.lease.get()));
        let job = self.job(&receipt.job);
        let run_until = job.running.as_ref().expect("it is held").run_until;
        job.at = (now + lease).min(run_until);
    }

    /// The number of the next report.
    pub fn next_report(&self, id: &JobId) -> u32 {
        let Some(job) = self.find(id) else { return 0 };
        job.reports.iter().filter(|(attempt, _)| *attempt == job.attempt).count() as u32
    }

    /// Whether a report is a repeat, or why it is refused.
    pub fn may_report(&self, receipt: &Receipt, seq: u32, said: &Said) -> Result<bool, Reasons> {
        let mut no = self.not_held(receipt);
        if !no.is_empty() {
            return Err(no);
        }
        if said.progress.is_none() && said.log.is_none() && said.checkpoint.is_none() {
            no.push("ReportEmpty");
        }
        if said.progress.is_some_and(|progress| progress.percent > 100) {
            no.push("ReportPercent");
        }
        let over = |bytes: Option<u32>, max: usize| bytes.is_some_and(|bytes| bytes as usize > max);
        if over(said.progress.and_then(|progress| progress.message), limits::PROGRESS_MESSAGE_BYTES_MAX)
            || over(said.log, limits::LOG_ENTRY_BYTES_MAX)
            || over(said.checkpoint, limits::CHECKPOINT_BYTES_MAX)
        {
            no.push("ReportTooLarge");
        }
        let next = self.next_report(&receipt.job);
        if no.is_empty() && next > 0 && seq == next - 1 {
            return Ok(true);
        }
        if seq != next {
            no.push("ReportOrder");
        }
        if no.is_empty() { Ok(false) } else { Err(no) }
    }

    pub fn report(&mut self, receipt: &Receipt, seq: u32, said: &Said) {
        let job = self.job(&receipt.job);
        let attempt = job.attempt;
        job.reports.push((attempt, seq));
        if let Some(progress) = said.progress {
            job.progress = Some((attempt, seq, progress.percent));
        }
        job.log.extend(said.log.map(|bytes| (attempt, seq, bytes)));
        let bytes = |log: &[(u32, u32, u32)]| log.iter().map(|entry| entry.2 as usize).sum::<usize>();
        while job.log.len() > limits::LOG_ENTRIES_MAX || bytes(&job.log) > limits::LOG_BYTES_MAX {
            job.log.remove(0);
            job.log_dropped += 1;
        }
        if said.checkpoint.is_some() {
            job.checkpoint = Some((attempt, seq));
        }
    }
}

impl Job {
    /// Tried again at its old place.
    fn retry(&mut self, now: u64, at: u64) {
        (self.at, self.here) = (at, now);
        self.state = if at > now { State::Retrying } else { State::Ready };
    }

    /// The attempt does not count.
    pub fn hand_back(&mut self, now: u64, delay: u64) {
        self.running = None;
        self.attempt -= 1;
        (self.at, self.run_at, self.here) = (now + delay, now + delay, now);
        self.state = if delay > 0 { State::Delayed } else { State::Ready };
    }
}

pub fn lease_fits(lease: u64) -> bool {
    (limits::LEASE_MS_MIN..=limits::LEASE_MS_MAX).contains(&lease)
}
