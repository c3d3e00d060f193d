//! Whether machine and model stand the same.

use sealane_core::id::JobId;
use sealane_core::job::State;
use sealane_core::name::ErrorCode;
use sealane_core::queue::{JobView, QueueNumber, ReportedBytes, Shard};
use sealane_core::time::Time;

use crate::pair::token;
use crate::plain::Plain;
use crate::plain::job::{Ended, Heard, Job};

pub fn all(shard: &Shard, plain: &Plain) {
    for job in plain.jobs.iter().filter(|job| !job.forgotten) {
        let view = shard.job(&job.id).unwrap_or_else(|| panic!("the machine does not know {job:?}"));
        one(plain, &view, job);
        if let Some(running) = &job.running {
            assert_eq!(view.lease_expires_at.map(Time::unix_ms), Some(job.at), "{job:?}");
            assert_eq!(view.holder.as_ref(), Some(&running.holder), "{job:?}");
        }
        reports(shard, &view, job);
        links(shard, job);
        attempts(shard, job);
    }
    queues(shard, plain);
    sessions(shard, plain);
    schedules(shard, plain);
    keys(shard, plain);
}

fn one(plain: &Plain, view: &JobView, job: &Job) {
    assert_eq!(
        (view.state, view.attempt, view.redrives, view.priority, view.cancel_requested),
        (job.state, job.attempt, job.redrives, job.priority, job.is_stopping()),
        "{job:?}"
    );
    assert_eq!(view.queue.0 as usize, job.queue, "{job:?}");
    let origin = (job.origin != job.queue).then(|| &plain.queues[job.origin].name);
    assert_eq!(view.origin.as_ref(), origin, "{job:?}");
    assert_eq!(view.expires_at.map(Time::unix_ms), job.expires, "{job:?}");
    assert_eq!(view.max_attempts, job.max_attempts, "{job:?}");
    assert_eq!((view.delayed_at_first, view.blocked_at_first), (job.delayed_at_first, job.blocked_at_first));
    assert_eq!(view.firing, job.firing);
    assert_eq!(view.hold_reason, job.held.as_ref().map(|hold| hold.reason), "{job:?}");
    assert_eq!((view.clone_of, view.backoff), (job.clone_of, job.backoff));
    let ended = (job.is_finished() || job.state == State::Dead).then_some(job.at);
    assert_eq!(view.finished_at.map(Time::unix_ms), ended, "{job:?}");
    let code = |code: u8| ErrorCode::parse(&format!("E{code}")).expect("a code");
    let death = job.death.as_ref();
    assert_eq!(view.dead_reason, death.map(|death| death.reason), "{job:?}");
    assert_eq!(view.dead_code, death.and_then(|death| death.code).map(code), "{job:?}");
    assert_eq!(view.dead_fingerprint, death.and_then(|death| death.like), "{job:?}");
}

fn reports(shard: &Shard, view: &JobView, job: &Job) {
    let key = |entry: &ReportedBytes| (entry.key.attempt, entry.key.seq);
    let reported = &view.reported;
    assert_eq!(reported.checkpoint.as_ref().map(key), job.checkpoint, "{job:?}");
    let progress = reported.progress.map(|at| (at.key.attempt, at.key.seq, at.percent));
    assert_eq!(progress, job.progress, "{job:?}");
    assert_eq!((reported.log_entries, reported.log_dropped), (job.log.len(), job.log_dropped), "{job:?}");
    let log = shard.job_log(&job.id, None, usize::MAX);
    let told = log.iter().map(|entry| (entry.key.attempt, entry.key.seq, entry.bytes.bytes));
    assert!(told.eq(job.log.iter().copied()), "{job:?}");
}

fn links(shard: &Shard, job: &Job) {
    let Some(view) = shard.links(&job.id) else {
        assert!(job.links.is_none(), "{job:?}");
        return;
    };
    let waits = job.links.as_ref().unwrap_or_else(|| panic!("{job:?} waits for nothing"));
    let mut blocked_by: Vec<JobId> = waits.all.iter().chain(&waits.any).copied().collect();
    blocked_by.retain(|parent| job.state == State::Blocked && waits.waits_for(parent));
    assert_eq!(view.blocked_by, blocked_by, "{job:?}");
    assert_eq!(view.lost_to, waits.lost_to, "{job:?}");
    let told: Vec<Heard> = shard
        .ended_parents(&job.id)
        .into_iter()
        .map(|end| {
            assert_eq!(end.result.is_some(), end.state == State::Completed, "what became of a result");
            Heard { job: end.job, origin: end.origin.0 as usize, attempt: end.attempt, state: end.state }
        })
        .collect();
    let mut heard = waits.heard.clone();
    heard.sort_by_key(|heard| heard.job);
    assert_eq!(told, heard, "{job:?}");
}

fn attempts(shard: &Shard, job: &Job) {
    let code = |code: &ErrorCode| code.as_str()[1..].parse().expect("a code of a story");
    let told = shard.attempts(&job.id).into_iter().map(|attempt| Ended {
        number: attempt.number,
        worker: attempt.by.worker,
        started: attempt.by.started_at.unix_ms(),
        ended: attempt.ended_at.unix_ms(),
        end: attempt.end,
        category: attempt.category,
        code: attempt.code.as_ref().map(code),
    });
    let completed = usize::from(job.state == State::Completed);
    let kept = job.history.len().saturating_sub(sealane_core::limits::ATTEMPTS_REMEMBERED_MAX + completed);
    assert_eq!(told.collect::<Vec<_>>(), job.history[kept..], "{job:?}");
}

