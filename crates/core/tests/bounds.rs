//! The bounds of the machine itself, at their numbers and one beyond.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::BTreeMap;

use sealane_core::control::{AccessKey, Control, ControlRefusal, QueuePattern, Role};
use sealane_core::id::{JobId, LeaseId, LockId};
use sealane_core::job::{Category, JobInput, Priority, State};
use sealane_core::limits;
use sealane_core::name::{
    ErrorCode, IdempotencyKeyText, KeyId, Kind, Namespace, Principal, QueueName, UniqueKeyText,
};
use sealane_core::queue::session::{
    AcceptSession, SessionCommand, SessionMode, SessionReceipt, SessionSettings,
};
use sealane_core::queue::{
    Act, Command, DeadFilter, Enqueue, Event, IdempotencyKey, JobFilter, JobOptions, Lease, Links, Look,
    Next, OnConflict, OnFailure, QueueSettings, Rate, Receipt, RedriveRate, Refusal, ReleaseReason, Report,
    ReportKey, ReportedProgress, RunLimit, SealingPolicy, SettingsError, Settle, Shard, Start, SweepKind,
    SweepWish, Together, UniqueKey, invariants,
};
use sealane_core::record::RecordRef;
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;

const START: u64 = 1_767_225_600_000;
const RECORD: RecordRef = RecordRef { lsn: 0, bytes: 1 };

fn permanent() -> Settle {
    let category = Category::Permanent;
    Settle::Fail { category, code: None, fingerprint: None, retry_after: None, random: 0 }
}

struct Bench {
    shard: Shard,
    now: Time,
    queue: QueueName,
    owner: Principal,
    priority: Priority,
    options: Option<JobOptions>,
    input: JobInput,
    sent: u64,
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self {
            shard: Shard::default(),
            now: Time::from_unix_ms(START),
            queue: QueueName::parse("q").unwrap(),
            owner: Principal::parse("p").unwrap(),
            priority: Priority::Normal,
            options: None,
            input: JobInput {
                kind: Kind::parse("k").unwrap(),
                body: Vec::new(),
                content_type: None,
                attributes: BTreeMap::new(),
                session_id: None,
                correlation_id: None,
                subject: None,
                tags: Vec::new(),
            },
            sent: 0,
        };
        let queue = bench.queue.clone();
        bench.put_queue(&queue).unwrap();
        bench
    }

    fn run(&mut self, command: &Command<'_>) -> Result<usize, Refusal> {
        let events = self.shard.decide(self.now, command)?;
        events.iter().for_each(|event| self.shard.evolve(event, RECORD));
        Ok(events.len())
    }

    fn put_queue(&mut self, queue: &QueueName) -> Result<usize, Refusal> {
        let settings = QueueSettings { sealing: SealingPolicy::Allowed, ..QueueSettings::default() };
        self.run(&Command::PutQueue { queue, settings })
    }

    fn id(number: u64) -> JobId {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&number.to_be_bytes());
        JobId::v7(START, random)
    }

    fn enqueue(&mut self, id: JobId, delay: u64) -> Result<usize, Refusal> {
        let options = self.options.clone();
        self.enqueue_with(id, delay, options.as_ref())
    }

    fn enqueue_with(
        &mut self,
        id: JobId,
        delay: u64,
        options: Option<&JobOptions>,
    ) -> Result<usize, Refusal> {
        let (queue, owner, input) = (self.queue.clone(), self.owner.clone(), self.input.clone());
        self.run(&Command::Enqueue(Enqueue {
            job: id,
            id_given: true,
            queue: &queue,
            owner: &owner,
            input: &input,
            priority: self.priority,
            start: Start::After(Millis::new(delay)),
            ttl: None,
            max_attempts: None,
            options,
            digest: [0; 16],
        }))
    }

    /// What a batch of all or none would come to.
    fn together(&self, ids: &[JobId]) -> Together {
        let commands: Vec<Enqueue<'_>> = ids
            .iter()
            .map(|id| Enqueue {
                job: *id,
                id_given: true,
                queue: &self.queue,
                owner: &self.owner,
                input: &self.input,
                priority: self.priority,
                start: Start::After(Millis::default()),
                ttl: None,
                max_attempts: None,
                options: None,
                digest: [0; 16],
            })
            .collect();
        self.shard.decide_enqueue_together(self.now, &commands)
    }

    /// Sends so many jobs of a class.
    fn send(&mut self, priority: Priority, jobs: u64) {
        self.priority = priority;
        for _ in 0..jobs {
            self.sent += 1;
            self.enqueue(Self::id(self.sent), 0).unwrap();
        }
    }

    /// Leases one job and says of which class it was.
    fn next_class(&mut self) -> Priority {
        self.next_classes(1)[0]
    }

    /// Leases so many jobs at once and says of which classes they were.
    fn next_classes(&mut self, jobs: u8) -> Vec<Priority> {
        let (queue, owner) = (self.queue.clone(), self.owner.clone());
        let leases: Vec<LeaseId> = (1..=jobs).map(|number| LeaseId::from_bytes([number; 16])).collect();
        let wish = Lease { queue: &queue, holder: &owner, runner: None, lease: None, lease_ids: &leases };
        let events = self.shard.decide(self.now, &Command::Lease(wish)).unwrap();
        events.iter().for_each(|event| self.shard.evolve(event, RECORD));
        let class = |event: &Event| {
            let Event::JobLeased { job, .. } = event else { panic!("{event:?}") };
            self.shard.job(job).unwrap().priority
        };
        events.iter().map(class).collect()
    }

    fn work(&mut self, number: u64) {
        let (queue, owner) = (self.queue.clone(), self.owner.clone());
        let mut lease = [0; 16];
        lease[..8].copy_from_slice(&number.to_be_bytes());
        let lease = LeaseId::from_bytes(lease);
        let wish = Lease { queue: &queue, holder: &owner, runner: None, lease: None, lease_ids: &[lease] };
        assert_eq!(self.run(&Command::Lease(wish)), Ok(1));
        let receipt = Receipt { job: Self::id(number), attempt: 1, lease, lock: None };
        assert_eq!(self.run(&Command::Settle { receipt, outcome: &Settle::Complete }), Ok(1));
    }
}

