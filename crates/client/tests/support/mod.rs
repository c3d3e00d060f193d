//! A client in virtual time, and a carrier between it and the machine that can misbehave the way
//! networks and hostile servers do.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sealane::clock::RuntimeClock;
use sealane::crypto::{SeededRandom, SystemRandom};
use sealane::keys::{Keyring, memory::MemoryKeys};
use sealane::provider::{Capabilities, EventSource, Heard};
use sealane::providers::memory::Memory;
use sealane::{
    BulkWork, Client, ClientBuilder, Error, FlowId, JobAct, JobId, Namespace, Provider, QueueIn, QueueMode,
    QueueName, QueueOut, Retry,
};
use sealane_api::problem::{Code, Problem, ProblemDocument};
use sealane_api::v1::{
    Complete, DeadAnalysisOut, DeadLetterIn, DeadLetterOut, DeadPreviewOut, EventsIn, Extend, Fail, FireOut,
    FlowAccepted, FlowIn, FlowOut, HeldPreviewIn, HeldPreviewOut, Hold, JobAccepted, JobBatchIn, JobBatchOut,
    JobBodyOut, JobIn, JobListIn, JobListOut, JobLogIn, JobLogOut, JobOut, JobStands, LeaseIn, LeaseOut,
    LeasedJob, QueueList, Release, Reports, ScheduleIn, ScheduleListIn, ScheduleListOut, ScheduleOut,
    SessionAcceptIn, SessionAcceptOut, SessionCloseIn, SessionListIn, SessionListOut, SessionReleased,
    SessionRenewIn, SessionSetStateIn, SessionStands, SessionStateIn, SessionStateOut, Settled, SweepOut,
};
use sealane_core::name::ScheduleName;
use sealane_core::queue::ScheduleAct;
use tokio::time::{sleep, timeout};

/// 2026-01-01.
pub const START_MS: u64 = 1_767_225_600_000;

pub type Tamper = Box<dyn Fn(&mut LeasedJob) + Send>;

/// What goes wrong on the way.
#[derive(Default)]
pub struct Mischief {
    /// So many answers are lost after the request was carried out.
    pub lost_answers: AtomicU32,
    /// So many requests do not get through.
    pub lost_requests: AtomicU32,
    /// So many answers never come.
    pub stuck_answers: AtomicU32,
    /// Answers take so long.
    pub answers_take: Mutex<Duration>,
    /// Batches are refused for what stands in one of their items.
    pub refuses_batches: Mutex<bool>,
    /// Leases cannot be extended: the server has given the job to somebody else.
    pub refuses_extend: Mutex<bool>,
    /// Jobs asked for from any queue are taken from this one.
    pub serves_from: Mutex<Option<QueueName>>,
    /// Whichever job's body is asked for, this one's is shown.
    pub serves_body_of: Mutex<Option<JobId>>,
    /// What is done to each job that is handed out.
    pub tampers: Mutex<Option<Tamper>>,
    /// Connections over which events come break after so many things were heard.
    pub streams_break_after: Mutex<Option<u32>>,
    /// Connections over which events come give a sign of life so often.
    pub signs_of_life: Mutex<Option<Duration>>,
    /// Every request that arrived, by name.
    pub seen: Mutex<Vec<String>>,
}

pub struct Between {
    pub memory: Memory,
    pub mischief: Mischief,
}

pub struct World {
    pub between: Arc<Between>,
    pub clock: Arc<RuntimeClock>,
}

/// Begins at [`START_MS`]; one queue `orders` that takes sealed bodies only and one `open` that
/// takes both.
pub async fn world() -> World {
    let clock = Arc::new(RuntimeClock::starting_at(START_MS));
    let memory = Memory::with(Arc::clone(&clock) as _, Arc::new(SeededRandom::danger_from_seed(1)));
    let between = Arc::new(Between { memory, mischief: Mischief::default() });
    let world = World { between, clock };
    let client = world.plain().build();
    client.put_queue("orders", &QueueIn::default()).await.unwrap();
    client.put_queue("payments", &QueueIn::default()).await.unwrap();
    let open = QueueIn { sealing: Some("allowed".to_owned()), ..QueueIn::default() };
    client.put_queue("open", &open).await.unwrap();
    world
}

pub fn keys() -> Arc<MemoryKeys> {
    Arc::new(MemoryKeys::new(Keyring::generate(&SystemRandom).unwrap()))
}

impl World {
    pub fn plain(&self) -> ClientBuilder {
        Client::builder(Arc::clone(&self.between) as _)
            .clock(Arc::clone(&self.clock) as _)
            .random(Arc::new(SystemRandom))
            .retry(Retry::default())
    }

    pub fn sealed(&self, keys: &Arc<MemoryKeys>) -> Client {
        self.plain().keys(Arc::clone(keys) as _).build()
    }

    pub fn mischief(&self) -> &Mischief {
        &self.between.mischief
    }

    /// How often a request of this name arrived.
    pub fn seen(&self, name: &str) -> usize {
        self.mischief().seen.lock().unwrap().iter().filter(|seen| *seen == name).count()
    }
}

