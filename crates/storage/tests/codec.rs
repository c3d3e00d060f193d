//! Records as bytes: every fact comes back as it was, and nothing that is not exactly one is read.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
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
    ReleaseReason, Report, ReportedProgress, RootIds, RunLimit, Runner, SealingPolicy, SweepKind, SweepWish,
    UniqueKey,
};
use sealane_core::retry::{Backoff, BackoffShape, RetryPolicy};
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;
use sealane_storage::Fact;
use sealane_storage::codec::{DecodeError, decode_fact, decode_job_input, encode_fact, encode_job_input};
use sealane_storage::testing::samples::{every_fact, first_facts, full_input, later_facts};
use sealane_storage::testing::schedule_samples::schedule_facts;

fn fact_bytes(fact: &Fact) -> Vec<u8> {
    let mut out = Vec::new();
    encode_fact(fact, &mut out);
    out
}

fn input_bytes(input: &JobInput) -> Vec<u8> {
    let mut out = Vec::new();
    encode_job_input(input, &mut out);
    out
}

#[test]
fn every_kind_of_fact_comes_back_and_no_part_of_one_is_one() {
    for fact in every_fact() {
        let bytes = fact_bytes(&fact);
        assert_eq!(decode_fact(&bytes).unwrap(), fact);
        // A list of tagged fields may end behind each of them: its frame says how long a record is.
        let tagged = bytes[1] == 3;
        for len in 0..bytes.len() {
            let cut = decode_fact(&bytes[..len]);
            assert!(cut.is_err() || (tagged && cut != Ok(fact.clone())), "{fact:?} cut to {len}");
        }
        let longer = decode_fact(&[bytes.as_slice(), &[0]].concat());
        let trailing = longer == Err(DecodeError::Trailing { bytes: 1 });
        assert!(trailing || (tagged && longer.is_err()), "{fact:?}");
    }
}

#[test]
fn an_unknown_tag_or_version_is_no_record() {
    let known: BTreeSet<[u8; 2]> = every_fact()
        .iter()
        .map(|fact| {
            let bytes = fact_bytes(fact);
            [bytes[0], bytes[1]]
        })
        .collect();
    assert_eq!(known.iter().filter(|[_, version]| *version == 2).count(), 7, "so many have a second version");
    let some = fact_bytes(&every_fact()[0]);
    for tag in 0..=u8::MAX {
        for version in 0..=u8::MAX {
            if !known.contains(&[tag, version]) {
                let bytes = [&[tag, version], &some[2..]].concat();
                assert_eq!(decode_fact(&bytes), Err(DecodeError::UnknownTag { tag, version }));
            }
        }
    }
}

/// What fits the first version is not read from the second.
#[test]
fn settings_have_one_form() {
    let first = every_fact().into_iter().find(|fact| fact_bytes(fact)[..2] == [2, 1]).unwrap();
    let mut bytes = fact_bytes(&first);
    bytes[1] = 2;
    bytes.extend([3, 10]);
    bytes.extend((30 * 60_000_u64).to_be_bytes());
    bytes.extend((30 * 86_400_000_u64).to_be_bytes());
    bytes.extend(1_000_000_u64.to_be_bytes());
    assert_eq!(decode_fact(&bytes), Err(DecodeError::Field { field: "settings" }));
}

