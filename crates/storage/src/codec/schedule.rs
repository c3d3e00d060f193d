//! Facts about schedules. The template of a schedule's jobs is caller data and stands beside the first.

use sealane_core::cadence::Cadence;
use sealane_core::id::ScheduleId;
use sealane_core::job::Priority;
use sealane_core::name::{CronPattern, Principal, ScheduleName, ZoneName};
use sealane_core::queue::{
    Event, MissedPolicy, OverlapPolicy, QueueNumber, SchedulePut, ScheduleSettings, SkipReason,
};
use sealane_core::time::Time;

use super::error::DecodeError;
use super::fact::VERSION_1;
use super::fields::{Cursor, Fields};
use super::options;
use super::shard::job;

pub(super) const FIRST_TAG: u8 = SCHEDULE_PUT;
pub(super) const LAST_TAG: u8 = SCHEDULE_REMOVED;

// Invariant: a tag is never reused and never changes its meaning.
pub(super) const SCHEDULE_PUT: u8 = 56;
pub(super) const SCHEDULE_FIRED: u8 = 57;
pub(super) const SCHEDULE_SKIPPED: u8 = 58;
pub(super) const SCHEDULE_PAUSED: u8 = 59;
pub(super) const SCHEDULE_RESUMED: u8 = 60;
pub(super) const SCHEDULE_REMOVED: u8 = 61;

const CRON: u8 = 1;
const EVERY: u8 = 2;

/// Writes what follows tag, version, namespace and time.
pub(super) fn encode(event: &Event, out: &mut Fields<'_>) {
    match event {
        Event::SchedulePut(put) => {
            let SchedulePut { schedule, name, queue, owner, settings, sealed, digest, next, at: _ } = &**put;
            out.fixed(schedule.as_bytes());
            out.text(name.as_str());
            out.u32(queue.0);
            out.text(owner.as_str());
            out.option(sealed.then_some(()), |_, ()| {});
            out.fixed(digest);
            out.option(*next, Fields::time);
            encode_settings(settings, out);
        }
        Event::ScheduleFired { schedule, due, job, next, at: _ } => {
            out.fixed(schedule.as_bytes());
            out.time(*due);
            out.fixed(job.as_bytes());
            out.option(*next, Fields::time);
        }
        Event::ScheduleSkipped { schedule, due, reason, next, at: _ } => {
            out.fixed(schedule.as_bytes());
            out.time(*due);
            out.u8(reason.code());
            out.option(*next, Fields::time);
        }
        Event::ScheduleResumed { schedule, next, at: _ } => {
            out.fixed(schedule.as_bytes());
            out.option(*next, Fields::time);
        }
        Event::SchedulePaused { schedule, at: _ } | Event::ScheduleRemoved { schedule, at: _ } => {
            out.fixed(schedule.as_bytes());
        }
        other => unreachable!("the caller's match hands over no {other:?}"),
    }
}

/// Reads the same.
pub(super) fn decode(tag: u8, at: Time, cursor: &mut Cursor<'_>) -> Result<Event, DecodeError> {
    let schedule = ScheduleId::from_bytes(cursor.fixed("schedule")?);
    Ok(match tag {
        SCHEDULE_PUT => Event::SchedulePut(Box::new(SchedulePut {
            schedule,
            name: cursor.text("name", ScheduleName::parse)?,
            queue: QueueNumber(cursor.u32("queue")?),
            owner: cursor.text("owner", Principal::parse)?,
            sealed: cursor.option("sealed", |_| Ok(()))?.is_some(),
            digest: cursor.fixed("digest")?,
            next: next(cursor)?,
            settings: decode_settings(cursor)?,
            at,
        })),
        SCHEDULE_FIRED => Event::ScheduleFired {
            schedule,
            due: cursor.time("due")?,
            job: job(cursor)?,
            next: next(cursor)?,
            at,
        },
        SCHEDULE_SKIPPED => Event::ScheduleSkipped {
            schedule,
            due: cursor.time("due")?,
            reason: cursor.code("reason", SkipReason::from_code)?,
            next: next(cursor)?,
            at,
        },
        SCHEDULE_PAUSED => Event::SchedulePaused { schedule, at },
        SCHEDULE_RESUMED => Event::ScheduleResumed { schedule, next: next(cursor)?, at },
        SCHEDULE_REMOVED => Event::ScheduleRemoved { schedule, at },
        _ => return Err(DecodeError::UnknownTag { tag, version: VERSION_1 }),
    })
}

fn next(cursor: &mut Cursor<'_>) -> Result<Option<Time>, DecodeError> {
    cursor.option("next", |cursor| cursor.time("next"))
}

pub(super) fn encode_settings(settings: &ScheduleSettings, out: &mut Fields<'_>) {
    let ScheduleSettings {
        cadence,
        begins_at,
        ends_at,
        missed,
        overlap,
        jitter,
        priority,
        ttl,
        max_attempts,
        options,
    } = settings;
    match cadence {
        Cadence::Cron { pattern, zone } => {
            out.u8(CRON);
            out.text(pattern.as_str());
            out.text(zone.as_str());
        }
        Cadence::Every { every, from } => {
            out.u8(EVERY);
            out.millis(*every);
            out.time(*from);
        }
    }
    out.option(*begins_at, Fields::time);
    out.option(*ends_at, Fields::time);
    out.u8(missed.code());
    out.u8(overlap.code());
    out.millis(*jitter);
    out.u8(priority.code());
    out.option(*ttl, Fields::millis);
    out.option(*max_attempts, Fields::u32);
    let mut tagged = Vec::new();
    options.iter().for_each(|options| options::encode_tagged(options, &mut Fields(&mut tagged)));
    // Why behind their length: without it a record that lost its options would be one without any.
    out.bytes(&tagged);
}

pub(super) fn decode_settings(cursor: &mut Cursor<'_>) -> Result<ScheduleSettings, DecodeError> {
    Ok(ScheduleSettings {
        cadence: match cursor.u8("cadence")? {
            CRON => Cadence::Cron {
                pattern: cursor.text("cron", CronPattern::parse)?,
                zone: cursor.text("time_zone", ZoneName::parse)?,
            },
            EVERY => Cadence::Every { every: cursor.millis("every")?, from: cursor.time("from")? },
            _ => return Err(DecodeError::Field { field: "cadence" }),
        },
        begins_at: cursor.option("begins_at", |cursor| cursor.time("begins_at"))?,
        ends_at: cursor.option("ends_at", |cursor| cursor.time("ends_at"))?,
        missed: cursor.code("missed", MissedPolicy::from_code)?,
        overlap: cursor.code("overlap", OverlapPolicy::from_code)?,
        jitter: cursor.millis("jitter")?,
        priority: cursor.code("priority", Priority::from_code)?,
        ttl: cursor.option("ttl", |cursor| cursor.millis("ttl"))?,
        max_attempts: cursor.option("max_attempts", |cursor| cursor.u32("max_attempts"))?,
        options: options::decode_tagged(&mut Cursor::new(cursor.bytes("options")?))?,
    })
}
