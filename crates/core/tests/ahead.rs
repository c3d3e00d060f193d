//! Batches count what stands before an item in the same batch, as if it had happened already.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::BTreeMap;

use sealane_core::id::JobId;
use sealane_core::job::{JobInput, Priority};
use sealane_core::limits;
use sealane_core::name::{Kind, Principal, QueueName};
use sealane_core::queue::{
    Command, Enqueue, IdempotencyKey, JobOptions, Links, OnFailure, QueueSettings, Refusal, SealingPolicy,
    Shard, Start,
};
use sealane_core::record::RecordRef;
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;

const START: Time = Time::from_unix_ms(1_767_225_600_000);

fn id(number: usize) -> JobId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
    JobId::v7(START.unix_ms(), random)
}

fn token(number: usize) -> Token {
    Token::from_bytes(u128::try_from(number).unwrap().to_be_bytes())
}

fn after(parents: Vec<JobId>) -> JobOptions {
    let links = Links::new(None, parents, Vec::new(), OnFailure::Fail).unwrap();
    JobOptions { links: Some(Box::new(links)), ..JobOptions::default() }
}

/// Judges a batch of so many jobs of one sender. Exactly the last one may be refused: with what?
fn last_of(jobs: usize, options: impl Fn(usize) -> JobOptions) -> Option<Refusal> {
    last_of_several(1, jobs, options)
}

/// The same for jobs of several senders in turn.
fn last_of_several(senders: usize, jobs: usize, options: impl Fn(usize) -> JobOptions) -> Option<Refusal> {
    let queue = QueueName::parse("q").unwrap();
    let owners: Vec<Principal> =
        (0..senders).map(|sender| Principal::parse(&format!("p{sender}")).unwrap()).collect();
    let mut shard = Shard::default();
    let settings =
        QueueSettings { sealing: SealingPolicy::Allowed, max_depth: 1_000_000, ..QueueSettings::default() };
    for event in shard.decide(START, &Command::PutQueue { queue: &queue, settings }).unwrap() {
        shard.evolve(&event, RecordRef { lsn: 0, bytes: 1 });
    }
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
    let options: Vec<JobOptions> = (0..jobs).map(options).collect();
    let commands: Vec<Enqueue<'_>> = options
        .iter()
        .enumerate()
        .map(|(number, options)| Enqueue {
            job: id(number),
            id_given: true,
            queue: &queue,
            owner: &owners[number % senders],
            input: &input,
            priority: Priority::Normal,
            start: Start::After(Millis::default()),
            ttl: None,
            max_attempts: None,
            options: Some(options),
            digest: [0; 16],
        })
        .collect();
    let mut refusals = shard.decide_enqueue_together(START, &commands).err()?;
    let last = refusals.pop().unwrap();
    assert_eq!(refusals.into_iter().flatten().next(), None, "one of those before was refused");
    last
}

// covers JOB-8 (depth and breadth inside a batch)
#[test]
fn those_before_count_as_parents_and_as_children() {
    let depth = usize::try_from(limits::FLOW_DEPTH_MAX).unwrap();
    let row = |job: usize| after(job.checked_sub(1).map(id).into_iter().collect());
    assert_eq!(last_of(depth, row), None);
    assert_eq!(last_of(depth + 1, row), Some(Refusal::FlowDepth));
    let star = |job: usize| after((job > 0).then(|| id(0)).into_iter().collect());
    assert_eq!(last_of(limits::FLOW_BREADTH_MAX + 1, star), None);
    assert_eq!(last_of(limits::FLOW_BREADTH_MAX + 2, star), Some(Refusal::FlowBreadth));
}

#[test]
fn the_keys_of_those_before_take_their_room() {
    let fair = |job: usize| JobOptions { fair_key: Some(token(job)), ..JobOptions::default() };
    assert_eq!(last_of(limits::FAIR_KEYS_MAX, fair), None);
    assert_eq!(last_of(limits::FAIR_KEYS_MAX + 1, fair), Some(Refusal::TooManyFairKeys));
    let keyed = |job: usize| {
        let idempotency = Some(IdempotencyKey { key: token(job), fingerprint: token(0) });
        JobOptions { idempotency, ..JobOptions::default() }
    };
    let keys = limits::IDEMPOTENCY_KEYS_PER_PRINCIPAL_MAX;
    assert_eq!(last_of(keys, keyed), None);
    assert_eq!(last_of(keys + 1, keyed), Some(Refusal::TooManyKeysOfPrincipal));
    // Three senders have as many keys together as there may be in all, and none of them as many as one may.
    let all = limits::IDEMPOTENCY_KEYS_MAX;
    assert_eq!(last_of_several(3, all + 1, keyed), Some(Refusal::TooManyKeys));
}
