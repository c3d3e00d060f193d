//! Bulk work on a queue that goes on by itself: begun by one command, done in slices between other
//! work, and gone on with after a restart, since what it is for and where it stands is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::dead_letter::Look;
use super::event::{CancelReason, Event, QueueNumber};
use super::filter::{DeadFilter, Meant};
use super::held::HeldFilter;
use super::job::Job;
use super::links::Links;
use super::refusal::Refusal;
use super::shard::{Queue, Shard};
use crate::id::JobId;
use crate::job::{State, words};
use crate::limits;
use crate::name::QueueName;
use crate::time::{Millis, Time};

/// Until a sweep asks again for what nobody has read yet.
const ASK_AGAIN: Millis = Millis::new(100);

/// A slice of a re-drive with a rate is what is due in so much of a second.
const SLICES_A_SECOND: u32 = 10;

words! {
    /// What a sweep does.
    SweepKind {
        /// Ends jobs in dead-letter as cancelled.
        PurgeDead = "purge_dead" / 1,
        /// Re-drives jobs in dead-letter that may be.
        RedriveDead = "redrive_dead" / 2,
        /// Ends every job that waits in the queue as cancelled.
        PurgeWaiting = "purge_waiting" / 3,
        /// Lets held jobs go on.
        ReleaseHeld = "release_held" / 4,
    }
}

/// How many jobs a re-drive or a release lets go in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedriveRate(u32);

impl RedriveRate {
    /// So many; none and too many are no rate.
    pub fn per_second(jobs: u32) -> Option<Self> {
        (1..=limits::REDRIVE_RATE_MAX).contains(&jobs).then_some(Self(jobs))
    }

    /// As a journal says: what was let through once stays what it was, whatever the limit is by now.
    pub fn from_stored(jobs: u32) -> Option<Self> {
        (jobs > 0).then_some(Self(jobs))
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// How many go at once.
    fn at_once(self) -> usize {
        usize::try_from(self.0.div_ceil(SLICES_A_SECOND)).unwrap_or(usize::MAX)
    }

    /// How long so many take.
    fn time_of(self, jobs: usize) -> Millis {
        let jobs = u64::try_from(jobs).unwrap_or(u64::MAX);
        Millis::new(jobs.saturating_mul(1_000).div_ceil(u64::from(self.0)))
    }
}

/// Bulk work that is wished for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SweepWish {
    /// End jobs in dead-letter.
    PurgeDead {
        /// Which.
        filter: DeadFilter,
    },
    /// Send jobs in dead-letter through once more.
    RedriveDead {
        /// Which.
        filter: DeadFilter,
        /// How fast; as fast as it goes where nobody says.
        rate: Option<RedriveRate>,
    },
    /// End every job that waits.
    PurgeWaiting,
    /// Let held jobs go on.
    ReleaseHeld {
        /// Which.
        filter: HeldFilter,
        /// How fast; as fast as it goes where nobody says.
        rate: Option<RedriveRate>,
    },
}

impl SweepKind {
    /// The state of the jobs that it is for, where they are all in one.
    const fn state(self) -> Option<State> {
        match self {
            Self::PurgeDead | Self::RedriveDead => Some(State::Dead),
            Self::ReleaseHeld => Some(State::Held),
            Self::PurgeWaiting => None,
        }
    }
}

impl SweepWish {
    /// What it does, in one word.
    pub const fn kind(&self) -> SweepKind {
        match self {
            Self::PurgeDead { .. } => SweepKind::PurgeDead,
            Self::RedriveDead { .. } => SweepKind::RedriveDead,
            Self::PurgeWaiting => SweepKind::PurgeWaiting,
            Self::ReleaseHeld { .. } => SweepKind::ReleaseHeld,
        }
    }

    /// The same for every job that it can be for.
    pub fn all(kind: SweepKind) -> Self {
        match kind {
            SweepKind::PurgeDead => Self::PurgeDead { filter: DeadFilter::default() },
            SweepKind::RedriveDead => Self::RedriveDead { filter: DeadFilter::default(), rate: None },
            SweepKind::PurgeWaiting => Self::PurgeWaiting,
            SweepKind::ReleaseHeld => Self::ReleaseHeld { filter: HeldFilter::default(), rate: None },
        }
    }

