//! Facts to store: one of every kind, and jobs by number.

use std::collections::BTreeMap;
use std::sync::Arc;

use sealane_core::control::{AccessKey, ControlEvent, QueuePattern, Role};
use sealane_core::id::{FlowId, JobId, LeaseId, LockId};
use sealane_core::job::{Category, HoldReason, JobInput, Priority};
use sealane_core::name::{
    AttributeName, CodeVersion, ContentType, CorrelationId, ErrorCode, InstanceName, KeyId, Kind, Namespace,
    Principal, QueueName, SessionId, Subject, Tag,
};
use sealane_core::queue::session::{SessionEnd, SessionMode, SessionSettings};
use sealane_core::queue::{
    AfterParent, CancelReason, DeadFilter, Event, HeldFilter, IdempotencyKey, JobEnqueued, JobOptions,
    Labels, Links, Next, OnConflict, OnFailure, QueueMode, QueueNumber, QueueSettings, Rate, RedriveRate,
    ReleaseReason, Report, ReportedProgress, RootIds, RunLimit, Runner, SweepKind, SweepWish, UniqueKey,
};
use sealane_core::retry::{Backoff, BackoffShape, RetryPolicy};
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;

use super::schedule_samples::schedule_facts;
use crate::fact::{CallerData, Fact};

/// The queue all samples are in.
pub const QUEUE: QueueNumber = QueueNumber(0);

/// The namespace all samples are in.
pub fn namespace() -> Namespace {
    Namespace::parse("acme").expect("follows the rule")
}

/// A job's id by number.
pub fn job_id(number: u64) -> JobId {
    JobId::v7(1_767_225_600_000 + number, [7; 10])
}

/// A fact about the namespace of all samples.
pub fn shard(event: Event) -> Fact {
    Fact::Shard { namespace: namespace(), event }
}

/// A job was accepted.
pub fn enqueued(number: u64) -> Fact {
    shard(Event::JobEnqueued(JobEnqueued {
        job: job_id(number),
        queue: QUEUE,
        owner: principal(),
        priority: Priority::Normal,
        run_at: Time::from_unix_ms(number),
        expires_at: None,
        max_attempts: 5,
        options: None,
        digest: [9; 16],
        at: Time::from_unix_ms(number),
    }))
}

/// A job was completed.
pub fn completed(number: u64) -> Fact {
    shard(Event::JobCompleted { job: job_id(number), at: Time::from_unix_ms(number) })
}

/// What a producer supplied: a body of this many bytes and the number in it, nothing else.
pub fn input(number: u64, body_bytes: usize) -> Arc<JobInput> {
    let body = number.to_be_bytes().into_iter().cycle().take(body_bytes).collect();
    Arc::new(JobInput {
        kind: Kind::parse("invoice.render").expect("follows the rule"),
        body,
        content_type: None,
        attributes: BTreeMap::new(),
        session_id: None,
        correlation_id: None,
        subject: None,
        tags: Vec::new(),
    })
}

/// What a producer supplied, with every field set and `word` in each.
pub fn full_input(word: &str) -> Arc<JobInput> {
    Arc::new(JobInput {
        kind: Kind::parse(word).expect("the word follows the rule"),
        body: word.as_bytes().to_vec(),
        content_type: Some(ContentType::parse(word).expect("the word follows the rule")),
        attributes: BTreeMap::from([
            (AttributeName::parse(word).expect("the word follows the rule"), word.to_owned()),
            (AttributeName::parse("zone").expect("follows the rule"), String::new()),
        ]),
        session_id: Some(SessionId::parse(word).expect("the word follows the rule")),
        correlation_id: Some(CorrelationId::parse(word).expect("the word follows the rule")),
        subject: Some(Subject::parse(word).expect("the word follows the rule")),
        tags: vec![
            Tag::parse(word).expect("the word follows the rule"),
            Tag::parse("eu").expect("follows the rule"),
        ],
    })
}

/// Caller data of a sample job.
pub fn job_data(input: &Arc<JobInput>) -> CallerData<'_> {
    CallerData::Job { queue: QUEUE, input }
}

/// Caller data of a sample outcome.
pub fn outcome_data(bytes: &[u8]) -> CallerData<'_> {
    CallerData::Outcome { queue: QUEUE, bytes }
}

/// One fact of every kind, and of every shape a kind can have.
pub fn every_fact() -> Vec<Fact> {
    [first_facts(), later_facts(), schedule_facts()].concat()
}

