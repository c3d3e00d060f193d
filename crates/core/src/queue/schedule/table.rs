//! The schedules of a namespace: by id, by name, and by when each is due next.

use std::collections::{BTreeMap, BTreeSet};

use super::settings::ScheduleSettings;
use crate::id::{JobId, ScheduleId};
use crate::job::words;
use crate::name::{Principal, ScheduleName};
use crate::queue::event::QueueNumber;
use crate::record::RecordRef;
use crate::time::Time;

words! {
    /// Why a firing was left out.
    SkipReason {
        /// Its time passed while nobody could see to it.
        Missed = "missed" / 1,
        /// The job of an earlier firing is not finished.
        Overlap = "overlap" / 2,
        /// As many jobs wait in the queue as may.
        QueueFull = "queue_full" / 3,
        /// The queue takes no new jobs.
        QueueDraining = "queue_draining" / 4,
        /// The namespace, or the schedule's owner, has as many unfinished jobs as may be.
        TooManyJobs = "too_many_jobs" / 5,
        /// The queue's sealing policy changed, and the template does not fit it.
        Sealing = "sealing" / 6,
        /// The stored template could not be read.
        Unreadable = "unreadable" / 7,
        /// There is a job of this firing already.
        Repeated = "repeated" / 8,
        /// The queue has as many fair keys as it may have.
        TooManyKeys = "too_many_keys" / 9,
        /// The queue takes no jobs without a session any more, and these have none.
        SessionRequired = "session_required" / 10,
    }
}

/// The last firing that became a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastFiring {
    /// When it was due.
    pub due: Time,
    /// Its job.
    pub job: JobId,
    /// When it fired.
    pub at: Time,
}

/// The last firing, or row of firings, that was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSkip {
    /// When the first of them was due.
    pub due: Time,
    /// Why.
    pub reason: SkipReason,
    /// When that was found.
    pub at: Time,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::queue) struct Schedule {
    pub(in crate::queue) name: ScheduleName,
    pub(in crate::queue) queue: QueueNumber,
    pub(in crate::queue) owner: Principal,
    pub(in crate::queue) settings: ScheduleSettings,
    pub(in crate::queue) sealed: bool,
    pub(in crate::queue) digest: [u8; 16],
    pub(in crate::queue) input: RecordRef,
    pub(in crate::queue) created_at: Time,
    pub(in crate::queue) changed_at: Time,
    pub(in crate::queue) paused: bool,
    /// The first firing that neither happened nor was left out. None while paused, and when it is over.
    pub(in crate::queue) next: Option<Time>,
    pub(in crate::queue) fired: u64,
    pub(in crate::queue) last: Option<LastFiring>,
    /// Times that something was left out; a row of missed firings is one.
    pub(in crate::queue) skips: u64,
    pub(in crate::queue) last_skip: Option<LastSkip>,
}

/// A schedule as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleView {
    /// Its id.
    pub id: ScheduleId,
    /// Its name.
    pub name: ScheduleName,
    /// Where its jobs wait.
    pub queue: QueueNumber,
    /// Who put it, and owns its jobs.
    pub owner: Principal,
    /// Its settings.
    pub settings: ScheduleSettings,
    /// The record with the job's template.
    pub input: RecordRef,
    /// When it was put first.
    pub created_at: Time,
    /// When it was put last.
    pub changed_at: Time,
    /// Whether it is paused.
    pub paused: bool,
    /// When it is due next.
    pub next: Option<Time>,
    /// Firings that became jobs.
    pub fired: u64,
    /// The last of them.
    pub last: Option<LastFiring>,
    /// Times that something was left out; a row of missed firings is one.
    pub skips: u64,
    /// The last of them.
    pub last_skip: Option<LastSkip>,
}

/// A schedule whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueSchedule {
    /// Which.
    pub schedule: ScheduleId,
    /// The first firing that was not seen to.
    pub due: Time,
    /// The record with the job's template.
    pub input: RecordRef,
    /// The queue that it is for.
    pub queue: QueueNumber,
}

/// All schedules of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::queue) struct Schedules {
    pub(in crate::queue) by_id: BTreeMap<ScheduleId, Schedule>,
    pub(in crate::queue) names: BTreeMap<ScheduleName, ScheduleId>,
    due: BTreeSet<(Time, ScheduleId)>,
}

impl Schedules {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn id(&self, name: &ScheduleName) -> Option<ScheduleId> {
        self.names.get(name).copied()
    }

    pub(super) fn get(&self, id: &ScheduleId) -> Option<&Schedule> {
        self.by_id.get(id)
    }

    pub(in crate::queue) fn first_due(&self) -> Option<(Time, ScheduleId)> {
        self.due.first().copied()
    }

    /// In the order of their names, from behind `after`.
    pub(super) fn from(&self, after: Option<&ScheduleName>) -> impl Iterator<Item = (ScheduleId, &Schedule)> {
        let behind = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let named = self.names.range::<ScheduleName, _>((behind, std::ops::Bound::Unbounded));
        named.filter_map(|(_, id)| self.by_id.get(id).map(|schedule| (*id, schedule)))
    }

    pub(in crate::queue) fn insert(&mut self, id: ScheduleId, schedule: Schedule) {
        self.remove(&id);
        self.due.extend(schedule.next.map(|next| (next, id)));
        self.names.insert(schedule.name.clone(), id);
        self.by_id.insert(id, schedule);
    }

    pub(super) fn remove(&mut self, id: &ScheduleId) -> Option<Schedule> {
        let schedule = self.by_id.remove(id)?;
        self.names.remove(&schedule.name);
        if let Some(next) = schedule.next {
            self.due.remove(&(next, *id));
        }
        Some(schedule)
    }

    /// Changes one and keeps the order of what is due in step.
    pub(super) fn change(&mut self, id: &ScheduleId, change: impl FnOnce(&mut Schedule)) {
        let Some(schedule) = self.by_id.get_mut(id) else { return };
        if let Some(next) = schedule.next {
            self.due.remove(&(next, *id));
        }
        change(schedule);
        self.due.extend(schedule.next.map(|next| (next, *id)));
    }

    /// Whether the orders are those of the schedules.
    pub(in crate::queue) fn is_in_step(&self) -> bool {
        let due = self.by_id.iter().filter_map(|(id, schedule)| schedule.next.map(|next| (next, *id)));
        let names = self.by_id.iter().map(|(id, schedule)| (schedule.name.clone(), *id));
        due.collect::<BTreeSet<_>>() == self.due && names.collect::<BTreeMap<_, _>>() == self.names
    }
}

impl Schedule {
    pub(super) fn view(&self, id: ScheduleId) -> ScheduleView {
        ScheduleView {
            id,
            name: self.name.clone(),
            queue: self.queue,
            owner: self.owner.clone(),
            settings: self.settings.clone(),
            input: self.input,
            created_at: self.created_at,
            changed_at: self.changed_at,
            paused: self.paused,
            next: self.next,
            fired: self.fired,
            last: self.last,
            skips: self.skips,
            last_skip: self.last_skip,
        }
    }
}
