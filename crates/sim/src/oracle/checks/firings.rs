//! Every firing once: the job of a firing has the id that follows from schedule and due time, none comes
//! early or between two firings, and a schedule that left nothing out has a job for each of its times.

use std::collections::BTreeMap;

use sealane::JobId;
use sealane::crypto::digest::sha256;
use sealane_api::operation::{Operation as _, SchedulePause};
use sealane_api::v1::{FiringOut, ScheduleOut};
use sealane_core::id::ScheduleId;
use sealane_core::queue::Firing;
use sealane_core::time::{Millis, Time};

use super::super::ledger::Ledger;
use super::super::{Answer, Asked, AtRest, Exchange};
use super::Check;
use crate::world::WALL_MS;

#[derive(Default)]
pub(super) struct Firings {
    seen: BTreeMap<(String, u64), JobId>,
}

impl Check for Firings {
    fn promise(&self) -> &'static str {
        "every firing of a schedule is one job, and no other"
    }

    fn answered(&mut self, _: &Ledger, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        let (Asked::Lease { .. }, Answer::Handed(jobs)) = (&exchange.asked, answer) else { return Ok(()) };
        for job in jobs {
            let Some(FiringOut { schedule_id, due_at }) = &job.firing else { continue };
            let due = due_at.0.unix_ms();
            let first = *self.seen.entry((schedule_id.clone(), due)).or_insert(job.id.0);
            if first != job.id.0 {
                return Err(format!("{schedule_id} at {due} is job {first} and job {}", job.id));
            }
            if Some(job.id.0) != id_of(schedule_id, due_at.0) {
                return Err(format!("{schedule_id} at {due} has job {}, whose id does not follow", job.id));
            }
            if WALL_MS + exchange.answered < due {
                return Err(format!("{schedule_id} at {due} fired early, by {}", exchange.answered));
            }
        }
        Ok(())
    }

    fn at_rest(&mut self, ledger: &Ledger, rest: &AtRest) -> Result<(), String> {
        for schedule in &rest.schedules {
            let times = times(schedule, rest.at);
            let found = times.iter().filter(|due| is_found(rest, schedule, **due)).count();
            if u64::try_from(found) != Ok(schedule.fired) {
                return Err(format!(
                    "schedule {} says that it fired {} times, {found} jobs are there",
                    schedule.name, schedule.fired
                ));
            }
            let off_grid = self
                .seen
                .keys()
                .find(|(id, due)| *id == schedule.id && !times.contains(&Time::from_unix_ms(*due)));
            if let Some((_, due)) = off_grid {
                return Err(format!("schedule {} fired at {due}, between its times", schedule.name));
            }
            // A schedule that was paused once, at the end, and says that it left nothing out.
            let mut pauses =
                ledger.acts.iter().filter(|act| act.0 == schedule.name && act.1 == SchedulePause::NAME);
            let (Some((_, _, paused)), None, 0) = (pauses.next(), pauses.next(), schedule.skips) else {
                continue;
            };
            let missing = times.iter().find(|due| {
                due.unix_ms() + CLOCK_BACK_MS < WALL_MS + paused && !is_found(rest, schedule, **due)
            });
            if let Some(due) = missing {
                return Err(format!("schedule {} says nothing of {}", schedule.name, due.unix_ms()));
            }
        }
        Ok(())
    }
}

/// How far a server's clock may stand behind.
const CLOCK_BACK_MS: u64 = 5_000;

/// All times of an interval up to this moment of the run.
pub(crate) fn times(schedule: &ScheduleOut, run_ms: u64) -> Vec<Time> {
    let (Some(every), Some(first)) = (schedule.every_ms, schedule.first_at) else { return Vec::new() };
    let next = |time: &Time| Some(time.plus(Millis::new(every)));
    std::iter::successors(Some(first.0), next).take_while(|due| due.unix_ms() <= WALL_MS + run_ms).collect()
}

/// The job of one firing.
pub(crate) fn id_of(schedule: &str, due: Time) -> Option<JobId> {
    let schedule = ScheduleId::parse(schedule).ok()?;
    Some(Firing { schedule, due }.job(sha256))
}

fn is_found(rest: &AtRest, schedule: &ScheduleOut, due: Time) -> bool {
    id_of(&schedule.id, due).is_some_and(|id| rest.jobs.get(&id).is_some_and(Option::is_some))
}