/// The kinds that came after the first release, in the order of their tags.
pub fn later_facts() -> Vec<Fact> {
    let at = Time::from_unix_ms(1_767_225_600_000);
    let (job, queue) = (job_id(1), QueueNumber(3));
    let mut facts = vec![shard(Event::JobCancelRequested { job, at })];
    facts.extend(
        CancelReason::ALL.iter().map(|reason| shard(Event::JobCancelled { job, reason: *reason, at })),
    );
    facts.extend([
        shard(Event::JobPromoted { job, at }),
        shard(Event::JobRedriven { job, at }),
        shard(Event::HoldReleased { job, at }),
        shard(Event::JobReprioritised { job, priority: Priority::Bulk, at }),
        shard(Event::JobMoved { job, queue, at }),
    ]);
    facts.extend(
        [SweepKind::PurgeDead, SweepKind::RedriveDead, SweepKind::PurgeWaiting]
            .map(|kind| shard(Event::SweepBegun { queue, wish: Box::new(SweepWish::all(kind)), at })),
    );
    let died_at = Time::from_unix_ms(9);
    facts.push(shard(Event::SweepAdvanced { queue, died_at, job, jobs: 0, due: at, at }));
    facts.push(shard(Event::SweepEnded { queue, at }));
    facts.extend(second_versions(at));
    facts.extend(QueueMode::ALL.iter().map(|mode| shard(Event::QueueModeChanged { queue, mode: *mode, at })));
    facts.extend(third_settings(at));
    facts.push(job_with_key(at));
    facts.extend(dead_letter_facts(at));
    facts.extend(about_keys(at));
    facts.extend(linked(at));
    facts.extend(reports(at));
    facts.extend(session_facts(at));
    facts.push(settings_of_bodies(at));
    facts.extend([
        leased_by(Some("w-7"), Some("1.4.0+5e1f"), Some(LockId::from_bytes([6; 16])), at),
        leased_by(Some("w-7"), None, None, at),
        leased_by(None, Some("1.4.0+5e1f"), None, at),
        shard(Event::JobHeld { job, reason: HoldReason::Quarantined, at }),
        shard(Event::SweepBegun { queue, wish: Box::new(SweepWish::all(SweepKind::ReleaseHeld)), at }),
        clone(at),
    ]);
    facts.push(some_held_released(at));
    facts
}

/// Letting some of the held jobs go on, with everything that a filter can say.
fn some_held_released(at: Time) -> Fact {
    let filter = HeldFilter {
        reason: Some(HoldReason::Quarantined),
        kind: Some(Token::from_bytes([2; 16])),
        tag: Some(Token::from_bytes([3; 16])),
        owner: Some(principal()),
        held_from: Some(Time::from_unix_ms(4)),
        held_before: Some(Time::from_unix_ms(5)),
    };
    let wish = SweepWish::ReleaseHeld { filter, rate: RedriveRate::per_second(7) };
    shard(Event::SweepBegun { queue: QueueNumber(3), wish: Box::new(wish), at })
}

/// A job that repeats another one.
fn clone(at: Time) -> Fact {
    shard(Event::JobEnqueued(JobEnqueued {
        job: job_id(2),
        queue: QUEUE,
        owner: principal(),
        priority: Priority::Normal,
        run_at: at,
        expires_at: None,
        max_attempts: 5,
        options: JobOptions { clone_of: Some(job_id(1)), ..JobOptions::default() }.boxed(),
        digest: [9; 16],
        at,
    }))
}

/// A queue that says which bodies it takes.
fn settings_of_bodies(at: Time) -> Fact {
    let root_ids = RootIds::of(&[[7; 16], [8; 16]]).expect("two");
    let settings = QueueSettings { max_body: 64, root_ids, ..QueueSettings::default() };
    shard(Event::QueueChanged { number: QUEUE, settings: Box::new(settings), at })
}

