//! The provider: takes the lock for a moment, and waits outside of it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use sealane_api::problem::Problem;
use sealane_api::v1::{
    Complete, CompleteItem, DeadAnalysisOut, DeadLetterIn, DeadLetterOut, DeadPreviewOut, EventsIn, Extend,
    ExtendItem, Fail, FailItem, FireOut, FlowAccepted, FlowIn, FlowOut, HeldPreviewIn, HeldPreviewOut, Hold,
    HoldItem, JobAccepted, JobBatchIn, JobBatchOut, JobBatchResult, JobBodyOut, JobIn, JobListIn, JobListOut,
    JobLogIn, JobLogOut, JobOut, JobStands, LeaseIn, LeaseOut, QueueIn, QueueList, QueueOut, Release,
    ReleaseItem, Reports, ScheduleIn, ScheduleListIn, ScheduleListOut, ScheduleOut, SessionAcceptIn,
    SessionAcceptOut, SessionCloseIn, SessionListIn, SessionListOut, SessionReleased, SessionRenewIn,
    SessionSetStateIn, SessionStands, SessionStateIn, SessionStateOut, Settled, SweepOut, WaitIn,
};
use sealane_core::id::{FlowId, JobId, LeaseId, LockId, ScheduleId};
use sealane_core::job::{HoldReason, State};
use sealane_core::limits;
use sealane_core::name::{Namespace, Principal, QueueName, ScheduleName, SessionId};
use sealane_core::queue::{QueueMode, ScheduleAct, Settle};
use sealane_core::time::{Millis, Time};
use sealane_crypto::{Random, SystemRandom};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::events::MemoryEvents;
use super::machine::Machine;
use super::together::Wish;
use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::job_ids::JobIds;
use crate::provider::{BulkWork, Capabilities, EventSource, JobAct, Provider};

/// A server's queues inside this process. Clones of the `Arc` around it share them.
pub struct Memory {
    machine: Arc<Mutex<Machine>>,
    /// Rung after every change: a job may have become ready, or the next deadline be sooner.
    changed: Arc<Notify>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    ids: JobIds,
    namespace: Namespace,
    principal: Principal,
}