/// What version 1 says nothing of is what `FORMAT.md` lists, whatever the defaults are by now; and a lease
/// from before runs had an end is not cut short by it.
#[test]
fn the_first_version_s_settings_mean_what_they_always_did() {
    for (lease_ms, max_run_ms) in [(30_000, 1_800_000), (1_800_000, 1_800_000), (7_200_000, 7_200_000)] {
        let mut bytes = vec![2, 1, 0, 1, b'a'];
        bytes.extend(5_u64.to_be_bytes());
        bytes.extend(0_u32.to_be_bytes());
        bytes.push(1);
        for ms in [lease_ms, 1_000, 3_600_000_u64] {
            bytes.extend(ms.to_be_bytes());
        }
        bytes.extend(7_u32.to_be_bytes());
        let Ok(Fact::Shard { event: Event::QueueChanged { settings, .. }, .. }) = decode_fact(&bytes) else {
            panic!("a queue was changed")
        };
        let backoff = Backoff {
            shape: BackoffShape::Exponential,
            base: Millis::new(1_000),
            cap: Millis::new(3_600_000),
            jitter_percent: 10,
        };
        let meant = QueueSettings {
            sealing: SealingPolicy::Required,
            lease: Millis::new(lease_ms),
            retry: RetryPolicy { backoff, max_attempts: 7 },
            max_run: Millis::new(max_run_ms),
            horizon: Millis::new(2_592_000_000),
            max_depth: 1_000_000,
            max_body: 1_048_576,
            root_ids: RootIds::default(),
            limit: RunLimit::default(),
            limit_per_key: RunLimit::default(),
            sessions: SessionSettings {
                mode: SessionMode::Off,
                idle: Millis::new(60_000),
                hold: Millis::new(3_600_000),
            },
            idempotency_window: Millis::new(86_400_000),
        };
        assert_eq!(*settings, meant);
        assert_eq!(settings.check(), Ok(()));
        assert_eq!(fact_bytes(&decode_fact(&bytes).unwrap()), bytes);
    }
}

/// The bytes of format version 1, as they were first written. A change of any of them is a new version
/// of that record, never an edit of this file.
#[test]
fn the_bytes_are_those_of_the_first_release() {
    let expected = include_str!("fixtures/records-v1.txt");
    let mut lines = expected.lines().filter(|line| !line.starts_with('#'));
    let mut next = |bytes: &[u8]| {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(lines.next(), Some(hex.as_str()));
    };
    for fact in first_facts() {
        next(&fact_bytes(&fact));
    }
    next(&input_bytes(&full_input("word")));
    assert_eq!(lines.next(), None);
}

/// The same for the kinds that came later: lines are added at the end, none is ever edited.
#[test]
fn the_bytes_of_later_kinds_stay_as_they_were_first_written() {
    let expected = include_str!("fixtures/records-later.txt");
    let mut lines = expected.lines().filter(|line| !line.starts_with('#'));
    for fact in later_facts() {
        let hex: String = fact_bytes(&fact).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(lines.next(), Some(hex.as_str()), "{fact:?}");
    }
    assert_eq!(lines.next(), None);
}

