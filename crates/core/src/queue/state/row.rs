//! What the rows are: one struct for each sort of thing that a shard keeps.

use super::JobRow;
use crate::id::{JobId, LockId, ScheduleId};
use crate::job::Priority;
use crate::name::{Principal, QueueName, ScheduleName};
use crate::queue::death::DeadReason;
use crate::queue::event::QueueNumber;
use crate::queue::keys::{Acceptance, IdempotencyKey};
use crate::queue::parents::ParentEnd;
use crate::queue::report::ReportKey;
use crate::queue::schedule::{LastFiring, LastSkip, ScheduleSettings};
use crate::queue::session::SessionName;
use crate::queue::settings::{QueueMode, QueueSettings};
use crate::queue::sweep::SweepWish;
use crate::record::RecordRef;
use crate::time::{Millis, Time};
use crate::token::Token;

/// One thing that a shard keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// What there is once. The first row.
    Shard(ShardRow),
    /// A queue, in the order of the numbers.
    Queue(Box<QueueRow>),
    /// A fair key of a queue.
    FairKey(Box<FairKeyRow>),
    /// A session of a queue.
    Session(Box<SessionRow>),
    /// A live job, in the order of the ids.
    Job(Box<JobRow>),
    /// A finished job, in the order in which they ended.
    Finished(Box<FinishedRow>),
    /// A place in that order whose job was taken back, or has another place as well.
    FinishedPlace {
        /// When that job ended.
        at: Time,
        /// Which.
        job: JobId,
    },
    /// The place of a log entry in the order in which they leave.
    LogPlace {
        /// Whose.
        job: JobId,
        /// Which.
        key: ReportKey,
    },
    /// A job that ended and has not been heard of by everybody who waits for it.
    End(ParentEnd),
    /// A first answer that is kept.
    Idempotency(IdempotencyRow),
    /// A schedule.
    Schedule(Box<ScheduleRow>),
    /// Bulk work on its way.
    Sweep(Box<SweepRow>),
}

/// What there is once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardRow {
    /// The sequence of the next job.
    pub next_sequence: u64,
    /// The time of the latest event,
    pub last_at: Time,
    /// and that of the last one, which differs where a clock went back.
    pub at: Time,
    /// Ids with a time at or below this one may have been forgotten.
    pub forgotten_through_ms: u64,
    /// Turns that were given to bulk work.
    pub sweep_turns: u64,
}

/// What a limit of runs remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GateRow {
    /// What was missing of its tokens,
    pub missing: u64,
    /// at this time.
    pub at: Time,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRow {
    /// Its name.
    pub name: QueueName,
    /// Its settings.
    pub settings: QueueSettings,
    /// What it does besides.
    pub mode: QueueMode,
    /// When it was created.
    pub created_at: Time,
    /// Jobs completed since the beginning.
    pub completed: u64,
    /// Jobs that expired and were not re-driven since.
    pub expired: u64,
    /// Jobs that were cancelled and not re-driven since.
    pub cancelled: u64,
    /// Deaths of the last hour: the minute since 1970, and how many.
    pub deaths: Vec<(u64, u32)>,
    /// Deaths since the beginning by reason, in the order of all reasons.
    pub died: [u64; DeadReason::ALL.len()],
    /// Hand-outs that each class has let pass.
    pub passed: [u32; Priority::ALL.len()],
    /// What its limit of runs remembers.
    pub gate: GateRow,
    /// The next turn of a fair key.
    pub next_turn: u64,
}

/// A fair key of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FairKeyRow {
    /// Of which queue.
    pub queue: QueueNumber,
    /// Which; nothing for the jobs that were sent without one.
    pub key: Option<Token>,
    /// What its limit of runs remembers.
    pub gate: GateRow,
    /// Its turn in each class.
    pub turns: [Option<u64>; Priority::ALL.len()],
}

/// A session of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Of which queue.
    pub queue: QueueNumber,
    /// Which.
    pub session: Token,
    /// Where its name stands.
    pub name: SessionName,
    /// Who holds it.
    pub hold: Option<HoldRow>,
    /// Where what it remembers stands.
    pub state: Option<RecordRef>,
}

/// The hold of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRow {
    /// What it is known by.
    pub id: LockId,
    /// Who.
    pub holder: Principal,
    /// Since when.
    pub since: Time,
    /// Until when unless renewed.
    pub until: Time,
    /// No renewal makes it longer than this.
    pub hold_until: Time,
    /// The holder's last word, or when its last job was over.
    pub idle_from: Time,
    /// How long it may be idle.
    pub idle: Millis,
}

/// A finished job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedRow {
    /// The job.
    pub job: JobRow,
    /// When it ended.
    pub at: Time,
    /// The record of its completion.
    pub result: Option<RecordRef>,
}

/// A first answer that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRow {
    /// Under which key.
    pub key: IdempotencyKey,
    /// The answer.
    pub answer: Acceptance,
    /// Until before this time.
    pub gone_at: Time,
    /// Who sent.
    pub sender: Principal,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRow {
    /// Its id.
    pub id: ScheduleId,
    /// Its name.
    pub name: ScheduleName,
    /// Where its jobs wait.
    pub queue: QueueNumber,
    /// Who put it.
    pub owner: Principal,
    /// Its settings.
    pub settings: ScheduleSettings,
    /// Whether its template is sealed.
    pub sealed: bool,
    /// Digest over owner, queue and everything supplied for the jobs.
    pub digest: [u8; 16],
    /// The record with the template.
    pub input: RecordRef,
    /// When it was put first.
    pub created_at: Time,
    /// When it was put last.
    pub changed_at: Time,
    /// Whether it is paused.
    pub paused: bool,
    /// When it is due next.
    pub next: Option<Time>,
    /// Firings that became jobs.
    pub fired: u64,
    /// The last of them.
    pub last: Option<LastFiring>,
    /// Times that something was left out.
    pub skips: u64,
    /// The last of them.
    pub last_skip: Option<LastSkip>,
}

/// Bulk work on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepRow {
    /// On which queue.
    pub queue: QueueNumber,
    /// What it is for.
    pub wish: SweepWish,
    /// When it began.
    pub begun_at: Time,
    /// Jobs that it has dealt with.
    pub done: u64,
    /// It has looked at everything up to here.
    pub through: Option<(Time, JobId)>,
    /// When its next turn is due,
    pub due: Time,
    /// and which turn that is.
    pub turn: u64,
}
