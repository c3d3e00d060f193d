//! Facts about schedules: one of every shape.

use sealane_core::cadence::Cadence;
use sealane_core::id::ScheduleId;
use sealane_core::job::Priority;
use sealane_core::name::{CronPattern, Principal, ScheduleName, ZoneName};
use sealane_core::queue::{
    Event, Firing, JobEnqueued, JobOptions, MissedPolicy, OverlapPolicy, QueueNumber, SchedulePut,
    ScheduleSettings, SkipReason,
};
use sealane_core::retry::Backoff;
use sealane_core::time::{Millis, Time};

use super::samples::{QUEUE, job_id, shard};
use crate::fact::Fact;

const SCHEDULE: ScheduleId = ScheduleId::from_bytes([8; 16]);

/// Reasons for leaving a firing out that there were at first. The bytes of later ones stand at the end.
const FIRST_REASONS: usize = 9;

/// Every kind of fact about schedules, and the job that one of them sent.
pub fn schedule_facts() -> Vec<Fact> {
    let at = Time::from_unix_ms(1_767_225_600_000);
    let due = Time::from_unix_ms(1_767_225_590_000);
    let next = Some(Time::from_unix_ms(1_767_225_660_000));
    let (schedule, job) = (SCHEDULE, job_id(1));
    let cron = Cadence::Cron {
        pattern: CronPattern::parse("0 30 2 * * *").expect("follows the rule"),
        zone: ZoneName::parse("Europe/Berlin").expect("follows the rule"),
    };
    let every = Cadence::Every { every: Millis::new(5_000), from: due };
    let plain = ScheduleSettings {
        cadence: every,
        begins_at: None,
        ends_at: None,
        missed: MissedPolicy::Skip,
        overlap: OverlapPolicy::Allow,
        jitter: Millis::default(),
        priority: Priority::Normal,
        ttl: None,
        max_attempts: None,
        options: None,
    };
    let full = ScheduleSettings {
        cadence: cron,
        begins_at: Some(due),
        ends_at: next,
        missed: MissedPolicy::All,
        overlap: OverlapPolicy::Skip,
        jitter: Millis::new(6),
        priority: Priority::Bulk,
        ttl: Some(Millis::new(7)),
        max_attempts: Some(8),
        options: JobOptions { backoff: Some(Backoff::default()), ..JobOptions::default() }.boxed(),
    };
    let put = |settings: ScheduleSettings, sealed, next| {
        shard(Event::SchedulePut(Box::new(SchedulePut {
            schedule,
            name: ScheduleName::parse("nightly").expect("follows the rule"),
            queue: QueueNumber(3),
            owner: Principal::parse("ops").expect("follows the rule"),
            settings,
            sealed,
            digest: [9; 16],
            next,
            at,
        })))
    };
    let mut facts = vec![
        put(plain, false, None),
        put(full, true, next),
        shard(Event::ScheduleFired { schedule, due, job, next, at }),
        shard(Event::ScheduleFired { schedule, due, job, next: None, at }),
    ];
    let skipped =
        |reason: &SkipReason| shard(Event::ScheduleSkipped { schedule, due, reason: *reason, next, at });
    let (first_reasons, later_reasons) = SkipReason::ALL.split_at(FIRST_REASONS);
    facts.extend(first_reasons.iter().map(skipped));
    facts.extend([
        shard(Event::SchedulePaused { schedule, at }),
        shard(Event::ScheduleResumed { schedule, next, at }),
        shard(Event::ScheduleRemoved { schedule, at }),
        shard(Event::JobEnqueued(JobEnqueued {
            job,
            queue: QUEUE,
            owner: Principal::parse("ops").expect("follows the rule"),
            priority: Priority::Normal,
            run_at: at,
            expires_at: None,
            max_attempts: 5,
            options: JobOptions { firing: Some(Firing { schedule, due }), ..JobOptions::default() }.boxed(),
            digest: [9; 16],
            at,
        })),
    ]);
    facts.extend(later_reasons.iter().map(skipped));
    facts
}
