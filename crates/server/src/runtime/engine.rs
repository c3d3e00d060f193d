//! The engine's turns. Who runs them, a thread of their own or a task among others, is its maker's choice.

use std::sync::Arc;

use sealane_core::control::{ControlEvent, ControlRefusal};
use sealane_core::id::{JobId, LeaseId};
use sealane_core::job::State;
use sealane_core::limits;
use sealane_core::name::{Namespace, Principal, QueueName};
use sealane_core::queue::feed::Step;
use sealane_core::queue::session::{LeaseSession, SessionCommand, SessionReceipt};
use sealane_core::queue::{
    Command, Enqueue, Event, JobView, Lease, QueueSettings, QueueView, Receipt, Refusal, Shard,
};
use sealane_core::record::RecordRef;
use sealane_core::time::{Millis, Time};
use sealane_crypto::random::Random;
use sealane_storage::{CallerData, Fact, Journal, JournalError, JournalReader, Room};
use tokio::sync::{Notify, mpsc};

use super::events::Events;
use super::fault::Fault;
use super::handle::EngineHandle;
use super::job_waiters::{Ended, JobWaiters};
use super::machine::Machine;
use super::request::{Accepted, LeaseWish, Leased, LeasedJobs, NewJob, Reply, Request, SettleItem};
use super::session_waiters::{Place, SessionWaiters, Wish};
use super::waiters::Waiters;
use crate::authn::AccessKeys;
use crate::clock::Clock;

/// Requests taken into one turn.
const TURN_REQUESTS_MAX: usize = 1_024;

/// Room is looked for so seldom for those who only ask whether there is some.
const ROOM_ASKED_MS: u64 = 1_000;

/// Longest sleep: a bound for the wait, not a rhythm; nothing depends on it.
const SLEEP_MS_MAX: u64 = 60_000;

/// Between two tries to work off what is due on a full disk.
const STUCK_SLEEP_MS: u64 = 100;

/// How the engine ended.
#[derive(Debug)]
pub enum Stopped {
    /// All handles were dropped and the journal was closed.
    Clean,
    /// The journal failed.
    Journal(JournalError),
    /// The thread panicked: a bug. The journal has everything that was answered.
    Panicked,
}

type Answer = Box<dyn FnOnce() + Send>;

/// Why a step inside a turn did not happen: the caller is told, or the engine ends.
pub(super) enum Trouble {
    Fault(Fault),
    Journal(JournalError),
}

impl From<JournalError> for Trouble {
    fn from(error: JournalError) -> Self {
        if error.is_fatal() { Self::Journal(error) } else { Self::Fault(Fault::StorageFull) }
    }
}

/// Whether a job was accepted, and not only answered for.
pub(super) fn is_fresh(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::JobEnqueued(_)))
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Fault(refusal.into())
    }
}

impl From<ControlRefusal> for Trouble {
    fn from(refusal: ControlRefusal) -> Self {
        Self::Fault(refusal.into())
    }
}

/// Tells what is for the caller from what ends the engine.
pub(super) fn told<T>(result: Result<T, Trouble>) -> Result<Result<T, Fault>, JournalError> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Trouble::Fault(fault)) => Ok(Err(fault)),
        Err(Trouble::Journal(error)) => Err(error),
    }
}

/// The queues, the journal and who waits for them.
pub struct Engine {
    pub(super) namespace: Namespace,
    pub(super) machine: Machine,
    pub(super) journal: Box<dyn Journal>,
    pub(super) records: Arc<dyn JournalReader>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    access_keys: Arc<AccessKeys>,
    requests: mpsc::Receiver<Request>,
    back: mpsc::WeakSender<Request>,
    waiters: Waiters,
    pub(super) session_waiters: SessionWaiters,
    job_waiters: JobWaiters,
    /// Rung where jobs have died whose records are to be read.
    died: Arc<Notify>,
    /// What those who listen are told,
    pub(super) events: Arc<Events>,
    /// and what they are told of this turn when it is durable.
    pub(super) staged: Vec<Step>,
    /// When a rate lets the next job go to somebody who waits.
    opens_at: Option<Time>,
    answers: Vec<Answer>,
    keys_changed: bool,
    draining: bool,
    /// Who asked to go by the wall clock.
    clock_followers: Vec<Reply<Result<(), Fault>>>,
    /// When room was last looked for because somebody asked whether there is some.
    looked_for_room: Time,
    /// Something that is due is put off for want of room.
    pub(super) stuck: bool,
}

