//! The engine's own bounds, at their numbers and one beyond.

use std::sync::Arc;

use sealane_core::id::JobId;
use sealane_core::limits;
use sealane_core::name::{Namespace, Principal, QueueName};
use sealane_core::queue::feed::Incarnation;
use sealane_core::queue::{QueueSettings, SealingPolicy};
use sealane_core::time::{Millis, Time};
use sealane_crypto::random::SystemRandom;
use sealane_crypto::secret::Key;
use sealane_storage::log::{LogSettings, Prepare};
use sealane_storage::testing::keys::KnownKeys;
use sealane_storage::testing::lossy_disk::{Call, Fault, LossyDisk};

use super::job_waiters::JobWaiters;
use super::waiters::Waiters;
use super::{Engine, EngineHandle, Events, LeaseWish, Machine};
use crate::authn::{AccessKeys, Environment};
use crate::clock::ServerClock;

fn engine(disk: &LossyDisk) -> EngineHandle {
    let (engine, handle) = stopped(disk);
    drop(engine.start_thread().unwrap());
    handle
}

/// An engine that nobody has set going.
fn stopped(disk: &LossyDisk) -> (Engine, EngineHandle) {
    let settings = LogSettings {
        segment_bytes: 32 << 20,
        first_segment_bytes: 32 << 20,
        prepare: Prepare::Inline,
        ..LogSettings::default()
    };
    let keys = Arc::new(KnownKeys::danger_from_seed(1));
    let random = Arc::new(SystemRandom);
    let journal = sealane_storage::log::open(
        Arc::new(disk.clone()),
        keys,
        random.clone(),
        settings,
        &mut |_, _| Ok(()),
    );
    let environment = Environment::parse("live").unwrap();
    let access_keys = Arc::new(AccessKeys::new(&Key::new([1; 32]), environment));
    let clock = Arc::new(ServerClock::start(Time::default()));
    let namespace = Namespace::parse("default").unwrap();
    let journal = journal.unwrap().journal;
    let events = Events::new(Incarnation(1));
    Engine::new(namespace, Machine::default(), journal, clock, random, access_keys, events)
}

fn wish(queue: &QueueName) -> LeaseWish {
    let holder = Principal::parse("w").unwrap();
    LeaseWish {
        queue: queue.clone(),
        holder,
        runner: None,
        max: 1,
        lease: None,
        wait: Millis::new(1_000),
        session: None,
    }
}

#[test]
fn so_many_lease_requests_wait_and_no_more_unless_somebody_left() {
    let mut waiters = Waiters::default();
    let queue = QueueName::parse("q").unwrap();
    let until = Time::from_unix_ms(1);
    let mut callers = Vec::new();
    for _ in 0..limits::LEASE_WAITERS_MAX {
        let (reply, caller) = tokio::sync::oneshot::channel();
        assert!(waiters.add(wish(&queue), until, reply).is_ok());
        callers.push(caller);
    }
    let (reply, _caller) = tokio::sync::oneshot::channel();
    let reply = waiters.add(wish(&queue), until, reply).expect_err("one beyond");
    callers.pop();
    assert!(waiters.add(wish(&queue), until, reply).is_ok(), "one left, one may wait");
    assert!(waiters.ended(Time::from_unix_ms(0)).is_empty());
    assert_eq!(waiters.ended(until).len(), limits::LEASE_WAITERS_MAX, "all in the same millisecond");
    assert!(waiters.next_end().is_none() && waiters.queues().is_empty(), "and all are gone");
}

#[test]
fn who_waited_longest_is_next_also_when_others_between_have_waited_long_enough() {
    let mut waiters = Waiters::default();
    let queue = QueueName::parse("q").unwrap();
    let mut callers = Vec::new();
    for (max, until) in [(1, 9), (2, 5), (3, 9), (4, 5), (5, 9)] {
        let (reply, caller) = tokio::sync::oneshot::channel();
        let wish = LeaseWish { max, ..wish(&queue) };
        assert!(waiters.add(wish, Time::from_unix_ms(until), reply).is_ok());
        callers.push(caller);
    }
    let ended: Vec<_> = waiters.ended(Time::from_unix_ms(5)).iter().map(|waiter| waiter.wish.max).collect();
    assert_eq!(ended, [2, 4]);
    let next: Vec<_> = std::iter::from_fn(|| waiters.next(&queue)).map(|waiter| waiter.wish.max).collect();
    assert_eq!(next, [1, 3, 5]);
}

