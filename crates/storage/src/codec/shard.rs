//! Facts about the queues and jobs of a namespace. Each begins with the namespace.

use sealane_core::id::{JobId, LeaseId};
use sealane_core::job::{Category, HoldReason, Priority};
use sealane_core::name::{ErrorCode, Namespace, Principal, QueueName};
use sealane_core::queue::{Event, JobEnqueued, Next, QueueNumber, ReleaseReason};

use super::error::DecodeError;
use super::fact::{VERSION_1, VERSION_2, VERSION_3};
use super::fields::{Cursor, Fields};
use super::{dead_letter, keys, links, options, person, report, runner, schedule, session, settings};
use crate::fact::Fact;

pub(super) const FIRST_TAG: u8 = QUEUE_CREATED;
/// Higher ones are for other facts.
pub(super) const LAST_TAG: u8 = 127;

// Invariant: a tag is never reused and never changes its meaning.
const QUEUE_CREATED: u8 = 1;
const QUEUE_CHANGED: u8 = 2;
const JOB_ENQUEUED: u8 = 3;
const JOB_DUE: u8 = 4;
const JOB_LEASED: u8 = 5;
const LEASE_EXTENDED: u8 = 6;
const LEASE_EXPIRED: u8 = 7;
const JOB_RELEASED: u8 = 8;
const JOB_COMPLETED: u8 = 9;
const JOB_FAILED: u8 = 10;
const JOB_HELD: u8 = 11;
const JOB_EXPIRED: u8 = 12;
const SERVER_STARTED: u8 = 13;

pub(super) fn encode(namespace: &Namespace, event: &Event, out: &mut Fields<'_>) {
    out.u8(tag(event));
    out.u8(version(event));
    out.text(namespace.as_str());
    out.time(event.at());
    match event {
        Event::QueueCreated { number, queue, settings: set, at: _ } => {
            out.u32(number.0);
            out.text(queue.as_str());
            settings::encode(set, out);
        }
        Event::QueueChanged { number, settings: set, at: _ } => {
            out.u32(number.0);
            settings::encode(set, out);
        }
        Event::JobEnqueued(enqueued) => {
            let JobEnqueued {
                job,
                queue,
                owner,
                priority,
                run_at,
                expires_at,
                max_attempts,
                options,
                digest,
                at: _,
            } = enqueued;
            out.fixed(job.as_bytes());
            out.u32(queue.0);
            out.text(owner.as_str());
            out.u8(priority.code());
            out.time(*run_at);
            out.option(*expires_at, Fields::time);
            out.u32(*max_attempts);
            out.fixed(digest);
            options::encode(options.as_deref(), out);
        }
        Event::JobDue { job, at: _ }
        | Event::JobCompleted { job, at: _ }
        | Event::JobExpired { job, at: _ } => {
            out.fixed(job.as_bytes());
        }
        Event::JobLeased { job, lease, holder, runner, lock, until, at: _ } => {
            out.fixed(job.as_bytes());
            out.fixed(lease.as_bytes());
            out.text(holder.as_str());
            out.time(*until);
            runner::encode(runner.as_deref(), lock.as_ref(), out);
        }
        Event::LeaseExtended { job, until, at: _ } => {
            out.fixed(job.as_bytes());
            out.time(*until);
        }
        Event::LeaseExpired { job, next: then, at: _ } => {
            out.fixed(job.as_bytes());
            next(*then, out);
        }
        Event::JobReleased { job, reason, run_at, at: _ } => {
            out.fixed(job.as_bytes());
            out.u8(match reason {
                ReleaseReason::Returned => 1,
                ReleaseReason::Undelivered => 2,
            });
            out.time(*run_at);
        }
        Event::JobFailed { fingerprint: Some(_), .. } | Event::DeadLabelled { .. } => {
            dead_letter::encode(event, out);
        }
        Event::JobFailed { job, category, code, fingerprint: None, next: then, at: _ } => {
            out.fixed(job.as_bytes());
            out.u8(category.code());
            next(*then, out);
            code.iter().for_each(|code| out.text(code.as_str()));
        }
        Event::JobHeld { job, reason, at: _ } => {
            out.fixed(job.as_bytes());
            out.u8(reason.code());
        }
        Event::ServerStarted { at: _ } => {}
        Event::SessionAccepted { .. }
        | Event::SessionEnded { .. }
        | Event::SessionRenewed { .. }
        | Event::SessionStateCleared { .. }
        | Event::SessionStateSet { .. } => session::encode(event, out),
        Event::ParentEnded { job, parent, next, at: _ } => links::encode_end(job, parent, *next, out),
        Event::JobReported { .. } => report::encode(event, out),
        Event::HoldReleased { .. }
        | Event::JobCancelRequested { .. }
        | Event::JobCancelled { .. }
        | Event::JobMoved { .. }
        | Event::JobPromoted { .. }
        | Event::JobRedriven { .. }
        | Event::JobReprioritised { .. }
        | Event::QueueModeChanged { .. }
        | Event::SweepAdvanced { .. }
        | Event::SweepBegun { .. }
        | Event::SweepEnded { .. } => person::encode(event, out),
        Event::JobMerged { .. } | Event::KeysForgotten { .. } => keys::encode(event, out),
        Event::SchedulePut(_)
        | Event::ScheduleFired { .. }
        | Event::ScheduleSkipped { .. }
        | Event::SchedulePaused { .. }
        | Event::ScheduleResumed { .. }
        | Event::ScheduleRemoved { .. } => schedule::encode(event, out),
    }
}