impl Memory {
    /// Empty, on this machine's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Arc::new(SystemClock), Arc::new(SystemRandom))
    }

    /// Empty, on another clock and another source of random numbers. Timers still sleep by the
    /// runtime's clock; [`RuntimeClock`](crate::clock::RuntimeClock) goes with it.
    #[must_use]
    pub fn with(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self {
            machine: Arc::default(),
            changed: Arc::default(),
            ids: JobIds::new(Arc::clone(&clock), Arc::clone(&random)),
            clock,
            random,
            namespace: Namespace::parse("default").expect("seven letters are a namespace"),
            principal: Principal::parse("local").expect("five letters are a principal"),
        }
    }

    /// Every job of a queue that is known, finished ones included, in the order of their ids.
    #[must_use]
    pub fn jobs(&self, queue: &QueueName) -> Vec<JobOut> {
        self.change(|machine, _| machine.jobs_of(queue))
    }

    fn machine(&self) -> (MutexGuard<'_, Machine>, Time) {
        // Why poison is passed on: a panic in the middle of a change may have left half of it.
        let machine = self.machine.lock().expect("the machine does not panic while it is locked");
        (machine, Time::from_unix_ms(self.clock.now_ms()))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Machine, Time) -> T) -> T {
        let (mut machine, now) = self.machine();
        machine.pass_time(now);
        let value = change(&mut machine, now);
        drop(machine);
        self.changed.notify_waiters();
        value
    }

    /// A look after what is due is done, and how long until something is due again.
    fn look<T>(&self, look: impl FnOnce(&Machine) -> T) -> (T, Option<Duration>) {
        let (mut machine, now) = self.machine();
        machine.pass_time(now);
        let due = machine.shard.next_deadline().map(|at| Duration::from_millis(at.since(now).get().max(1)));
        (look(&machine), due)
    }

    fn lease_ids(&self, count: usize) -> Result<Vec<LeaseId>, Error> {
        let mut bytes = vec![0u8; count * 16];
        self.random.fill(&mut bytes)?;
        let (ids, _) = bytes.as_chunks::<16>();
        Ok(ids.iter().copied().map(LeaseId::from_bytes).collect())
    }

    fn settle_all(&self, wishes: Vec<Wish>, atomic: bool) -> Result<Settled, Error> {
        check_count(wishes.len())?;
        Ok(self.change(|machine, now| Settled { results: machine.settle_all(now, wishes, atomic) }))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for Memory {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "memory",
            durable: false,
            lease_max: Duration::from_millis(limits::LEASE_MS_MAX),
            lease_wait_max: Duration::from_millis(limits::LEASE_WAIT_MS_MAX),
            delay_max: Duration::from_millis(limits::DELAY_MS_MAX),
            body_bytes_max: limits::BODY_BYTES_MAX,
        }
    }

    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    async fn put_queue(&self, queue: &QueueName, settings: &QueueIn) -> Result<QueueOut, Error> {
        Ok(self.change(|machine, now| machine.put_queue(now, queue, settings))?)
    }

    async fn queue(&self, queue: &QueueName) -> Result<QueueOut, Error> {
        Ok(self.change(|machine, now| machine.queue(now, queue))?)
    }

    async fn queues(&self) -> Result<QueueList, Error> {
        Ok(self.change(|machine, now| QueueList { queues: machine.queues(now) }))
    }

    async fn enqueue(&self, queue: &QueueName, job: &JobIn) -> Result<JobAccepted, Error> {
        let id = self.ids.next()?;
        Ok(self.change(|machine, now| machine.enqueue(now, queue, &self.principal, job, id))?)
    }

    async fn enqueue_batch(&self, queue: &QueueName, batch: &JobBatchIn) -> Result<JobBatchOut, Error> {
        check_count(batch.jobs.len())?;
        let ids: Vec<JobId> = batch.jobs.iter().map(|_| self.ids.next()).collect::<Result<_, _>>()?;
        let results = self.change(|machine, now| {
            if batch.atomic
                && let Some(refused) =
                    machine.refused_together(now, queue, &self.principal, &batch.jobs, &ids)
            {
                return refused;
            }
            let one = |(job, id): (&JobIn, JobId)| match machine.enqueue(now, queue, &self.principal, job, id)
            {
                Ok(accepted) => JobBatchResult::Accepted(accepted),
                Err(problem) => JobBatchResult::Refused { id: job.id.clone(), error: (&problem).into() },
            };
            batch.jobs.iter().zip(ids).map(one).collect()
        });
        Ok(JobBatchOut { results })
    }

    async fn job(&self, id: JobId) -> Result<JobOut, Error> {
        Ok(self.change(|machine, _| machine.job(id))?)
    }

    async fn jobs(&self, page: &JobListIn) -> Result<JobListOut, Error> {
        Ok(self.change(|machine, _| machine.jobs(page))?)
    }

    async fn events(&self, wish: &EventsIn) -> Result<Box<dyn EventSource>, Error> {
        let parts = (Arc::clone(&self.machine), Arc::clone(&self.changed), Arc::clone(&self.clock));
        Ok(Box::new(MemoryEvents::open(parts, wish)?))
    }

    async fn wait(&self, id: JobId, time: Duration) -> Result<JobOut, Error> {
        let wait_ms = Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let time = Duration::from_millis(WaitIn { wait_ms }.wait()?.get());
        let give_up = Instant::now() + time;
        loop {
            // Why before the look: a change between look and wait must wake this one.
            let changed = self.changed.notified();
            let (job, due) = self.look(|machine| machine.job(id));
            let job = job?;
            let over = State::parse(&job.state).is_some_and(State::is_over);
            if over || Instant::now() >= give_up {
                return Ok(job);
            }
            let wake = due.map_or(give_up, |due| give_up.min(Instant::now() + due));
            tokio::select! {
                () = changed => {}
                () = sleep_until(wake) => {}
            }
        }
    }

    async fn job_log(&self, id: JobId, page: &JobLogIn) -> Result<JobLogOut, Error> {
        Ok(self.change(|machine, _| machine.job_log(id, page))?)
    }

    async fn job_body(&self, id: JobId, _reason: Option<&str>) -> Result<JobBodyOut, Error> {
        Ok(self.change(|machine, _| machine.job_body(id))?)
    }

    async fn act(&self, id: JobId, act: &JobAct) -> Result<JobStands, Error> {
        Ok(self.change(|machine, now| machine.act(now, id, act))?)
    }

    async fn submit_flow(&self, flow: &FlowIn) -> Result<FlowAccepted, Error> {
        Ok(self.change(|machine, now| machine.submit(now, &self.principal, flow))?)
    }

    async fn flow(&self, flow: FlowId) -> Result<FlowOut, Error> {
        Ok(self.change(|machine, _| machine.flow(flow))?)
    }

    async fn cancel_flow(&self, flow: FlowId) -> Result<FlowOut, Error> {
        Ok(self.change(|machine, now| machine.cancel_flow(now, flow))?)
    }

    async fn dead_letter(&self, queue: &QueueName, page: &DeadLetterIn) -> Result<DeadLetterOut, Error> {
        Ok(self.change(|machine, now| machine.dead_letter(now, queue, page))?)
    }

    async fn set_mode(&self, queue: &QueueName, mode: QueueMode) -> Result<QueueOut, Error> {
        Ok(self.change(|machine, now| machine.set_mode(now, queue, mode))?)
    }

    async fn preview_dead(&self, queue: &QueueName, page: &DeadLetterIn) -> Result<DeadPreviewOut, Error> {
        Ok(self.change(|machine, now| machine.preview_dead(now, queue, page))?)
    }

    async fn analyse_dead(&self, queue: &QueueName) -> Result<DeadAnalysisOut, Error> {
        Ok(self.change(|machine, now| machine.analyse_dead(now, queue))?)
    }

    async fn sweep(&self, queue: &QueueName, work: &BulkWork) -> Result<SweepOut, Error> {
        Ok(self.change(|machine, now| machine.sweep(now, queue, work))?)
    }

    async fn preview_held(&self, queue: &QueueName, page: &HeldPreviewIn) -> Result<HeldPreviewOut, Error> {
        Ok(self.change(|machine, _| machine.preview_held(queue, page))?)
    }

    async fn stop_release(&self, queue: &QueueName) -> Result<QueueOut, Error> {
        Ok(self.change(|machine, now| machine.stop_sweep(now, queue, State::Held))?)
    }

    async fn stop_sweep(&self, queue: &QueueName) -> Result<QueueOut, Error> {
        Ok(self.change(|machine, now| machine.stop_sweep(now, queue, State::Dead))?)
    }

    async fn put_schedule(&self, name: &ScheduleName, wish: &ScheduleIn) -> Result<ScheduleOut, Error> {
        let id = ScheduleId::from_bytes(*self.ids.next()?.as_bytes());
        Ok(self.change(|machine, now| machine.put_schedule(now, name, &self.principal, wish, id))?)
    }

    async fn schedule(&self, name: &ScheduleName) -> Result<ScheduleOut, Error> {
        Ok(self.change(|machine, _| machine.schedule(name))?)
    }

    async fn schedules(&self, page: &ScheduleListIn) -> Result<ScheduleListOut, Error> {
        Ok(self.change(|machine, _| machine.schedules(page))?)
    }

    async fn act_on_schedule(&self, name: &ScheduleName, act: ScheduleAct) -> Result<ScheduleOut, Error> {
        Ok(self.change(|machine, now| {
            machine.act_on_schedule(now, name, act)?;
            machine.schedule(name)
        })?)
    }

    async fn fire_schedule(&self, name: &ScheduleName) -> Result<FireOut, Error> {
        Ok(self.change(|machine, now| machine.fire_schedule(now, name))?)
    }

    async fn remove_schedule(&self, name: &ScheduleName) -> Result<(), Error> {
        Ok(self.change(|machine, now| machine.remove_schedule(now, name))?)
    }

    async fn lease(&self, queue: &QueueName, wish: &LeaseIn) -> Result<LeaseOut, Error> {
        let max = usize::try_from(wish.max.unwrap_or(1)).unwrap_or(usize::MAX);
        check_count(max)?;
        let wait_ms = wish.wait_ms.unwrap_or(0);
        if wait_ms > limits::LEASE_WAIT_MS_MAX {
            return Err(
                Problem::invalid(format!("wait_ms must be at most {}", limits::LEASE_WAIT_MS_MAX)).into()
            );
        }
        let give_up = Instant::now() + Duration::from_millis(wait_ms);
        let (runner, lease_ids) = (wish.runner()?, self.lease_ids(max)?);
        loop {
            // Why before the look: a change between look and wait must wake this one.
            let changed = self.changed.notified();
            let (jobs, due) = {
                let (mut machine, now) = self.machine();
                let lease = wish.lease_ms.map(Millis::new);
                let jobs = match &wish.session_receipt {
                    None => {
                        machine.lease(now, queue, (&self.principal, runner.as_ref()), lease, &lease_ids)?
                    }
                    Some(receipt) => {
                        let holder = (receipt.as_str(), &self.principal, runner.as_ref());
                        machine.lease_session(now, queue, holder, lease, &lease_ids)?
                    }
                };
                let due =
                    machine.next_look(queue).map(|at| Duration::from_millis(at.since(now).get().max(1)));
                (jobs, due)
            };
            if !jobs.is_empty() || Instant::now() >= give_up {
                return Ok(LeaseOut { jobs });
            }
            let wake = due.map_or(give_up, |due| give_up.min(Instant::now() + due));
            tokio::select! {
                () = changed => {}
                () = sleep_until(wake) => {}
            }
        }
    }

    async fn accept_session(
        &self,
        queue: &QueueName,
        wish: &SessionAcceptIn,
    ) -> Result<SessionAcceptOut, Error> {
        let give_up = Instant::now() + Duration::from_millis(wish.wait()?.get());
        let mut lock = [0; 16];
        self.random.fill(&mut lock)?;
        loop {
            let changed = self.changed.notified();
            let (accepted, due) = {
                let (mut machine, now) = self.machine();
                let lock = LockId::from_bytes(lock);
                let accepted = machine.accept_session(now, queue, &self.principal, wish, lock)?;
                let due =
                    machine.next_look(queue).map(|at| Duration::from_millis(at.since(now).get().max(1)));
                (accepted, due)
            };
            if accepted.session.is_some() || Instant::now() >= give_up {
                return Ok(accepted);
            }
            let wake = due.map_or(give_up, |due| give_up.min(Instant::now() + due));
            tokio::select! {
                () = changed => {}
                () = sleep_until(wake) => {}
            }
        }
    }

    async fn renew_session(&self, request: &SessionRenewIn) -> Result<SessionStands, Error> {
        Ok(self.change(|machine, now| machine.renew_session(now, request))?)
    }

    async fn close_session(&self, request: &SessionCloseIn) -> Result<SessionStands, Error> {
        Ok(self.change(|machine, now| machine.close_session(now, request))?)
    }

    async fn session_state(&self, request: &SessionStateIn) -> Result<SessionStateOut, Error> {
        Ok(self.change(|machine, now| machine.session_state(now, request))?)
    }

    async fn set_session_state(&self, request: &SessionSetStateIn) -> Result<SessionStands, Error> {
        Ok(self.change(|machine, now| machine.set_session_state(now, request))?)
    }

    async fn sessions(&self, queue: &QueueName, page: &SessionListIn) -> Result<SessionListOut, Error> {
        Ok(self.change(|machine, _| machine.sessions(queue, page))?)
    }

    async fn release_session(&self, queue: &QueueName, session: &str) -> Result<SessionReleased, Error> {
        let session = SessionId::parse(session).map_err(Error::invalid)?;
        let released = self.change(|machine, now| machine.release_session(now, queue, &session))?;
        Ok(SessionReleased { released })
    }

    async fn complete(&self, request: &Complete) -> Result<Settled, Error> {
        let wish = |item: &CompleteItem| Wish {
            receipt: item.receipt.clone(),
            outcome: item.clone().take_result().map(|result| (Settle::Complete, result)),
        };
        self.settle_all(request.items.iter().map(wish).collect(), request.atomic)
    }

    async fn fail(&self, request: &Fail) -> Result<Settled, Error> {
        let mut random = [0u8; 4];
        self.random.fill(&mut random)?;
        let random = u32::from_be_bytes(random);
        let outcome = |item: &FailItem| {
            let (category, code, fingerprint) = (item.category()?, item.code()?, item.fingerprint()?);
            let retry_after = item.retry_after_ms.map(Millis::new);
            Ok((
                Settle::Fail { category, code, fingerprint, retry_after, random },
                item.clone().take_error()?,
            ))
        };
        let wish = |item: &FailItem| Wish { receipt: item.receipt.clone(), outcome: outcome(item) };
        self.settle_all(request.items.iter().map(wish).collect(), request.atomic)
    }

    async fn release(&self, request: &Release) -> Result<Settled, Error> {
        let wish = |item: &ReleaseItem| {
            let delay = Millis::new(item.delay_ms.unwrap_or(0));
            Wish { receipt: item.receipt.clone(), outcome: Ok((Settle::Release { delay }, None)) }
        };
        self.settle_all(request.items.iter().map(wish).collect(), request.atomic)
    }

    async fn extend(&self, request: &Extend) -> Result<Settled, Error> {
        check_count(request.items.len())?;
        Ok(self.change(|machine, now| {
            let one = |item: &ExtendItem| machine.extend(now, &item.receipt, item.lease_ms.map(Millis::new));
            Settled { results: request.items.iter().map(one).collect() }
        }))
    }

    async fn report(&self, request: &Reports) -> Result<Settled, Error> {
        check_count(request.items.len())?;
        Ok(self.change(|machine, now| {
            let results = request.items.iter().map(|item| machine.report(now, item));
            Settled { results: results.collect() }
        }))
    }

    async fn hold(&self, request: &Hold) -> Result<Settled, Error> {
        let wish = |item: &HoldItem| Wish {
            receipt: item.receipt.clone(),
            outcome: Ok((Settle::Hold(HoldReason::Unopenable), None)),
        };
        self.settle_all(request.items.iter().map(wish).collect(), request.atomic)
    }
}

fn check_count(count: usize) -> Result<(), Error> {
    if (1..=limits::BATCH_ITEMS_MAX).contains(&count) {
        return Ok(());
    }
    Err(Problem::invalid(format!("a request holds 1 to {} items", limits::BATCH_ITEMS_MAX)).into())
}