/// The same for what belongs to schedules.
#[test]
fn the_bytes_of_schedules_stay_as_they_were_first_written() {
    let expected = include_str!("fixtures/records-schedules.txt");
    let mut lines = expected.lines().filter(|line| !line.starts_with('#'));
    for fact in schedule_facts() {
        let hex: String = fact_bytes(&fact).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(lines.next(), Some(hex.as_str()), "{fact:?}");
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn attributes_stand_in_one_order_only() {
    let good = input_bytes(&full_input("word"));
    let at = good.windows(6).position(|window| window == b"\0\x04zone").unwrap();
    let mut swapped = good.clone();
    swapped[at + 2..at + 6].copy_from_slice(b"aone");
    assert_eq!(decode_job_input(&swapped), Err(DecodeError::Field { field: "attributes" }));
    for len in 0..good.len() {
        assert!(decode_job_input(&good[..len]).is_err(), "cut to {len}");
    }
    assert_eq!(decode_job_input(&[good.as_slice(), b"x"].concat()), Err(DecodeError::Trailing { bytes: 1 }));
    assert!(decode_job_input(&[&[2], &good[1..]].concat()).is_err(), "another version");
}

fn time() -> impl Strategy<Value = Time> {
    any::<u64>().prop_map(Time::from_unix_ms)
}

fn job() -> impl Strategy<Value = JobId> {
    any::<[u8; 16]>().prop_map(JobId::from_bytes)
}

fn principal() -> impl Strategy<Value = Principal> {
    "[a-z0-9][a-z0-9_-]{0,126}[a-z0-9]".prop_map(|text| Principal::parse(&text).unwrap())
}

fn backoff() -> impl Strategy<Value = Backoff> {
    let shape =
        prop_oneof![3 => Just(BackoffShape::Exponential), 1 => prop::sample::select(BackoffShape::ALL)];
    let jitter = prop_oneof![3 => Just(10), 1 => any::<u8>()];
    (shape, any::<u64>(), any::<u64>(), jitter).prop_map(|(shape, base, cap, jitter_percent)| Backoff {
        shape,
        base: Millis::new(base),
        cap: Millis::new(cap),
        jitter_percent,
    })
}

fn run_limit() -> impl Strategy<Value = RunLimit> {
    let rate = (any::<u32>(), any::<u64>(), any::<u32>()).prop_map(|(starts, period, burst)| Rate {
        starts,
        period: Millis::new(period),
        burst,
    });
    let limit = (prop::option::of(rate), prop::option::of(any::<u32>()))
        .prop_map(|(rate, concurrency)| RunLimit { rate, concurrency });
    prop_oneof![2 => Just(RunLimit::default()), 1 => limit]
}

fn sessions() -> impl Strategy<Value = SessionSettings> {
    let some = (prop::sample::select(SessionMode::ALL), any::<u64>(), any::<u64>());
    let some = some.prop_map(|(mode, idle, hold)| SessionSettings {
        mode,
        idle: Millis::new(idle),
        hold: Millis::new(hold),
    });
    prop_oneof![2 => Just(SessionSettings::default()), 1 => some]
}

fn settings() -> impl Strategy<Value = QueueSettings> {
    let sealing = prop::sample::select(SealingPolicy::ALL);
    let max_depth = prop_oneof![3 => Just(1_000_000), 1 => any::<u64>()];
    let horizon = prop_oneof![3 => Just(30 * 86_400_000), 1 => any::<u64>()];
    let max_run = prop_oneof![3 => Just(30 * 60_000), 1 => any::<u64>()];
    let limits = (run_limit(), run_limit(), sessions(), bodies());
    let window = prop_oneof![3 => Just(86_400_000), 1 => any::<u64>()];
    (sealing, any::<u64>(), backoff(), any::<u32>(), max_run, horizon, max_depth, (limits, window)).prop_map(
        |(sealing, lease, backoff, max_attempts, max_run, horizon, max_depth, (limits, window))| {
            QueueSettings {
                sealing,
                lease: Millis::new(lease),
                retry: RetryPolicy { backoff, max_attempts },
                max_run: Millis::new(max_run),
                horizon: Millis::new(horizon),
                max_depth,
                max_body: limits.3.0,
                root_ids: limits.3.1,
                limit: limits.0,
                limit_per_key: limits.1,
                sessions: limits.2,
                idempotency_window: Millis::new(window),
            }
        },
    )
}

fn bodies() -> impl Strategy<Value = (u32, RootIds)> {
    let max_body = prop_oneof![3 => Just(1_048_576), 1 => any::<u32>()];
    let roots = prop::collection::vec(any::<[u8; 16]>(), 0..=8);
    (max_body, roots.prop_map(|ids| RootIds::of(&ids).expect("eight at most")))
}

fn next() -> impl Strategy<Value = Next> {
    prop_oneof![Just(Next::Dead), time().prop_map(Next::Retry)]
}

fn idempotency() -> impl Strategy<Value = IdempotencyKey> {
    (token(), token()).prop_map(|(key, fingerprint)| IdempotencyKey { key, fingerprint })
}

fn options() -> impl Strategy<Value = JobOptions> {
    let on_conflict = prop::sample::select(OnConflict::ALL);
    let unique = (token(), on_conflict).prop_map(|(key, on_conflict)| UniqueKey { key, on_conflict });
    let parts = (
        prop::option::of(backoff()),
        prop::option::of(idempotency()),
        prop::option::of(unique),
        prop::option::of(token()),
        links(),
    );
    parts.prop_map(|(backoff, idempotency, unique, fair_key, links)| JobOptions {
        backoff,
        idempotency,
        unique,
        fair_key,
        links,
        ..JobOptions::default()
    })
}

fn enqueued() -> impl Strategy<Value = Event> {
    let priority = prop::sample::select(Priority::ALL);
    let first = (job(), any::<u32>(), principal(), priority, time());
    let second = (prop::option::of(time()), any::<u32>(), any::<[u8; 16]>(), time(), options());
    (first, second).prop_map(
        |((job, queue, owner, priority, run_at), (expires_at, max_attempts, digest, at, options))| {
            let queue = QueueNumber(queue);
            Event::JobEnqueued(JobEnqueued {
                job,
                queue,
                owner,
                priority,
                run_at,
                expires_at,
                max_attempts,
                options: options.boxed(),
                digest,
                at,
            })
        },
    )
}

fn links() -> impl Strategy<Value = Option<Box<Links>>> {
    let flow = prop::option::of(any::<[u8; 16]>().prop_map(FlowId::from_bytes));
    let jobs = || prop::collection::btree_set(job(), 0..4);
    let on_failure = prop::sample::select(OnFailure::ALL);
    let links = (flow, jobs(), jobs(), on_failure).prop_map(|(flow, all, any, on_failure)| {
        let any = any.difference(&all).copied().collect();
        Box::new(Links::new(flow, all.into_iter().collect(), any, on_failure).unwrap())
    });
    prop_oneof![2 => Just(None), 1 => links.prop_map(Some)]
}

fn event() -> impl Strategy<Value = Event> {
    let queue = "[a-z0-9][a-z0-9_-]{0,126}[a-z0-9]".prop_map(|text| QueueName::parse(&text).unwrap());
    let number = any::<u32>().prop_map(QueueNumber);
    let reason = prop_oneof![Just(ReleaseReason::Returned), Just(ReleaseReason::Undelivered)];
    let category = prop::sample::select(Category::ALL);
    let code = prop::option::of("[!-~]{1,64}".prop_map(|text| ErrorCode::parse(&text).unwrap()));
    let hold = prop::sample::select(HoldReason::ALL);
    let lease = any::<[u8; 16]>().prop_map(LeaseId::from_bytes);
    prop_oneof![
        (number, queue, settings(), time()).prop_map(|(number, queue, settings, at)| Event::QueueCreated {
            number,
            queue,
            settings: Box::new(settings),
            at
        }),
        (any::<u32>(), settings(), time()).prop_map(|(number, settings, at)| Event::QueueChanged {
            number: QueueNumber(number),
            settings: Box::new(settings),
            at
        }),
        enqueued(),
        (job(), time()).prop_map(|(job, at)| Event::JobDue { job, at }),
        (job(), lease, principal(), runner(), prop::option::of(lock()), time(), time()).prop_map(
            |(job, lease, holder, runner, lock, until, at)| Event::JobLeased {
                job,
                lease,
                holder,
                runner,
                lock,
                until,
                at
            }
        ),
        (job(), time(), time()).prop_map(|(job, until, at)| Event::LeaseExtended { job, until, at }),
        (job(), next(), time()).prop_map(|(job, next, at)| Event::LeaseExpired { job, next, at }),
        (job(), reason, time(), time()).prop_map(|(job, reason, run_at, at)| Event::JobReleased {
            job,
            reason,
            run_at,
            at
        }),
        (job(), time()).prop_map(|(job, at)| Event::JobCompleted { job, at }),
        (job(), category, (code, prop::option::of(token())), next(), time()).prop_map(
            |(job, category, (code, fingerprint), next, at)| Event::JobFailed {
                job,
                category,
                code,
                fingerprint,
                next,
                at
            }
        ),
        (job(), hold, time()).prop_map(|(job, reason, at)| Event::JobHeld { job, reason, at }),
        (job(), time()).prop_map(|(job, at)| Event::JobExpired { job, at }),
        time().prop_map(|at| Event::ServerStarted { at }),
        (job(), job(), prop::sample::select(AfterParent::ALL), time())
            .prop_map(|(job, parent, next, at)| Event::ParentEnded { job, parent, next, at }),
        by_person(),
        of_session(),
        reported(),
        (job(), principal(), idempotency(), time()).prop_map(|(job, sender, key, at)| Event::JobMerged {
            job,
            sender,
            key,
            at
        }),
        (time(), token(), time()).prop_map(|(gone_at, key, at)| Event::KeysForgotten { gone_at, key, at }),
    ]
}

/// A worker that calls itself something, or nothing.
fn runner() -> impl Strategy<Value = Option<Arc<Runner>>> {
    (prop::option::of("[!-~]{1,64}"), prop::option::of("[!-~]{1,64}")).prop_map(|(instance, version)| {
        let instance = instance.map(|name| InstanceName::parse(&name).unwrap());
        let version = version.map(|version| CodeVersion::parse(&version).unwrap());
        Runner::new(instance, version).map(Arc::new)
    })
}

fn lock() -> impl Strategy<Value = LockId> {
    any::<[u8; 16]>().prop_map(LockId::from_bytes)
}

fn of_session() -> impl Strategy<Value = Event> {
    let key =
        (any::<u32>().prop_map(QueueNumber), any::<[u8; 16]>().prop_map(Token::from_bytes), time()).boxed();
    let end = prop::sample::select(SessionEnd::ALL);
    prop_oneof![
        (key.clone(), lock(), principal(), time()).prop_map(|((queue, session, at), lock, holder, until)| {
            Event::SessionAccepted { queue, session, lock, holder, until, at }
        }),
        (key.clone(), time()).prop_map(|((queue, session, at), until)| Event::SessionRenewed {
            queue,
            session,
            until,
            at
        }),
        (key.clone(), end).prop_map(|((queue, session, at), end)| Event::SessionEnded {
            queue,
            session,
            end,
            at
        }),
        key.clone().prop_map(|(queue, session, at)| Event::SessionStateSet { queue, session, at }),
        key.prop_map(|(queue, session, at)| Event::SessionStateCleared { queue, session, at }),
    ]
}

fn reported() -> impl Strategy<Value = Event> {
    let bytes = || prop::option::of(any::<u32>());
    let progress = prop::option::of((any::<u8>(), bytes()));
    let progress =
        progress.prop_map(|said| said.map(|(percent, message)| ReportedProgress { percent, message }));
    let report = (any::<u32>(), progress, bytes(), bytes())
        .prop_map(|(seq, progress, log, checkpoint)| Report { seq, progress, log, checkpoint });
    (job(), report, time()).prop_map(|(job, report, at)| Event::JobReported { job, report, at })
}

fn by_person() -> impl Strategy<Value = Event> {
    let queue = || any::<u32>().prop_map(QueueNumber);
    let reason = prop::sample::select(CancelReason::ALL);
    let priority = prop::sample::select(Priority::ALL);
    let mode = prop::sample::select(QueueMode::ALL);
    prop_oneof![
        (job(), time()).prop_map(|(job, at)| Event::JobCancelRequested { job, at }),
        (job(), reason, time()).prop_map(|(job, reason, at)| Event::JobCancelled { job, reason, at }),
        (job(), time()).prop_map(|(job, at)| Event::JobPromoted { job, at }),
        (job(), time()).prop_map(|(job, at)| Event::JobRedriven { job, at }),
        (job(), time()).prop_map(|(job, at)| Event::HoldReleased { job, at }),
        (job(), priority, time()).prop_map(|(job, priority, at)| Event::JobReprioritised {
            job,
            priority,
            at
        }),
        (job(), queue(), time()).prop_map(|(job, queue, at)| Event::JobMoved { job, queue, at }),
        (queue(), wish(), time()).prop_map(|(queue, wish, at)| Event::SweepBegun {
            queue,
            wish: Box::new(wish),
            at
        }),
        (queue(), time(), job(), 0_u32..2, 0_u64..2, time()).prop_map(
            |(queue, died_at, job, jobs, wait, at)| Event::SweepAdvanced {
                queue,
                died_at,
                job,
                jobs,
                due: at.plus(Millis::new(wait)),
                at
            }
        ),
        (job(), prop::option::of(token()), vec(token(), 0..3), prop::option::of(time()), time()).prop_map(
            |(job, kind, tags, seal_expires, at)| Event::DeadLabelled {
                job,
                labels: Box::new(Labels { kind, tags, seal_expires }),
                at
            }
        ),
        (queue(), mode, time()).prop_map(|(queue, mode, at)| Event::QueueModeChanged { queue, mode, at }),
        (queue(), time()).prop_map(|(queue, at)| Event::SweepEnded { queue, at }),
    ]
}

fn token() -> impl Strategy<Value = Token> {
    any::<[u8; 16]>().prop_map(Token::from_bytes)
}

fn wish() -> impl Strategy<Value = SweepWish> {
    let category = prop::option::of(prop::sample::select(Category::ALL));
    let code = prop::option::of("[!-~]{1,64}".prop_map(|text| ErrorCode::parse(&text).unwrap()));
    let token = || prop::option::of(token());
    let times = (prop::option::of(time()), prop::option::of(time()));
    let filter = (category, code, token(), token(), token(), prop::option::of(principal()), times).prop_map(
        |(category, code, fingerprint, kind, tag, owner, (died_from, died_before))| DeadFilter {
            category,
            code,
            fingerprint,
            kind,
            tag,
            owner,
            died_from,
            died_before,
        },
    );
    let filter = prop_oneof![Just(DeadFilter::default()), filter];
    (prop::sample::select(SweepKind::ALL), filter, prop::option::of(1_u32..=100_000)).prop_map(
        |(kind, filter, rate)| match kind {
            SweepKind::PurgeDead => SweepWish::PurgeDead { filter },
            SweepKind::RedriveDead => {
                SweepWish::RedriveDead { filter, rate: rate.and_then(RedriveRate::per_second) }
            }
            SweepKind::PurgeWaiting => SweepWish::PurgeWaiting,
            SweepKind::ReleaseHeld => SweepWish::ReleaseHeld {
                filter: HeldFilter {
                    reason: filter.category.and_then(|category| HoldReason::from_code(category.code())),
                    kind: filter.kind,
                    tag: filter.tag,
                    owner: filter.owner,
                    held_from: filter.died_from,
                    held_before: filter.died_before,
                },
                rate: rate.and_then(RedriveRate::per_second),
            },
        },
    )
}

fn control() -> impl Strategy<Value = ControlEvent> {
    let id = || "[a-z2-7]{16}".prop_map(|text| KeyId::parse(&text).unwrap());
    let pattern = prop_oneof![
        Just(QueuePattern::any()),
        "[a-z0-9]{1,20}(\\.\\*)?(\\.\\*\\*)?".prop_map(|text| QueuePattern::parse(&text).unwrap()),
    ];
    let first = (id(), principal(), prop::sample::select(Role::ALL), vec(pattern, 0..=64));
    let second = (any::<[u8; 32]>(), time(), time(), prop::option::of(time()));
    let created = (first, second).prop_map(
        |((id, principal, role, queues), (hash, created_at, expires_at, revoked_at))| {
            ControlEvent::AccessKeyCreated(AccessKey {
                id,
                principal,
                role,
                queues,
                hash,
                created_at,
                expires_at,
                revoked_at,
            })
        },
    );
    prop_oneof![created, (id(), time()).prop_map(|(id, at)| ControlEvent::AccessKeyRevoked { id, at })]
}

fn fact() -> impl Strategy<Value = Fact> {
    let namespace = "[a-z0-9][a-z0-9_-]{0,62}[a-z0-9]".prop_map(|text| Namespace::parse(&text).unwrap());
    prop_oneof![
        4 => (namespace, event()).prop_map(|(namespace, event)| Fact::Shard { namespace, event }),
        1 => control().prop_map(Fact::Control),
    ]
}

fn job_input() -> impl Strategy<Value = JobInput> {
    let word = || "[!-#%-~]{1,128}";
    let label = || "[ -~äöü€]{1,60}";
    let first = (word(), vec(any::<u8>(), 0..2_000), prop::option::of(word()), prop::option::of(label()));
    let second = (
        prop::option::of(label()),
        prop::option::of(label()),
        vec("[ -~]{1,64}", 0..=16),
        btree_map(word(), "\\PC{0,100}", 0..20),
    );
    (first, second).prop_map(
        |((kind, body, content_type, session_id), (correlation_id, subject, tags, attributes))| JobInput {
            kind: Kind::parse(&kind).unwrap(),
            body,
            content_type: content_type.map(|text| ContentType::parse(&text).unwrap()),
            attributes: attributes
                .into_iter()
                .map(|(name, value)| (AttributeName::parse(&name).unwrap(), value))
                .collect::<BTreeMap<_, _>>(),
            session_id: session_id.map(|text| SessionId::parse(&text).unwrap()),
            correlation_id: correlation_id.map(|text| CorrelationId::parse(&text).unwrap()),
            subject: subject.map(|text| Subject::parse(&text).unwrap()),
            tags: tags.iter().map(|text| Tag::parse(text).unwrap()).collect(),
        },
    )
}

proptest! {
    #[test]
    fn any_fact_comes_back(fact in fact()) {
        prop_assert_eq!(decode_fact(&fact_bytes(&fact)), Ok(fact));
    }

    #[test]
    fn any_input_comes_back(input in job_input()) {
        prop_assert_eq!(decode_job_input(&input_bytes(&input)), Ok(input));
    }

    /// Whatever is read is written back as the same bytes: there is one form only.
    #[test]
    fn random_bytes_are_refused_or_are_the_one_form(tag in prop_oneof![0_u8..26, 48_u8..49, 64_u8..67], version in 1_u8..4, mut bytes in vec(any::<u8>(), 0..200)) {
        bytes.splice(0..0, [tag, version, 0, 1, b'a']);
        if let Ok(fact) = decode_fact(&bytes) {
            prop_assert_eq!(fact_bytes(&fact), bytes);
        }
    }
}

/// Settings that came later stand behind tags from version 3 on; without any, it is an earlier version.
#[test]
fn tagged_settings_have_one_form_only() {
    let settings = QueueSettings { max_depth: 7, ..QueueSettings::default() };
    let change = Event::QueueChanged {
        number: QueueNumber(3),
        settings: Box::new(settings),
        at: Time::from_unix_ms(5),
    };
    let namespace = Namespace::parse("a").unwrap();
    let second = fact_bytes(&Fact::Shard { namespace, event: change });
    assert_eq!(second[..2], [2, 2]);
    let third = |tail: &[u8]| decode_fact(&[&[2, 3], &second[2..], tail].concat());
    let concurrency = |tag: u8| [&[tag][..], &4_u32.to_be_bytes(), &9_u32.to_be_bytes()].concat();
    let Ok(Fact::Shard { event: Event::QueueChanged { settings: read, .. }, .. }) = third(&concurrency(2))
    else {
        panic!("a queue was changed")
    };
    let limit = RunLimit { concurrency: Some(9), ..RunLimit::default() };
    assert_eq!(*read, QueueSettings { limit, ..settings });
    for (tail, why) in [
        (Vec::new(), "no settings"),
        (concurrency(0), "a tag that is none"),
        (concurrency(200), "a tag of a later time"),
        (concurrency(2)[..8].to_vec(), "a field cut short"),
        (concurrency(1), "another field's length"),
        ([concurrency(2), concurrency(2)].concat(), "the same twice"),
        ([concurrency(4), concurrency(2)].concat(), "in another order"),
    ] {
        assert!(third(&tail).is_err(), "{why}");
    }
}

/// Options stand behind tags from version 3 on; what an earlier version can hold is written as that one.
#[test]
fn options_of_a_job_have_one_form_only() {
    let backoff = Backoff { shape: BackoffShape::Linear, ..Backoff::default() };
    let mut facts = first_facts().into_iter();
    let sample = facts.find_map(|fact| match fact {
        Fact::Shard { namespace, event: Event::JobEnqueued(enqueued) } => Some((namespace, enqueued)),
        _ => None,
    });
    let (namespace, enqueued) = sample.unwrap();
    let job = |options: JobOptions| {
        let enqueued = JobEnqueued { options: options.boxed(), ..enqueued.clone() };
        fact_bytes(&Fact::Shard { namespace: namespace.clone(), event: Event::JobEnqueued(enqueued) })
    };
    let (plain, second) =
        (job(JobOptions::default()), job(JobOptions { backoff: Some(backoff), ..JobOptions::default() }));
    assert_eq!((plain[1], second[1]), (1, 2));
    assert_eq!(second[2..plain.len()], plain[2..]);
    let own = &second[plain.len()..];
    let third = |tail: &[u8]| {
        let mut bytes = plain.clone();
        bytes[1] = 3;
        bytes.extend_from_slice(tail);
        decode_fact(&bytes)
    };
    let tagged = |tag: u8, value: &[u8]| {
        let len = u32::try_from(value.len()).unwrap();
        [&[tag][..], &len.to_be_bytes(), value].concat()
    };
    for (tail, why) in [
        (Vec::new(), "no options"),
        (tagged(1, own), "what version 2 holds"),
        (tagged(0, own), "a tag that is none"),
        (tagged(200, own), "a tag of a later time"),
        (tagged(1, &own[1..]), "a field cut short"),
        (tagged(1, &[own, &[0]].concat()), "a field with something behind it"),
        ([tagged(1, own), tagged(1, own)].concat(), "the same twice"),
    ] {
        assert!(third(&tail).is_err(), "{why}");
    }
}

/// Jobs that one waits for are written in one order, once each.
#[test]
fn links_have_one_form_only() {
    // The last sample with links waits for one job: 22 bytes behind tag and length.
    let mut facts = later_facts().into_iter().map(|fact| fact_bytes(&fact));
    let bytes =
        facts.rfind(|bytes| bytes.len() > 27 && bytes[bytes.len() - 27..][..5] == [6, 0, 0, 0, 22]).unwrap();
    let links = |all: &[u8], any: &[u8], on_failure: u8| {
        let jobs = |jobs: &[u8]| {
            let ids = jobs.iter().flat_map(|job| [*job; 16]);
            (u16::try_from(jobs.len()).unwrap()).to_be_bytes().into_iter().chain(ids).collect::<Vec<u8>>()
        };
        let field = [&[0, on_failure], &jobs(all)[..], &jobs(any)].concat();
        let head = &bytes[..bytes.len() - (5 + 22)];
        decode_fact(&[head, &[6], &u32::try_from(field.len()).unwrap().to_be_bytes(), &field].concat())
    };
    assert!(links(&[1, 2], &[3], 1).is_ok());
    for (all, any, on_failure) in [
        (&[2, 1][..], &[][..], 1),
        (&[1, 1], &[], 1),
        (&[1], &[1], 1),
        (&[], &[2, 1], 1),
        (&[1], &[], 0),
        (&[1], &[], 4),
    ] {
        assert_eq!(
            links(all, any, on_failure),
            Err(DecodeError::Field { field: if on_failure == 1 { "links" } else { "on_failure" } })
        );
    }
}
