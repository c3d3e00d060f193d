//! Rows of every kind, with everything that a row can have and with nothing of it.

use std::sync::Arc;

use sealane_core::cadence::Cadence;
use sealane_core::control::{AccessKey, QueuePattern, Role};
use sealane_core::id::{FlowId, LeaseId, LockId, ScheduleId};
use sealane_core::job::{Category, HoldReason, Priority, State};
use sealane_core::name::{CodeVersion, ErrorCode, InstanceName, KeyId, Principal, QueueName, ScheduleName};
use sealane_core::queue::session::SessionName;
use sealane_core::queue::state::{
    Ended, FairKeyRow, FinishedRow, GateRow, HoldRow, IdempotencyRow, JobRow, ParentsRow, PastRow, Phase,
    QueueRow, ReportsRow, Row, Running, ScheduleRow, SessionRow, Settled, ShardRow, SweepRow,
};
use sealane_core::queue::{
    Acceptance, Attempt, AttemptEnd, DeadFilter, DeadReason, Death, Failure, Firing, IdempotencyKey,
    JobOptions, Labels, LastFiring, LastSkip, Links, MissedPolicy, OnConflict, OnFailure, OverlapPolicy,
    ParentEnd, Progress, QueueMode, QueueSettings, Rate, RedriveRate, ReportKey, ReportedBytes, RunBy,
    RunLimit, Runner, ScheduleSettings, SkipReason, SweepWish, UniqueKey,
};
use sealane_core::record::{RecordRef, RecordSlice};
use sealane_core::retry::{Backoff, BackoffShape};
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;

use super::samples::{QUEUE, job_id, namespace};
use crate::state::StateRow;

fn at(ms: u64) -> Time {
    Time::from_unix_ms(1_767_225_600_000 + ms)
}

fn principal(name: &str) -> Principal {
    Principal::parse(name).expect("follows the rule")
}

fn token(byte: u8) -> Token {
    Token::from_bytes([byte; 16])
}

fn record(number: u64) -> RecordRef {
    RecordRef { lsn: number * 8, bytes: 96 }
}

fn key(seq: u32) -> ReportKey {
    ReportKey { attempt: 2, seq }
}

fn said(seq: u32) -> ReportedBytes {
    let bytes = RecordSlice { record: record(u64::from(seq)), offset: 5, bytes: 7 };
    ReportedBytes { key: key(seq), bytes, at: at(u64::from(seq)) }
}

fn runner() -> Option<Arc<Runner>> {
    let instance = InstanceName::parse("pod-1").expect("follows the rule");
    let version = CodeVersion::parse("1.2").expect("follows the rule");
    Runner::new(Some(instance), Some(version)).map(Arc::new)
}

fn run_by() -> RunBy {
    RunBy { worker: principal("worker"), runner: runner(), started_at: at(3) }
}

fn parent_end() -> ParentEnd {
    ParentEnd { job: job_id(9), origin: QUEUE, attempt: 1, state: State::Completed, result: Some(record(4)) }
}

/// A job of which only is said what every job has.
pub fn plain_job(number: u64, phase: Phase) -> JobRow {
    JobRow {
        id: job_id(number),
        queue: QUEUE,
        owner: principal("producer"),
        priority: Priority::Normal,
        sequence: number,
        phase,
        attempt: 0,
        max_attempts: 5,
        created_at: at(1),
        run_at: at(1),
        delayed_at_first: false,
        expires_at: None,
        digest: [3; 16],
        input: record(number),
        options: None,
        past: None,
        blocked_by: Vec::new(),
    }
}

fn options() -> Option<Box<JobOptions>> {
    let shape = BackoffShape::Linear;
    let backoff = Backoff { shape, base: Millis::new(5), cap: Millis::new(50), jitter_percent: 3 };
    let flow = Some(FlowId::from_bytes([8; 16]));
    let links = Links::new(flow, vec![job_id(7), job_id(8)], vec![job_id(9)], OnFailure::Run);
    JobOptions {
        backoff: Some(backoff),
        session: Some(token(1)),
        idempotency: None,
        unique: Some(UniqueKey { key: token(2), on_conflict: OnConflict::Refuse }),
        links: links.ok().map(Box::new),
        fair_key: Some(token(3)),
        firing: Some(Firing { schedule: ScheduleId::from_bytes([4; 16]), due: at(2) }),
        clone_of: Some(job_id(6)),
    }
    .boxed()
}

