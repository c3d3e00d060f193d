//! Bulk work: what was dead or waited when it began, slice by slice.

use sealane_core::id::JobId;
use sealane_core::job::State;
use sealane_core::limits;
use sealane_core::queue::{DeadFilter, HeldFilter, Labels, SweepKind, SweepWish};
use sealane_core::token::Token;

use super::job::Job;
use super::{Plain, Reasons};

#[derive(Clone, Debug)]
pub struct Sweep {
    pub wish: SweepWish,
    pub begun: u64,
    /// Looked at, up to here.
    pub through: Option<(u64, JobId)>,
    /// When it goes on, and behind whom.
    pub due: (u64, u64),
    pub done: u64,
}

/// One slice of bulk work.
#[derive(Clone, Debug)]
pub struct Slice {
    pub queue: usize,
    pub kind: SweepKind,
    pub jobs: Vec<JobId>,
    /// How far it got, and when the next one follows. Nothing: it is over.
    pub next: Option<((u64, JobId), u64)>,
}

#[derive(PartialEq)]
enum Meant {
    Yes,
    No,
    /// Its record was not read yet.
    Unknown,
}

fn meant(job: &Job, filter: &DeadFilter) -> Meant {
    let Some(death) = &job.death else { return Meant::No };
    let code = |code: u8| sealane_core::name::ErrorCode::parse(&format!("E{code}")).expect("a code");
    let known = [
        filter.category.is_none_or(|category| category == death.category),
        filter.code.as_ref().is_none_or(|wanted| death.code.map(code).as_ref() == Some(wanted)),
        filter.fingerprint.is_none_or(|like| death.like == Some(like)),
        filter.owner.as_ref().is_none_or(|owner| *owner == job.owner),
    ];
    if known.contains(&false) {
        return Meant::No;
    }
    labelled(&death.labels, filter.kind, filter.tag)
}

fn labelled(labels: &Option<Labels>, kind: Option<Token>, tag: Option<Token>) -> Meant {
    if kind.is_none() && tag.is_none() {
        return Meant::Yes;
    }
    let Some(labels) = labels else { return Meant::Unknown };
    let kind = kind.is_none_or(|kind| labels.kind == Some(kind));
    let tag = tag.is_none_or(|tag| labels.tags.contains(&tag));
    if kind && tag { Meant::Yes } else { Meant::No }
}

/// Of a held job, its time included.
fn held_meant(job: &Job, filter: &HeldFilter) -> Meant {
    let Some(hold) = &job.held else { return Meant::No };
    let known = [
        filter.reason.is_none_or(|reason| reason == hold.reason),
        filter.owner.as_ref().is_none_or(|owner| *owner == job.owner),
        filter.held_from.is_none_or(|from| job.here >= from.unix_ms()),
        filter.held_before.is_none_or(|end| job.here < end.unix_ms()),
    ];
    if known.contains(&false) { Meant::No } else { labelled(&hold.labels, filter.kind, filter.tag) }
}

fn in_time(job: &Job, filter: &DeadFilter) -> bool {
    filter.died_from.is_none_or(|from| job.at >= from.unix_ms())
        && filter.died_before.is_none_or(|end| job.at < end.unix_ms())
}

impl Plain {
    /// Whether there is nothing to begin, or why it is refused.
    pub fn may_sweep(&self, queue: Option<usize>, wish: &SweepWish) -> Result<bool, Reasons> {
        let Some(queue) = queue else { return Err(vec!["QueueUnknown"]) };
        if let Some(sweep) = &self.queues[queue].sweep {
            return if sweep.wish == *wish { Ok(true) } else { Err(vec!["SweepRunning"]) };
        }
        let concerned = match wish {
            SweepWish::ReleaseHeld { filter, .. } => {
                let mut here = self.live().filter(|job| job.queue == queue && job.state == State::Held);
                here.any(|job| held_meant(job, filter) != Meant::No)
            }
            SweepWish::PurgeWaiting => self.waiting(queue) > 0,
            SweepWish::PurgeDead { filter } | SweepWish::RedriveDead { filter, .. } => self
                .live()
                .filter(|job| job.queue == queue && job.state == State::Dead && in_time(job, filter))
                .any(|job| meant(job, filter) != Meant::No),
        };
        if !concerned {
            return Ok(true);
        }
        if matches!(wish.kind(), SweepKind::RedriveDead | SweepKind::ReleaseHeld) && !self.has_room(queue) {
            return Err(vec!["QueueFull"]);
        }
        Ok(false)
    }

