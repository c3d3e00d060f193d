//! Runs of a journal from before runs had an end: their leases may reach beyond it.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use sealane_core::id::{JobId, LeaseId};
use sealane_core::job::Priority;
use sealane_core::name::{Principal, QueueName};
use sealane_core::queue::{Command, Event, JobEnqueued, QueueNumber, QueueSettings, Receipt, Refusal, Shard};
use sealane_core::record::RecordRef;
use sealane_core::time::{Millis, Time};

// covers JOB-5 (max_run_time)
#[test]
fn a_lease_is_not_extended_when_its_run_is_over() {
    let at = Time::from_unix_ms(1_767_225_600_000);
    let (number, settings) = (QueueNumber(0), QueueSettings::default());
    let (job, lease) = (JobId::v7(at.unix_ms(), [7; 10]), LeaseId::from_bytes([7; 16]));
    let holder = Principal::parse("w").unwrap();
    let until = at.plus(settings.max_run).plus(settings.max_run);
    let mut shard = Shard::default();
    for event in [
        Event::QueueCreated {
            number,
            queue: QueueName::parse("q").unwrap(),
            settings: Box::new(settings),
            at,
        },
        Event::JobEnqueued(JobEnqueued {
            job,
            queue: number,
            owner: holder.clone(),
            priority: Priority::Normal,
            run_at: at,
            expires_at: None,
            max_attempts: 5,
            options: None,
            digest: [0; 16],
            at,
        }),
        Event::JobLeased { job, lease, holder, runner: None, lock: None, until, at },
    ] {
        shard.evolve(&event, RecordRef { lsn: 0, bytes: 1 });
    }
    let extend = Command::Extend { receipt: Receipt { job, attempt: 1, lease, lock: None }, lease: None };
    let end = at.plus(settings.max_run);
    let last = shard.decide(end.minus(Millis::new(1)), &extend).unwrap();
    assert_eq!(last, [Event::LeaseExtended { job, until: end, at: end.minus(Millis::new(1)) }]);
    assert_eq!(shard.decide(end, &extend), Err(Refusal::LeaseLost));
}
