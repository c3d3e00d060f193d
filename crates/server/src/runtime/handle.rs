//! The handlers' side of the engine.

use std::sync::Arc;

use sealane_core::control::AccessKey;
use sealane_core::id::{FlowId, JobId};
use sealane_core::job::State;
use sealane_core::name::{KeyId, Principal, QueueName, ScheduleName};
use sealane_core::queue::session::SessionView;
use sealane_core::queue::{
    Act, Firing, JobView, Labels, QueueMode, QueueSettings, QueueView, Receipt, ScheduleAct, ScheduleView,
    SweepWish,
};
use sealane_core::time::Millis;
use tokio::sync::{Notify, mpsc, oneshot};

use super::events::Events;
use super::fault::Fault;
use super::machine::Machine;
use super::request::{
    Accepted, AcceptedSession, LeaseWish, LeasedJobs, NewJob, NoneAccepted, Reply, ReportItem, Request,
    SessionAsk, SessionWish, SettleItem, SweepBegun,
};
use super::schedules::{NewSchedule, ScheduleRequest};
use crate::authz::Standing;

/// Sends requests to the engine and waits for durable answers.
#[derive(Clone)]
pub struct EngineHandle {
    requests: mpsc::Sender<Request>,
    died: Arc<Notify>,
    events: Arc<Events>,
}

/// Tells how many requests wait for the engine's next turn; does not keep the engine alive.
#[derive(Clone)]
pub struct QueuedRequests(mpsc::WeakSender<Request>);

impl QueuedRequests {
    /// The number now; zero when the engine is gone.
    pub fn now(&self) -> usize {
        self.0.upgrade().map_or(0, |requests| requests.max_capacity() - requests.capacity())
    }
}

impl EngineHandle {
    pub(super) fn new(requests: mpsc::Sender<Request>, died: Arc<Notify>, events: Arc<Events>) -> Self {
        Self { requests, died, events }
    }

    /// Rung where jobs have died whose records are to be read.
    pub fn died(&self) -> Arc<Notify> {
        Arc::clone(&self.died)
    }

    /// What those who listen are told.
    pub fn events(&self) -> Arc<Events> {
        Arc::clone(&self.events)
    }

    /// How many requests wait for the engine's next turn.
    pub fn gauge(&self) -> QueuedRequests {
        QueuedRequests(self.requests.downgrade())
    }

    /// Creates a queue or changes its settings.
    pub async fn put_queue(&self, queue: QueueName, settings: QueueSettings) -> Result<QueueView, Fault> {
        self.ask(|reply| Request::PutQueue { queue, settings, reply }).await?
    }

    /// Accepts jobs: each for itself, or all of them or none.
    pub async fn enqueue(
        &self,
        queue: QueueName,
        owner: Principal,
        jobs: Vec<NewJob>,
        atomic: bool,
    ) -> Result<Vec<Result<Accepted, Fault>>, Fault> {
        self.ask(|reply| Request::Enqueue { queue, owner, jobs, atomic, reply }).await
    }

    /// Accepts jobs together or not at all.
    pub async fn submit_flow(
        &self,
        owner: Principal,
        jobs: Vec<(QueueName, NewJob)>,
    ) -> Result<Vec<Accepted>, NoneAccepted> {
        self.ask(|reply| Request::SubmitFlow { owner, jobs, reply }).await?
    }

