//! Sessions: lines, holds, and what is remembered.

use sealane_core::id::{JobId, LeaseId, LockId};
use sealane_core::job::{Priority, State};
use sealane_core::limits;
use sealane_core::name::Principal;
use sealane_core::queue::session::SessionReceipt;
use sealane_core::queue::{AttemptEnd, QueueMode, SealingPolicy};
use sealane_core::token::Token;

use super::job::Job;
use super::working::lease_fits;
use super::{Plain, Reasons};

#[derive(Clone, Debug)]
pub struct Hold {
    pub queue: usize,
    pub session: Token,
    pub lock: LockId,
    pub holder: Principal,
    pub until: u64,
    /// No renewal makes it longer than this.
    pub at_most: u64,
    /// The holder's last word, or when its last job was over.
    pub idle_from: u64,
    pub idle: u64,
}

/// A session that remembers something.
#[derive(Clone, Debug)]
pub struct Memory {
    pub queue: usize,
    pub session: Token,
}

impl Plain {
    /// The session that a job stands in line of, where its queue keeps sessions.
    pub fn session_of(&self, job: &Job) -> Option<(usize, Token)> {
        let kept = self.queues[job.queue].settings.sessions.are_kept();
        job.session.filter(|_| kept).map(|token| (job.queue, token))
    }

    /// The jobs of a session in line: those that have not ended.
    pub fn line(&self, queue: usize, token: Token) -> Vec<JobId> {
        let here = |job: &&Job| in_line(job) && self.session_of(job) == Some((queue, token));
        let mut jobs: Vec<&Job> = self.live().filter(here).collect();
        jobs.sort_by_key(|job| job.place);
        jobs.iter().map(|job| job.id).collect()
    }

    /// Whether somebody in a line waits for a job, by itself or through others: for whom it names, or for
    /// those ahead of it. The job itself leaves the place where it stands.
    pub fn is_waited_for_in(&self, id: &JobId, line: (usize, Token)) -> bool {
        let waits_for = |job: &Job, other: &JobId| {
            let named = job.links.as_ref().is_some_and(|waits| waits.waits_for(other));
            job.state == State::Blocked && named
        };
        let mut stuck: Vec<JobId> = self.live().filter(|job| waits_for(job, id)).map(|job| job.id).collect();
        let mut at = 0;
        while let Some(next) = stuck.get(at).copied() {
            at += 1;
            let next = self.find(&next).expect("it is live");
            let behind = |job: &Job| {
                let line = self.session_of(job);
                line.is_some() && line == self.session_of(next) && job.place > next.place && in_line(job)
            };
            let more = self.live().filter(|job| waits_for(job, &next.id) || (in_line(next) && behind(job)));
            let more: Vec<JobId> = more.map(|job| job.id).collect();
            stuck.extend(
                more.into_iter().filter(|found| found != id && !stuck.contains(found)).collect::<Vec<_>>(),
            );
        }
        let stands = |found: &JobId| {
            self.find(found).is_some_and(|job| in_line(job) && self.session_of(job) == Some(line))
        };
        stuck.iter().any(stands)
    }

    pub fn hold(&self, queue: usize, token: Token) -> Option<&Hold> {
        self.holds.iter().find(|hold| (hold.queue, hold.session) == (queue, token))
    }

    /// The jobs of a session in its holder's hands.
    pub fn out(&self, hold: &Hold) -> Vec<JobId> {
        let line = self.line(hold.queue, hold.session);
        let runs = |id: &JobId| self.find(id).is_some_and(|job| job.lock() == Some(hold.lock));
        line.into_iter().filter(runs).collect()
    }

    /// When a hold ends unless something happens first.
    pub fn hold_ends(&self, hold: &Hold) -> u64 {
        if self.out(hold).is_empty() { hold.until.min(hold.idle_from + hold.idle) } else { hold.until }
    }

    pub fn remembers(&self, queue: usize, token: Token) -> bool {
        self.memories.iter().any(|memory| (memory.queue, memory.session) == (queue, token))
    }

    pub fn may_accept(&self, queue: Option<usize>, time: Option<u64>) -> Reasons {
        let Some(queue) = queue else { return vec!["QueueUnknown"] };
        let mut no = Reasons::new();
        if !self.queues[queue].settings.sessions.are_kept() {
            no.push("SessionsOff");
        } else if time.is_some_and(|time| !hold_fits(time)) {
            no.push("SessionHold");
        }
        no
    }

    /// The session that is to be had: the named one, or the next one that is free.
    pub fn to_be_had(&self, queue: usize, named: Option<Token>) -> Option<Token> {
        if self.queues[queue].mode == QueueMode::Paused {
            return None;
        }
        if let Some(token) = named {
            let worked_on = |id: &JobId| self.find(id).is_some_and(|job| job.state == State::Running);
            let free = self.hold(queue, token).is_none() && !self.line(queue, token).iter().any(worked_on);
            return free.then_some(token);
        }
        let mut firsts: Vec<&Job> = self
            .live()
            .filter(|job| job.queue == queue && job.session.is_some())
            .filter(|job| self.is_offered(job) && !job.is_expired(self.now))
            .collect();
        firsts.sort_by_key(|job| (job.priority != Priority::Critical, job.place));
        firsts.first().and_then(|job| job.session)
    }