    /// Which dead jobs it is for, where it is for dead ones.
    pub const fn dead(&self) -> Option<&DeadFilter> {
        match self {
            Self::PurgeDead { filter } | Self::RedriveDead { filter, .. } => Some(filter),
            Self::PurgeWaiting | Self::ReleaseHeld { .. } => None,
        }
    }

    /// Which held jobs it is for, where it is for held ones.
    pub const fn held(&self) -> Option<&HeldFilter> {
        match self {
            Self::ReleaseHeld { filter, .. } => Some(filter),
            Self::PurgeDead { .. } | Self::PurgeWaiting | Self::RedriveDead { .. } => None,
        }
    }

    /// How fast it goes.
    pub const fn rate(&self) -> Option<RedriveRate> {
        match self {
            Self::RedriveDead { rate, .. } | Self::ReleaseHeld { rate, .. } => *rate,
            Self::PurgeDead { .. } | Self::PurgeWaiting => None,
        }
    }
}

/// A sweep on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// What it is for.
    pub wish: SweepWish,
    /// When it began: what comes later is none of its business.
    pub begun_at: Time,
    /// Jobs that it has ended, re-driven or released so far.
    pub done: u64,
    /// It has looked at everything up to here.
    pub(super) through: Option<(Time, JobId)>,
    /// Its place in the order of turns.
    pub(super) turn: (Time, u64),
}

/// The sweeps on their way, and whose turn it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sweeps {
    pub(super) by_queue: BTreeMap<QueueNumber, Sweep>,
    /// When each goes on, and among those of one time who waits longest.
    pub(super) turns: BTreeSet<((Time, u64), QueueNumber)>,
    /// Turns that were given.
    pub(super) given: u64,
}

impl Sweeps {
    pub(super) fn is_empty(&self) -> bool {
        self.by_queue.is_empty()
    }

    pub(super) fn of(&self, queue: QueueNumber) -> Option<&Sweep> {
        self.by_queue.get(&queue)
    }

    pub(super) fn next_turn(&self) -> Option<Time> {
        self.turns.first().map(|((due, _), _)| *due)
    }

    fn in_turn(&self, now: Time) -> Option<(QueueNumber, &Sweep)> {
        let (_, queue) = self.turns.first().filter(|((due, _), _)| *due <= now)?;
        self.by_queue.get(queue).map(|sweep| (*queue, sweep))
    }

    pub(super) fn begun(&mut self, queue: QueueNumber, wish: SweepWish, at: Time) {
        let turn = self.turn(queue, at);
        self.by_queue.insert(queue, Sweep { wish, begun_at: at, done: 0, through: None, turn });
    }

    pub(super) fn advanced(&mut self, queue: QueueNumber, through: (Time, JobId), jobs: u32, due: Time) {
        let Some(old) = self.by_queue.get(&queue).map(|sweep| sweep.turn) else { return };
        self.turns.remove(&(old, queue));
        let turn = self.turn(queue, due);
        if let Some(sweep) = self.by_queue.get_mut(&queue) {
            sweep.through = Some(through);
            sweep.turn = turn;
            sweep.done = sweep.done.saturating_add(u64::from(jobs));
        }
    }

    pub(super) fn ended(&mut self, queue: QueueNumber) {
        if let Some(sweep) = self.by_queue.remove(&queue) {
            self.turns.remove(&(sweep.turn, queue));
        }
    }

    /// Behind all that are due at the same time: each has one slice before any has its next.
    fn turn(&mut self, queue: QueueNumber, due: Time) -> (Time, u64) {
        self.given += 1;
        let turn = (due, self.given);
        self.turns.insert((turn, queue));
        turn
    }

    /// Whether each has its turn and nobody else has one.
    pub(super) fn are_in_step(&self) -> bool {
        let turns = self.by_queue.iter().map(|(queue, sweep)| (sweep.turn, *queue));
        turns.collect::<BTreeSet<_>>() == self.turns
    }
}