    /// Cancels every job of a flow that is meant and has not ended.
    pub async fn cancel_flow(
        &self,
        flow: FlowId,
        meant: impl Fn(Standing<'_>) -> bool + Send + 'static,
    ) -> Result<(), Fault> {
        self.ask(|reply| Request::CancelFlow { flow, meant: Box::new(meant), reply }).await?
    }

    /// Hands out jobs, waiting for them if wished.
    pub async fn lease(&self, wish: LeaseWish) -> Result<LeasedJobs, Fault> {
        self.ask(|reply| Request::Lease { wish, reply }).await?
    }

    /// Makes leases last longer.
    pub async fn extend(
        &self,
        items: Vec<(Receipt, Option<Millis>)>,
    ) -> Result<Vec<Result<JobView, Fault>>, Fault> {
        self.ask(|reply| Request::Extend { items, reply }).await
    }

    /// Settles leases: each for itself, or all of them or none.
    pub async fn settle(
        &self,
        items: Vec<SettleItem>,
        atomic: bool,
    ) -> Result<Vec<Result<JobView, Fault>>, Fault> {
        self.ask(|reply| Request::Settle { items, atomic, reply }).await
    }

    /// Takes reports on leased jobs.
    pub async fn report(&self, items: Vec<ReportItem>) -> Result<Vec<Result<JobView, Fault>>, Fault> {
        self.ask(|reply| Request::Report { items, reply }).await
    }

    /// Returns when a job has ended, when there is none, or when it took longer than this.
    pub async fn await_end(&self, job: JobId, wait: Millis) -> Result<(), Fault> {
        self.ask(|reply| Request::AwaitEnd { job, wait, reply }).await?
    }

    /// Does something with one job, where it is meant as it stands then.
    pub async fn act(
        &self,
        job: JobId,
        act: Act,
        meant: impl Fn(Standing<'_>) -> bool + Send + 'static,
    ) -> Result<JobView, Fault> {
        self.ask(|reply| Request::Act { job, act, meant: Box::new(meant), reply }).await?
    }

    /// Pauses a queue, lets it drain, or opens it.
    pub async fn set_mode(&self, queue: QueueName, mode: QueueMode) -> Result<QueueView, Fault> {
        self.ask(|reply| Request::SetMode { queue, mode, reply }).await?
    }

    /// Begins bulk work on a queue.
    pub async fn sweep(&self, queue: QueueName, wish: SweepWish) -> Result<SweepBegun, Fault> {
        self.ask(|reply| Request::Sweep { queue, wish, reply }).await?
    }

    /// Gives up bulk work on a queue's dead-letter.
    pub async fn stop_sweep(&self, queue: QueueName, of: State) -> Result<QueueView, Fault> {
        self.ask(|reply| Request::StopSweep { queue, of, reply }).await?
    }

    /// Notes what dead jobs' records say.
    pub async fn label(&self, labels: Vec<(JobId, Labels)>) -> Result<(), Fault> {
        self.ask(|reply| Request::Label { labels, reply }).await?
    }

    /// Makes a schedule, or replaces what it was told.
    pub async fn put_schedule(&self, schedule: NewSchedule) -> Result<ScheduleView, Fault> {
        let schedule = Box::new(schedule);
        self.ask(|reply| Request::Schedule(ScheduleRequest::Put { schedule, reply })).await?
    }

    /// Pauses or resumes a schedule.
    pub async fn act_on_schedule(&self, name: ScheduleName, act: ScheduleAct) -> Result<ScheduleView, Fault> {
        self.ask(|reply| Request::Schedule(ScheduleRequest::Act { name, act, reply })).await?
    }

    /// Removes a schedule.
    pub async fn remove_schedule(&self, name: ScheduleName) -> Result<(), Fault> {
        self.ask(|reply| Request::Schedule(ScheduleRequest::Remove { name, reply })).await?
    }

    /// Lets a schedule fire out of turn.
    pub async fn fire(&self, name: ScheduleName) -> Result<(Firing, JobId), Fault> {
        self.ask(|reply| Request::Schedule(ScheduleRequest::Fire { name, reply })).await?
    }

    /// Makes an access key.
    pub async fn create_key(&self, key: AccessKey) -> Result<AccessKey, Fault> {
        self.ask(|reply| Request::CreateKey { key, reply }).await?
    }

    /// Revokes an access key.
    pub async fn revoke_key(&self, id: KeyId) -> Result<AccessKey, Fault> {
        self.ask(|reply| Request::RevokeKey { id, reply }).await?
    }

    /// Holds a session, waiting for it if wished.
    pub async fn accept_session(&self, wish: SessionWish) -> Result<Option<AcceptedSession>, Fault> {
        self.ask(|reply| Request::AcceptSession { wish, reply }).await?
    }

    /// Does something with a session. Says whether that changed anything, and how the session stands then.
    pub async fn session(&self, ask: SessionAsk) -> Result<(bool, Option<SessionView>), Fault> {
        self.ask(|reply| Request::Session { ask, reply }).await?
    }

    /// Looks at the state; the answer waits until what it shows is durable.
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Machine) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        self.ask(|reply: Reply<T>| {
            Request::Read(Box::new(move |machine| {
                let seen = look(machine);
                Box::new(move || {
                    // Why the result is let go: a reader that left needs no answer.
                    let _ = reply.send(seen);
                })
            }))
        })
        .await
    }

    /// Goes by the wall clock again after a step of it that was held. Leases go on as they were.
    pub async fn follow_clock(&self) -> Result<(), Fault> {
        self.ask(Request::FollowClock).await?
    }

    /// Whether new work would be taken: the engine answers, and the disk has room for it.
    pub async fn has_room(&self) -> bool {
        self.ask(Request::Room).await.unwrap_or(false)
    }

    /// Lets nobody wait for work any more.
    pub async fn drain(&self) {
        // Why the result is let go: an engine that is gone lets nobody wait.
        let _ = self.requests.send(Request::Drain).await;
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Fault> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).await.map_err(|_| Fault::StorageFailed)?;
        answer.await.map_err(|_| Fault::StorageFailed)
    }
}