    pub fn accept(
        &mut self,
        queue: usize,
        session: Token,
        lock: LockId,
        holder: &Principal,
        time: Option<u64>,
    ) {
        let settings = self.queues[queue].settings.sessions;
        let at_most = self.now + settings.hold.get();
        let until = time.map_or(at_most, |time| (self.now + time).min(at_most));
        let (idle_from, idle) = (self.now, settings.idle.get());
        let holder = holder.clone();
        self.holds.push(Hold { queue, session, lock, holder, until, at_most, idle_from, idle });
        self.settle_rounds();
    }

    fn held(&self, receipt: &SessionReceipt) -> Option<&Hold> {
        let hold = self.hold(receipt.queue.0 as usize, receipt.session);
        hold.filter(|hold| hold.lock == receipt.lock && self.now < self.hold_ends(hold))
    }

    pub fn not_locked(&self, receipt: &SessionReceipt) -> Reasons {
        if self.held(receipt).is_some() { Vec::new() } else { vec!["SessionLockLost"] }
    }

    fn hold_mut(&mut self, lock: LockId) -> Option<&mut Hold> {
        self.holds.iter_mut().find(|hold| hold.lock == lock)
    }

    /// The holder said something, or a job of it is over.
    pub fn note_word(&mut self, lock: LockId) {
        let now = self.now;
        self.hold_mut(lock).into_iter().for_each(|hold| hold.idle_from = now);
    }

    pub fn may_renew(&self, receipt: &SessionReceipt, time: Option<u64>) -> Reasons {
        let mut no = self.not_locked(receipt);
        if time.is_some_and(|time| !hold_fits(time)) {
            no.push("SessionHold");
        }
        no
    }

    pub fn renew(&mut self, receipt: &SessionReceipt, time: Option<u64>) {
        let most = self.queues[receipt.queue.0 as usize].settings.sessions.hold.get();
        let (now, time) = (self.now, time.unwrap_or(most).min(most));
        let hold = self.hold_mut(receipt.lock).expect("it is held");
        hold.until = (now + time).min(hold.at_most);
        hold.idle_from = now;
    }

    pub fn may_take(&self, receipt: &SessionReceipt, lease: Option<u64>) -> Reasons {
        let no = self.not_locked(receipt);
        let paused = self.queues[receipt.queue.0 as usize].mode == QueueMode::Paused;
        if no.is_empty() && !paused && lease.is_some_and(|lease| !lease_fits(lease)) {
            return vec!["LeaseTime"];
        }
        no
    }

    /// Hands the session's next job to its holder.
    pub fn take(
        &mut self,
        receipt: &SessionReceipt,
        lease: LeaseId,
        until: u64,
        holder: &Principal,
    ) -> Option<JobId> {
        let queue = receipt.queue.0 as usize;
        let runs = |id: &JobId| self.find(id).is_some_and(|job| job.state == State::Running);
        let next = self.line(queue, receipt.session).into_iter().find(|id| !runs(id))?;
        let job = self.find(&next).expect("it is in line");
        let may = job.state == State::Ready && !job.is_expired(self.now);
        if !may || self.room_of_queue(queue) == 0 || self.room_of_key(queue, job.fair) == 0 {
            return None;
        }
        self.start(&next, lease, Some(receipt.lock), until, holder);
        self.settle_rounds();
        Some(next)
    }

    /// The hold ends; the jobs under it are handed back, and their attempts do not count.
    pub fn give_back(&mut self, queue: usize, session: Token) {
        let Some(hold) = self.hold(queue, session).cloned() else { return };
        let now = self.now;
        for id in self.out(&hold) {
            let job = self.job(&id);
            job.settled = job.running.as_ref().map(|run| (run.lease, "released"));
            let end = if job.is_stopping() { AttemptEnd::Cancelled } else { AttemptEnd::Released };
            let stopping = job.is_stopping();
            job.end_run(now, end, None, None);
            if stopping {
                job.attempt -= 1;
                job.finish(now, State::Cancelled);
            } else {
                job.hand_back(now, 0);
            }
        }
        self.end_hold(hold.lock);
    }

    pub fn end_hold(&mut self, lock: LockId) {
        self.holds.retain(|hold| hold.lock != lock);
        self.settle_rounds();
    }

    pub fn may_remember(&self, receipt: &SessionReceipt, bytes: Option<usize>) -> Reasons {
        let mut no = self.not_locked(receipt);
        if bytes.is_some_and(|bytes| bytes > limits::SESSION_STATE_BYTES_MAX) {
            no.push("SessionState");
        }
        // What the stories remember is not sealed.
        let sealing = self.queues[receipt.queue.0 as usize].settings.sealing;
        if bytes.is_some() && sealing == SealingPolicy::Required {
            no.push("StateSealingRequired");
        }
        no
    }

    /// Says whether that is news.
    pub fn remember(&mut self, receipt: &SessionReceipt, bytes: Option<usize>) -> bool {
        let (queue, session) = (receipt.queue.0 as usize, receipt.session);
        let had = self.remembers(queue, session);
        if bytes.is_none() && !had {
            return false;
        }
        self.memories.retain(|memory| (memory.queue, memory.session) != (queue, session));
        self.memories.extend(bytes.map(|_| Memory { queue, session }));
        self.note_word(receipt.lock);
        true
    }
}

/// Whether a job stands in a line, if it has one.
fn in_line(job: &Job) -> bool {
    !job.is_finished() && job.state != State::Dead
}

fn hold_fits(time: u64) -> bool {
    (limits::LEASE_MS_MIN..=limits::SESSION_HOLD_MS_MAX).contains(&time)
}
