//! The bounds of jobs that wait for each other, at their numbers and one beyond.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::BTreeMap;

use sealane_core::id::JobId;
use sealane_core::job::{JobInput, Priority, State};
use sealane_core::limits;
use sealane_core::name::{Kind, Principal, QueueName};
use sealane_core::queue::{
    Act, Command, Enqueue, Event, JobOptions, Links, OnFailure, QueueSettings, Refusal, SealingPolicy, Shard,
    Start, invariants,
};
use sealane_core::record::RecordRef;
use sealane_core::time::{Millis, Time};

const START: Time = Time::from_unix_ms(1_767_225_600_000);
const RECORD: RecordRef = RecordRef { lsn: 0, bytes: 1 };

struct Bench {
    shard: Shard,
    queue: QueueName,
}

fn id(number: usize) -> JobId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
    JobId::v7(START.unix_ms(), random)
}

fn links(all: Vec<JobId>, on_failure: OnFailure) -> Option<Box<JobOptions>> {
    let links = Links::new(None, all, Vec::new(), on_failure).unwrap();
    JobOptions { links: Some(Box::new(links)), ..JobOptions::default() }.boxed()
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self { shard: Shard::default(), queue: QueueName::parse("q").unwrap() };
        let settings = QueueSettings { sealing: SealingPolicy::Allowed, ..QueueSettings::default() };
        let queue = bench.queue.clone();
        bench.run(&Command::PutQueue { queue: &queue, settings }).unwrap();
        bench
    }

    fn run(&mut self, command: &Command<'_>) -> Result<(), Refusal> {
        let events = self.shard.decide(START, command)?;
        self.apply(&events);
        Ok(())
    }

    fn apply(&mut self, events: &[Event]) {
        events.iter().for_each(|event| self.shard.evolve(event, RECORD));
    }

    /// Sends a job after others.
    fn send(&mut self, job: usize, after: Vec<JobId>, on_failure: OnFailure) -> Result<(), Refusal> {
        let (queue, owner) = (self.queue.clone(), Principal::parse("p").unwrap());
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
        let options = links(after, on_failure);
        self.run(&Command::Enqueue(Enqueue {
            job: id(job),
            id_given: true,
            queue: &queue,
            owner: &owner,
            input: &input,
            priority: Priority::Normal,
            start: Start::After(Millis::default()),
            ttl: None,
            max_attempts: None,
            options: options.as_deref(),
            digest: [0; 16],
        }))
    }

    fn cancel(&mut self, job: usize) {
        let act = Act::Cancel { force: false, dead: true };
        self.run(&Command::Act { job: id(job), act: &act }).unwrap();
    }

    /// Works off everything, a slice a turn; how many events each had.
    fn turns(&mut self) -> Vec<usize> {
        let mut slices = Vec::new();
        while self.shard.next_deadline() == Some(Time::default()) {
            let events = self.shard.expire(START);
            slices.push(events.len());
            assert!(slices.len() < 10_000, "it comes to an end");
            self.apply(&events);
        }
        invariants::check(&self.shard).unwrap();
        slices
    }

    fn state(&self, job: usize) -> State {
        self.shard.job(&id(job)).unwrap().state
    }
}

// covers JOB-8 (jobs are cancelled together, or none of them)
#[test]
fn jobs_that_are_cancelled_together_end_with_each_other_and_one_that_is_not_there_ends_none() {
    let mut bench = Bench::new();
    bench.send(1, Vec::new(), OnFailure::Fail).unwrap();
    bench.send(2, vec![id(1)], OnFailure::Fail).unwrap();
    bench.send(3, vec![id(2)], OnFailure::Run).unwrap();
    bench.cancel(1);
    let together = |bench: &Bench, jobs: &[usize]| {
        bench.shard.decide_cancel_together(START, &jobs.iter().map(|job| id(*job)).collect())
    };
    assert_eq!(together(&bench, &[1, 2, 3, 9]), Err(Refusal::JobUnknown));
    assert_eq!(bench.state(2), State::Blocked);
    let events = together(&bench, &[1, 2, 3]).unwrap();
    assert_eq!(events.len(), 2, "what has ended stays as it is");
    bench.apply(&events);
    bench.turns();
    let states = [1, 2, 3].map(|job| bench.state(job));
    assert_eq!(states, [State::Cancelled; 3], "none of them heard of another's end first");
    assert_eq!(together(&bench, &[1, 2, 3]), Ok(Vec::new()), "a repeat does nothing");
}