impl Engine {
    /// Puts an engine together; [`Engine::start_thread`] or [`Engine::run`] sets it going.
    pub fn new(
        namespace: Namespace,
        machine: Machine,
        journal: Box<dyn Journal>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        access_keys: Arc<AccessKeys>,
        events: Events,
    ) -> (Self, EngineHandle) {
        let (sender, requests) = mpsc::channel(limits::ENGINE_REQUESTS_MAX);
        let (died, events) = (Arc::new(Notify::new()), Arc::new(events));
        let engine = Self {
            namespace,
            machine,
            records: journal.reader(),
            journal,
            clock,
            random,
            access_keys,
            requests,
            back: sender.downgrade(),
            waiters: Waiters::default(),
            session_waiters: SessionWaiters::default(),
            job_waiters: JobWaiters::default(),
            died: Arc::clone(&died),
            events: Arc::clone(&events),
            staged: Vec::new(),
            opens_at: None,
            answers: Vec::new(),
            keys_changed: false,
            draining: false,
            clock_followers: Vec::new(),
            looked_for_room: Time::default(),
            stuck: false,
        };
        (engine, EngineHandle::new(sender, died, events))
    }

    /// Runs the engine on a thread of its own, where a sync of the disk keeps nobody else from running.
    ///
    /// # Errors
    /// When the system refuses the thread.
    pub fn start_thread(self) -> std::io::Result<tokio::sync::oneshot::Receiver<Stopped>> {
        let (stopped, ended) = tokio::sync::oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        std::thread::Builder::new().name("engine".to_owned()).spawn(move || {
            let run = std::panic::AssertUnwindSafe(move || runtime.block_on(self.run()));
            let how = std::panic::catch_unwind(run).unwrap_or(Stopped::Panicked);
            // Why the result is let go: nobody listening means that the process is ending anyway.
            let _ = stopped.send(how);
        })?;
        Ok(ended)
    }

    /// Takes turns until every handle is gone, or until the journal fails. Between two awaits stands one
    /// whole turn, its sync included: whoever drops this cuts no turn in half.
    pub async fn run(mut self) -> Stopped {
        let mut taken = Vec::with_capacity(TURN_REQUESTS_MAX);
        if let Err(error) = self.begin() {
            return Stopped::Journal(error);
        }
        loop {
            let open = self.receive(&mut taken).await;
            if let Err(error) = self.turn(&mut taken) {
                return Stopped::Journal(error);
            }
            self.snapshot_if_due(!open);
            if !open {
                return match self.journal.close() {
                    Ok(()) => Stopped::Clean,
                    Err(error) => Stopped::Journal(error),
                };
            }
        }
    }

    /// Leases go on from here: the time without a server does not count against them.
    fn begin(&mut self) -> Result<(), JournalError> {
        let now = self.clock.now();
        self.go_on_at(now)?;
        self.finish_turn()
    }

    /// Notes that time went on to here without leases going on meanwhile.
    fn go_on_at(&mut self, now: Time) -> Result<(), JournalError> {
        let namespaces: Vec<Namespace> = self.machine.namespaces().cloned().collect();
        for namespace in namespaces {
            let start = Fact::Shard { namespace, event: Event::ServerStarted { at: now } };
            // Why a fault is let go: without room for this line, leases end a little early.
            let _ = told(self.append_fact(&start, None))?;
        }
        Ok(())
    }

    /// Waits for requests or for time to bring something about. False when no handle is left.
    async fn receive(&mut self, taken: &mut Vec<Request>) -> bool {
        let now = self.clock.now();
        let wakes = [
            self.machine.next_deadline(),
            self.waiters.next_end(),
            self.session_waiters.next_end(),
            self.job_waiters.next_end(),
            self.opens_at,
        ];
        let wake = wakes.into_iter().flatten().min();
        let least = if self.stuck { STUCK_SLEEP_MS } else { 0 };
        let sleep = wake.map_or(SLEEP_MS_MAX, |at| at.since(now).get().clamp(least, SLEEP_MS_MAX));
        let receive = self.requests.recv_many(taken, TURN_REQUESTS_MAX);
        match tokio::time::timeout(std::time::Duration::from_millis(sleep), receive).await {
            Ok(0) => false,
            Ok(_) | Err(_) => true,
        }
    }

