//! What the journal says.

use std::sync::Arc;

use sealane::{JobId, OnConflict, OnFailure, Priority};
use sealane_core::id::{LeaseId, LockId};
use sealane_core::name::{Principal, QueueName};
use sealane_core::queue::session::SessionEnd;
use sealane_core::queue::{
    AfterParent, Event, IdempotencyKey, JobEnqueued, JobOptions, Links, Next, QueueNumber, QueueSettings,
    Rate, RunLimit, SessionMode, UniqueKey,
};
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;

use super::super::Oracle;
use super::story::ids;
use crate::trace::Trace;

const LINES: &str = "one behind the other in a session, and one holder";
const LIMITS: &str = "limits are never exceeded";
const TURNS: &str = "first in, first out in a class and key, and keys take turns";
const PARENTS: &str = "a job begins when its parents allow it, and hears what they came to";

fn at(ms: u64) -> Time {
    Time::from_unix_ms(1_000 + ms)
}

fn token(byte: u8) -> Token {
    Token::from_bytes([byte; 16])
}

fn queue(change: impl FnOnce(&mut QueueSettings)) -> Event {
    let mut settings = QueueSettings::default();
    change(&mut settings);
    Event::QueueCreated {
        number: QueueNumber(0),
        queue: QueueName::parse("q").unwrap(),
        settings: Box::new(settings),
        at: at(0),
    }
}

fn with_sessions() -> Event {
    queue(|settings| settings.sessions.mode = SessionMode::On)
}

fn sent(job: JobId, options: JobOptions) -> Event {
    sent_at(job, options, 1)
}

fn sent_at(job: JobId, options: JobOptions, ms: u64) -> Event {
    Event::JobEnqueued(JobEnqueued {
        job,
        queue: QueueNumber(0),
        owner: Principal::parse("shop").unwrap(),
        priority: Priority::Normal,
        run_at: at(ms),
        expires_at: None,
        max_attempts: 5,
        options: options.boxed(),
        digest: [0; 16],
        at: at(ms),
    })
}

fn leased(job: JobId, lock: Option<u8>, ms: u64) -> Event {
    Event::JobLeased {
        job,
        lease: LeaseId::from_bytes([1; 16]),
        holder: Principal::parse("mill").unwrap(),
        runner: None,
        lock: lock.map(|byte| LockId::from_bytes([byte; 16])),
        until: at(ms + 60_000),
        at: at(ms),
    }
}

fn completed(job: JobId) -> Event {
    Event::JobCompleted { job, at: at(3) }
}

fn dead(job: JobId) -> Event {
    Event::LeaseExpired { job, next: Next::Dead, at: at(3) }
}

fn held(lock: u8) -> Event {
    Event::SessionAccepted {
        queue: QueueNumber(0),
        session: token(9),
        lock: LockId::from_bytes([lock; 16]),
        holder: Principal::parse("mill").unwrap(),
        until: at(1_000),
        at: at(2),
    }
}

fn in_session() -> JobOptions {
    JobOptions { session: Some(token(9)), ..JobOptions::default() }
}

fn of_key(byte: u8) -> JobOptions {
    JobOptions { fair_key: Some(token(byte)), ..JobOptions::default() }
}

/// The promise that these events break.
async fn broken(events: &[Event]) -> Option<&'static str> {
    let oracle = Oracle::new(Arc::new(Trace::new()));
    oracle.recorded(events);
    oracle.verdict().0.map(|violation| violation.promise)
}

#[tokio::test(start_paused = true)]
async fn who_passes_another_in_a_session_is_seen() {
    let [one, two] = ids();
    let line = [with_sessions(), sent(one, in_session()), sent(two, in_session())];
    let told = |rest: &[Event]| [&line, rest].concat();
    assert_eq!(broken(&told(&[leased(two, None, 2)])).await, Some(LINES));
    assert_eq!(broken(&told(&[leased(one, None, 2), leased(two, None, 2)])).await, Some(LINES));
    assert_eq!(broken(&told(&[leased(one, None, 2), completed(one), leased(two, None, 4)])).await, None);
    let apart = [queue(|_| {}), sent(one, in_session()), sent(two, in_session()), leased(one, None, 2)];
    assert_eq!(broken(&[&apart[..], &[leased(two, None, 2)]].concat()).await, None, "no sessions are kept");
}

#[tokio::test(start_paused = true)]
async fn whoever_works_in_a_session_that_another_holds_is_seen() {
    let [one, two] = ids();
    let line = [with_sessions(), sent(one, in_session()), sent(two, in_session()), held(1)];
    let told = |rest: &[Event]| [&line, rest].concat();
    assert_eq!(broken(&told(&[leased(one, Some(1), 3), leased(two, Some(1), 3)])).await, None);
    assert_eq!(broken(&told(&[leased(one, None, 3)])).await, Some(LINES));
    assert_eq!(broken(&told(&[leased(one, Some(2), 3)])).await, Some(LINES));
    assert_eq!(broken(&told(&[held(2)])).await, Some(LINES));
    assert_eq!(broken(&told(&[leased(one, Some(1), 999)])).await, None);
    assert_eq!(broken(&told(&[leased(one, Some(1), 1_000)])).await, Some(LINES), "the hold is over");
    let end =
        Event::SessionEnded { queue: QueueNumber(0), session: token(9), end: SessionEnd::Closed, at: at(4) };
    assert_eq!(broken(&told(std::slice::from_ref(&end))).await, None);
    assert_eq!(broken(&told(&[leased(one, Some(1), 3), end])).await, Some(LINES), "it left one out");
}