/// Idempotency and unique keys, and the setting about them.
fn about_keys(at: Time) -> Vec<Fact> {
    let token = |byte: u8| Token::from_bytes([byte; 16]);
    let key = IdempotencyKey { key: token(1), fingerprint: token(2) };
    let with = |options: JobOptions| match enqueued(1) {
        Fact::Shard { namespace, event: Event::JobEnqueued(job) } => Fact::Shard {
            namespace,
            event: Event::JobEnqueued(JobEnqueued { options: options.boxed(), ..job }),
        },
        other => other,
    };
    let unique = |on_conflict: &OnConflict| {
        with(JobOptions {
            unique: Some(UniqueKey { key: token(3), on_conflict: *on_conflict }),
            ..JobOptions::default()
        })
    };
    let settings = QueueSettings { idempotency_window: Millis::new(13), ..QueueSettings::default() };
    let mut facts = vec![
        shard(Event::JobMerged { job: job_id(1), sender: principal(), key, at }),
        shard(Event::KeysForgotten { gone_at: Time::from_unix_ms(9), key: token(4), at }),
        with(JobOptions { idempotency: Some(key), ..JobOptions::default() }),
    ];
    facts.extend(OnConflict::ALL.iter().map(unique));
    facts.push(shard(Event::QueueChanged { number: QUEUE, settings: Box::new(settings), at }));
    let queue = QueueName::parse("keys").expect("follows the rule");
    facts.push(shard(Event::QueueCreated { number: QUEUE, queue, settings: Box::new(settings), at }));
    facts
}

/// Jobs that wait for others, and what they hear of them.
fn linked(at: Time) -> Vec<Fact> {
    let (flow, all, any) = (FlowId::from_bytes([6; 16]), vec![job_id(2), job_id(3)], vec![job_id(4)]);
    let links = [
        Links::new(Some(flow), all, any, OnFailure::Cancel),
        Links::new(None, vec![job_id(2)], Vec::new(), OnFailure::Fail),
    ];
    let jobs = links.map(|links| {
        let links = links.map(Box::new).expect("few, and none twice");
        shard(Event::JobEnqueued(JobEnqueued {
            job: job_id(1),
            queue: QUEUE,
            owner: principal(),
            priority: Priority::Normal,
            run_at: at,
            expires_at: None,
            max_attempts: 5,
            options: JobOptions { links: Some(links), ..JobOptions::default() }.boxed(),
            digest: [9; 16],
            at,
        }))
    });
    let heard = AfterParent::ALL.iter().map(|next| {
        let (job, parent) = (job_id(1), job_id(2));
        shard(Event::ParentEnded { job, parent, next: *next, at })
    });
    jobs.into_iter().chain(heard).collect()
}

/// Kinds of the first release with what only their second version can hold.
fn second_versions(at: Time) -> [Fact; 4] {
    let backoff =
        Backoff { shape: BackoffShape::Linear, base: Millis::new(7), cap: Millis::new(8), jitter_percent: 9 };
    let settings = QueueSettings {
        retry: RetryPolicy { backoff, max_attempts: 5 },
        max_run: Millis::new(10),
        horizon: Millis::new(11),
        max_depth: 12,
        ..QueueSettings::default()
    };
    let queue = QueueName::parse("later").expect("follows the rule");
    let code = Some(ErrorCode::parse("E42").expect("follows the rule"));
    [
        shard(Event::QueueCreated { number: QUEUE, queue, settings: Box::new(settings), at }),
        shard(Event::QueueChanged { number: QUEUE, settings: Box::new(settings), at }),
        shard(Event::JobEnqueued(JobEnqueued {
            job: job_id(1),
            queue: QUEUE,
            owner: principal(),
            priority: Priority::Normal,
            run_at: at,
            expires_at: None,
            max_attempts: 5,
            options: JobOptions { backoff: Some(backoff), ..JobOptions::default() }.boxed(),
            digest: [9; 16],
            at,
        })),
        shard(Event::JobFailed {
            job: job_id(1),
            category: Category::System,
            code,
            fingerprint: None,
            next: Next::Dead,
            at,
        }),
    ]
}

/// What dead-letter can say beyond all of it at once.
fn dead_letter_facts(at: Time) -> [Fact; 8] {
    let (job, queue) = (job_id(1), QueueNumber(3));
    let token = |byte| Some(Token::from_bytes([byte; 16]));
    let code = || Some(ErrorCode::parse("E42").expect("follows the rule"));
    let filter = DeadFilter {
        category: Some(Category::Timeout),
        code: code(),
        fingerprint: token(1),
        kind: token(2),
        tag: token(3),
        owner: Some(principal()),
        died_from: Some(Time::from_unix_ms(4)),
        died_before: Some(Time::from_unix_ms(5)),
    };
    let only_code = DeadFilter { code: code(), ..DeadFilter::default() };
    let rate = RedriveRate::per_second(7);
    let begun = |wish: SweepWish| shard(Event::SweepBegun { queue, wish: Box::new(wish), at });
    let failed = |code: Option<ErrorCode>| {
        let (category, fingerprint) = (Category::Temporary, token(6));
        shard(Event::JobFailed { job, category, code, fingerprint, next: Next::Dead, at })
    };
    let labelled = |labels: Labels| shard(Event::DeadLabelled { job, labels: Box::new(labels), at });
    let tags = vec![Token::from_bytes([8; 16]), Token::from_bytes([9; 16])];
    [
        begun(SweepWish::RedriveDead { filter, rate }),
        begun(SweepWish::RedriveDead { filter: DeadFilter::default(), rate }),
        begun(SweepWish::PurgeDead { filter: only_code }),
        shard(Event::SweepAdvanced { queue, died_at: at, job, jobs: 2, due: at.plus(Millis::new(3)), at }),
        failed(code()),
        failed(None),
        labelled(Labels { kind: token(7), tags, seal_expires: Some(at) }),
        labelled(Labels::default()),
    ]
}

