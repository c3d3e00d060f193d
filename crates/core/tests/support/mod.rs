//! One queue in virtual time, driven job by job.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod through_rows;

use std::collections::BTreeMap;

use sealane_core::id::{JobId, LeaseId};
use sealane_core::job::{Category, JobInput, Priority};
use sealane_core::name::{Kind, Principal, QueueName};
use sealane_core::queue::{
    Command, Enqueue, Event, JobOptions, Lease, QueueSettings, Receipt, SealingPolicy, Settle, Shard, Start,
};
use sealane_core::record::RecordRef;
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;

pub const START: u64 = 1_767_225_600_000;
const RECORD: RecordRef = RecordRef { lsn: 0, bytes: 1 };

/// One queue, `q`.
pub struct Bench {
    pub shard: Shard,
    pub now: Time,
    queue: QueueName,
    owner: Principal,
    other_owner: Principal,
    input: JobInput,
    leases: u128,
    /// Everything that happened, where it is kept.
    history: Option<Vec<Event>>,
}

impl Bench {
    pub fn new(settings: QueueSettings) -> Self {
        Self::with(settings, None)
    }

    /// One that can be restarted.
    pub fn kept(settings: QueueSettings) -> Self {
        Self::with(settings, Some(Vec::new()))
    }

    fn with(settings: QueueSettings, history: Option<Vec<Event>>) -> Self {
        let mut bench = Self {
            shard: Shard::default(),
            now: Time::from_unix_ms(START),
            queue: QueueName::parse("q").unwrap(),
            owner: Principal::parse("p").unwrap(),
            other_owner: Principal::parse("o").unwrap(),
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
            leases: 0,
            history,
        };
        bench.set(settings);
        bench
    }

    /// Replaces the queue's settings. Plain bodies are taken.
    pub fn set(&mut self, settings: QueueSettings) {
        let queue = self.queue.clone();
        let settings = QueueSettings { sealing: SealingPolicy::Allowed, ..settings };
        self.run(&Command::PutQueue { queue: &queue, settings });
    }

    pub fn id(number: u64) -> JobId {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&number.to_be_bytes());
        JobId::v7(START, random)
    }

    pub fn key(text: &str) -> Token {
        let mut bytes = [0; 16];
        text.bytes().take(16).enumerate().for_each(|(at, byte)| bytes[at] = byte);
        Token::from_bytes(bytes)
    }

    pub fn apply(&mut self, events: &[Event]) {
        for event in events {
            self.shard.evolve(event, RECORD);
            self.history.iter_mut().for_each(|history| history.push(event.clone()));
        }
    }

    fn run(&mut self, command: &Command<'_>) -> Vec<Event> {
        let events = self.shard.decide(self.now, command).unwrap();
        self.apply(&events);
        events
    }

    /// Sends a job by number. Every other one is of another owner: one alone may not have a million.
    pub fn send(&mut self, number: u64, priority: Priority, delay: u64, options: Option<&JobOptions>) {
        let owner = if number.is_multiple_of(2) { &self.owner } else { &self.other_owner }.clone();
        let (queue, input) = (self.queue.clone(), self.input.clone());
        let events = self.run(&Command::Enqueue(Enqueue {
            job: Self::id(number),
            id_given: true,
            queue: &queue,
            owner: &owner,
            input: &input,
            priority,
            start: Start::After(Millis::new(delay)),
            ttl: None,
            max_attempts: None,
            options,
            digest: [0; 16],
        }));
        assert_eq!(events.len(), 1, "it was not sent before");
    }

    /// The same for a job of a fair key.
    pub fn send_for(&mut self, key: &str, number: u64, priority: Priority) {
        let options = JobOptions { fair_key: Some(Self::key(key)), ..JobOptions::default() };
        self.send(number, priority, 0, Some(&options));
    }

    /// Takes at most so many jobs.
    pub fn take(&mut self, max: usize) -> Vec<Receipt> {
        let (queue, owner) = (self.queue.clone(), self.owner.clone());
        let lease_ids: Vec<LeaseId> = (0..max)
            .map(|_| {
                self.leases += 1;
                LeaseId::from_bytes(self.leases.to_be_bytes())
            })
            .collect();
        let wish = Lease { queue: &queue, holder: &owner, runner: None, lease: None, lease_ids: &lease_ids };
        let events = self.run(&Command::Lease(wish));
        let receipt = |event: &Event| {
            let Event::JobLeased { job, lease, .. } = event else { panic!("{event:?}") };
            Receipt { job: *job, attempt: self.shard.job(job).unwrap().attempt, lease: *lease, lock: None }
        };
        events.iter().map(receipt).collect()
    }

    pub fn settle(&mut self, receipt: Receipt, outcome: &Settle) -> Event {
        let mut events = self.run(&Command::Settle { receipt, outcome });
        events.pop().expect("the lease holds")
    }

    pub fn complete(&mut self, receipt: Receipt) {
        self.settle(receipt, &Settle::Complete);
    }

    pub fn fail(&mut self, receipt: Receipt, random: u32) -> Event {
        let outcome = Settle::Fail {
            category: Category::Temporary,
            code: None,
            fingerprint: None,
            retry_after: None,
            random,
        };
        self.settle(receipt, &outcome)
    }

    pub fn extend(&mut self, receipt: Receipt) {
        self.run(&Command::Extend { receipt, lease: None });
    }

    /// Lets time pass, with what it brings about.
    pub fn pass(&mut self, by: u64) {
        self.now = self.now.plus(Millis::new(by));
        loop {
            let events = self.shard.expire(self.now);
            if events.is_empty() {
                break;
            }
            self.apply(&events);
        }
    }

    /// Begins again with what the history says.
    pub fn restart(&mut self) {
        let mut shard = Shard::default();
        self.history.iter().flatten().for_each(|event| shard.evolve(event, RECORD));
        assert!(shard == self.shard, "the same events, the same shard");
        self.shard = through_rows::through_rows(&shard);
        self.run(&Command::Start);
    }
}