fn queues(shard: &Shard, plain: &Plain) {
    for (number, queue) in plain.queues.iter().enumerate() {
        let view = shard.queue(&queue.name).expect("it was created");
        assert_eq!((view.settings, view.mode), (queue.settings, queue.mode));
        let states: Vec<u64> = State::ALL.iter().map(|state| view.counts.of(*state)).collect();
        let mut here: Vec<u64> = State::ALL.iter().map(|state| plain.count(number, *state)).collect();
        for (at, state) in State::ALL.iter().enumerate() {
            // Those that are forgotten are counted on.
            if matches!(state, State::Completed | State::Cancelled | State::Expired) {
                let gone = |job: &&Job| job.forgotten && job.queue == number && job.state == *state;
                here[at] += plain.jobs.iter().filter(gone).count() as u64;
            }
        }
        assert_eq!(states, here, "the counts of {}", queue.name);
        for (reason, died) in view.deaths.totals() {
            let deaths = plain.jobs.iter().flat_map(|job| &job.deaths);
            let there = deaths.filter(|death| **death == (number, reason)).count() as u64;
            assert_eq!(died, there, "{reason} in {}", queue.name);
        }
        let work = view.work.map(|work| (work.wish, work.begun_at.unix_ms(), work.done));
        let swept = queue.sweep.clone().map(|sweep| (sweep.wish, sweep.begun, sweep.done));
        assert_eq!(work, swept, "bulk work on {}", queue.name);
        fair_keys(plain, number, view.fair_keys);
    }
    assert_eq!(shard.live_jobs(), plain.live().count());
}

/// Those with jobs, and those whose rate is not full again. One that needs no room any more may be forgotten
/// when the next one comes.
fn fair_keys(plain: &Plain, queue: usize, known: usize) {
    let mut with_jobs: Vec<_> = plain.live().filter(|job| job.queue == queue).map(|job| job.fair).collect();
    with_jobs.sort_unstable();
    with_jobs.dedup();
    let mut spent: Vec<_> = plain.queues[queue].key_starts.iter().map(|start| start.fair).collect();
    spent.sort_unstable();
    spent.dedup();
    spent.retain(|fair| !with_jobs.contains(fair));
    let all = with_jobs.len() + spent.len();
    spent.retain(|fair| plain.key_is_spent(queue, *fair));
    let least = with_jobs.len() + spent.len();
    assert!((least..=all).contains(&known), "{known} fair keys, {least} to {all} by the model");
}

fn sessions(shard: &Shard, plain: &Plain) {
    for (queue, kept) in plain.queues.iter().enumerate() {
        let number = QueueNumber(u32::try_from(queue).expect("few queues"));
        let mut there = 0;
        for session in (0..crate::draw::SESSIONS).map(|session| token(3, session)) {
            let line =
                if kept.settings.sessions.are_kept() { plain.line(queue, session) } else { Vec::new() };
            let hold = plain.hold(queue, session);
            let remembers = plain.remembers(queue, session);
            let view = shard.session(number, session);
            if line.is_empty() && hold.is_none() && !remembers {
                assert_eq!(view, None, "a session of nothing");
                continue;
            }
            there += 1;
            let view = view.unwrap_or_else(|| panic!("a session of {line:?}, {hold:?} is not there"));
            assert_eq!(view.jobs as usize, line.len());
            assert_eq!(view.first_job, line.first().copied());
            assert_eq!(view.first, line.first().and_then(|id| plain.find(id)).map(|job| job.state));
            assert_eq!(view.holder.as_ref(), hold.map(|hold| &hold.holder));
            assert_eq!(view.held_until.map(Time::unix_ms), hold.map(|hold| plain.hold_ends(hold)));
            assert_eq!(view.hold_over_at.map(Time::unix_ms), hold.map(|hold| hold.until));
            assert_eq!(view.out as usize, hold.map_or(0, |hold| plain.out(hold).len()));
            assert_eq!(view.state.is_some(), remembers);
        }
        assert_eq!(shard.session_counts(number).sessions, there);
    }
}

fn schedules(shard: &Shard, plain: &Plain) {
    assert_eq!(shard.schedules(None).count(), plain.schedules.len());
    for schedule in &plain.schedules {
        let view = shard.schedule(&schedule.name).expect("it was put");
        let last = view.last.map(|last| (last.due.unix_ms(), last.job));
        let skip = view.last_skip.map(|skip| (skip.due.unix_ms(), skip.reason));
        assert_eq!((view.id, view.paused, view.fired), (schedule.id, schedule.paused, schedule.fired));
        assert_eq!((view.skips, last, skip), (schedule.skips, schedule.last, schedule.last_skip));
        assert_eq!(view.next.map(Time::unix_ms), schedule.next, "{schedule:?}");
    }
}

fn keys(shard: &Shard, plain: &Plain) {
    assert_eq!(shard.idempotency_keys(), plain.keys.len(), "idempotency keys");
}