    fn turn(&mut self, taken: &mut Vec<Request>) -> Result<(), JournalError> {
        let now = self.clock.now();
        self.expire(now)?;
        self.fire_due(now)?;
        for request in taken.drain(..) {
            self.apply(now, request)?;
            if self.journal.staged_bytes() >= limits::GROUP_BYTES_MAX {
                self.finish_turn()?;
            }
        }
        self.follow(now)?;
        self.serve_waiters(now)?;
        self.serve_session_waiters(now)?;
        if self.shard().has_unlabelled() {
            self.died.notify_one();
        }
        self.follow_clock()?;
        self.finish_turn()
    }

    /// Goes by the wall clock where somebody asked for it: the last of a turn, whose other events are of
    /// the time before.
    fn follow_clock(&mut self) -> Result<(), JournalError> {
        let followers = std::mem::take(&mut self.clock_followers);
        if followers.is_empty() {
            return Ok(());
        }
        // Why room first: leases that could not be noted to go on would all end at once.
        let done = if self.no_room() {
            Err(Fault::StorageFull)
        } else {
            let now = self.clock.follow();
            self.go_on_at(now)?;
            Ok(())
        };
        for reply in followers {
            self.answer(reply, done.clone());
        }
        Ok(())
    }

    /// Makes the turn durable, then answers. The order of these lines is the promise.
    pub(super) fn finish_turn(&mut self) -> Result<(), JournalError> {
        self.journal.commit()?;
        if std::mem::take(&mut self.keys_changed) {
            self.access_keys.replace(self.machine.control().clone());
        }
        self.publish();
        for answer in self.answers.drain(..) {
            answer();
        }
        Ok(())
    }

    /// Works off what time brought about. Bulk work waits while there is hardly any room: what is left is
    /// for the jobs in workers' hands.
    fn expire(&mut self, now: Time) -> Result<(), JournalError> {
        self.stuck = self.shard().is_sweeping() && self.no_room();
        let shard = self.shard();
        let events = if self.stuck { shard.expire_only(now) } else { shard.expire(now) };
        for event in events {
            if told(self.append(event, None))?.is_err() {
                self.stuck = true;
                break;
            }
        }
        Ok(())
    }

