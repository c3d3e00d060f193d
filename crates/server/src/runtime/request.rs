//! What handlers ask of the engine.

use std::sync::Arc;

use sealane_core::control::AccessKey;
use sealane_core::id::{FlowId, JobId};
use sealane_core::job::{JobInput, Priority, State};
use sealane_core::name::{KeyId, Principal, QueueName, SessionId};
use sealane_core::queue::session::{SessionReceipt, SessionView};
use sealane_core::queue::{
    Acceptance, Act, JobOptions, JobView, Labels, Lifetime, ParentEnd, QueueMode, QueueSettings, QueueView,
    Receipt, Report, Runner, Settle, Start, SweepWish,
};
use sealane_core::time::Millis;
use sealane_core::token::Token;
use tokio::sync::{mpsc, oneshot};

use super::fault::Fault;
use super::machine::Machine;
use super::schedules::ScheduleRequest;
use crate::authz::Standing;
use crate::boundary::Delivery;

pub(super) type Reply<T> = oneshot::Sender<T>;

/// A job to accept.
#[derive(Debug)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// Whether the producer chose the id.
    pub id_given: bool,
    /// What the producer supplied.
    pub input: Arc<JobInput>,
    /// How urgent.
    pub priority: Priority,
    /// When the first attempt may begin.
    pub start: Start,
    /// How long it is worth anything.
    pub ttl: Option<Lifetime>,
    /// Attempts before dead-letter.
    pub max_attempts: Option<u32>,
    /// What only some jobs are sent with.
    pub options: Option<Box<JobOptions>>,
    /// Who may see the jobs that it names, where it names any.
    pub sight: Option<Arc<AccessKey>>,
    /// Digest over owner, queue and everything supplied.
    pub digest: [u8; 16],
}

/// One of several jobs was refused, so none was accepted.
#[derive(Debug)]
pub struct NoneAccepted {
    /// Which was refused, by its place; `None` where it was not about one of them.
    pub place: Option<usize>,
    /// Why.
    pub fault: Fault,
}

impl From<Fault> for NoneAccepted {
    fn from(fault: Fault) -> Self {
        Self { place: None, fault }
    }
}

/// A job that was accepted, now or before.
#[derive(Debug)]
pub struct Accepted {
    /// Which one, and as what.
    pub acceptance: Acceptance,
    /// Whether this request accepted it.
    pub fresh: bool,
}

/// One lease to settle.
#[derive(Debug)]
pub struct SettleItem {
    /// Which lease.
    pub receipt: Receipt,
    /// What became of the job.
    pub outcome: Settle,
    /// The result or error.
    pub data: Option<Vec<u8>>,
}

/// One report on a leased job.
#[derive(Debug)]
pub struct ReportItem {
    /// Which lease.
    pub receipt: Receipt,
    /// What is said.
    pub report: Report,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// Bulk work that was wished for.
#[derive(Clone, Copy, Debug)]
pub struct SweepBegun {
    /// Whether it is on its way.
    pub running: bool,
    /// Jobs that it is for, counted now: all of them as it begins, those left when it is asked for again.
    pub jobs: u64,
    /// Whether there may be more.
    pub more: bool,
}

/// One job in the hands of a worker.
#[derive(Debug)]
pub struct Leased {
    /// Proof of the lease.
    pub receipt: Receipt,
    /// The job.
    pub view: JobView,
    /// The jobs that it waited for, and the queue that each was sent to.
    pub parents: Vec<(ParentEnd, QueueName)>,
}

/// Jobs on their way to a worker. Dropped before [`Delivery::delivered`] was called, they go back:
/// whoever asked is gone, and its silence is not the jobs' failure.
#[derive(Debug)]
pub struct LeasedJobs {
    jobs: Vec<Leased>,
    back: Option<mpsc::WeakSender<Request>>,
}

impl LeasedJobs {
    pub(super) fn new(jobs: Vec<Leased>, back: mpsc::WeakSender<Request>) -> Self {
        Self { jobs, back: Some(back) }
    }