#[test]
fn so_many_requests_wait_for_jobs_and_no_more_unless_somebody_left() {
    let mut waiters = JobWaiters::default();
    let (job, until) = (JobId::from_bytes([1; 16]), Time::from_unix_ms(1));
    let mut callers = Vec::new();
    for _ in 0..limits::JOB_WAITERS_MAX {
        let (reply, caller) = tokio::sync::oneshot::channel();
        assert!(waiters.add(job, until, reply).is_ok());
        callers.push(caller);
    }
    let (reply, _caller) = tokio::sync::oneshot::channel();
    let reply = waiters.add(job, until, reply).expect_err("one beyond");
    callers.pop();
    assert!(waiters.add(job, until, reply).is_ok(), "one left, one may wait");
    assert!(waiters.time_is_up(Time::from_unix_ms(0)).is_empty());
    assert_eq!(waiters.time_is_up(until).len(), limits::JOB_WAITERS_MAX, "all in the same millisecond");
    assert!(waiters.next_end().is_none() && !waiters.wait_for(&job), "and all are gone");
    let (reply, _caller) = tokio::sync::oneshot::channel();
    assert!(waiters.add(job, until, reply).is_ok());
    assert_eq!(waiters.ended(&job).len(), 1);
    assert!(waiters.next_end().is_none(), "as who waits for a job that ended");
}

#[tokio::test]
async fn so_many_requests_queue_before_the_engine_and_the_next_one_waits() {
    let disk = LossyDisk::new();
    let engine = engine(&disk);
    let settings = QueueSettings { sealing: SealingPolicy::Allowed, ..QueueSettings::default() };
    disk.hold_syncs();
    let first = tokio::spawn({
        let engine = engine.clone();
        async move { engine.put_queue(QueueName::parse("q").unwrap(), settings).await }
    });
    let held = disk.clone();
    tokio::task::spawn_blocking(move || held.wait_for_held_syncs(1)).await.unwrap();
    let reads: Vec<_> = (0..=limits::ENGINE_REQUESTS_MAX)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.read(|_| ()).await })
        })
        .collect();
    let gauge = engine.gauge();
    let full = async {
        while gauge.now() < limits::ENGINE_REQUESTS_MAX {
            tokio::task::yield_now().await;
        }
        // Everybody has had a turn by now, the one too many included.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), full).await.expect("they arrive");
    assert_eq!(gauge.now(), limits::ENGINE_REQUESTS_MAX);
    assert!(reads.iter().all(|read| !read.is_finished()));
    disk.release_syncs();
    first.await.unwrap().unwrap();
    for read in reads {
        read.await.unwrap().unwrap();
    }
}

// attack 61
// attack 63
#[test]
fn so_many_firings_are_seen_to_in_a_turn_and_the_rest_in_the_next() {
    let (mut engine, _handle) = stopped(&LossyDisk::new());
    let many = limits::FIRINGS_PER_TURN_MAX + 1;
    engine.put_each_second(many);
    let fired = |engine: &mut Engine| {
        let before = engine.waiting_jobs();
        engine.fire_due(Time::from_unix_ms(1_000)).unwrap();
        engine.waiting_jobs() - before
    };
    assert_eq!(fired(&mut engine), limits::FIRINGS_PER_TURN_MAX);
    assert_eq!(fired(&mut engine), 1);
    assert_eq!(fired(&mut engine), 0);
}

// covers REL-1 (what is told has happened)
#[test]
fn nothing_is_told_that_did_not_become_durable() {
    let disk = LossyDisk::new();
    let (mut engine, handle) = stopped(&disk);
    engine.put_each_second(1);
    let events = handle.events();
    let before = events.now();
    engine.fire_due(Time::from_unix_ms(1_000)).unwrap();
    assert_eq!(events.now(), before, "it is not synced yet");
    engine.finish_turn().unwrap();
    let told = events.now();
    assert_ne!(told, before, "now it is");
    engine.fire_due(Time::from_unix_ms(2_000)).unwrap();
    disk.fail(Call::Sync, 1, Fault::Error(std::io::ErrorKind::Other));
    assert!(engine.finish_turn().is_err());
    assert_eq!(events.now(), told, "and now it never is");
}