pub fn code_of(error: &Error) -> Option<Code> {
    error.code()
}

pub fn unreachable(may_have_happened: bool) -> Error {
    let cause = Arc::new(std::io::Error::other("connection reset"));
    Error::Unreachable { place: "memory".to_owned(), may_have_happened, cause }
}

fn one_less(counter: &AtomicU32) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1)).is_ok()
}

impl Between {
    async fn pass<T>(&self, name: &str, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.mischief.seen.lock().unwrap().push(name.to_owned());
        if one_less(&self.mischief.lost_requests) {
            return Err(unreachable(false));
        }
        let answer = call.await?;
        if one_less(&self.mischief.stuck_answers) {
            std::future::pending::<()>().await;
        }
        let late = *self.mischief.answers_take.lock().unwrap();
        if !late.is_zero() {
            sleep(late).await;
        }
        if one_less(&self.mischief.lost_answers) {
            return Err(unreachable(true));
        }
        Ok(answer)
    }
}

#[async_trait]
impl Provider for Between {
    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }

    fn namespace(&self) -> &Namespace {
        self.memory.namespace()
    }

    async fn put_queue(&self, queue: &QueueName, settings: &QueueIn) -> Result<QueueOut, Error> {
        self.memory.put_queue(queue, settings).await
    }

    async fn queue(&self, queue: &QueueName) -> Result<QueueOut, Error> {
        self.memory.queue(queue).await
    }

    async fn queues(&self) -> Result<QueueList, Error> {
        self.memory.queues().await
    }

    async fn enqueue(&self, queue: &QueueName, job: &JobIn) -> Result<JobAccepted, Error> {
        self.pass("enqueue", self.memory.enqueue(queue, job)).await
    }

    async fn enqueue_batch(&self, queue: &QueueName, batch: &JobBatchIn) -> Result<JobBatchOut, Error> {
        if *self.mischief.refuses_batches.lock().unwrap() {
            self.mischief.seen.lock().unwrap().push("refused_batch".to_owned());
            return Err(Problem::invalid("something in it").into());
        }
        self.pass("enqueue_batch", self.memory.enqueue_batch(queue, batch)).await
    }

    async fn job(&self, id: JobId) -> Result<JobOut, Error> {
        self.memory.job(id).await
    }

    async fn jobs(&self, page: &JobListIn) -> Result<JobListOut, Error> {
        Provider::jobs(&self.memory, page).await
    }

    async fn events(&self, wish: &EventsIn) -> Result<Box<dyn EventSource>, Error> {
        let source = self.pass("events", self.memory.events(wish)).await?;
        let breaks_after = *self.mischief.streams_break_after.lock().unwrap();
        let signs = *self.mischief.signs_of_life.lock().unwrap();
        Ok(Box::new(Breaking { source, left: breaks_after, signs, place: String::new() }))
    }

    async fn wait(&self, id: JobId, time: std::time::Duration) -> Result<JobOut, Error> {
        self.pass("wait", self.memory.wait(id, time)).await
    }

    async fn job_log(&self, id: JobId, page: &JobLogIn) -> Result<JobLogOut, Error> {
        self.memory.job_log(id, page).await
    }

    async fn job_body(&self, id: JobId, reason: Option<&str>) -> Result<JobBodyOut, Error> {
        let other = *self.mischief.serves_body_of.lock().unwrap();
        self.memory.job_body(other.unwrap_or(id), reason).await
    }

    async fn act(&self, id: JobId, act: &JobAct) -> Result<JobStands, Error> {
        self.pass("act", self.memory.act(id, act)).await
    }

    async fn submit_flow(&self, flow: &FlowIn) -> Result<FlowAccepted, Error> {
        self.pass("submit_flow", self.memory.submit_flow(flow)).await
    }

    async fn flow(&self, flow: FlowId) -> Result<FlowOut, Error> {
        self.memory.flow(flow).await
    }

    async fn cancel_flow(&self, flow: FlowId) -> Result<FlowOut, Error> {
        self.memory.cancel_flow(flow).await
    }

    async fn dead_letter(&self, queue: &QueueName, page: &DeadLetterIn) -> Result<DeadLetterOut, Error> {
        self.memory.dead_letter(queue, page).await
    }

    async fn set_mode(&self, queue: &QueueName, mode: QueueMode) -> Result<QueueOut, Error> {
        self.memory.set_mode(queue, mode).await
    }

    async fn preview_dead(&self, queue: &QueueName, page: &DeadLetterIn) -> Result<DeadPreviewOut, Error> {
        self.memory.preview_dead(queue, page).await
    }

    async fn analyse_dead(&self, queue: &QueueName) -> Result<DeadAnalysisOut, Error> {
        self.memory.analyse_dead(queue).await
    }

    async fn sweep(&self, queue: &QueueName, work: &BulkWork) -> Result<SweepOut, Error> {
        self.memory.sweep(queue, work).await
    }

    async fn preview_held(&self, queue: &QueueName, page: &HeldPreviewIn) -> Result<HeldPreviewOut, Error> {
        self.memory.preview_held(queue, page).await
    }

    async fn stop_release(&self, queue: &QueueName) -> Result<QueueOut, Error> {
        self.memory.stop_release(queue).await
    }

    async fn stop_sweep(&self, queue: &QueueName) -> Result<QueueOut, Error> {
        self.memory.stop_sweep(queue).await
    }

    async fn put_schedule(&self, name: &ScheduleName, wish: &ScheduleIn) -> Result<ScheduleOut, Error> {
        self.pass("put_schedule", self.memory.put_schedule(name, wish)).await
    }

    async fn schedule(&self, name: &ScheduleName) -> Result<ScheduleOut, Error> {
        self.memory.schedule(name).await
    }

    async fn schedules(&self, page: &ScheduleListIn) -> Result<ScheduleListOut, Error> {
        self.memory.schedules(page).await
    }

    async fn act_on_schedule(&self, name: &ScheduleName, act: ScheduleAct) -> Result<ScheduleOut, Error> {
        self.memory.act_on_schedule(name, act).await
    }

    async fn fire_schedule(&self, name: &ScheduleName) -> Result<FireOut, Error> {
        self.pass("fire_schedule", self.memory.fire_schedule(name)).await
    }

    async fn remove_schedule(&self, name: &ScheduleName) -> Result<(), Error> {
        self.memory.remove_schedule(name).await
    }

    async fn lease(&self, queue: &QueueName, wish: &LeaseIn) -> Result<LeaseOut, Error> {
        let from = self.mischief.serves_from.lock().unwrap().clone().unwrap_or_else(|| queue.clone());
        let mut leased = self.pass("lease", self.memory.lease(&from, wish)).await?;
        if let Some(tamper) = self.mischief.tampers.lock().unwrap().as_ref() {
            leased.jobs.iter_mut().for_each(tamper);
        }
        Ok(leased)
    }

    async fn accept_session(
        &self,
        queue: &QueueName,
        wish: &SessionAcceptIn,
    ) -> Result<SessionAcceptOut, Error> {
        self.pass("accept_session", self.memory.accept_session(queue, wish)).await
    }

    async fn renew_session(&self, request: &SessionRenewIn) -> Result<SessionStands, Error> {
        self.pass("renew_session", self.memory.renew_session(request)).await
    }

    async fn close_session(&self, request: &SessionCloseIn) -> Result<SessionStands, Error> {
        self.pass("close_session", self.memory.close_session(request)).await
    }

    async fn session_state(&self, request: &SessionStateIn) -> Result<SessionStateOut, Error> {
        self.pass("session_state", self.memory.session_state(request)).await
    }

    async fn set_session_state(&self, request: &SessionSetStateIn) -> Result<SessionStands, Error> {
        self.pass("set_session_state", self.memory.set_session_state(request)).await
    }

    async fn sessions(&self, queue: &QueueName, page: &SessionListIn) -> Result<SessionListOut, Error> {
        self.memory.sessions(queue, page).await
    }

    async fn release_session(&self, queue: &QueueName, session: &str) -> Result<SessionReleased, Error> {
        self.memory.release_session(queue, session).await
    }

    async fn complete(&self, request: &Complete) -> Result<Settled, Error> {
        self.pass("complete", self.memory.complete(request)).await
    }

    async fn fail(&self, request: &Fail) -> Result<Settled, Error> {
        self.pass("fail", self.memory.fail(request)).await
    }

    async fn release(&self, request: &Release) -> Result<Settled, Error> {
        self.pass("release", self.memory.release(request)).await
    }

    async fn extend(&self, request: &Extend) -> Result<Settled, Error> {
        if *self.mischief.refuses_extend.lock().unwrap() {
            let problem = Problem::new(Code::LeaseLost, "the lease is lost");
            return Err(Error::Refused(Box::new(ProblemDocument::new(&problem, ""))));
        }
        self.pass("extend", self.memory.extend(request)).await
    }

    async fn report(&self, request: &Reports) -> Result<Settled, Error> {
        self.pass("report", self.memory.report(request)).await
    }

    async fn hold(&self, request: &Hold) -> Result<Settled, Error> {
        self.pass("hold", self.memory.hold(request)).await
    }
}

/// A connection over which events come, for as long as it holds.
struct Breaking {
    source: Box<dyn EventSource>,
    left: Option<u32>,
    signs: Option<Duration>,
    place: String,
}

#[async_trait]
impl EventSource for Breaking {
    async fn next(&mut self) -> Result<Heard, Error> {
        match &mut self.left {
            Some(0) => return Err(unreachable(true)),
            Some(left) => *left -= 1,
            None => {}
        }
        let Some(signs) = self.signs else { return self.source.next().await };
        let Ok(heard) = timeout(signs, self.source.next()).await else {
            return Ok(Heard::Place(self.place.clone()));
        };
        if let Ok(Heard::Place(place)) = &heard {
            self.place.clone_from(place);
        }
        heard
    }
}