/// Nobody fills a namespace alone, and nobody more than what there is.
// attack 59
#[test]
fn a_principal_and_a_namespace_have_their_numbers_of_unfinished_jobs_and_no_more() {
    let mut bench = Bench::new();
    let (own, all) = (limits::JOBS_PER_PRINCIPAL_MAX as u64, limits::JOBS_MAX as u64);
    let act = |bench: &mut Bench, job: u64, act: &Act| bench.run(&Command::Act { job: Bench::id(job), act });
    let (cancel, redrive) = (Act::Cancel { force: false, dead: true }, Act::Redrive { seal_expires: None });
    for number in 0..own {
        bench.enqueue(Bench::id(number), 0).unwrap();
    }
    assert_eq!(bench.enqueue(Bench::id(own), 0), Err(Refusal::TooManyJobsOfPrincipal));
    assert_eq!(bench.enqueue(Bench::id(0), 0), Ok(0), "a repeat is known all the same");
    assert_eq!(act(&mut bench, 1, &cancel), Ok(1));
    let two = [own, own + 1].map(Bench::id);
    assert_eq!(
        bench.together(&two),
        Err(vec![None, Some(Refusal::TooManyJobsOfPrincipal)]),
        "there is room for one of two"
    );
    assert_eq!(bench.enqueue(two[0], 0), Ok(1), "room again");
    assert_eq!(act(&mut bench, 1, &redrive), Err(Refusal::TooManyJobsOfPrincipal), "nor for who comes back");
    bench.work(0);
    assert_eq!(act(&mut bench, 1, &redrive), Ok(1));
    assert_eq!(bench.enqueue(two[1], 0), Err(Refusal::TooManyJobsOfPrincipal));

    bench.owner = Principal::parse("somebody").unwrap();
    for number in own + 1..=all {
        bench.enqueue(Bench::id(number), 0).unwrap();
    }
    let next = Bench::id(all + 1);
    assert_eq!(bench.enqueue(next, 0), Err(Refusal::TooManyJobs));
    assert_eq!(bench.together(&[next]), Err(vec![Some(Refusal::TooManyJobs)]));
    assert_eq!(act(&mut bench, all, &cancel), Ok(1));
    assert_eq!(bench.enqueue(next, 0), Ok(1), "room again");
    assert_eq!(act(&mut bench, all, &redrive), Err(Refusal::TooManyJobs), "not for who comes back either");
    bench.work(2);
    assert_eq!(act(&mut bench, all, &redrive), Ok(1));
}

fn keyed(number: u64) -> JobOptions {
    let mut token = [0; 16];
    token[..8].copy_from_slice(&number.to_be_bytes());
    let key = IdempotencyKey { key: Token::from_bytes(token), fingerprint: Token::from_bytes([0; 16]) };
    JobOptions { idempotency: Some(key), ..JobOptions::default() }
}

/// Nobody's keys push out another's, and none is forgotten inside its window.
// covers JOB-7 (bounded memory, and a clear refusal when full)
// attack 59
#[test]
fn there_is_a_number_of_idempotency_keys_in_all_and_for_each_sender_and_no_more() {
    let mut bench = Bench::new();
    let mut sent = 0;
    let mut send = |bench: &mut Bench, key: u64| {
        let options = keyed(key);
        sent += 1;
        let done = bench.enqueue_with(Bench::id(sent), 0, Some(&options));
        if done == Ok(1) {
            // What is done and gone leaves room for jobs, and its key stays.
            assert_eq!(
                bench.run(&Command::Act {
                    job: Bench::id(sent),
                    act: &Act::Cancel { force: false, dead: true }
                }),
                Ok(1)
            );
        }
        done
    };
    let (all, own) = (limits::IDEMPOTENCY_KEYS_MAX as u64, limits::IDEMPOTENCY_KEYS_PER_PRINCIPAL_MAX as u64);
    for key in 0..own {
        assert_eq!(send(&mut bench, key), Ok(1));
    }
    assert_eq!(send(&mut bench, own), Err(Refusal::TooManyKeysOfPrincipal));
    assert_eq!(send(&mut bench, 0), Ok(0), "a repeat is known all the same");
    // One that another job stands in for brings its key along as well.
    let unique = |on_conflict| Some(UniqueKey { key: Token::from_bytes([9; 16]), on_conflict });
    let first = JobOptions { unique: unique(OnConflict::Refuse), ..JobOptions::default() };
    let merged = JobOptions { unique: unique(OnConflict::Merge), ..JobOptions::default() };
    let with_key = JobOptions { unique: unique(OnConflict::Merge), ..keyed(own) };
    let mut one_more = |options: &JobOptions| {
        let id = Bench::id(all + 1_000 + u64::from(options.unique != unique(OnConflict::Refuse)));
        bench.enqueue_with(id, 0, Some(options))
    };
    assert_eq!(one_more(&first), Ok(1));
    assert_eq!(one_more(&with_key), Err(Refusal::TooManyKeysOfPrincipal));
    assert_eq!(one_more(&merged), Ok(0), "without a key there is nothing to keep");
    bench.owner = Principal::parse("somebody").unwrap();
    for key in own..2 * own {
        assert_eq!(send(&mut bench, key), Ok(1));
    }
    bench.owner = Principal::parse("nobody").unwrap();
    for key in 2 * own..all {
        assert_eq!(send(&mut bench, key), Ok(1));
    }
    assert_eq!(send(&mut bench, all), Err(Refusal::TooManyKeys));
    bench.owner = Principal::parse("p").unwrap();
    assert_eq!(send(&mut bench, 0), Ok(0));
    // Their windows are over together: they are forgotten in slices, and there is room again.
    bench.now = bench.now.plus(QueueSettings::default().idempotency_window).plus(Millis::new(60_000));
    let mut slices = 0;
    loop {
        let events = bench.shard.expire(bench.now);
        assert!(events.len() <= 1, "one record for so many");
        let before = bench.shard.idempotency_keys();
        events.iter().for_each(|event| bench.shard.evolve(event, RECORD));
        if events.is_empty() {
            break;
        }
        slices += 1;
        assert_eq!(before - bench.shard.idempotency_keys(), limits::EXPIRIES_PER_TURN_MAX);
    }
    assert_eq!(slices * limits::EXPIRIES_PER_TURN_MAX, limits::IDEMPOTENCY_KEYS_MAX);
    assert_eq!(bench.shard.idempotency_keys(), 0);
}