    fn apply(&mut self, now: Time, request: Request) -> Result<(), JournalError> {
        match request {
            Request::PutQueue { queue, settings, reply } => {
                let done = told(self.put_queue(now, &queue, settings))?;
                self.answer(reply, done);
            }
            Request::Enqueue { queue, owner, jobs, atomic: true, reply } => {
                let results = self.enqueue_together(now, &queue, &owner, &jobs)?;
                self.answer(reply, results);
            }
            Request::Settle { items, atomic: true, reply } => {
                let results = self.settle_together(now, &items)?;
                self.answer(reply, results);
            }
            Request::Enqueue { queue, owner, jobs, atomic: false, reply } => {
                let mut results = Vec::with_capacity(jobs.len());
                for job in jobs {
                    results.push(told(self.enqueue(now, &queue, &owner, &job))?);
                }
                self.answer(reply, results);
            }
            Request::SubmitFlow { owner, jobs, reply } => {
                let done = self.submit_flow(now, &owner, &jobs)?;
                self.answer(reply, done);
            }
            Request::CancelFlow { flow, meant, reply } => {
                let done = told(self.cancel_flow(now, flow, &meant))?;
                self.answer(reply, done);
            }
            Request::Lease { wish, reply } => self.lease_or_wait(now, wish, reply)?,
            Request::Extend { items, reply } => {
                let mut results = Vec::with_capacity(items.len());
                for (receipt, lease) in items {
                    results.push(told(self.extend(now, receipt, lease))?);
                }
                self.answer(reply, results);
            }
            Request::Settle { items, atomic: false, reply } => {
                let mut results = Vec::with_capacity(items.len());
                for item in items {
                    results.push(told(self.settle(now, &item))?);
                }
                self.answer(reply, results);
            }
            Request::Report { items, reply } => {
                let mut results = Vec::with_capacity(items.len());
                for item in items {
                    results.push(told(self.report(now, &item))?);
                }
                self.answer(reply, results);
            }
            Request::AwaitEnd { job, wait, reply } => self.await_end(now, job, wait, reply),
            Request::CreateKey { key, reply } => {
                let judged = self.machine.control().create_key(key.clone());
                let done = told(self.control(judged))?.map(|()| key);
                self.answer(reply, done);
            }
            Request::RevokeKey { id, reply } => {
                let judged = self.machine.control().revoke_key(now, &id);
                let done = told(self.control(judged))?;
                let done =
                    done.map(|()| self.machine.control().key(&id).expect("it was just revoked").clone());
                self.answer(reply, done);
            }
            Request::Act { job, act, meant, reply } => {
                let done = told(self.act(now, job, &act, &meant))?;
                self.answer(reply, done);
            }
            Request::SetMode { queue, mode, reply } => {
                let done = told(self.set_mode(now, &queue, mode))?;
                self.answer(reply, done);
            }
            Request::StopSweep { queue, of, reply } => {
                let done = told(self.stop_sweep(now, &queue, of))?;
                self.answer(reply, done);
            }
            Request::Label { labels, reply } => {
                let done = told(self.label(now, &labels))?;
                self.answer(reply, done);
            }
            Request::Sweep { queue, wish, reply } => {
                let begun = told(self.sweep(now, &queue, &wish))?;
                self.answer(reply, begun);
            }
            Request::AcceptSession { wish, reply } => self.accept_or_wait(now, wish, reply)?,
            Request::Session { ask, reply } => {
                let done = told(self.ask_session(now, &ask))?;
                self.answer(reply, done);
            }
            Request::Schedule(request) => self.schedule(now, request)?,
            Request::Read(look) => self.answers.push(look(&self.machine)),
            Request::FollowClock(reply) => self.clock_followers.push(reply),
            Request::Room(reply) => {
                let room = self.looks_for_room(now);
                self.answer(reply, room);
            }
            Request::Drain => self.draining = true,
        }
        Ok(())
    }

    fn put_queue(
        &mut self,
        now: Time,
        queue: &QueueName,
        settings: QueueSettings,
    ) -> Result<QueueView, Trouble> {
        for event in self.decide(now, &Command::PutQueue { queue, settings })? {
            self.append(event, None)?;
        }
        Ok(self.shard().queue(queue).expect("the queue was just created or was there"))
    }

    fn enqueue(
        &mut self,
        now: Time,
        queue: &QueueName,
        owner: &Principal,
        job: &NewJob,
    ) -> Result<Accepted, Trouble> {
        self.check_sight(job)?;
        let command = job.command(queue, owner);
        let events = self.decide(now, &Command::Enqueue(command))?;
        // Why here and not before: a repeat of what was accepted is answered on a full disk as well.
        if !events.is_empty() && self.no_room() {
            return Err(Trouble::Fault(Fault::StorageFull));
        }
        let fresh = is_fresh(&events);
        for event in events {
            let data = job.data(&event);
            self.append(event, data)?;
        }
        Ok(self.accepted(now, &command, fresh))
    }

    /// The answer to an enqueue that was honoured.
    pub(super) fn accepted(&self, now: Time, command: &Enqueue<'_>, fresh: bool) -> Accepted {
        let acceptance = self.shard().acceptance(now, command);
        Accepted { acceptance: acceptance.expect("what was honoured has an answer"), fresh }
    }

    fn extend(&mut self, now: Time, receipt: Receipt, lease: Option<Millis>) -> Result<JobView, Trouble> {
        for event in self.decide(now, &Command::Extend { receipt, lease })? {
            self.append(event, None)?;
        }
        Ok(self.view(&receipt.job))
    }

    fn settle(&mut self, now: Time, item: &SettleItem) -> Result<JobView, Trouble> {
        let SettleItem { receipt, outcome, data } = item;
        let events = self.decide(now, &Command::Settle { receipt: *receipt, outcome })?;
        let queue = self.shard().job(&receipt.job).map(|view| view.queue);
        for event in events {
            let data = data.as_deref().zip(queue).map(|(bytes, queue)| CallerData::Outcome { queue, bytes });
            self.append(event, data)?;
        }
        Ok(self.view(&receipt.job))
    }

