//! The steps of a story. Each can be taken wherever a story stands, so that one may be left out and the
//! rest still tells a story: which job or receipt is meant, is said by a place among those there are.

use sealane_core::job::{Category, HoldReason, Priority, State};
use sealane_core::queue::{
    DeadFilter, Labels, MissedPolicy, OnFailure, OverlapPolicy, QueueMode, QueueSettings, ReportedProgress,
    ScheduleAct, SweepKind,
};
use sealane_core::retry::Backoff;

/// Names of queues. The first three are there from the beginning, the last one never.
pub const QUEUES: [&str; 5] = ["plain", "lines", "other", "late", "nowhere"];

#[derive(Clone, Debug)]
pub enum Step {
    Accept {
        queue: usize,
        session: Option<u8>,
        worker: u8,
        hold: Option<u64>,
    },
    Act {
        job: Which,
        deed: Deed,
    },
    ActOnSchedule {
        name: u8,
        act: ScheduleAct,
    },
    Break {
        queue: usize,
        session: u8,
    },
    CancelFlow {
        flow: u8,
    },
    Close {
        hold: Pick,
    },
    Enqueue(Box<Draft>),
    Extend {
        receipt: Pick,
        lease: Option<u64>,
    },
    Fire {
        name: u8,
        readable: bool,
    },
    FireDue {
        readable: bool,
    },
    Flow {
        flow: u8,
        jobs: Vec<Draft>,
    },
    /// What follows from ends, and nothing else.
    Follow,
    Label {
        at: u32,
        labels: Labels,
    },
    Lease {
        queue: usize,
        worker: u8,
        max: usize,
        lease: Option<u64>,
    },
    /// Time passes, and nobody looks.
    Pass {
        by: u64,
    },
    PutQueue {
        queue: usize,
        settings: Box<QueueSettings>,
    },
    PutSchedule(Box<Plan>),
    RemoveSchedule {
        name: u8,
    },
    Renew {
        hold: Pick,
        time: Option<u64>,
    },
    Report {
        receipt: Pick,
        report: Said,
        times: u32,
    },
    Restart {
        away: u64,
    },
    SetMode {
        queue: usize,
        mode: QueueMode,
    },
    SetState {
        hold: Pick,
        bytes: Option<usize>,
    },
    Settle {
        receipt: Pick,
        outcome: Outcome,
    },
    SettleTogether(Vec<(Pick, Outcome)>),
    StopSweep {
        queue: usize,
    },
    Sweep {
        queue: usize,
        wish: Wish,
    },
    Take {
        hold: Pick,
        max: usize,
        lease: Option<u64>,
    },
    /// Time passes, and everything that it brings about happens.
    Tick {
        by: u64,
    },
    Together(Vec<Draft>),
    /// One turn of the engine.
    Turn {
        bulk: bool,
    },
    /// Cancelled and re-driven, until that is refused.
    WearOut {
        job: Which,
    },
}

/// Which of the receipts there are: of those that hold something by now, or of the last few.
#[derive(Clone, Copy, Debug)]
pub struct Pick {
    pub held: bool,
    pub at: u32,
}

/// Which of the jobs that were sent.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    Any(u32),
    In(State, u32),
    Nobody,
}

/// A job to be sent. Small numbers stand for texts.
#[derive(Clone, Debug)]
pub struct Draft {
    pub id: DraftId,
    pub queue: usize,
    pub owner: u8,
    pub content: u8,
    pub priority: Priority,
    pub start: Begin,
    pub ttl: Option<u64>,
    pub attempts: Option<u32>,
    pub backoff: Option<Backoff>,
    pub key: Option<u8>,
    pub unique: Option<(u8, bool)>,
    pub session: Option<u8>,
    pub fair: Option<u8>,
    pub after: Vec<Parent>,
    pub any: Vec<Parent>,
    pub on_failure: OnFailure,
    /// The job that it repeats.
    pub clone_of: Option<Which>,
}

#[derive(Clone, Copy, Debug)]
pub enum DraftId {
    /// A new one, its time so far away from now.
    New(i64),
    /// That of a job that was sent.
    Again(u32),
    /// One of another version.
    Strange,
}

#[derive(Clone, Copy, Debug)]
pub enum Begin {
    After(u64),
    At(i64),
}

#[derive(Clone, Copy, Debug)]
pub enum Parent {
    Sent(Which),
    /// Of the same batch, by place.
    Here(usize),
}

#[derive(Clone, Debug)]
pub enum Outcome {
    Complete,
    Fail { category: Category, code: Option<u8>, like: Option<u8>, after: Option<u64>, random: u32 },
    Hold(HoldReason),
    Release(u64),
    Undelivered,
}

/// What a worker reports.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    /// 1 is the next number, 0 the last one once more.
    pub ahead: u32,
    pub progress: Option<ReportedProgress>,
    pub log: Option<u32>,
    pub checkpoint: Option<u32>,
}

/// What a person does to one job.
#[derive(Clone, Debug)]
pub enum Deed {
    /// `dead`: also where it is in dead-letter.
    Cancel {
        force: bool,
        dead: bool,
    },
    Hold,
    Move {
        queue: usize,
    },
    Promote,
    Redrive {
        seal: Option<i64>,
    },
    Release,
    Reprioritise(Priority),
}

/// Bulk work.
#[derive(Clone, Debug)]
pub struct Wish {
    pub kind: SweepKind,
    pub filter: DeadFilter,
    /// So long before now they died, or later; and before so long before now.
    pub from: Option<u64>,
    pub before: Option<u64>,
    pub rate: Option<u32>,
}

/// A schedule to be put.
#[derive(Clone, Debug)]
pub struct Plan {
    pub name: u8,
    pub id: u8,
    pub queue: usize,
    pub owner: u8,
    pub own_only: bool,
    pub closed: bool,
    pub content: u8,
    pub cadence: Beat,
    /// From now on, or until then.
    pub begins: Option<u64>,
    pub ends: Option<u64>,
    pub missed: MissedPolicy,
    pub overlap: OverlapPolicy,
    pub jitter: u64,
    pub ttl: Option<u64>,
    pub attempts: Option<u32>,
    pub session: Option<u8>,
    pub fair: Option<u8>,
    pub priority: Priority,
}

/// When a schedule fires.
#[derive(Clone, Copy, Debug)]
pub enum Beat {
    /// So often, the first time so long after now.
    Every(u64, u64),
    /// Each so many seconds of a minute.
    Seconds(u8),
    /// Each so many minutes of an hour.
    Minutes(u8),
    /// By a pattern that is none.
    Nonsense,
}