#[test]
fn keys_of_callers_have_their_length() {
    let (key, unique) =
        ("k".repeat(limits::IDEMPOTENCY_KEY_BYTES_MAX), "k".repeat(limits::UNIQUE_KEY_BYTES_MAX));
    assert!(IdempotencyKeyText::parse(&key).is_ok() && UniqueKeyText::parse(&unique).is_ok());
    assert!(IdempotencyKeyText::parse(&(key + "k")).is_err());
    assert!(UniqueKeyText::parse(&(unique + "k")).is_err());
    assert!(IdempotencyKeyText::parse("").is_err() && UniqueKeyText::parse("").is_err());
}

#[test]
fn a_namespace_has_its_number_of_queues_and_no_more() {
    let mut bench = Bench::new();
    for number in 1..limits::QUEUES_MAX {
        bench.put_queue(&QueueName::parse(&format!("q{number}")).unwrap()).unwrap();
    }
    assert_eq!(bench.put_queue(&QueueName::parse("one-more").unwrap()), Err(Refusal::TooManyQueues));
    assert_eq!(bench.put_queue(&QueueName::parse("q1").unwrap()), Ok(0));
}

/// Forgetting early must not let an old id through again: that would deliver a completed job twice.
#[test]
fn beyond_its_number_of_finished_jobs_the_oldest_are_forgotten_and_their_ids_refused() {
    let mut bench = Bench::new();
    for number in 0..limits::FINISHED_JOBS_MAX as u64 {
        bench.enqueue(Bench::id(number), 0).unwrap();
        bench.work(number);
    }
    assert_eq!(bench.shard.finished_jobs(), limits::FINISHED_JOBS_MAX);
    assert_eq!(bench.enqueue(Bench::id(0), 0), Ok(0), "still known");
    let later = JobId::v7(START + 1, [0; 10]);
    bench.enqueue(Bench::id(u64::MAX), 0).unwrap();
    bench.work(u64::MAX);
    assert_eq!(bench.shard.finished_jobs(), limits::FINISHED_JOBS_MAX);
    assert!(bench.shard.job(&Bench::id(0)).is_none());
    assert_eq!(bench.enqueue(Bench::id(0), 0), Err(Refusal::IdTooOld), "forgotten, so refused");
    assert_eq!(bench.enqueue(later, 0), Ok(1), "a later id is fresh");
}

#[test]
fn deadlines_are_worked_off_in_slices() {
    let mut bench = Bench::new();
    for number in 0..=limits::EXPIRIES_PER_TURN_MAX as u64 {
        bench.enqueue(Bench::id(number), 1_000).unwrap();
    }
    bench.now = Time::from_unix_ms(START + 1_000);
    let mut slices = Vec::new();
    loop {
        let events = bench.shard.expire(bench.now);
        if events.is_empty() {
            break;
        }
        slices.push(events.len());
        events.iter().for_each(|event| bench.shard.evolve(event, RECORD));
    }
    assert_eq!(slices, [limits::EXPIRIES_PER_TURN_MAX, 1]);
}

// covers JOB-3 (bulk never starves, and critical waits for nobody)
// attack 62
#[test]
fn a_class_lets_so_many_hand_outs_pass_and_critical_waits_for_nobody() {
    let mut bench = Bench::new();
    bench.send(Priority::Bulk, 10_000);
    bench.send(Priority::Critical, 1);
    assert_eq!(bench.next_class(), Priority::Critical, "behind ten thousand, and next all the same");
    bench.send(Priority::Low, 10);
    bench.send(Priority::Normal, 200);
    let mut served = Vec::new();
    for _ in 0..100 {
        served.push(bench.next_class());
    }
    let passes = usize::try_from(limits::AGEING_PASSES_MAX).unwrap();
    let of = |class| served.iter().enumerate().filter(move |(_, one)| **one == class).map(|(at, _)| at);
    // Both that wait are due at the same time, the least urgent goes first, and a turn of his counts for
    // nobody more urgent.
    assert_eq!(of(Priority::Bulk).collect::<Vec<_>>(), [passes, 2 * passes + 1, 3 * passes + 2]);
    assert_eq!(of(Priority::Low).collect::<Vec<_>>(), [passes + 1, 2 * passes + 3]);
    // Critical work counts for nobody's ageing and is held up by nobody's.
    bench.send(Priority::Critical, 100);
    assert!((0..100).all(|_| bench.next_class() == Priority::Critical));
}

// covers JOB-3 (critical waits for nobody)
#[test]
fn nobody_ages_without_work_that_waits_and_who_is_overdue_lets_critical_work_pass() {
    let mut bench = Bench::new();
    let passes = u64::from(limits::AGEING_PASSES_MAX);
    bench.send(Priority::Normal, 3 * passes);
    for _ in 0..2 * passes {
        bench.next_class();
    }
    bench.send(Priority::Bulk, 1);
    for _ in 0..passes {
        assert_eq!(bench.next_class(), Priority::Normal, "it has not waited so long");
    }
    bench.send(Priority::Normal, 1);
    bench.send(Priority::Critical, 1);
    assert_eq!(bench.next_classes(3), [Priority::Critical, Priority::Bulk, Priority::Normal]);
}

// covers JOB-3 (order of service)
#[test]
fn a_batch_goes_in_the_order_of_as_many_single_hand_outs() {
    let filled = || {
        let mut bench = Bench::new();
        for (priority, jobs) in
            [(Priority::Bulk, 3), (Priority::Low, 1), (Priority::Normal, 100), (Priority::Critical, 1)]
        {
            bench.send(priority, jobs);
        }
        bench
    };
    let (mut one_by_one, mut at_once) = (filled(), filled());
    let singles: Vec<Priority> = (0..105).map(|_| one_by_one.next_class()).collect();
    assert!(singles[..50].contains(&Priority::Bulk), "ageing is in it");
    assert_eq!(at_once.next_classes(105), singles);
}