    pub fn sweep(&mut self, queue: usize, wish: &SweepWish) {
        let due = self.next_turn(self.now);
        let sweep = Sweep { wish: wish.clone(), begun: self.now, through: None, due, done: 0 };
        self.queues[queue].sweep = Some(sweep);
    }

    fn next_turn(&mut self, due: u64) -> (u64, u64) {
        self.turns += 1;
        (due, self.turns)
    }

    /// The next slice of the work whose turn it is.
    pub fn slice(&self, busy: &[JobId]) -> Option<Slice> {
        let sweeps = (0..self.queues.len()).filter_map(|at| Some((at, self.queues[at].sweep.as_ref()?)));
        let (queue, sweep) =
            sweeps.filter(|(_, sweep)| sweep.due.0 <= self.now).min_by_key(|(_, sweep)| sweep.due)?;
        Some(match &sweep.wish {
            SweepWish::ReleaseHeld { filter, .. } => self.slice_of_held(queue, sweep, filter, busy),
            SweepWish::PurgeWaiting => self.slice_of_waiting(queue, sweep, busy),
            SweepWish::PurgeDead { filter } | SweepWish::RedriveDead { filter, .. } => {
                self.slice_of_dead(queue, sweep, filter, busy)
            }
        })
    }

    fn slice_of_waiting(&self, queue: usize, sweep: &Sweep, busy: &[JobId]) -> Slice {
        let through = sweep.through.map(|(_, id)| id);
        let mut ids: Vec<JobId> = self.live().map(|job| job.id).filter(|id| Some(*id) > through).collect();
        ids.sort();
        let meant = |id: &&JobId| {
            let job = self.find(id).expect("it is live");
            job.queue == queue && job.waits() && job.here <= sweep.begun && !busy.contains(id)
        };
        let jobs = ids.iter().filter(meant).copied().collect();
        let next = ids.last().map(|last| ((0, *last), self.now));
        Slice { queue, kind: SweepKind::PurgeWaiting, jobs, next }
    }

    fn slice_of_held(&self, queue: usize, sweep: &Sweep, filter: &HeldFilter, busy: &[JobId]) -> Slice {
        let kind = SweepKind::ReleaseHeld;
        let rate = sweep.wish.rate().map(sealane_core::queue::RedriveRate::get);
        let at_once = rate.map_or(usize::MAX, |rate| rate.div_ceil(10) as usize);
        let room = self.queues[queue].settings.max_depth.saturating_sub(self.waiting(queue)) as usize;
        let in_time = |job: &&Job| {
            filter.held_from.is_none_or(|from| job.here >= from.unix_ms())
                && filter.held_before.is_none_or(|end| job.here < end.unix_ms())
                && job.here <= sweep.begun
                && Some((job.here, job.id)) > sweep.through
        };
        let mut held: Vec<&Job> = self
            .live()
            .filter(|job| job.queue == queue && job.state == State::Held)
            .filter(in_time)
            .collect();
        held.sort_by_key(|job| (job.here, job.id));
        let (mut jobs, mut through, mut pause, mut stopped) = (Vec::new(), sweep.through, 0, false);
        for job in held {
            let meant = if busy.contains(&job.id) { Meant::No } else { held_meant(job, filter) };
            match meant {
                Meant::No => {}
                Meant::Yes if jobs.len() >= room => return Slice { queue, kind, jobs, next: None },
                Meant::Yes if jobs.len() < at_once => jobs.push(job.id),
                not_now => {
                    pause = if not_now == Meant::Unknown { 100 } else { 0 };
                    stopped = true;
                    break;
                }
            }
            through = Some((job.here, job.id));
        }
        let looked = through.filter(|_| through != sweep.through);
        let next = if stopped { through.or(Some((0, JobId::from_bytes([0; 16])))) } else { looked };
        let takes = rate.map_or(0, |rate| (jobs.len() as u64 * 1_000).div_ceil(u64::from(rate)));
        Slice { queue, kind, jobs, next: next.map(|through| (through, self.now + takes.max(pause))) }
    }

