//! Bulk work turn by turn: it ends, and queues have it in turn.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::BTreeMap;

use sealane_core::id::{JobId, LeaseId};
use sealane_core::job::{Category, JobInput, Priority};
use sealane_core::limits;
use sealane_core::name::{Kind, Principal, QueueName};
use sealane_core::queue::{
    Command, Enqueue, Event, JobEnqueued, Next, QueueNumber, QueueSettings, SealingPolicy, Shard, Start,
    SweepKind, SweepWish,
};
use sealane_core::record::RecordRef;
use sealane_core::time::{Millis, Time};

const START: u64 = 1_767_225_600_000;
const RECORD: RecordRef = RecordRef { lsn: 0, bytes: 1 };

struct World {
    shard: Shard,
    now: Time,
}

fn name(queue: &str) -> QueueName {
    QueueName::parse(queue).unwrap()
}

impl World {
    /// With queues 0 and 1.
    fn new() -> Self {
        let mut world = Self { shard: Shard::default(), now: Time::from_unix_ms(START) };
        let settings = QueueSettings { sealing: SealingPolicy::Allowed, ..QueueSettings::default() };
        for queue in ["0", "1"] {
            world.run(&Command::PutQueue { queue: &name(queue), settings });
        }
        world
    }

    fn run(&mut self, command: &Command<'_>) {
        let events = self.shard.decide(self.now, command).unwrap();
        self.apply(&events);
    }

    fn apply(&mut self, events: &[Event]) {
        events.iter().for_each(|event| self.shard.evolve(event, RECORD));
    }

    fn send(&mut self, queue: &str, job: JobId) {
        let input = JobInput {
            kind: Kind::parse("k").unwrap(),
            body: Vec::new(),
            content_type: None,
            attributes: BTreeMap::new(),
            session_id: None,
            correlation_id: None,
            subject: None,
            tags: Vec::new(),
        };
        self.run(&Command::Enqueue(Enqueue {
            job,
            id_given: true,
            queue: &name(queue),
            owner: &Principal::parse("p").unwrap(),
            input: &input,
            priority: Priority::Normal,
            start: Start::After(Millis::default()),
            ttl: None,
            max_attempts: None,
            options: None,
            digest: [0; 16],
        }));
    }

    /// As a schedule does it.
    fn fire(&mut self, queue: &str, job: JobId) {
        let enqueued = JobEnqueued {
            job,
            queue: self.shard.queue_number(&name(queue)).unwrap(),
            owner: Principal::parse("p").unwrap(),
            priority: Priority::Normal,
            run_at: self.now,
            expires_at: None,
            max_attempts: 5,
            options: None,
            digest: [0; 16],
            at: self.now,
        };
        self.apply(&[Event::JobEnqueued(enqueued)]);
    }

    fn purge(&mut self, queue: &str) {
        self.run(&Command::Sweep { queue: &name(queue), wish: &SweepWish::all(SweepKind::PurgeWaiting) });
    }

    fn turn(&mut self) -> Vec<Event> {
        let events = self.shard.expire(self.now);
        self.apply(&events);
        events
    }

    fn waiting(&self, queue: &str) -> u64 {
        self.shard.queue(&name(queue)).unwrap().counts.waiting()
    }
}

fn id(unix_ms: u64, number: u64) -> JobId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    JobId::v7(unix_ms, random)
}

// covers QUE-1 (purge)
#[test]
fn a_purge_ends_however_many_jobs_keep_coming() {
    let mut world = World::new();
    for number in 0..limits::SWEEP_JOBS_PER_TURN_MAX as u64 {
        world.send("0", id(START + 1, number));
    }
    // The latest id that can be sent before it begins, behind a whole slice.
    world.send("0", JobId::v7(START + limits::ID_AHEAD_MS, [u8::MAX; 10]));
    // Ids of firings lie anywhere.
    for byte in [0, 1, 0x7f, 0xff] {
        world.fire("0", JobId::v8([byte; 16]));
    }
    world.purge("0");
    world.now = world.now.plus(Millis::new(limits::ID_AHEAD_MS));
    let mut turns = 0;
    while world.shard.sweep(&name("0")).is_some() {
        world.now = world.now.plus(Millis::new(1));
        world.send("0", id(world.now.unix_ms(), 0));
        world.turn();
        turns += 1;
        assert!(turns <= 4, "it looks at jobs that were sent after it began");
    }
    assert_eq!(world.waiting("0"), turns, "what was sent before is purged, what came later waits");
}

// covers QUE-1 (depth)
#[test]
fn a_redrive_of_all_ends_where_the_queue_is_full() {
    let mut world = World::new();
    let settings =
        QueueSettings { sealing: SealingPolicy::Allowed, max_depth: 2, ..QueueSettings::default() };
    world.run(&Command::PutQueue { queue: &name("0"), settings });
    let (until, at) = (world.now.plus(Millis::from_secs(1)), world.now);
    for number in 1..=3 {
        let (job, lease) = (id(START, number), LeaseId::from_bytes([7; 16]));
        world.send("0", job);
        let holder = Principal::parse("w").unwrap();
        let category = Category::Permanent;
        world.apply(&[
            Event::JobLeased { job, lease, holder, runner: None, lock: None, until, at },
            Event::JobFailed { job, category, code: None, fingerprint: None, next: Next::Dead, at },
        ]);
    }
    world.run(&Command::Sweep { queue: &name("0"), wish: &SweepWish::all(SweepKind::RedriveDead) });
    let redriven = |number| Event::JobRedriven { job: id(START, number), at };
    assert_eq!(
        world.turn(),
        [redriven(1), redriven(2), Event::SweepEnded { queue: QueueNumber(0), at }],
        "it does not wait for room, and does not pass over who comes next"
    );
    assert_eq!(world.waiting("0"), 2);
}

// covers QUE-1 (purge)
#[test]
fn queues_have_their_slices_in_turn() {
    let mut world = World::new();
    let slices = 3;
    for number in 0..(limits::SWEEP_JOBS_PER_TURN_MAX * slices) as u64 {
        world.send("0", id(START, 2 * number));
        world.send("1", id(START, 2 * number + 1));
    }
    for queue in ["1", "0"] {
        world.purge(queue);
    }
    let mut served = Vec::new();
    for _ in 0..2 * slices {
        for event in world.turn() {
            if let Event::SweepAdvanced { queue, .. } = event {
                served.push(queue.0);
            }
        }
    }
    assert_eq!(served, [1, 0, 1, 0, 1, 0], "who was asked for first begins");
    while world.shard.is_sweeping() {
        world.turn();
    }
    assert_eq!((world.waiting("0"), world.waiting("1")), (0, 0));
}