    /// The jobs.
    pub fn jobs(&self) -> &[Leased] {
        &self.jobs
    }
}

impl Delivery for LeasedJobs {
    fn delivered(mut self: Box<Self>) {
        self.back = None;
    }
}

impl Drop for LeasedJobs {
    fn drop(&mut self) {
        let Some(engine) = self.back.take().and_then(|weak| weak.upgrade()).filter(|_| !self.jobs.is_empty())
        else {
            return;
        };
        let items = self
            .jobs
            .iter()
            .map(|leased| SettleItem { receipt: leased.receipt, outcome: Settle::Undelivered, data: None })
            .collect();
        // Why the result is let go: with the channel full, the leases end by time instead.
        let _ = engine.try_send(Request::Settle { items, atomic: false, reply: oneshot::channel().0 });
    }
}

/// A wish for jobs.
#[derive(Debug)]
pub struct LeaseWish {
    /// From which queue.
    pub queue: QueueName,
    /// To whom.
    pub holder: Principal,
    /// What that one says of itself.
    pub runner: Option<Arc<Runner>>,
    /// At most so many.
    pub max: usize,
    /// For how long.
    pub lease: Option<Millis>,
    /// How long to wait for work.
    pub wait: Millis,
    /// Of the session held with this receipt only.
    pub session: Option<SessionReceipt>,
}

/// A wish for a session.
#[derive(Debug)]
pub struct SessionWish {
    /// Of which queue.
    pub queue: QueueName,
    /// Which, by its token and its name; the next free one where absent.
    pub session: Option<(Token, SessionId)>,
    /// Who.
    pub holder: Principal,
    /// For how long.
    pub hold: Option<Millis>,
    /// How long to wait for it.
    pub wait: Millis,
}

/// A session on its way to its holder. Dropped before [`Delivery::delivered`] was called, it is
/// given back: whoever asked is gone.
#[derive(Debug)]
pub struct AcceptedSession {
    /// Proof of the hold.
    pub receipt: SessionReceipt,
    /// The session.
    pub view: SessionView,
    back: Option<mpsc::WeakSender<Request>>,
}

impl AcceptedSession {
    pub(super) fn new(receipt: SessionReceipt, view: SessionView, back: mpsc::WeakSender<Request>) -> Self {
        Self { receipt, view, back: Some(back) }
    }
}

impl Delivery for AcceptedSession {
    fn delivered(mut self: Box<Self>) {
        self.back = None;
    }
}

impl Drop for AcceptedSession {
    fn drop(&mut self) {
        if let Some(engine) = self.back.take().and_then(|weak| weak.upgrade()) {
            let ask = SessionAsk::Close { receipt: self.receipt };
            // Why the result is let go: with the channel full, the hold ends by time instead.
            let _ = engine.try_send(Request::Session { ask, reply: oneshot::channel().0 });
        }
    }
}

/// What is asked of a session.
#[derive(Debug)]
pub enum SessionAsk {
    /// Hold it for longer.
    Renew {
        /// Which.
        receipt: SessionReceipt,
        /// For how long.
        hold: Option<Millis>,
    },
    /// Give it back.
    Close {
        /// Which.
        receipt: SessionReceipt,
    },
    /// Let it remember something, or nothing.
    SetState {
        /// Which.
        receipt: SessionReceipt,
        /// What.
        state: Option<Vec<u8>>,
    },
    /// Take it away from its holder.
    Break {
        /// Of which queue.
        queue: QueueName,
        /// Which.
        session: Token,
    },
}

/// Says whether a job is meant.
pub(super) type Meant = Box<dyn Fn(Standing<'_>) -> bool + Send>;

pub(super) type Read = Box<dyn FnOnce(&Machine) -> Box<dyn FnOnce() + Send> + Send>;

/// What can be asked of the engine.
pub(super) enum Request {
    /// Create a queue or change its settings.
    PutQueue {
        /// Its name.
        queue: QueueName,
        /// Its settings.
        settings: QueueSettings,
        /// The queue as it stands then.
        reply: Reply<Result<QueueView, Fault>>,
    },
    /// Accept jobs.
    Enqueue {
        /// Where to.
        queue: QueueName,
        /// Who sends.
        owner: Principal,
        /// The jobs.
        jobs: Vec<NewJob>,
        /// Whether all of them or none.
        atomic: bool,
        /// What became of each.
        reply: Reply<Vec<Result<Accepted, Fault>>>,
    },
    /// Accept jobs together or not at all.
    SubmitFlow {
        /// Who sends.
        owner: Principal,
        /// The jobs and where to, in an order in which each comes behind those that it waits for.
        jobs: Vec<(QueueName, NewJob)>,
        /// The jobs as they stand then.
        reply: Reply<Result<Vec<Accepted>, NoneAccepted>>,
    },
    /// Cancel every job of a flow that a caller may cancel and that has not ended.
    CancelFlow {
        /// Which flow.
        flow: FlowId,
        /// Which of its jobs are meant.
        meant: Meant,
        /// When it is done.
        reply: Reply<Result<(), Fault>>,
    },
    /// Hand out jobs.
    Lease {
        /// What is wished.
        wish: LeaseWish,
        /// The jobs.
        reply: Reply<Result<LeasedJobs, Fault>>,
    },
    /// Make leases last longer.
    Extend {
        /// Which, and for how long.
        items: Vec<(Receipt, Option<Millis>)>,
        /// When each ends then.
        reply: Reply<Vec<Result<JobView, Fault>>>,
    },
    /// Say what became of leased jobs.
    Settle {
        /// Which, and what.
        items: Vec<SettleItem>,
        /// Whether all of them or none.
        atomic: bool,
        /// Where each job stands then.
        reply: Reply<Vec<Result<JobView, Fault>>>,
    },
    /// Say how it goes with leased jobs.
    Report {
        /// Which, and what.
        items: Vec<ReportItem>,
        /// Where each job stands then.
        reply: Reply<Vec<Result<JobView, Fault>>>,
    },
    /// Wait for a job to end.
    AwaitEnd {
        /// Which.
        job: JobId,
        /// How long.
        wait: Millis,
        /// Sent when it has ended, or the time is up.
        reply: Reply<Result<(), Fault>>,
    },
    /// Make an access key.
    CreateKey {
        /// The key.
        key: AccessKey,
        /// Whether it was made.
        reply: Reply<Result<AccessKey, Fault>>,
    },
    /// Revoke an access key.
    RevokeKey {
        /// Which.
        id: KeyId,
        /// The key as it stands then.
        reply: Reply<Result<AccessKey, Fault>>,
    },
    /// Do something with one job.
    Act {
        /// Which.
        job: JobId,
        /// What.
        act: Act,
        /// Whether it is meant, as it stands then.
        meant: Meant,
        /// Where it stands then.
        reply: Reply<Result<JobView, Fault>>,
    },
    /// Pause a queue, let it drain, or open it.
    SetMode {
        /// Which.
        queue: QueueName,
        /// What it does from now on.
        mode: QueueMode,
        /// The queue as it stands then.
        reply: Reply<Result<QueueView, Fault>>,
    },
    /// Begin bulk work on a queue.
    Sweep {
        /// Which.
        queue: QueueName,
        /// What.
        wish: SweepWish,
        /// Whether it is on its way.
        reply: Reply<Result<SweepBegun, Fault>>,
    },
    /// Hold a session.
    AcceptSession {
        /// What is wished.
        wish: SessionWish,
        /// The session, or none.
        reply: Reply<Result<Option<AcceptedSession>, Fault>>,
    },
    /// Do something with a session.
    Session {
        /// What.
        ask: SessionAsk,
        /// Whether that changed anything, and the session as it stands then.
        reply: Reply<Result<(bool, Option<SessionView>), Fault>>,
    },
    /// Give up bulk work on a queue's dead or held jobs.
    StopSweep {
        /// Which.
        queue: QueueName,
        /// Of the jobs of which state.
        of: State,
        /// The queue as it stands then.
        reply: Reply<Result<QueueView, Fault>>,
    },
    /// Note what dead and held jobs' records say.
    Label {
        /// Which jobs, and what.
        labels: Vec<(JobId, Labels)>,
        /// Whether it was noted.
        reply: Reply<Result<(), Fault>>,
    },
    /// Something about a schedule.
    Schedule(ScheduleRequest),
    /// Look at the state.
    Read(Read),
    /// Go by the wall clock after a step of it.
    FollowClock(Reply<Result<(), Fault>>),
    /// Whether there is room for new work.
    Room(Reply<bool>),
    /// Answer those who wait for work, and let nobody wait any more.
    Drain,
}