/// A slice of the way.
struct Slice {
    jobs: Vec<JobId>,
    /// How far it got; `None` where there is nothing left.
    through: Option<(Time, JobId)>,
    /// When the next one may follow, where not at once.
    wait: Millis,
}

impl Slice {
    fn time_at(&self, rate: Option<RedriveRate>) -> Millis {
        rate.map_or(Millis::default(), |rate| rate.time_of(self.jobs.len()))
    }
}

impl Shard {
    /// The sweep on its way in a queue.
    pub fn sweep(&self, queue: &QueueName) -> Option<&Sweep> {
        self.names.get(queue).and_then(|number| self.sweeps.of(*number))
    }

    /// How many jobs a sweep of a queue would concern, were it begun now, and whether there may be more:
    /// with a filter only so many jobs are looked at.
    pub fn concerned(&self, now: Time, queue: &QueueName, wish: &SweepWish) -> (u64, bool) {
        let Some(number) = self.names.get(queue) else { return (0, false) };
        let counts = &self.queue_at(*number).counts;
        match wish {
            SweepWish::PurgeWaiting => (counts.waiting(), false),
            SweepWish::PurgeDead { filter } | SweepWish::RedriveDead { filter, .. } => {
                if filter.is_empty() {
                    return (counts.of(State::Dead), false);
                }
                let page = self.dead_page(now, *number, filter, None, Look::Through(0));
                (page.meant, page.next.is_some() || page.not_known > 0)
            }
            SweepWish::ReleaseHeld { filter, .. } => {
                if filter.is_empty() {
                    return (counts.of(State::Held), false);
                }
                let page = self.held_page(*number, filter, None, Look::Through(0));
                (page.meant, page.next.is_some() || page.not_known > 0)
            }
        }
    }

    /// Whether there is bulk work on its way.
    pub fn is_sweeping(&self) -> bool {
        !self.sweeps.is_empty()
    }

    pub(super) fn decide_sweep(
        &self,
        now: Time,
        queue: &QueueName,
        wish: &SweepWish,
    ) -> Result<Vec<Event>, Refusal> {
        let number = *self.names.get(queue).ok_or(Refusal::QueueUnknown)?;
        match self.sweeps.of(number) {
            Some(sweep) if sweep.wish == *wish => Ok(Vec::new()),
            Some(_) => Err(Refusal::SweepRunning),
            None if self.concerned(now, queue, wish) == (0, false) => Ok(Vec::new()),
            None => {
                if matches!(wish.kind(), SweepKind::RedriveDead | SweepKind::ReleaseHeld) {
                    self.queue_at(number).has_room(1)?;
                }
                Ok(vec![Event::SweepBegun { queue: number, wish: Box::new(wish.clone()), at: now }])
            }
        }
    }

    /// What was done stays done. Work on jobs of another state is not given up here: who may decide about dead
    /// jobs need not be who may decide about held ones. That on what waits never is: it is over in moments.
    pub(super) fn decide_stop(&self, now: Time, queue: &QueueName, of: State) -> Result<Vec<Event>, Refusal> {
        let number = *self.names.get(queue).ok_or(Refusal::QueueUnknown)?;
        let running = self.sweeps.of(number).filter(|sweep| sweep.wish.kind().state() == Some(of));
        Ok(running.map(|_| Event::SweepEnded { queue: number, at: now }).into_iter().collect())
    }

