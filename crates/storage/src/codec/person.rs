//! Facts that people brought about: cancelled, moved, promoted, re-driven jobs, and bulk work.

use sealane_core::job::Priority;
use sealane_core::queue::{CancelReason, Event, QueueMode, QueueNumber};
use sealane_core::time::Time;

use super::dead_letter;
use super::error::DecodeError;
use super::fields::{Cursor, Fields};
use super::shard::job;

// Invariant: a tag is never reused and never changes its meaning.
pub(super) const JOB_CANCEL_REQUESTED: u8 = 14;
pub(super) const JOB_CANCELLED: u8 = 15;
pub(super) const JOB_PROMOTED: u8 = 16;
pub(super) const JOB_REDRIVEN: u8 = 17;
pub(super) const HOLD_RELEASED: u8 = 18;
pub(super) const JOB_REPRIORITISED: u8 = 19;
pub(super) const JOB_MOVED: u8 = 20;
pub(super) const SWEEP_BEGUN: u8 = 21;
pub(super) const SWEEP_ADVANCED: u8 = 22;
pub(super) const SWEEP_ENDED: u8 = 23;
pub(super) const QUEUE_MODE_CHANGED: u8 = 24;

/// Writes what follows tag, version, namespace and time.
pub(super) fn encode(event: &Event, out: &mut Fields<'_>) {
    match event {
        Event::JobCancelRequested { job, at: _ }
        | Event::JobPromoted { job, at: _ }
        | Event::JobRedriven { job, at: _ }
        | Event::HoldReleased { job, at: _ } => out.fixed(job.as_bytes()),
        Event::JobCancelled { job, reason, at: _ } => {
            out.fixed(job.as_bytes());
            out.u8(reason.code());
        }
        Event::JobReprioritised { job, priority, at: _ } => {
            out.fixed(job.as_bytes());
            out.u8(priority.code());
        }
        Event::JobMoved { job, queue, at: _ } => {
            out.fixed(job.as_bytes());
            out.u32(queue.0);
        }
        Event::SweepBegun { queue, wish, at: _ } => {
            out.u32(queue.0);
            dead_letter::wish(wish, out);
        }
        Event::SweepAdvanced { queue, died_at, job, jobs, due, at } => {
            out.u32(queue.0);
            out.time(*died_at);
            out.fixed(job.as_bytes());
            dead_letter::advance(*jobs, *due, *at, out);
        }
        Event::SweepEnded { queue, at: _ } => out.u32(queue.0),
        Event::QueueModeChanged { queue, mode, at: _ } => {
            out.u32(queue.0);
            out.u8(mode.code());
        }
        other => unreachable!("the caller's match hands over no {other:?}"),
    }
}

/// Reads the same.
pub(super) fn decode(tag: u8, version: u8, at: Time, cursor: &mut Cursor<'_>) -> Result<Event, DecodeError> {
    Ok(match tag {
        JOB_CANCEL_REQUESTED => Event::JobCancelRequested { job: job(cursor)?, at },
        JOB_CANCELLED => {
            let (job, reason) = (job(cursor)?, cursor.code("reason", CancelReason::from_code)?);
            Event::JobCancelled { job, reason, at }
        }
        JOB_PROMOTED => Event::JobPromoted { job: job(cursor)?, at },
        JOB_REDRIVEN => Event::JobRedriven { job: job(cursor)?, at },
        HOLD_RELEASED => Event::HoldReleased { job: job(cursor)?, at },
        JOB_REPRIORITISED => {
            let (job, priority) = (job(cursor)?, cursor.code("priority", Priority::from_code)?);
            Event::JobReprioritised { job, priority, at }
        }
        JOB_MOVED => Event::JobMoved { job: job(cursor)?, queue: queue(cursor)?, at },
        SWEEP_BEGUN => {
            let (queue, wish) = (queue(cursor)?, dead_letter::take_wish(version, cursor)?);
            Event::SweepBegun { queue, wish: Box::new(wish), at }
        }
        SWEEP_ADVANCED => {
            let (queue, died_at) = (queue(cursor)?, cursor.time("died_at")?);
            let job = job(cursor)?;
            let (jobs, due) = dead_letter::take_advance(version, at, cursor)?;
            Event::SweepAdvanced { queue, died_at, job, jobs, due, at }
        }
        QUEUE_MODE_CHANGED => {
            let (queue, mode) = (queue(cursor)?, cursor.code("mode", QueueMode::from_code)?);
            Event::QueueModeChanged { queue, mode, at }
        }
        SWEEP_ENDED => Event::SweepEnded { queue: queue(cursor)?, at },
        _ => return Err(DecodeError::UnknownTag { tag, version }),
    })
}

fn queue(cursor: &mut Cursor<'_>) -> Result<QueueNumber, DecodeError> {
    cursor.u32("queue").map(QueueNumber)
}