#[test]
fn bulk_work_is_done_in_slices_and_a_job_is_redriven_so_often_and_no_more() {
    let mut bench = Bench::new();
    let queue = bench.queue.clone();
    let jobs = limits::SWEEP_JOBS_PER_TURN_MAX as u64 + 1;
    for number in 0..jobs {
        bench.enqueue(Bench::id(number), 0).unwrap();
    }
    for round in 0..=limits::REDRIVES_MAX {
        for number in 0..jobs {
            let lease = LeaseId::from_bytes([u8::try_from(round).unwrap(); 16]);
            let owner = bench.owner.clone();
            let wish =
                Lease { queue: &queue, holder: &owner, runner: None, lease: None, lease_ids: &[lease] };
            assert_eq!(bench.run(&Command::Lease(wish)), Ok(1));
            let receipt = Receipt { job: Bench::id(number), attempt: round + 1, lease, lock: None };
            let outcome = permanent();
            assert_eq!(bench.run(&Command::Settle { receipt, outcome: &outcome }), Ok(1));
        }
        let begun =
            bench.run(&Command::Sweep { queue: &queue, wish: &SweepWish::all(SweepKind::RedriveDead) });
        assert_eq!(begun, Ok(1));
        let mut slices = Vec::new();
        while bench.shard.sweep(&queue).is_some() {
            let events = bench.shard.expire(bench.now);
            slices.push(events.iter().filter(|event| matches!(event, Event::JobRedriven { .. })).count());
            assert!(slices.len() <= 3, "it comes to an end: {slices:?}");
            events.iter().for_each(|event| bench.shard.evolve(event, RECORD));
        }
        let full = limits::SWEEP_JOBS_PER_TURN_MAX;
        assert_eq!(slices, if round < limits::REDRIVES_MAX { [full, 1, 0] } else { [0, 0, 0] });
        bench.now = bench.now.plus(Millis::new(1));
    }
    let act = Command::Act { job: Bench::id(0), act: &Act::Redrive { seal_expires: None } };
    assert_eq!(bench.run(&act), Err(Refusal::RedrivesUsed));
}

#[test]
fn the_last_attempts_are_remembered_and_no_more() {
    let mut bench = Bench::new();
    let (queue, owner) = (bench.queue.clone(), bench.owner.clone());
    bench.enqueue(Bench::id(0), 0).unwrap();
    let attempts = u8::try_from(limits::ATTEMPTS_REMEMBERED_MAX).unwrap() + 1;
    for number in 1..=attempts {
        let lease = LeaseId::from_bytes([number; 16]);
        let wish = Lease { queue: &queue, holder: &owner, runner: None, lease: None, lease_ids: &[lease] };
        assert_eq!(bench.run(&Command::Lease(wish)), Ok(1));
        let receipt = Receipt { job: Bench::id(0), attempt: 1, lease, lock: None };
        let outcome = Settle::Release { delay: Millis::default() };
        assert_eq!(bench.run(&Command::Settle { receipt, outcome: &outcome }), Ok(1));
        let remembered = bench.shard.attempts(&Bench::id(0));
        assert_eq!(remembered.len(), usize::from(number).min(limits::ATTEMPTS_REMEMBERED_MAX));
        let ages = remembered.iter().map(|attempt| bench.now.since(attempt.by.started_at).get());
        assert!(ages.eq((0..remembered.len() as u64).rev()), "the oldest leave first");
        bench.now = bench.now.plus(Millis::new(1));
    }
}

// covers DLQ-1 (first failure time)
#[test]
fn the_first_failure_is_known_when_its_attempt_is_forgotten() {
    let mut bench = Bench::new();
    let (queue, owner, job, first) = (bench.queue.clone(), bench.owner.clone(), Bench::id(0), bench.now);
    bench.enqueue(job, 0).unwrap();
    let run = |bench: &mut Bench, attempt: u32, lease: u8, outcome: &Settle| {
        let lease = LeaseId::from_bytes([lease; 16]);
        let wish = Lease { queue: &queue, holder: &owner, runner: None, lease: None, lease_ids: &[lease] };
        assert_eq!(bench.run(&Command::Lease(wish)), Ok(1));
        let receipt = Receipt { job, attempt, lease, lock: None };
        assert_eq!(bench.run(&Command::Settle { receipt, outcome }), Ok(1));
        bench.now = bench.now.plus(Millis::new(1));
    };
    let (category, at_once) = (Category::Temporary, Some(Millis::default()));
    let fails = Settle::Fail { category, code: None, fingerprint: None, retry_after: at_once, random: 0 };
    run(&mut bench, 1, 0, &fails);
    for lease in 1..=u8::try_from(limits::ATTEMPTS_REMEMBERED_MAX).unwrap() {
        run(&mut bench, 2, lease, &Settle::Release { delay: Millis::default() });
    }
    assert!(
        bench.shard.attempts(&job).iter().all(|attempt| attempt.by.started_at > first),
        "it is forgotten"
    );
    let died_at = bench.now;
    run(&mut bench, 2, u8::MAX, &permanent());
    let dead = bench.shard.job(&job).unwrap();
    assert_eq!((dead.first_failed_at, dead.finished_at), (Some(first), Some(died_at)));
    bench.run(&Command::Act { job, act: &Act::Redrive { seal_expires: None } }).unwrap();
    assert_eq!(bench.shard.job(&job).unwrap().first_failed_at, Some(first), "of its whole life");
}