    /// The next slice of the sweep whose turn it is. Jobs that something else happens to in this turn
    /// are left alone: they are not what they were when it began.
    pub(super) fn sweep_slice(&self, now: Time, busy: &BTreeSet<JobId>) -> Vec<Event> {
        let Some((queue, sweep)) = self.sweeps.in_turn(now) else { return Vec::new() };
        let slice = match &sweep.wish {
            SweepWish::PurgeDead { filter } | SweepWish::RedriveDead { filter, .. } => {
                self.slice_of_dead(now, queue, sweep, filter, busy)
            }
            SweepWish::PurgeWaiting => self.slice_of_waiting(now, queue, sweep, busy),
            SweepWish::ReleaseHeld { filter, .. } => self.slice_of_held(queue, sweep, filter, busy),
        };
        let event = |id: &JobId| match sweep.wish.kind() {
            SweepKind::RedriveDead => Event::JobRedriven { job: *id, at: now },
            SweepKind::ReleaseHeld => Event::HoldReleased { job: *id, at: now },
            SweepKind::PurgeDead | SweepKind::PurgeWaiting => {
                Event::JobCancelled { job: *id, reason: CancelReason::Purged, at: now }
            }
        };
        let mut events: Vec<Event> = slice.jobs.iter().map(event).collect();
        let jobs = u32::try_from(events.len()).expect("a slice is far below u32::MAX");
        events.push(match slice.through {
            Some((died_at, job)) => {
                Event::SweepAdvanced { queue, died_at, job, jobs, due: now.plus(slice.wait), at: now }
            }
            None => Event::SweepEnded { queue, at: now },
        });
        events
    }

    fn slice_of_dead(
        &self,
        now: Time,
        number: QueueNumber,
        sweep: &Sweep,
        filter: &DeadFilter,
        busy: &BTreeSet<JobId>,
    ) -> Slice {
        let queue = self.queue_at(number);
        let redrives = sweep.wish.kind() == SweepKind::RedriveDead;
        let room = if redrives { usize::try_from(queue.room()).unwrap_or(usize::MAX) } else { usize::MAX };
        let at_once = sweep.wish.rate().map_or(usize::MAX, RedriveRate::at_once);
        let mut slice = Slice { jobs: Vec::new(), through: None, wait: Millis::default() };
        // A job that died of another one follows that one out of dead-letter.
        let mut redriven = BTreeSet::new();
        let mut waited_for = BTreeSet::new();
        let (mut before, mut reached) = (sweep.through, sweep.through);
        for (died_at, _, id) in self.parents_first(queue, sweep, filter) {
            // Why not up to here: where it stops among those of one moment, it looks at the rest of them again.
            if reached.is_none_or(|(last, _)| last < died_at) {
                before = reached;
            }
            let job = self.jobs.get(&id).filter(|_| !busy.contains(&id));
            let meant = job.map_or(Meant::No, |job| {
                let here = job.state() == State::Dead && job.here_since() <= sweep.begun_at;
                let may = !redrives
                    || (job.may_be_redriven()
                        && !job.is_seal_expired(now)
                        && self.check_parents_again(job, &redriven).is_ok()
                        // Why not behind one that comes in before it and waits for it: see `session::circle`.
                        && (self.session_key(job).is_none() || !waited_for.contains(&id))
                        && self.may_stand_behind(&id, self.session_key(job)).is_ok());
                if here && may { filter.judge(job) } else { Meant::No }
            });
            let full = slice.jobs.len() >= at_once;
            match meant {
                Meant::No => {}
                // Why it ends there and does not wait: how long the queue stays full is its workers' affair.
                Meant::Yes if slice.jobs.len() >= room => return slice,
                Meant::Yes if !full => {
                    slice.jobs.push(id);
                    redriven.insert(id);
                    waited_for.extend(
                        job.and_then(|job| job.links()).into_iter().flat_map(Links::parents).copied(),
                    );
                }
                // Invariant: it never passes over a job that it may be for.
                Meant::NotKnown | Meant::Yes => {
                    slice.through = before.or(Some(BEFORE_ALL));
                    let ask_again = if meant == Meant::NotKnown { ASK_AGAIN } else { Millis::default() };
                    slice.wait = slice.time_at(sweep.wish.rate()).max(ask_again);
                    return slice;
                }
            }
            reached = reached.max(Some((died_at, id)));
        }
        slice.through = reached.filter(|_| reached != sweep.through);
        slice.wait = slice.time_at(sweep.wish.rate());
        slice
    }

    /// The places of a slice, with the depth of their jobs. Of those that died in one moment parents come before
    /// the jobs that died of them, as long as one slice has both.
    fn parents_first(&self, queue: &Queue, sweep: &Sweep, filter: &DeadFilter) -> Vec<(Time, u32, JobId)> {
        let places = queue.dead.places(filter, sweep.through);
        let places = places.take_while(|(died_at, _)| *died_at <= sweep.begun_at);
        let depth = |id: &JobId| self.jobs.get(id).map_or(0, |job| job.depth());
        let mut slice: Vec<_> = places
            .take(limits::SWEEP_JOBS_PER_TURN_MAX)
            .map(|(died_at, id)| (died_at, depth(&id), id))
            .collect();
        slice.sort_unstable();
        slice
    }

