//! What must hold of sessions after every event.

use std::collections::{BTreeMap, BTreeSet};

use super::index::{Key, Session};
use super::view::SessionCounts;
use crate::id::JobId;
use crate::job::Priority;
use crate::name::Principal;
use crate::queue::event::QueueNumber;
use crate::queue::job::{Job, Phase};
use crate::queue::shard::Shard;

/// Whether a ready job stands in its queue's ready index: the first of a free session does.
pub(in crate::queue) fn is_offered(shard: &Shard, id: &JobId, job: &Job) -> bool {
    let Some(key) = shard.session_key(job) else { return true };
    let sessions = &shard.sessions;
    sessions.lock(key).is_none() && sessions.first(key).next() == Some(*id)
}

/// Recomputes what is kept about sessions.
pub(in crate::queue) fn check(shard: &Shard) -> Result<(), String> {
    let sessions = &shard.sessions;
    let in_line = || {
        shard
            .jobs
            .iter()
            .filter(|(_, job)| job.is_in_line())
            .filter_map(|(id, job)| shard.session_key(job).map(|key| (key, id, job)))
    };
    let line: BTreeMap<_, _> = in_line().map(|(key, id, job)| ((key.0, key.1, job.sequence), *id)).collect();
    if line != sessions.line {
        return Err("the lines of sessions are not those of their jobs".to_owned());
    }
    let mut counts: BTreeMap<QueueNumber, SessionCounts> = BTreeMap::new();
    let mut held_by: BTreeMap<Principal, usize> = BTreeMap::new();
    let mut ends = BTreeSet::new();
    let mut free = BTreeSet::new();
    for (key, session) in &sessions.sessions {
        check_one(shard, *key, session)?;
        let counts = counts.entry(key.0).or_default();
        counts.sessions += 1;
        counts.with_state += u64::from(session.state.is_some());
        if let Some(lock) = &session.lock {
            counts.held += 1;
            ends.insert((lock.ends(), key.0, key.1));
            *held_by.entry(lock.holder.clone()).or_default() += 1;
        }
        if let Some(job) = session.offered.and_then(|id| shard.jobs.get(&id)) {
            free.insert((key.0, job.priority != Priority::Critical, job.sequence, key.1));
        }
    }
    if counts != sessions.counts || held_by != sessions.held_by {
        return Err("the counts of sessions are not those of the sessions".to_owned());
    }
    if ends != sessions.ends {
        return Err("the table of holds' ends is not that of the sessions".to_owned());
    }
    if free != sessions.free {
        return Err("the free sessions are not those that nobody holds".to_owned());
    }
    let states = sessions.sessions.values().filter(|session| session.state.is_some()).count();
    if states != sessions.states {
        return Err("the number of states is not that of the sessions".to_owned());
    }
    Ok(())
}

/// Says what does not fit together in one session.
pub(in crate::queue) fn check_one(shard: &Shard, key: Key, session: &Session) -> Result<(), String> {
    let jobs: Vec<(JobId, &Job)> =
        shard.sessions.first(key).filter_map(|id| shard.jobs.get(&id).map(|job| (id, &**job))).collect();
    if usize::try_from(session.jobs) != Ok(jobs.len()) {
        return Err(format!("{key:?} does not have the jobs that it counts"));
    }
    if jobs.is_empty() && session.lock.is_none() && session.state.is_none() {
        return Err(format!("{key:?} has nothing and is there"));
    }
    let offered = jobs.first().filter(|(_, job)| job.phase == Phase::Ready && session.lock.is_none());
    if session.offered != offered.map(|(id, _)| *id) {
        return Err(format!("{key:?} does not offer its first job"));
    }
    for (at, (id, job)) in jobs.iter().enumerate().filter(|(_, (_, job))| job.phase == Phase::Blocked) {
        let behind = |parent: &&JobId| jobs[at..].iter().any(|(id, _)| id == *parent);
        let waits = |parent: &&JobId| shard.waiting.get(parent).is_some_and(|waits| waits.contains(id));
        if job
            .links()
            .into_iter()
            .flat_map(|links| links.parents())
            .filter(waits)
            .any(|parent| behind(&parent))
        {
            return Err(format!("{id} waits for one that stands behind it in {key:?}"));
        }
    }
    let running: Vec<_> = jobs.iter().filter_map(|(id, job)| job.running().map(|run| (id, run))).collect();
    match &session.lock {
        None if running.len() > 1 => Err(format!("{key:?} has two jobs out and nobody holds it")),
        None if running.iter().any(|(id, _)| Some(*id) != jobs.first().map(|(id, _)| id)) => {
            Err(format!("{key:?} has a job out that is not its first"))
        }
        None if running.iter().any(|(_, run)| run.lock.is_some()) => {
            Err(format!("{key:?} has a job out under a hold that is over"))
        }
        Some(lock)
            if running.iter().any(|(_, run)| run.lock != Some(lock.id) || run.holder != lock.holder) =>
        {
            Err(format!("{key:?} has a job in other hands than its holder's"))
        }
        Some(lock) if usize::try_from(lock.out) != Ok(running.len()) => {
            Err(format!("{key:?} does not have so many jobs out"))
        }
        Some(lock) if lock.until > lock.hold_until => Err(format!("{key:?} is held for too long")),
        _ => Ok(()),
    }
}