#[test]
fn all_jobs_together_remember_so_many_attempts_and_no_more() {
    let mut bench = Bench::new();
    let (holder, lease) = (bench.owner.clone(), LeaseId::from_bytes([1; 16]));
    let (at, until) = (bench.now, bench.now.plus(Millis::from_secs(1)));
    let attempt = |bench: &mut Bench, number: u64| {
        let job = Bench::id(number);
        let leased =
            Event::JobLeased { job, lease, holder: holder.clone(), runner: None, lock: None, until, at };
        let reason = ReleaseReason::Returned;
        for event in [leased, Event::JobReleased { job, reason, run_at: at, at }] {
            bench.shard.evolve(&event, RECORD);
        }
    };
    let kept = |bench: &Bench, number: u64| bench.shard.attempts(&Bench::id(number)).len();
    let jobs = (limits::ATTEMPTS_KEPT_MAX / limits::ATTEMPTS_REMEMBERED_MAX) as u64;
    for number in 0..=jobs {
        bench.enqueue(Bench::id(number), 0).unwrap();
    }
    for number in 0..jobs {
        (0..limits::ATTEMPTS_REMEMBERED_MAX).for_each(|_| attempt(&mut bench, number));
    }
    assert_eq!(kept(&bench, jobs - 1), limits::ATTEMPTS_REMEMBERED_MAX, "at its limit");
    attempt(&mut bench, jobs);
    assert_eq!(kept(&bench, jobs), 0, "one beyond: nothing to let go of but itself");
    attempt(&mut bench, 0);
    assert_eq!(kept(&bench, 0), limits::ATTEMPTS_REMEMBERED_MAX, "it lets go of one of its own");
    // Who has ended remembers as well.
    let job = Bench::id(0);
    bench.run(&Command::Act { job, act: &Act::Cancel { force: true, dead: true } }).unwrap();
    attempt(&mut bench, jobs);
    assert_eq!(kept(&bench, jobs), 0);
    invariants::check(&bench.shard).unwrap();
}

impl Bench {
    /// Sends a job that dies at once.
    fn kill(&mut self, job: JobId, code: Option<ErrorCode>) {
        self.enqueue(job, 0).unwrap();
        let (holder, lease, at) = (self.owner.clone(), LeaseId::from_bytes([1; 16]), self.now);
        let category = Category::Permanent;
        for event in [
            Event::JobLeased {
                job,
                lease,
                holder,
                runner: None,
                lock: None,
                until: at.plus(Millis::from_secs(1)),
                at,
            },
            Event::JobFailed { job, category, code, fingerprint: None, next: Next::Dead, at },
        ] {
            self.shard.evolve(&event, RECORD);
        }
    }
}

#[test]
fn one_look_through_dead_letter_sees_so_many_jobs_and_says_where_to_go_on() {
    let mut bench = Bench::new();
    for number in 0..=limits::LOOKED_AT_MAX {
        bench.kill(Bench::id(number), None);
    }
    let number = bench.shard.queue_number(&bench.queue).unwrap();
    let last = DeadFilter { owner: Some(Principal::parse("nobody").unwrap()), ..DeadFilter::default() };
    for look in [Look::For(1), Look::Through(1)] {
        let page = bench.shard.dead_page(bench.now, number, &last, None, look);
        assert_eq!((page.looked_at, page.meant), (limits::LOOKED_AT_MAX, 0));
        assert!(page.next.is_some());
        let rest = bench.shard.dead_page(bench.now, number, &last, page.next, look);
        assert_eq!((rest.looked_at, rest.next), (1, None));
    }
    let wish = SweepWish::PurgeDead { filter: last };
    assert_eq!(bench.shard.concerned(bench.now, &bench.queue, &wish), (0, true), "there may be more");
    let (queue, wish) = (bench.queue.clone(), &wish);
    assert_eq!(bench.run(&Command::Sweep { queue: &queue, wish }), Ok(1), "and so it looks");
    let unlabelled = limits::DEAD_LABELLED_PER_TURN_MAX;
    assert_eq!(bench.shard.unlabelled(unlabelled).len(), unlabelled);
}

#[test]
fn one_page_of_a_list_looks_at_so_many_jobs_and_says_where_to_go_on() {
    let mut bench = Bench::new();
    for number in 0..=limits::LOOKED_AT_MAX {
        bench.enqueue(Bench::id(number), 0).unwrap();
    }
    let none = JobFilter { state: Some(State::Held), ..JobFilter::default() };
    let page = bench.shard.jobs_page(&none, &|_, _, _| true, None, 1);
    assert_eq!((page.looked_at, page.jobs.len()), (limits::LOOKED_AT_MAX, 0));
    assert_eq!(page.next, Some(Bench::id(limits::LOOKED_AT_MAX - 1)));
    let rest = bench.shard.jobs_page(&none, &|_, _, _| true, page.next, 1);
    assert_eq!((rest.looked_at, rest.next), (1, None));
    let hidden = bench.shard.jobs_page(&JobFilter::default(), &|_, _, _| false, None, 1);
    assert_eq!(hidden.jobs.len(), 0, "nobody sees into a queue that is not theirs");
}

#[test]
fn an_analysis_shows_so_many_values_and_counts_the_rest_together() {
    let mut bench = Bench::new();
    for number in 0..=limits::ANALYSIS_LABELS_MAX as u64 {
        let code = ErrorCode::parse(&format!("E{number}")).unwrap();
        bench.kill(Bench::id(2 * number), Some(code.clone()));
        if number > 0 {
            bench.kill(Bench::id(2 * number + 1), Some(code));
        }
    }
    let queue = bench.shard.queue_number(&bench.queue).unwrap();
    let found = bench.shard.analyse_dead(queue);
    assert_eq!(found.codes.top.len(), limits::ANALYSIS_LABELS_MAX);
    assert!(found.codes.top.iter().all(|(_, jobs)| *jobs == 2), "the most frequent ones are shown");
    assert_eq!((found.codes.other, found.codes.none), (1, 0));
    assert_eq!((found.patterns.top.len(), found.patterns.other), (limits::ANALYSIS_LABELS_MAX, 1));
    for number in 1..=limits::ANALYSIS_HOURS_MAX as u64 {
        bench.now = Time::from_unix_ms(START + number * 3_600_000);
        bench.kill(JobId::v7(bench.now.unix_ms(), [0; 10]), None);
    }
    let found = bench.shard.analyse_dead(queue);
    assert_eq!(found.hours.top.len(), limits::ANALYSIS_HOURS_MAX);
    assert_eq!(found.hours.top[0].0, bench.now, "the latest first");
    assert_eq!(found.hours.other, 2 * limits::ANALYSIS_LABELS_MAX as u64 + 1);
}