/// A report on a job with two parts.
pub fn reported(number: u64) -> Fact {
    let progress = Some(ReportedProgress { percent: 1, message: Some(4) });
    let report = Report { progress, log: Some(6), ..Report::default() };
    shard(Event::JobReported { job: job_id(number), report, at: Time::from_unix_ms(1) })
}

/// A report with everything in it, and one of each part alone.
fn reports(at: Time) -> [Fact; 4] {
    let progress = |message| Some(ReportedProgress { percent: 42, message });
    let (none, job) = (Report::default(), job_id(1));
    [
        Report { seq: 7, progress: progress(Some(1)), log: Some(2), checkpoint: Some(u32::MAX) },
        Report { progress: progress(None), ..none },
        Report { seq: 1, log: Some(0), ..none },
        Report { seq: u32::MAX, checkpoint: Some(5), ..none },
    ]
    .map(|report| shard(Event::JobReported { job, report, at }))
}

/// A job with an option that only the third version can hold.
fn job_with_key(at: Time) -> Fact {
    shard(Event::JobEnqueued(JobEnqueued {
        job: job_id(5),
        queue: QUEUE,
        owner: principal(),
        priority: Priority::Normal,
        run_at: at,
        expires_at: None,
        max_attempts: 5,
        options: JobOptions { fair_key: Some(Token::from_bytes([4; 16])), ..JobOptions::default() }.boxed(),
        digest: [9; 16],
        at,
    }))
}

/// Settings that only the third version can hold.
fn third_settings(at: Time) -> [Fact; 2] {
    let limit = |starts| RunLimit {
        rate: Some(Rate { starts, period: Millis::new(1_000), burst: 7 }),
        concurrency: Some(starts + 1),
    };
    let both = QueueSettings { limit: limit(1), limit_per_key: limit(3), ..QueueSettings::default() };
    let one = RunLimit { concurrency: Some(5), ..RunLimit::default() };
    let settings = QueueSettings { limit_per_key: one, ..QueueSettings::default() };
    let queue = QueueName::parse("limited").expect("follows the rule");
    [
        shard(Event::QueueCreated { number: QUEUE, queue, settings: Box::new(both), at }),
        shard(Event::QueueChanged { number: QUEUE, settings: Box::new(settings), at }),
    ]
}

/// The session that all samples are about.
const SESSION: Token = Token::from_bytes([4; 16]);

/// Somebody holds a session.
pub fn session_accepted() -> Fact {
    let (lock, at) = (LockId::from_bytes([6; 16]), Time::from_unix_ms(1));
    let until = Time::from_unix_ms(2);
    shard(Event::SessionAccepted { queue: QUEUE, session: SESSION, lock, holder: principal(), until, at })
}

/// A session remembers something.
pub fn session_state_set() -> Fact {
    shard(Event::SessionStateSet { queue: QUEUE, session: SESSION, at: Time::from_unix_ms(1) })
}

/// What sessions brought: kinds of their own, and what others can hold since.
fn session_facts(at: Time) -> Vec<Fact> {
    let (queue, session, until) = (QueueNumber(3), SESSION, Time::from_unix_ms(7));
    let sessions =
        SessionSettings { mode: SessionMode::Required, idle: Millis::new(1), hold: Millis::new(2) };
    let settings = QueueSettings { sessions, ..QueueSettings::default() };
    let mut facts = vec![
        session_accepted(),
        shard(Event::SessionRenewed { queue, session, until, at }),
        session_state_set(),
        shard(Event::SessionStateCleared { queue, session, at }),
        shard(Event::QueueChanged { number: QUEUE, settings: Box::new(settings), at }),
        shard(Event::JobEnqueued(JobEnqueued {
            job: job_id(1),
            queue: QUEUE,
            owner: principal(),
            priority: Priority::Normal,
            run_at: at,
            expires_at: None,
            max_attempts: 5,
            options: JobOptions { session: Some(session), ..JobOptions::default() }.boxed(),
            digest: [9; 16],
            at,
        })),
        shard(Event::JobLeased {
            job: job_id(1),
            lease: LeaseId::from_bytes([3; 16]),
            holder: principal(),
            runner: None,
            lock: Some(LockId::from_bytes([6; 16])),
            until,
            at,
        }),
    ];
    facts.extend(
        SessionEnd::ALL.iter().map(|end| shard(Event::SessionEnded { queue, session, end: *end, at })),
    );
    facts
}