/// Which version of its layout an event needs: the first one that can hold it.
fn version(event: &Event) -> u8 {
    match event {
        Event::QueueCreated { settings, .. } | Event::QueueChanged { settings, .. } => {
            settings::version(settings)
        }
        Event::JobEnqueued(enqueued) => options::version(enqueued.options.as_deref()),
        Event::JobLeased { runner: Some(_), .. } => VERSION_3,
        Event::JobLeased { lock: Some(_), .. } => VERSION_2,
        Event::JobFailed { code: Some(_), fingerprint: None, .. } => VERSION_2,
        Event::SweepBegun { wish, .. } => dead_letter::wish_version(wish),
        Event::SweepAdvanced { jobs, due, at, .. } => dead_letter::advance_version(*jobs, *due, *at),
        _ => VERSION_1,
    }
}

pub(super) fn decode(tag: u8, version: u8, cursor: &mut Cursor<'_>) -> Result<Fact, DecodeError> {
    let last_version = match tag {
        JOB_ENQUEUED | JOB_LEASED | QUEUE_CREATED | QUEUE_CHANGED => VERSION_3,
        JOB_FAILED | person::SWEEP_BEGUN | person::SWEEP_ADVANCED => VERSION_2,
        _ => VERSION_1,
    };
    if version > last_version {
        return Err(DecodeError::UnknownTag { tag, version });
    }
    let second = version == VERSION_2;
    let namespace = cursor.text("namespace", Namespace::parse)?;
    let at = cursor.time("at")?;
    let event = match tag {
        QUEUE_CREATED => Event::QueueCreated {
            number: QueueNumber(cursor.u32("number")?),
            queue: cursor.text("queue", QueueName::parse)?,
            settings: Box::new(settings::decode(version, cursor)?),
            at,
        },
        QUEUE_CHANGED => Event::QueueChanged {
            number: QueueNumber(cursor.u32("number")?),
            settings: Box::new(settings::decode(version, cursor)?),
            at,
        },
        JOB_ENQUEUED => Event::JobEnqueued(JobEnqueued {
            job: job(cursor)?,
            queue: QueueNumber(cursor.u32("queue")?),
            owner: cursor.text("owner", Principal::parse)?,
            priority: cursor.code("priority", Priority::from_code)?,
            run_at: cursor.time("run_at")?,
            expires_at: cursor.option("expires_at", |cursor| cursor.time("expires_at"))?,
            max_attempts: cursor.u32("max_attempts")?,
            digest: cursor.fixed("digest")?,
            options: options::decode(version, cursor)?,
            at,
        }),
        JOB_DUE => Event::JobDue { job: job(cursor)?, at },
        JOB_LEASED => {
            let (job, lease) = (job(cursor)?, LeaseId::from_bytes(cursor.fixed("lease")?));
            let (holder, until) = (cursor.text("holder", Principal::parse)?, cursor.time("until")?);
            let (runner, lock) = runner::decode(version, cursor)?;
            Event::JobLeased { job, lease, holder, runner, lock, until, at }
        }
        LEASE_EXTENDED => Event::LeaseExtended { job: job(cursor)?, until: cursor.time("until")?, at },
        LEASE_EXPIRED => Event::LeaseExpired { job: job(cursor)?, next: take_next(cursor)?, at },
        JOB_RELEASED => Event::JobReleased {
            job: job(cursor)?,
            reason: cursor.code("reason", |code| match code {
                1 => Some(ReleaseReason::Returned),
                2 => Some(ReleaseReason::Undelivered),
                _ => None,
            })?,
            run_at: cursor.time("run_at")?,
            at,
        },
        JOB_COMPLETED => Event::JobCompleted { job: job(cursor)?, at },
        JOB_FAILED => Event::JobFailed {
            job: job(cursor)?,
            category: cursor.code("category", Category::from_code)?,
            next: take_next(cursor)?,
            code: if second { Some(cursor.text("code", ErrorCode::parse)?) } else { None },
            fingerprint: None,
            at,
        },
        JOB_HELD => {
            Event::JobHeld { job: job(cursor)?, reason: cursor.code("reason", HoldReason::from_code)?, at }
        }
        JOB_EXPIRED => Event::JobExpired { job: job(cursor)?, at },
        SERVER_STARTED => Event::ServerStarted { at },
        session::SESSION_ACCEPTED..=session::LAST_TAG => session::decode(tag, at, cursor)?,
        report::JOB_REPORTED => report::decode(at, cursor)?,
        keys::JOB_MERGED | keys::KEYS_FORGOTTEN => keys::decode(tag, at, cursor)?,
        links::PARENT_ENDED => links::decode_end(at, cursor)?,
        dead_letter::JOB_FAILED_ALIKE | dead_letter::DEAD_LABELLED => dead_letter::decode(tag, at, cursor)?,
        schedule::FIRST_TAG..=schedule::LAST_TAG => schedule::decode(tag, at, cursor)?,
        _ => person::decode(tag, version, at, cursor)?,
    };
    Ok(Fact::Shard { namespace, event })
}