#[test]
fn a_redrive_has_a_rate_within_its_limit() {
    assert_eq!(RedriveRate::per_second(0), None);
    for rate in [1, limits::REDRIVE_RATE_MAX] {
        assert_eq!(RedriveRate::per_second(rate).map(RedriveRate::get), Some(rate));
    }
    assert_eq!(RedriveRate::per_second(limits::REDRIVE_RATE_MAX + 1), None);
}

#[test]
fn there_is_a_number_of_live_access_keys_and_no_more() {
    let mut control = Control::default();
    let key = |number: usize| {
        let letters: String =
            format!("{number:016}").bytes().map(|digit| char::from(b'a' + (digit - b'0'))).collect();
        AccessKey {
            id: KeyId::parse(&letters).unwrap(),
            principal: Principal::parse("p").unwrap(),
            role: Role::Worker,
            queues: vec![QueuePattern::any()],
            hash: [0; 32],
            created_at: Time::from_unix_ms(START),
            expires_at: Time::from_unix_ms(START + 1),
            revoked_at: None,
        }
    };
    for number in 0..limits::ACCESS_KEYS_MAX {
        let event = control.create_key(key(number)).unwrap();
        control.evolve(&event);
    }
    let more = key(limits::ACCESS_KEYS_MAX);
    assert_eq!(control.create_key(more.clone()), Err(ControlRefusal::TooManyKeys));
    let revoked = control.revoke_key(Time::from_unix_ms(START), &key(3).id).unwrap();
    control.evolve(&revoked);
    let event = control.create_key(more).unwrap();
    control.evolve(&event);
    assert!(control.key(&key(3).id).is_none(), "the revoked one made room in the list");
    assert_eq!(control.keys().count(), limits::ACCESS_KEYS_MAX);
}

#[test]
fn a_queue_knows_of_its_number_of_fair_keys_and_no_more() {
    let mut bench = Bench::new();
    let queue = bench.queue.clone();
    let rate = Rate { starts: 1, period: Millis::new(1_000), burst: 1 };
    let limit_per_key = RunLimit { rate: Some(rate), ..RunLimit::default() };
    let settings =
        QueueSettings { sealing: SealingPolicy::Allowed, limit_per_key, ..QueueSettings::default() };
    bench.run(&Command::PutQueue { queue: &queue, settings }).unwrap();
    let send = |bench: &mut Bench, number: u64, key: u64| {
        let token = Token::from_bytes(*Bench::id(key).as_bytes());
        bench.options = Some(JobOptions { fair_key: Some(token), ..JobOptions::default() });
        bench.enqueue(Bench::id(number), 0)
    };
    let keys = limits::FAIR_KEYS_MAX as u64;
    for number in 0..keys {
        send(&mut bench, number, number).unwrap();
    }
    assert_eq!(send(&mut bench, keys, keys), Err(Refusal::TooManyFairKeys));
    assert_eq!(send(&mut bench, keys, 7), Ok(1), "a known key is one more job");
    let act = |bench: &mut Bench, job: u64, act: &Act| bench.run(&Command::Act { job: Bench::id(job), act });
    bench.work(0);
    assert_eq!(send(&mut bench, keys + 1, keys), Err(Refusal::TooManyFairKeys), "its rate is not full again");
    let other = QueueName::parse("other").unwrap();
    bench.put_queue(&other).unwrap();
    let (here, there) = (queue.clone(), other.clone());
    bench.queue = there.clone();
    send(&mut bench, keys + 1, keys).unwrap();
    let back = Act::Move { queue: here.clone(), sealed: false };
    assert_eq!(act(&mut bench, keys + 1, &back), Err(Refusal::TooManyFairKeys), "moved here neither");
    bench.queue = here;
    bench.now = bench.now.plus(Millis::new(1_000));
    assert_eq!(act(&mut bench, 9, &Act::Cancel { force: false, dead: true }), Ok(1));
    assert_eq!(act(&mut bench, keys + 1, &back), Ok(1), "one whose job has ended made room");
    assert_eq!(send(&mut bench, keys + 2, keys + 1), Ok(1), "and one whose rate is full again");
    let view = bench.shard.queue(&queue).unwrap();
    assert_eq!(view.fair_keys, limits::FAIR_KEYS_MAX);
    assert_eq!(
        act(&mut bench, 9, &Act::Redrive { seal_expires: None }),
        Err(Refusal::TooManyFairKeys),
        "nor does one come back"
    );
}

#[test]
fn limits_of_runs_have_their_bounds() {
    type Set = fn(&mut RunLimit, u64);
    let cases: [(u64, Set, SettingsError); 4] = [
        (limits::RATE_STARTS_MAX.into(), |limit, n| with_rate(limit, n, 1, 1), SettingsError::Rate),
        (limits::RATE_PERIOD_MS_MAX, |limit, n| with_rate(limit, 1, n, 1), SettingsError::Rate),
        (limits::RATE_STARTS_MAX.into(), |limit, n| with_rate(limit, 1, 1, n), SettingsError::Rate),
        (
            limits::CONCURRENCY_MAX.into(),
            |limit, n| limit.concurrency = Some(u32::try_from(n).unwrap()),
            SettingsError::Concurrency,
        ),
    ];
    for (max, set, error) in cases {
        for (value, expected) in [(0, Err(error)), (1, Ok(())), (max, Ok(())), (max + 1, Err(error))] {
            let mut limit = RunLimit::default();
            set(&mut limit, value);
            let of_queue = QueueSettings { limit, ..QueueSettings::default() };
            let of_keys = QueueSettings { limit_per_key: limit, ..QueueSettings::default() };
            assert_eq!((of_queue.check(), of_keys.check()), (expected, expected), "{value}");
        }
    }
}