#[tokio::test(start_paused = true)]
async fn one_more_than_a_limit_lets_is_seen() {
    let [one, two] = ids();
    let rate = |burst| Some(Rate { starts: 1, period: Millis::new(100), burst });
    let two_starts = |limit: RunLimit, per_key, keys: [u8; 2], second| {
        let set = |settings: &mut QueueSettings| match per_key {
            true => settings.limit_per_key = limit,
            false => settings.limit = limit,
        };
        let jobs = [sent(one, of_key(keys[0])), sent(two, of_key(keys[1]))];
        [&[queue(set)], &jobs[..], &[leased(one, None, 2), leased(two, None, second)]].concat()
    };
    let one_at_once = RunLimit { concurrency: Some(1), rate: None };
    assert_eq!(broken(&two_starts(one_at_once, false, [1, 2], 2)).await, Some(LIMITS));
    assert_eq!(broken(&two_starts(one_at_once, true, [1, 1], 2)).await, Some(LIMITS));
    assert_eq!(broken(&two_starts(one_at_once, true, [1, 2], 2)).await, None);
    let slow = RunLimit { concurrency: None, rate: rate(1) };
    assert_eq!(broken(&two_starts(slow, false, [1, 2], 101)).await, Some(LIMITS));
    assert_eq!(broken(&two_starts(slow, false, [1, 2], 102)).await, None);
    assert_eq!(broken(&two_starts(slow, true, [1, 1], 101)).await, Some(LIMITS));
    assert_eq!(
        broken(&two_starts(RunLimit { concurrency: None, rate: rate(2) }, true, [1, 1], 2)).await,
        None
    );
}

#[tokio::test(start_paused = true)]
async fn who_is_served_out_of_turn_is_seen() {
    let [one, two] = ids();
    let three = JobId::v7(3, [3; 10]);
    let said = [queue(|_| {}), sent(one, of_key(1)), sent(two, of_key(1)), sent(three, of_key(2))];
    let told = |rest: &[Event]| [&said, rest].concat();
    assert_eq!(broken(&told(&[leased(two, None, 2)])).await, Some(TURNS), "the first of its key comes first");
    assert_eq!(broken(&told(&[leased(one, None, 2), leased(three, None, 2)])).await, None);
    assert_eq!(broken(&told(&[leased(one, None, 2), leased(two, None, 2)])).await, Some(TURNS));
}

#[tokio::test(start_paused = true)]
async fn a_second_job_of_a_key_is_seen() {
    let [one, two] = ids();
    let key = IdempotencyKey { key: token(1), fingerprint: token(2) };
    let keyed = || JobOptions { idempotency: Some(key), ..JobOptions::default() };
    let within = |ms| {
        let window = queue(|settings| settings.idempotency_window = Millis::new(1_000));
        [window, sent_at(one, keyed(), 1), sent_at(two, keyed(), ms)]
    };
    assert_eq!(broken(&within(1_001)).await, Some("one job for a key, and the first answer for its repeats"));
    assert_eq!(broken(&within(1_002)).await, None);

    let unique = UniqueKey { key: token(1), on_conflict: OnConflict::Refuse };
    let only = || JobOptions { unique: Some(unique), ..JobOptions::default() };
    let after = |end: Event| [queue(|_| {}), sent(one, only()), leased(one, None, 2), end, sent(two, only())];
    assert_eq!(broken(&after(dead(one))).await, Some("one job of a unique key at a time"));
    assert_eq!(broken(&after(completed(one))).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_does_not_follow_its_parent_is_seen() {
    let [one, two] = ids();
    let waits = |policy| JobOptions {
        links: Some(Box::new(Links::new(None, vec![one], Vec::new(), policy).unwrap())),
        ..JobOptions::default()
    };
    let begun = |policy| [queue(|_| {}), sent(one, JobOptions::default()), sent(two, waits(policy))];
    let hears = |next| Event::ParentEnded { job: two, parent: one, next, at: at(4) };
    let ends =
        |policy, end: Event, next| [&begun(policy)[..], &[leased(one, None, 2), end, hears(next)]].concat();
    let at_once = [&begun(OnFailure::Fail)[..], &[leased(two, None, 2)]].concat();
    assert_eq!(broken(&at_once).await, Some(PARENTS));
    let too_early = [&begun(OnFailure::Fail)[..], &[hears(AfterParent::Runs)]].concat();
    assert_eq!(broken(&too_early).await, Some(PARENTS));
    for (policy, end, next) in [
        (OnFailure::Fail, completed(one), AfterParent::Runs),
        (OnFailure::Fail, dead(one), AfterParent::Dies),
        (OnFailure::Cancel, dead(one), AfterParent::Cancelled),
        (OnFailure::Run, dead(one), AfterParent::Runs),
    ] {
        assert_eq!(broken(&ends(policy, end.clone(), next)).await, None, "{policy} {next:?}");
        assert_eq!(broken(&ends(policy, end, AfterParent::Waits)).await, Some(PARENTS), "{policy} waits");
    }
}