    fn lease_or_wait(
        &mut self,
        now: Time,
        wish: LeaseWish,
        reply: Reply<Result<LeasedJobs, Fault>>,
    ) -> Result<(), JournalError> {
        let leased = told(self.lease(now, &wish))?;
        let nothing = matches!(&leased, Ok(jobs) if jobs.is_empty());
        if nothing && wish.wait > Millis::default() && !self.draining {
            let until = now.plus(wish.wait);
            if let Some(SessionReceipt { queue, session, .. }) = wish.session {
                let place = Place::One(queue, session);
                let waits = self.session_waiters.add(place, Wish::Lease(wish, reply), until);
                if let Err(Wish::Lease(_, reply)) = waits {
                    self.answer(reply, Err(Fault::TooManyWaiters));
                }
                return Ok(());
            }
            if let Err(reply) = self.waiters.add(wish, until, reply) {
                self.answer(reply, Err(Fault::TooManyWaiters));
            }
            return Ok(());
        }
        self.answer_lease(reply, leased);
        Ok(())
    }

    fn serve_waiters(&mut self, now: Time) -> Result<(), JournalError> {
        self.opens_at = None;
        for queue in self.waiters.queues() {
            while self.opens_at(&queue).is_some_and(|at| at <= now) {
                let Some(waiter) = self.waiters.next(&queue) else { break };
                let leased = told(self.lease(now, &waiter.wish))?;
                self.answer_lease(waiter.reply, leased);
            }
            let opens_at = self.opens_at(&queue).filter(|at| *at > now);
            self.opens_at = self.opens_at.into_iter().chain(opens_at).min();
        }
        let end = if self.draining { Time::from_unix_ms(u64::MAX) } else { now };
        for waiter in self.waiters.ended(end) {
            self.answer_lease(waiter.reply, Ok(Vec::new()));
        }
        for reply in self.job_waiters.time_is_up(end) {
            self.answer(reply, Ok(()));
        }
        Ok(())
    }

    fn await_end(&mut self, now: Time, job: JobId, wait: Millis, reply: Ended) {
        let goes_on = self.shard().job(&job).is_some_and(|view| !view.state.is_over());
        if !goes_on || wait == Millis::default() || self.draining {
            return self.answer(reply, Ok(()));
        }
        if let Err(reply) = self.job_waiters.add(job, now.plus(wait), reply) {
            self.answer(reply, Err(Fault::TooManyJobWaiters));
        }
    }

    /// Wakes who waits for a job that this fact ended: they hear of it when it is durable.
    pub(super) fn wake(&mut self, fact: &Fact) {
        let Fact::Shard { event, .. } = fact else { return };
        let Some(job) = event.may_end().filter(|job| self.job_waiters.wait_for(job)).copied() else { return };
        if self.shard().job(&job).is_none_or(|view| view.state.is_over()) {
            for reply in self.job_waiters.ended(&job) {
                self.answer(reply, Ok(()));
            }
        }
    }

    fn opens_at(&self, queue: &QueueName) -> Option<Time> {
        let shard = self.shard();
        shard.queue_number(queue).and_then(|number| shard.opens_at(number))
    }

    pub(super) fn lease(&mut self, now: Time, wish: &LeaseWish) -> Result<Vec<Leased>, Trouble> {
        let waiting = self.shard().queue(&wish.queue).map_or(0, |queue| queue.counts.of(State::Ready));
        let wanted = wish.max.min(usize::try_from(waiting).unwrap_or(usize::MAX));
        // One draw for all: each costs a lock and a look at the one before.
        let mut random = vec![0; wanted * 16];
        self.fill_random(&mut random)?;
        let (ids, _) = random.as_chunks::<16>();
        let lease_ids: Vec<LeaseId> = ids.iter().copied().map(LeaseId::from_bytes).collect();
        let (holder, runner) = (&wish.holder, wish.runner.as_ref());
        let (lease, lease_ids) = (wish.lease, &lease_ids[..]);
        let command = match wish.session {
            None => Command::Lease(Lease { queue: &wish.queue, holder, runner, lease, lease_ids }),
            Some(receipt) => Command::Session(SessionCommand::Lease(LeaseSession {
                receipt,
                holder,
                runner,
                lease,
                lease_ids,
            })),
        };
        let events = self.decide(now, &command)?;
        let mut jobs = Vec::with_capacity(events.len());
        for event in events {
            let Event::JobLeased { job, lease, lock, .. } = event else {
                unreachable!("lease makes one kind of event")
            };
            match self.append(event, None) {
                Ok(()) => {}
                // Why not the fault: the jobs leased so far are this caller's, and it must hear of them.
                Err(Trouble::Fault(_)) if !jobs.is_empty() => break,
                Err(trouble) => return Err(trouble),
            }
            let view = self.view(&job);
            let receipt = Receipt { job, attempt: view.attempt, lease, lock };
            let parents = self.parents_of(&view);
            jobs.push(Leased { receipt, view, parents });
        }
        Ok(jobs)
    }