fn with_rate(limit: &mut RunLimit, starts: u64, period: u64, burst: u64) {
    let number = |value: u64| u32::try_from(value).unwrap();
    limit.rate = Some(Rate { starts: number(starts), period: Millis::new(period), burst: number(burst) });
}

/// So many sessions are held by one principal and no more, and so many remember something.
#[test]
fn sessions_have_their_bounds() {
    let mut bench = Bench::new();
    let queue = bench.queue.clone();
    let sessions = SessionSettings { mode: SessionMode::On, ..SessionSettings::default() };
    let settings = QueueSettings { sealing: SealingPolicy::Allowed, sessions, ..QueueSettings::default() };
    bench.run(&Command::PutQueue { queue: &queue, settings }).unwrap();
    let number = bench.shard.queue_number(&queue).unwrap();
    let receipt = |session: usize| {
        let bytes = (session as u128).to_be_bytes();
        let (session, lock) = (Token::from_bytes(bytes), LockId::from_bytes(bytes));
        SessionReceipt { queue: number, session, lock }
    };
    let accept = |bench: &mut Bench, principal: &str, session: usize| {
        let (holder, receipt) = (Principal::parse(principal).unwrap(), receipt(session));
        let (session, lock) = (Some(receipt.session), receipt.lock);
        let accept = AcceptSession { queue: &queue, session, holder: &holder, hold: None, lock };
        bench.run(&Command::Session(SessionCommand::Accept(accept)))
    };
    let close = |bench: &mut Bench, session: usize| {
        let receipt = receipt(session);
        bench.run(&Command::Session(SessionCommand::Close { receipt })).unwrap();
    };
    let remember = |bench: &mut Bench, session: usize, bytes: Option<usize>| {
        let receipt = receipt(session);
        let state = bytes.map(|bytes| vec![b'x'; bytes]);
        let state = state.as_deref();
        bench.run(&Command::Session(SessionCommand::SetState { receipt, state }))
    };
    for session in 0..limits::SESSIONS_HELD_MAX {
        assert_eq!(accept(&mut bench, "w1", session), Ok(1));
    }
    let one_more = limits::SESSIONS_HELD_MAX;
    assert_eq!(accept(&mut bench, "w1", one_more), Err(Refusal::TooManySessions));
    assert_eq!(accept(&mut bench, "w2", one_more), Ok(1), "each principal has its own");
    close(&mut bench, 0);
    assert_eq!(accept(&mut bench, "w1", 0), Ok(1), "one given back makes room");
    (0..=one_more).for_each(|session| close(&mut bench, session));
    for session in 0..limits::SESSION_STATES_MAX {
        accept(&mut bench, "w1", session).unwrap();
        assert_eq!(remember(&mut bench, session, Some(1)), Ok(1));
        close(&mut bench, session);
    }
    let one_more = limits::SESSION_STATES_MAX;
    accept(&mut bench, "w1", one_more).unwrap();
    assert_eq!(remember(&mut bench, one_more, Some(1)), Err(Refusal::TooManySessionStates));
    accept(&mut bench, "w1", 7).unwrap();
    assert_eq!(remember(&mut bench, 7, Some(2)), Ok(1), "another state for the same session");
    assert_eq!(remember(&mut bench, 7, None), Ok(1));
    assert_eq!(remember(&mut bench, one_more, Some(1)), Ok(1), "one that forgets makes room");
}

/// So many jobs are looked at before one that others wait for comes in at the end of a session's line.
#[test]
fn a_move_into_a_session_looks_at_so_many_jobs() {
    let mut bench = Bench::new();
    let (queue, other) = (bench.queue.clone(), QueueName::parse("other").unwrap());
    let sessions = SessionSettings { mode: SessionMode::On, ..SessionSettings::default() };
    let settings = QueueSettings { sealing: SealingPolicy::Allowed, sessions, ..QueueSettings::default() };
    for queue in [&queue, &other] {
        bench.run(&Command::PutQueue { queue, settings }).unwrap();
    }
    let in_session = |byte: u8, after: Vec<JobId>| {
        let links = (!after.is_empty())
            .then(|| Box::new(Links::new(None, after, Vec::new(), OnFailure::Fail).unwrap()));
        JobOptions { session: Some(Token::from_bytes([byte; 16])), links, ..JobOptions::default() }
    };
    let parent = Bench::id(0);
    bench.enqueue_with(parent, 0, Some(&in_session(1, Vec::new()))).unwrap();
    bench.enqueue_with(Bench::id(1), 0, Some(&in_session(2, vec![parent]))).unwrap();
    let behind = Some(in_session(2, Vec::new()));
    let most = u64::try_from(limits::SESSION_LOOKS_MAX).unwrap();
    for job in 2..=most {
        bench.enqueue_with(Bench::id(job), 0, behind.as_ref()).unwrap();
    }
    let moved = |bench: &mut Bench, queue: &QueueName| {
        let act = Act::Move { queue: queue.clone(), sealed: false };
        bench.run(&Command::Act { job: parent, act: &act })
    };
    assert_eq!(moved(&mut bench, &other), Ok(1), "no circle among so many");
    bench.enqueue_with(Bench::id(most + 1), 0, behind.as_ref()).unwrap();
    assert_eq!(moved(&mut bench, &queue), Err(Refusal::SessionCircle), "not seen among one more");
}

#[test]
fn names_have_their_limits() {
    assert!(Namespace::parse(&"n".repeat(limits::NAMESPACE_BYTES_MAX)).is_ok());
    assert!(Namespace::parse(&"n".repeat(limits::NAMESPACE_BYTES_MAX + 1)).is_err());
}

