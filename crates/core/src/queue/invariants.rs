//! What must hold after every event. The tests call this after every step; the server never does,
//! since it walks everything.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::dead_letter::DeadLetter;
use super::held::Held;
use super::job::{Job, Phase};
use super::owned::Owned;
use super::ready::Ready;
use super::session::invariants as session;
use super::shard::{QueueCounts, Shard};
use crate::job::State;
use crate::time::Time;

/// Recomputes every index from the jobs and says which one is out of step.
pub fn check(shard: &Shard) -> Result<(), String> {
    let deadlines: BTreeSet<_> =
        shard.jobs.iter().flat_map(|(id, job)| job.deadlines().map(|(at, what)| (at, what, *id))).collect();
    if deadlines != shard.deadlines {
        return Err("the deadline table is not that of the jobs".to_owned());
    }
    let unlabelled: BTreeSet<_> =
        shard.jobs.iter().filter(|(_, job)| job.lacks_labels()).map(|(id, _)| *id).collect();
    if unlabelled != shard.unlabelled {
        return Err("the list of dead and held jobs without labels is not that of the jobs".to_owned());
    }
    if !shard.sweeps.are_in_step() {
        return Err("the turns of bulk work are not those of the sweeps".to_owned());
    }
    let mut owned = Owned::default();
    shard.jobs.values().for_each(|job| owned.add(&job.owner));
    if owned != shard.owned {
        return Err("the numbers of jobs by owner are not those of the jobs".to_owned());
    }
    let kept: usize = shard.jobs.values().map(|job| job.attempts_kept()).sum();
    let kept_by_finished =
        shard.finished.range(Bound::Unbounded).map(|(_, done)| done.job.attempts_kept()).sum();
    if (kept, kept_by_finished) != (shard.attempts_kept, shard.finished.attempts_kept()) {
        return Err("the number of attempts kept is not that of the jobs".to_owned());
    }
    if !shard.schedules.is_in_step() {
        return Err("the orders of the schedules are not theirs".to_owned());
    }
    for (number, queue) in shard.queues.iter().enumerate() {
        let here = || shard.jobs.iter().filter(|(_, job)| usize::try_from(job.queue.0) == Ok(number));
        let mut ready = Ready::default();
        here().for_each(|(_, job)| ready.enter(job));
        here()
            .filter(|(id, job)| job.phase == Phase::Ready && session::is_offered(shard, id, job))
            .for_each(|(id, job)| ready.insert(*id, job, Time::default()));
        if !ready.same_jobs(&queue.ready) {
            return Err(format!("the ready index of {} is not that of its jobs", queue.name));
        }
        queue.ready.check().map_err(|error| format!("{}: {error}", queue.name))?;
        let mut dead = DeadLetter::default();
        here()
            .filter_map(|(id, job)| Some((id, job.death()?)))
            .for_each(|(id, death)| dead.insert(*id, death));
        if dead != queue.dead {
            return Err(format!("the dead-letter index of {} is not that of its jobs", queue.name));
        }
        let held: Held = here()
            .filter(|(_, job)| job.state() == State::Held)
            .map(|(id, job)| (job.here_since(), *id))
            .collect();
        if held != queue.held {
            return Err(format!("the list of held jobs of {} is not that of its jobs", queue.name));
        }
        let unique: BTreeMap<_, _> = here().filter_map(|(id, job)| Some((job.unique_key()?, *id))).collect();
        if unique != queue.unique
            || here().filter(|(_, job)| job.unique_key().is_some()).count() != unique.len()
        {
            return Err(format!("the unique keys of {} are not those of its jobs", queue.name));
        }
        let mut counts = QueueCounts::default();
        counts.completed = queue.counts.completed;
        counts.expired = queue.counts.expired;
        counts.cancelled = queue.counts.cancelled;
        here().for_each(|(_, job)| counts.add(job.state()));
        if counts != queue.counts {
            return Err(format!("the counts of {} are not those of its jobs", queue.name));
        }
    }
    session::check(shard)?;
    let finished = || shard.finished.iter().map(|finished| &finished.job);
    let all_reports = || shard.jobs.values().chain(finished()).filter_map(|job| job.reports());
    all_reports().try_for_each(|reports| reports.check())?;
    if all_reports().map(|reports| reports.log_entries()).sum::<usize>() != shard.logs.kept {
        return Err("the log entries kept are not those of the jobs".to_owned());
    }
    if finished().any(|job| job.state() == State::Completed && job.reported().checkpoint.is_some()) {
        return Err("a completed job has a checkpoint".to_owned());
    }
    if let Some(error) = shard.keys.out_of_step() {
        return Err(error.to_owned());
    }
    super::parents::check::edges(shard)?;
    let named = |job: &Job| job.links().map_or(0, |links| links.parents().count());
    let finished: usize = shard.finished.all().map(|job| named(&job.job)).sum();
    if shard.jobs.values().map(|job| named(job)).sum::<usize>() + finished != shard.links_kept {
        return Err("the number of dependencies is not that of the jobs".to_owned());
    }
    for (id, job) in &shard.jobs {
        if job.attempt_of_round() > u32::from(job.max_attempts) {
            return Err(format!("{id} is at attempt {} of {}", job.attempt_of_round(), job.max_attempts));
        }
        if job.state() == State::Ready && !job.has_attempts_left() {
            return Err(format!("{id} is ready for an attempt that it does not have"));
        }
        if matches!(job.phase, Phase::Ended(_)) {
            return Err(format!("{id} has ended and is live"));
        }
        if shard.finished.get(id).is_some() {
            return Err(format!("{id} is live and finished"));
        }
    }
    Ok(())
}