/// A lease of a worker that calls itself something.
fn leased_by(instance: Option<&str>, version: Option<&str>, lock: Option<LockId>, at: Time) -> Fact {
    let instance = instance.map(|name| InstanceName::parse(name).expect("follows the rule"));
    let version = version.map(|version| CodeVersion::parse(version).expect("follows the rule"));
    shard(Event::JobLeased {
        job: job_id(1),
        lease: LeaseId::from_bytes([3; 16]),
        holder: principal(),
        runner: Runner::new(instance, version).map(Arc::new),
        lock,
        until: Time::from_unix_ms(8),
        at,
    })
}

/// Caller data of a sample session.
pub fn session_data(bytes: &[u8]) -> CallerData<'_> {
    CallerData::Session { queue: QUEUE, bytes }
}

/// The kinds of the first release.
pub fn first_facts() -> Vec<Fact> {
    let at = Time::from_unix_ms(1_767_225_600_000);
    let later = Time::from_unix_ms(1_767_225_630_000);
    let job = job_id(1);
    let queue = QueueName::parse("orders.eu").expect("follows the rule");
    let settings = QueueSettings::default();
    let mut facts = vec![
        shard(Event::ServerStarted { at }),
        shard(Event::QueueCreated { number: QUEUE, queue, settings: Box::new(settings), at }),
        shard(Event::QueueChanged { number: QUEUE, settings: Box::new(settings), at }),
        enqueued(1),
        shard(Event::JobEnqueued(JobEnqueued {
            job: job_id(2),
            queue: QueueNumber(u32::MAX),
            owner: principal(),
            priority: Priority::Bulk,
            run_at: later,
            expires_at: Some(later),
            max_attempts: u32::MAX,
            options: None,
            digest: [0xff; 16],
            at,
        })),
        shard(Event::JobDue { job, at }),
        shard(Event::JobLeased {
            job,
            lease: LeaseId::from_bytes([3; 16]),
            holder: principal(),
            runner: None,
            lock: None,
            until: later,
            at,
        }),
        shard(Event::LeaseExtended { job, until: later, at }),
        shard(Event::LeaseExpired { job, next: Next::Retry(later), at }),
        shard(Event::LeaseExpired { job, next: Next::Dead, at }),
        shard(Event::JobReleased { job, reason: ReleaseReason::Returned, run_at: later, at }),
        shard(Event::JobReleased { job, reason: ReleaseReason::Undelivered, run_at: at, at }),
        completed(1),
        shard(Event::JobExpired { job, at }),
    ];
    facts.extend(Category::ALL.iter().map(|category| {
        shard(Event::JobFailed {
            job,
            category: *category,
            code: None,
            fingerprint: None,
            next: Next::Retry(later),
            at,
        })
    }));
    facts.extend(
        [HoldReason::Unopenable, HoldReason::Unreadable]
            .map(|reason| shard(Event::JobHeld { job, reason, at })),
    );
    let id = KeyId::parse("abcdefghijklmnop").expect("follows the rule");
    let key = AccessKey {
        id: id.clone(),
        principal: principal(),
        role: Role::Worker,
        queues: vec![QueuePattern::any(), QueuePattern::parse("orders.*").expect("follows the rule")],
        hash: [5; 32],
        created_at: at,
        expires_at: later,
        revoked_at: None,
    };
    let revoked = AccessKey { revoked_at: Some(later), queues: Vec::new(), ..key.clone() };
    facts.push(Fact::Control(ControlEvent::AccessKeyCreated(key)));
    facts.push(Fact::Control(ControlEvent::AccessKeyCreated(revoked)));
    facts.push(Fact::Control(ControlEvent::AccessKeyRevoked { id, at: later }));
    facts
}

fn principal() -> Principal {
    Principal::parse("billing-service").expect("follows the rule")
}