/// The table in the docs is this table. `SEALANE_BLESS=1` writes it.
#[test]
fn the_docs_show_this_table() {
    let mut page = String::from(
        "# Limits\n\nEvery bound of the product. Made from `crates/core/src/limits.rs`; each line is tried at its limit and one \
         beyond.\n\n| what | at most | unit | beyond it | name |\n|---|---:|---|---|---|\n",
    );
    for limit in limits::ALL {
        page.push_str(&format!(
            "| {} | {} | {} | {} | `{}` |\n",
            limit.what, limit.value, limit.unit, limit.beyond, limit.name
        ));
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/limits.md");
    if std::env::var_os("SEALANE_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page,
        "docs/limits.md is not this table: run SEALANE_BLESS=1 cargo test -p sealane-core --test bounds"
    );
}

impl Bench {
    /// Leases the job with this number, for as long as this takes.
    fn hold(&mut self, number: u64) -> Receipt {
        let (queue, owner) = (self.queue.clone(), self.owner.clone());
        let mut lease = [1; 16];
        lease[..8].copy_from_slice(&number.to_be_bytes());
        let lease = LeaseId::from_bytes(lease);
        let wish = Lease { queue: &queue, holder: &owner, runner: None, lease: None, lease_ids: &[lease] };
        assert_eq!(self.run(&Command::Lease(wish)), Ok(1));
        Receipt { job: Self::id(number), attempt: 1, lease, lock: None }
    }

    fn log(&mut self, receipt: Receipt, seq: u32, bytes: usize) -> Result<usize, Refusal> {
        let report = Report { seq, log: Some(u32::try_from(bytes).unwrap()), ..Report::default() };
        self.run(&Command::Report { receipt, report })
    }

    fn log_of(&self, receipt: Receipt) -> (usize, u64) {
        let known = self.shard.job(&receipt.job).unwrap().reported;
        (known.log_entries, known.log_dropped)
    }
}

// covers JOB-9 (logs per job are bounded)
#[test]
fn the_last_entries_of_a_log_stay_by_number_and_by_bytes() {
    let mut bench = Bench::new();
    bench.enqueue(Bench::id(1), 0).unwrap();
    let receipt = bench.hold(1);
    let entries = u32::try_from(limits::LOG_ENTRIES_MAX).unwrap();
    for seq in 0..entries {
        assert_eq!(bench.log(receipt, seq, 1), Ok(1));
    }
    assert_eq!(bench.log_of(receipt), (limits::LOG_ENTRIES_MAX, 0));
    assert_eq!(bench.log(receipt, entries, 1), Ok(1));
    assert_eq!(bench.log_of(receipt), (limits::LOG_ENTRIES_MAX, 1));
    let first = bench.shard.job_log(&receipt.job, None, 1)[0].key;
    assert_eq!(first, ReportKey { attempt: 1, seq: 1 }, "the oldest left");
    // As many large ones as the bytes allow push out all small ones, and one more its eldest.
    let large = u32::try_from(limits::LOG_BYTES_MAX / limits::LOG_ENTRY_BYTES_MAX).unwrap();
    for seq in 0..large {
        assert_eq!(bench.log(receipt, entries + 1 + seq, limits::LOG_ENTRY_BYTES_MAX), Ok(1));
    }
    assert_eq!(bench.log_of(receipt).0, usize::try_from(large).unwrap());
    bench.log(receipt, entries + 1 + large, 1).unwrap();
    assert_eq!(bench.log_of(receipt), (usize::try_from(large).unwrap(), u64::from(entries + 2)));
    assert_eq!(sealane_core::queue::invariants::check(&bench.shard), Ok(()));
}

#[test]
fn an_attempt_reports_so_often_and_no_more() {
    let mut bench = Bench::new();
    bench.enqueue(Bench::id(1), 0).unwrap();
    let receipt = bench.hold(1);
    let progress = Some(ReportedProgress { percent: 1, message: None });
    for seq in 0..limits::REPORTS_MAX {
        let report = Report { seq, progress, ..Report::default() };
        assert_eq!(bench.run(&Command::Report { receipt, report }), Ok(1));
    }
    assert_eq!(bench.log(receipt, limits::REPORTS_MAX, 1), Err(Refusal::ReportsUsed));
    assert_eq!(bench.run(&Command::Settle { receipt, outcome: &Settle::Complete }), Ok(1), "and still ends");
}

/// The jobs that log share one bound, finished and forgotten ones included: the oldest entry of all leaves.
#[test]
fn the_logs_of_all_jobs_together_are_bounded_and_the_oldest_entries_leave() {
    let mut bench = Bench::new();
    let jobs = (limits::LOG_ENTRIES_OF_ALL_MAX / limits::LOG_ENTRIES_MAX) as u64;
    let mut receipts = Vec::new();
    for number in 0..=jobs {
        bench.enqueue(Bench::id(number), 0).unwrap();
        let receipt = bench.hold(number);
        for seq in 0..u32::try_from(limits::LOG_ENTRIES_MAX).unwrap() {
            assert_eq!(bench.log(receipt, seq, 1), Ok(1));
        }
        bench.run(&Command::Settle { receipt, outcome: &Settle::Complete }).unwrap();
        receipts.push(receipt);
    }
    let kept: usize = receipts.iter().map(|receipt| bench.log_of(*receipt).0).sum();
    assert_eq!(kept, limits::LOG_ENTRIES_OF_ALL_MAX);
    let left = (receipts.len() * limits::LOG_ENTRIES_MAX - limits::LOG_ENTRIES_OF_ALL_MAX) as u64;
    assert_eq!(bench.log_of(receipts[0]), (limits::LOG_ENTRIES_MAX - usize::try_from(left).unwrap(), left));
    assert_eq!(bench.log_of(receipts[1]), (limits::LOG_ENTRIES_MAX, 0));
    assert_eq!(sealane_core::queue::invariants::check(&bench.shard), Ok(()));
    // An hour later they are forgotten, and room is there again.
    bench.now = Time::from_unix_ms(START + limits::FINISHED_KEPT_MS + 1);
    let late = JobId::v7(bench.now.unix_ms(), [0; 10]);
    bench.enqueue(late, 0).unwrap();
    let receipt = Receipt { job: late, ..bench.hold(u64::MAX) };
    assert_eq!(bench.log(receipt, 0, 1), Ok(1));
    bench.run(&Command::Settle { receipt, outcome: &Settle::Complete }).unwrap();
    assert!(bench.shard.job(&receipts[1].job).is_none());
    assert_eq!(sealane_core::queue::invariants::check(&bench.shard), Ok(()));
    assert_eq!(bench.log_of(receipt), (1, 0));
}