    fn control(&mut self, judged: Result<ControlEvent, ControlRefusal>) -> Result<(), Trouble> {
        self.append_fact(&Fact::Control(judged?), None)?;
        self.keys_changed = true;
        Ok(())
    }

    pub(super) fn decide(&self, now: Time, command: &Command<'_>) -> Result<Vec<Event>, Trouble> {
        Ok(self.shard().decide(now, command)?)
    }

    pub(super) fn shard(&self) -> &Shard {
        self.machine.shard(&self.namespace)
    }

    pub(super) fn append(&mut self, event: Event, data: Option<CallerData<'_>>) -> Result<(), Trouble> {
        let fact = Fact::Shard { namespace: self.namespace.clone(), event };
        self.append_fact(&fact, data)
    }

    /// Stores a fact and applies it. What could not be stored is not applied.
    fn append_fact(&mut self, fact: &Fact, data: Option<CallerData<'_>>) -> Result<(), Trouble> {
        let record = match self.journal.append(fact, data) {
            Err(JournalError::GroupFull { .. }) => {
                self.journal.commit()?;
                self.journal.append(fact, data)?
            }
            other => other?,
        };
        self.apply_stored(fact, record);
        Ok(())
    }

    /// Applies what is stored, and tells everybody inside who has to hear of it. The one way to do so.
    pub(super) fn apply_stored(&mut self, fact: &Fact, record: RecordRef) {
        self.stage_before(fact);
        self.machine.evolve(fact, record);
        self.stage_after(fact);
        self.wake(fact);
        if let Fact::Shard { event, .. } = fact {
            self.note_session(event);
        }
    }

    /// Whether there is room, for whoever only asks: looking for some costs the disk writes, and anybody may
    /// ask, so it is looked for now and then.
    fn looks_for_room(&mut self, now: Time) -> bool {
        if self.journal.room() == Room::Ok {
            return true;
        }
        if now.since(self.looked_for_room).get() < ROOM_ASKED_MS {
            return false;
        }
        self.looked_for_room = now;
        !self.no_room()
    }

    pub(super) fn no_room(&mut self) -> bool {
        match self.journal.room() {
            Room::Ok => false,
            Room::Low { .. } => {
                self.journal.retry_room();
                self.journal.room() != Room::Ok
            }
        }
    }

    pub(super) fn view(&self, job: &JobId) -> JobView {
        self.shard().job(job).expect("a command that was honoured leaves its job live or remembered")
    }

    pub(super) fn fill_random(&self, bytes: &mut [u8]) -> Result<(), Trouble> {
        self.random.fill(bytes).map_err(|_| Trouble::Fault(Fault::NoRandomness))
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    /// The way back for what could not be delivered.
    pub(super) fn back(&self) -> mpsc::WeakSender<Request> {
        self.back.clone()
    }

    pub(super) fn answer<T: Send + 'static>(&mut self, reply: Reply<T>, value: T) {
        self.answers.push(Box::new(move || {
            // Why the result is let go: what was asked is done and durable, with or without a listener.
            let _ = reply.send(value);
        }));
    }

    pub(super) fn answer_lease(
        &mut self,
        reply: Reply<Result<LeasedJobs, Fault>>,
        leased: Result<Vec<Leased>, Fault>,
    ) {
        let back = self.back.clone();
        self.answer(reply, leased.map(|jobs| LeasedJobs::new(jobs, back)));
    }
}