fn past() -> PastRow {
    PastRow {
        last_failure: Some(Failure {
            attempt: 1,
            category: Category::Temporary,
            at: at(4),
            record: Some(record(5)),
        }),
        first_failed_at: Some(at(4)),
        settled: Some((LeaseId::from_bytes([5; 16]), Settled::Failed)),
        redrives: 1,
        redriven_at: Some(at(5)),
        attempts_before: 1,
        origin: QueueName::parse("elsewhere").ok(),
        here_since: Some(at(6)),
        attempts: vec![
            Attempt {
                number: 1,
                by: run_by(),
                ended_at: at(4),
                end: AttemptEnd::Failed,
                category: Some(Category::Temporary),
                code: ErrorCode::parse("E42").ok(),
            },
            Attempt {
                number: 1,
                by: RunBy { runner: None, ..run_by() },
                ended_at: at(5),
                end: AttemptEnd::Released,
                category: None,
                code: None,
            },
        ],
        reports: Some(Box::new(ReportsRow {
            last: Some(key(3)),
            progress: Some(Progress {
                key: key(3),
                percent: 40,
                message: Some(RecordSlice { record: record(6), offset: 0, bytes: 5 }),
                at: at(6),
            }),
            checkpoint: Some(said(2)),
            log: vec![said(1), said(2)],
            log_dropped: 4,
        })),
        completed_by: Some(run_by()),
        parents: Some(Box::new(ParentsRow {
            depth: 2,
            blocked_at_first: true,
            left_all: 2,
            left_any: 1,
            one_met: true,
            ended: vec![parent_end(), ParentEnd { result: None, ..parent_end() }],
            lost_to: Some(job_id(7)),
        })),
    }
}

fn phases() -> Vec<Phase> {
    let run = Running {
        lease: LeaseId::from_bytes([6; 16]),
        holder: principal("worker"),
        runner: runner(),
        lock: Some(LockId::from_bytes([7; 16])),
        until: at(30),
        started_at: at(10),
        run_until: at(60),
        cancel_requested: true,
    };
    let labels = Labels { kind: Some(token(5)), tags: vec![token(6)], seal_expires: Some(at(9)) };
    let death = Death {
        at: at(8),
        reason: DeadReason::AttemptsUsed,
        category: Category::Permanent,
        code: ErrorCode::parse("E42").ok(),
        by: Some(run_by()),
        fingerprint: Some(token(4)),
        labels: Some(labels.clone()),
    };
    let unread = Death { code: None, by: None, fingerprint: None, labels: None, ..death.clone() };
    vec![
        Phase::Blocked,
        Phase::Delayed,
        Phase::Ready,
        Phase::Running(Box::new(Running {
            runner: None,
            lock: None,
            cancel_requested: false,
            ..run.clone()
        })),
        Phase::Running(Box::new(run)),
        Phase::Retrying { until: at(20) },
        Phase::Held { reason: HoldReason::Quarantined, labels: None },
        Phase::Held { reason: HoldReason::Unopenable, labels: Some(Box::new(labels)) },
        Phase::Dead(Box::new(death)),
        Phase::Dead(Box::new(unread)),
    ]
}

fn queue_row() -> QueueRow {
    QueueRow {
        name: QueueName::parse("orders").expect("follows the rule"),
        settings: QueueSettings::default(),
        mode: QueueMode::Paused,
        created_at: at(0),
        completed: 1,
        expired: 2,
        cancelled: 3,
        deaths: vec![(29_453_760, 2), (29_453_761, 1)],
        passed: [0, 1, 2, 3, 4],
        gate: GateRow { missing: 9, at: at(7) },
        next_turn: 11,
        died: [1, 0, 2, 0, 0],
    }
}

fn schedule_row() -> ScheduleRow {
    ScheduleRow {
        id: ScheduleId::from_bytes([4; 16]),
        name: ScheduleName::parse("nightly").expect("follows the rule"),
        queue: QUEUE,
        owner: principal("producer"),
        settings: ScheduleSettings {
            cadence: Cadence::Every { every: Millis::new(60_000), from: at(0) },
            begins_at: Some(at(1)),
            ends_at: None,
            missed: MissedPolicy::Once,
            overlap: OverlapPolicy::Skip,
            jitter: Millis::new(5),
            priority: Priority::Low,
            ttl: Some(Millis::new(500)),
            max_attempts: Some(2),
            options: options(),
        },
        sealed: true,
        digest: [9; 16],
        input: record(7),
        created_at: at(0),
        changed_at: at(1),
        paused: true,
        next: Some(at(60)),
        fired: 3,
        last: Some(LastFiring { due: at(2), job: job_id(3), at: at(3) }),
        skips: 4,
        last_skip: Some(LastSkip { due: at(4), reason: SkipReason::Overlap, at: at(5) }),
    }
}