    fn slice_of_dead(&self, queue: usize, sweep: &Sweep, filter: &DeadFilter, busy: &[JobId]) -> Slice {
        let kind = sweep.wish.kind();
        let redrives = kind == SweepKind::RedriveDead;
        let rate = sweep.wish.rate().map(sealane_core::queue::RedriveRate::get);
        let at_once = rate.map_or(usize::MAX, |rate| rate.div_ceil(10) as usize);
        let depth = self.queues[queue].settings.max_depth;
        let room = depth.saturating_sub(self.waiting(queue)) as usize;
        let mut dead: Vec<&Job> = self
            .live()
            .filter(|job| job.queue == queue && job.state == State::Dead && in_time(job, filter))
            .filter(|job| job.at <= sweep.begun && Some((job.at, job.id)) > sweep.through)
            .collect();
        // Of those that died in one moment parents come first.
        dead.sort_by_key(|job| (job.at, self.depth(job), job.id));
        let mut jobs: Vec<JobId> = Vec::new();
        let (mut before, mut through, mut pause, mut stopped) = (sweep.through, sweep.through, 0, false);
        for job in dead {
            // Where it stops, it begins with that moment again.
            if through.is_none_or(|(last, _)| last < job.at) {
                before = through;
            }
            let may = !redrives
                || (job.redrives < limits::REDRIVES_MAX
                    && !self.seal_is_over(job)
                    && self.no_parents(job, &jobs).is_empty()
                    && self.may_join_its_line(job, &jobs));
            let here = !busy.contains(&job.id) && job.here <= sweep.begun;
            match if here && may { meant(job, filter) } else { Meant::No } {
                Meant::Yes if redrives && jobs.len() >= room => {
                    return Slice { queue, kind, jobs, next: None };
                }
                Meant::Yes if jobs.len() < at_once => jobs.push(job.id),
                Meant::No => {}
                not_now => {
                    pause = if not_now == Meant::Unknown { 100 } else { 0 };
                    stopped = true;
                    break;
                }
            }
            through = through.max(Some((job.at, job.id)));
        }
        let looked = through.filter(|_| through != sweep.through);
        let next = if stopped { before.or(Some((0, JobId::from_bytes([0; 16])))) } else { looked };
        let takes = rate.map_or(0, |rate| (jobs.len() as u64 * 1_000).div_ceil(u64::from(rate)));
        Slice { queue, kind, jobs, next: next.map(|through| (through, self.now + takes.max(pause))) }
    }

    /// Whether nobody waits for it whom it would stand behind: in its line by now, or before it in the slice.
    fn may_join_its_line(&self, job: &Job, before: &[JobId]) -> bool {
        let Some(line) = self.session_of(job) else { return true };
        let mut links = before.iter().filter_map(|id| self.find(id)?.links.as_ref());
        let named = links.any(|waits| waits.all.contains(&job.id) || waits.any.contains(&job.id));
        !named && !self.is_waited_for_in(&job.id, line)
    }

    fn seal_is_over(&self, job: &Job) -> bool {
        let labels = job.death.as_ref().and_then(|death| death.labels.as_ref());
        labels.and_then(|labels| labels.seal_expires).is_some_and(|end| end.unix_ms() <= self.now)
    }

    pub fn take_slice(&mut self, slice: &Slice) {
        for id in &slice.jobs {
            match slice.kind {
                SweepKind::RedriveDead => self.redrive(id),
                SweepKind::ReleaseHeld => self.release(id),
                SweepKind::PurgeDead | SweepKind::PurgeWaiting => {
                    let now = self.now;
                    self.job(id).finish(now, State::Cancelled);
                }
            }
            self.settle_rounds();
        }
        match slice.next {
            None => self.queues[slice.queue].sweep = None,
            Some((through, due)) => {
                let due = self.next_turn(due);
                let sweep = self.queues[slice.queue].sweep.as_mut().expect("it has a turn");
                sweep.through = Some(through);
                sweep.due = due;
                sweep.done += slice.jobs.len() as u64;
            }
        }
    }

    /// Whether the label is news.
    pub fn label(&mut self, id: &JobId, labels: &Labels) -> bool {
        let Some(job) = self.find_mut(id) else { return false };
        let (death, hold) = (job.death.as_mut(), job.held.as_mut());
        let known = death.map(|death| &mut death.labels).or(hold.map(|hold| &mut hold.labels));
        let Some(known) = known.filter(|known| known.is_none()) else { return false };
        *known = Some(labels.clone());
        true
    }
}