    /// Jobs of all queues by id. Why not by queue: an index over what waits would cost every waiting job
    /// its bytes, and a purge is rare; each turn looks at so many jobs and no more. It is over behind the
    /// latest id that could have been sent before it began: ids follow their time, so where new jobs
    /// keep coming it would look at them for ever.
    fn slice_of_waiting(
        &self,
        now: Time,
        queue: QueueNumber,
        sweep: &Sweep,
        busy: &BTreeSet<JobId>,
    ) -> Slice {
        let mut slice = Slice { jobs: Vec::new(), through: None, wait: Millis::default() };
        let through = sweep.through.map(|(_, job)| job);
        // Ids follow their time, but for those of firings, which lie anywhere. So the stretch where the ids
        // of jobs that were sent since it began lie is stepped over: where jobs keep coming it would never
        // end. That a firing's id lies in there by chance is one in 2^48 for each of its milliseconds.
        let last_of =
            |time: Time| JobId::v7(time.plus(Millis::new(limits::ID_AHEAD_MS)).unix_ms(), [u8::MAX; 10]);
        let (began, ends) = (last_of(sweep.begun_at), last_of(now));
        let through = through.map(|id| if id > began { id.max(ends) } else { id });
        let meant = |job: &Job| {
            let waits =
                matches!(job.state(), State::Blocked | State::Delayed | State::Ready | State::Retrying);
            waits && job.queue == queue && job.here_since() <= sweep.begun_at
        };
        let from = through.map_or(Bound::Unbounded, Bound::Excluded);
        let jobs = self.jobs.range((from, Bound::Unbounded)).take(limits::SWEEP_JOBS_PER_TURN_MAX);
        for (id, job) in jobs {
            slice.through = Some((Time::default(), *id));
            if meant(job) && !busy.contains(id) {
                slice.jobs.push(*id);
            }
        }
        slice
    }

    fn slice_of_held(
        &self,
        number: QueueNumber,
        sweep: &Sweep,
        filter: &HeldFilter,
        busy: &BTreeSet<JobId>,
    ) -> Slice {
        let queue = self.queue_at(number);
        let room = usize::try_from(queue.room()).unwrap_or(usize::MAX);
        let at_once = sweep.wish.rate().map_or(usize::MAX, RedriveRate::at_once);
        let mut slice = Slice { jobs: Vec::new(), through: None, wait: Millis::default() };
        let places = filter.places(&queue.held, sweep.through);
        let places = places.take_while(|(since, _)| *since <= sweep.begun_at);
        let mut reached = sweep.through;
        for (since, id) in places.take(limits::SWEEP_JOBS_PER_TURN_MAX) {
            let job = self.jobs.get(&id).filter(|_| !busy.contains(&id));
            match job.map_or(Meant::No, |job| filter.judge(job)) {
                Meant::No => {}
                // As with a re-drive: how long the queue stays full is its workers' affair.
                Meant::Yes if slice.jobs.len() >= room => return slice,
                Meant::Yes if slice.jobs.len() < at_once => slice.jobs.push(id),
                // Invariant: it never passes over a job that it may be for.
                not_now => {
                    slice.through = reached.or(Some(BEFORE_ALL));
                    let ask_again = if not_now == Meant::NotKnown { ASK_AGAIN } else { Millis::default() };
                    slice.wait = slice.time_at(sweep.wish.rate()).max(ask_again);
                    return slice;
                }
            }
            reached = Some((since, id));
        }
        slice.through = reached.filter(|_| reached != sweep.through);
        slice.wait = slice.time_at(sweep.wish.rate());
        slice
    }
}

/// A place in front of every job.
const BEFORE_ALL: (Time, JobId) = (Time::from_unix_ms(0), JobId::from_bytes([0; 16]));