fn tag(event: &Event) -> u8 {
    match event {
        Event::QueueCreated { .. } => QUEUE_CREATED,
        Event::QueueChanged { .. } => QUEUE_CHANGED,
        Event::JobEnqueued(_) => JOB_ENQUEUED,
        Event::JobDue { .. } => JOB_DUE,
        Event::JobLeased { .. } => JOB_LEASED,
        Event::LeaseExtended { .. } => LEASE_EXTENDED,
        Event::LeaseExpired { .. } => LEASE_EXPIRED,
        Event::JobReleased { .. } => JOB_RELEASED,
        Event::JobCompleted { .. } => JOB_COMPLETED,
        Event::JobFailed { fingerprint: Some(_), .. } => dead_letter::JOB_FAILED_ALIKE,
        Event::JobFailed { .. } => JOB_FAILED,
        Event::DeadLabelled { .. } => dead_letter::DEAD_LABELLED,
        Event::JobHeld { .. } => JOB_HELD,
        Event::JobExpired { .. } => JOB_EXPIRED,
        Event::ServerStarted { .. } => SERVER_STARTED,
        Event::SessionAccepted { .. } => session::SESSION_ACCEPTED,
        Event::SessionEnded { .. } => session::SESSION_ENDED,
        Event::SessionRenewed { .. } => session::SESSION_RENEWED,
        Event::SessionStateCleared { .. } => session::SESSION_STATE_CLEARED,
        Event::SessionStateSet { .. } => session::SESSION_STATE_SET,
        Event::JobReported { .. } => report::JOB_REPORTED,
        Event::JobMerged { .. } => keys::JOB_MERGED,
        Event::KeysForgotten { .. } => keys::KEYS_FORGOTTEN,
        Event::ParentEnded { .. } => links::PARENT_ENDED,
        Event::HoldReleased { .. } => person::HOLD_RELEASED,
        Event::JobCancelRequested { .. } => person::JOB_CANCEL_REQUESTED,
        Event::JobCancelled { .. } => person::JOB_CANCELLED,
        Event::JobMoved { .. } => person::JOB_MOVED,
        Event::JobPromoted { .. } => person::JOB_PROMOTED,
        Event::JobRedriven { .. } => person::JOB_REDRIVEN,
        Event::JobReprioritised { .. } => person::JOB_REPRIORITISED,
        Event::QueueModeChanged { .. } => person::QUEUE_MODE_CHANGED,
        Event::SweepAdvanced { .. } => person::SWEEP_ADVANCED,
        Event::SweepBegun { .. } => person::SWEEP_BEGUN,
        Event::SweepEnded { .. } => person::SWEEP_ENDED,
        Event::SchedulePut(_) => schedule::SCHEDULE_PUT,
        Event::ScheduleFired { .. } => schedule::SCHEDULE_FIRED,
        Event::ScheduleSkipped { .. } => schedule::SCHEDULE_SKIPPED,
        Event::SchedulePaused { .. } => schedule::SCHEDULE_PAUSED,
        Event::ScheduleResumed { .. } => schedule::SCHEDULE_RESUMED,
        Event::ScheduleRemoved { .. } => schedule::SCHEDULE_REMOVED,
    }
}

pub(super) fn next(next: Next, out: &mut Fields<'_>) {
    match next {
        Next::Dead => out.u8(1),
        Next::Retry(at) => {
            out.u8(2);
            out.time(at);
        }
    }
}

pub(super) fn take_next(cursor: &mut Cursor<'_>) -> Result<Next, DecodeError> {
    match cursor.u8("next")? {
        1 => Ok(Next::Dead),
        2 => cursor.time("next").map(Next::Retry),
        _ => Err(DecodeError::Field { field: "next" }),
    }
}

pub(super) fn job(cursor: &mut Cursor<'_>) -> Result<JobId, DecodeError> {
    cursor.fixed("job").map(JobId::from_bytes)
}