// covers JOB-8 (depth over jobs sent one by one)
#[test]
fn so_many_jobs_wait_for_each_other_in_a_row_and_no_more() {
    let mut bench = Bench::new();
    let depth = usize::try_from(limits::FLOW_DEPTH_MAX).unwrap();
    bench.send(0, Vec::new(), OnFailure::Fail).unwrap();
    for job in 1..depth {
        bench.send(job, vec![id(job - 1)], OnFailure::Fail).unwrap();
    }
    assert_eq!(bench.send(depth, vec![id(depth - 1)], OnFailure::Fail), Err(Refusal::FlowDepth));
    assert_eq!(bench.send(depth, vec![id(0), id(depth - 1)], OnFailure::Fail), Err(Refusal::FlowDepth));
    bench.send(depth, vec![id(0), id(depth - 2)], OnFailure::Fail).unwrap();
    bench.cancel(0);
    // One step of the row a turn, and never a deep stack.
    let steps = bench.turns();
    assert_eq!(steps.len(), depth - 1, "{steps:?}");
    assert!((1..=depth).all(|job| bench.state(job) == State::Dead));
}

#[test]
fn so_many_jobs_wait_for_one_and_one_for_so_many_and_no_more() {
    let mut bench = Bench::new();
    let breadth = limits::FLOW_BREADTH_MAX;
    let too_many = (0..=breadth).map(id).collect();
    assert_eq!(Links::new(None, too_many, Vec::new(), OnFailure::Fail), Err(Refusal::FlowBreadth));
    let (some, others): (Vec<JobId>, Vec<JobId>) = (0..=breadth).map(id).partition(|job| *job < id(7));
    assert_eq!(Links::new(None, some, others, OnFailure::Fail), Err(Refusal::FlowBreadth));
    for job in 0..breadth {
        bench.send(job, Vec::new(), OnFailure::Fail).unwrap();
    }
    bench.send(breadth, (0..breadth).map(id).collect(), OnFailure::Run).unwrap();
    for job in 1..breadth {
        bench.send(breadth + job, vec![id(0)], OnFailure::Run).unwrap();
    }
    assert_eq!(bench.send(2 * breadth, vec![id(0)], OnFailure::Run), Err(Refusal::FlowBreadth));
    bench.send(2 * breadth, vec![id(1)], OnFailure::Run).unwrap();
    (0..breadth).for_each(|job| bench.cancel(job));
    let slices = bench.turns();
    assert_eq!(slices.iter().sum::<usize>(), 2 * breadth);
    assert!((breadth..=2 * breadth).all(|job| bench.state(job) == State::Ready));
}

#[test]
fn those_who_wait_are_told_in_slices() {
    let mut bench = Bench::new();
    let most = limits::FLOW_STEPS_PER_TURN_MAX;
    bench.send(0, Vec::new(), OnFailure::Fail).unwrap();
    bench.send(1, Vec::new(), OnFailure::Fail).unwrap();
    for job in 0..most {
        bench.send(2 + job, vec![id(0)], OnFailure::Fail).unwrap();
    }
    bench.send(2 + most, vec![id(1)], OnFailure::Fail).unwrap();
    bench.cancel(0);
    bench.cancel(1);
    assert_eq!(bench.turns(), [most, 1]);
}

#[test]
fn a_namespace_has_its_number_of_dependencies_and_no_more() {
    let mut bench = Bench::new();
    let breadth = limits::FLOW_BREADTH_MAX;
    // Parents that have ended count as well: their children keep what they came to.
    (0..breadth).for_each(|job| bench.send(job, Vec::new(), OnFailure::Run).unwrap());
    (0..breadth).for_each(|job| bench.cancel(job));
    bench.turns();
    let parents: Vec<JobId> = (0..breadth).map(id).collect();
    let children = limits::LINKS_KEPT_MAX / breadth;
    for job in breadth..breadth + children {
        bench.send(job, parents.clone(), OnFailure::Run).unwrap();
    }
    let one_more = bench.send(breadth + children, vec![id(0)], OnFailure::Run);
    assert_eq!(one_more, Err(Refusal::TooManyLinks));
    assert_eq!(bench.send(breadth + children + 1, Vec::new(), OnFailure::Run), Ok(()));
}