/// One of every kind, and more of those that come in several forms. They do not make a state together.
pub fn every_row() -> Vec<StateRow> {
    let limit = RunLimit {
        rate: Some(Rate { starts: 3, period: Millis::from_secs(1), burst: 2 }),
        concurrency: Some(4),
    };
    let session = SessionRow {
        queue: QUEUE,
        session: token(1),
        name: SessionName::Job(record(1)),
        hold: None,
        state: None,
    };
    let hold = HoldRow {
        id: LockId::from_bytes([7; 16]),
        holder: principal("worker"),
        since: at(1),
        until: at(2),
        hold_until: at(3),
        idle_from: at(4),
        idle: Millis::new(5),
    };
    let full = JobRow {
        expires_at: Some(at(99)),
        delayed_at_first: true,
        options: options(),
        past: Some(Box::new(past())),
        blocked_by: vec![job_id(7), job_id(8)],
        ..plain_job(1, Phase::Blocked)
    };
    let ended = |ended| plain_job(2, Phase::Ended(ended));
    let filter = DeadFilter { category: Some(Category::Timeout), ..DeadFilter::default() };
    let sweep = SweepRow {
        queue: QUEUE,
        wish: SweepWish::PurgeWaiting,
        begun_at: at(1),
        done: 2,
        through: None,
        due: at(3),
        turn: 4,
    };
    let mut rows = vec![
        Row::Shard(ShardRow {
            next_sequence: 1,
            last_at: at(2),
            at: at(1),
            forgotten_through_ms: 3,
            sweep_turns: 4,
        }),
        Row::Queue(Box::new(queue_row())),
        Row::Queue(Box::new(QueueRow {
            settings: QueueSettings { limit, max_depth: 7, ..QueueSettings::default() },
            ..queue_row()
        })),
        Row::FairKey(Box::new(FairKeyRow {
            queue: QUEUE,
            key: None,
            gate: GateRow::default(),
            turns: [None; 5],
        })),
        Row::FairKey(Box::new(FairKeyRow {
            queue: QUEUE,
            key: Some(token(3)),
            gate: GateRow { missing: 1, at: at(2) },
            turns: [None, Some(1), None, Some(2), None],
        })),
        Row::Session(Box::new(SessionRow {
            name: SessionName::Hold(record(2)),
            hold: Some(hold),
            state: Some(record(3)),
            ..session.clone()
        })),
        Row::Session(Box::new(session)),
        Row::Job(Box::new(full)),
        Row::Job(Box::new(JobRow { past: Some(Box::default()), ..plain_job(3, Phase::Ready) })),
    ];
    rows.extend(phases().into_iter().map(|phase| Row::Job(Box::new(plain_job(2, phase)))));
    rows.extend(Ended::ALL.iter().map(|how| {
        Row::Finished(Box::new(FinishedRow { job: ended(*how), at: at(7), result: Some(record(8)) }))
    }));
    rows.extend([
        Row::Finished(Box::new(FinishedRow { job: ended(Ended::Expired), at: at(7), result: None })),
        Row::FinishedPlace { at: at(1), job: job_id(2) },
        Row::LogPlace { job: job_id(1), key: key(2) },
        Row::End(parent_end()),
        Row::Idempotency(IdempotencyRow {
            key: IdempotencyKey { key: token(1), fingerprint: token(2) },
            answer: Acceptance {
                job: job_id(1),
                created_at: at(1),
                delayed: true,
                blocked: false,
                merged: true,
            },
            gone_at: at(2),
            sender: principal("producer"),
        }),
        Row::Schedule(Box::new(schedule_row())),
        Row::Schedule(Box::new(ScheduleRow {
            sealed: false,
            paused: false,
            next: None,
            last: None,
            last_skip: None,
            ..schedule_row()
        })),
        Row::Sweep(Box::new(SweepRow {
            wish: SweepWish::RedriveDead { filter, rate: RedriveRate::per_second(10) },
            through: Some((at(1), job_id(1))),
            ..sweep.clone()
        })),
        Row::Sweep(Box::new(sweep)),
    ]);
    let access_key = StateRow::AccessKey(AccessKey {
        id: KeyId::parse("aaaaaaaaaaaaaaaa").expect("follows the rule"),
        principal: principal("admin"),
        role: Role::Admin,
        queues: vec![QueuePattern::any()],
        hash: [1; 32],
        created_at: at(0),
        expires_at: at(9),
        revoked_at: Some(at(5)),
    });
    let head = [access_key, StateRow::Namespace(namespace())];
    head.into_iter().chain(rows.into_iter().map(StateRow::Row)).collect()
}
