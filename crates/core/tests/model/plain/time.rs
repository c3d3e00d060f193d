//! What time brings about, a turn at a time. A turn is judged as things stand when it begins: what changes
//! in it is left alone by the rest of it.

use sealane_core::id::{JobId, LockId};
use sealane_core::job::State;

use super::Plain;
use super::bulk::Slice;
use super::flows::Hears;
use super::job::Job;

const MINUTE: u64 = 60_000;

/// What happens in a turn, in order.
#[derive(Clone, Debug)]
pub enum Happening {
    Due(JobId),
    Expired(JobId),
    LeaseOver(JobId),
    HoldOver(LockId),
    /// Keys whose windows are over are dropped, at full minutes.
    KeysForgotten,
    Hears(Hears),
    Slice(Slice),
}

impl Plain {
    /// Everything that is due now.
    pub fn turn(&self, bulk: bool) -> Vec<Happening> {
        let mut told = Vec::new();
        let mut busy: Vec<JobId> = Vec::new();
        for (_, _, id, happening) in self.deadlines() {
            if !busy.contains(&id) {
                busy.push(id);
                told.push(happening);
            }
        }
        if self.keys.iter().any(|key| self.is_to_be_forgotten(key.until)) {
            told.push(Happening::KeysForgotten);
        }
        let mut over: Vec<_> = self.holds.iter().filter(|hold| self.hold_ends(hold) <= self.now).collect();
        over.sort_by_key(|hold| (self.hold_ends(hold), hold.queue, hold.session));
        for hold in over {
            for id in self.out(hold) {
                if !busy.contains(&id) {
                    busy.push(id);
                    told.push(Happening::LeaseOver(id));
                }
            }
            told.push(Happening::HoldOver(hold.lock));
        }
        let hearings = self.hearings(&busy);
        busy.extend(hearings.iter().map(|hears| hears.child));
        told.extend(hearings.into_iter().map(Happening::Hears));
        if bulk {
            told.extend(self.slice(&busy).map(Happening::Slice));
        }
        told
    }

    /// What stands in the way of each job, the oldest first; expiry before a beginning of the same time.
    fn deadlines(&self) -> Vec<(u64, u8, JobId, Happening)> {
        let mut due = Vec::new();
        for job in self.live() {
            if let Some(end) = job.expires.filter(|_| job.waits()) {
                due.push((end, 0, job.id, Happening::Expired(job.id)));
            }
            match job.state {
                State::Delayed | State::Retrying => {
                    // One that is past its time to live does not begin any more.
                    let expired = job.is_expired(self.now);
                    let what = if expired { Happening::Expired(job.id) } else { Happening::Due(job.id) };
                    due.push((job.at, 1, job.id, what));
                }
                State::Running => due.push((job.at, 2, job.id, Happening::LeaseOver(job.id))),
                _ => {}
            }
        }
        due.retain(|(at, ..)| *at <= self.now);
        due.sort_by_key(|(at, what, id, _)| (*at, *what, *id));
        due
    }

    fn is_to_be_forgotten(&self, until: u64) -> bool {
        until < self.now / MINUTE * MINUTE
    }

    pub fn happen(&mut self, happening: &Happening) {
        let now = self.now;
        match happening {
            Happening::Due(id) => self.job(id).state = State::Ready,
            Happening::Expired(id) => self.job(id).finish(now, State::Expired),
            Happening::LeaseOver(id) => self.lease_over(id),
            Happening::HoldOver(lock) => self.end_hold(*lock),
            Happening::KeysForgotten => {
                let minute = now / MINUTE * MINUTE;
                self.keys.retain(|key| key.until >= minute);
            }
            Happening::Hears(hears) => self.hear(hears),
            Happening::Slice(slice) => self.take_slice(slice),
        }
        self.settle_rounds();
    }

    /// The server was away: leases and holds have the time back.
    pub fn come_back(&mut self) {
        let away = self.now - self.last;
        for job in self.jobs.iter_mut() {
            if let Some(run) = &mut job.running {
                run.run_until += away;
                job.at += away;
            }
        }
        for hold in &mut self.holds {
            for time in [&mut hold.until, &mut hold.at_most, &mut hold.idle_from] {
                *time += away;
            }
        }
    }

    /// The machine may forget what ended more than an hour ago, and nothing else.
    pub fn forget(&mut self, is_known: impl Fn(&JobId) -> bool) {
        let (now, hour) = (self.now, sealane_core::limits::FINISHED_KEPT_MS);
        let gone = |job: &&mut Job| !job.forgotten && !is_known(&job.id);
        for job in self.jobs.iter_mut().filter(gone) {
            assert!(job.is_finished() && job.at + hour < now, "{} is forgotten", job.id);
            job.forgotten = true;
        }
    }
}
