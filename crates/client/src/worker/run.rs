//! The worker's loop: takes only what it can run, stops when told, and leaves nothing behind.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use sealane_api::v1::{LeaseIn, LeaseOut};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use super::attempt::Bench;
use super::builder::Setup;
use super::pace::Pace;
use super::rate::Rate;
use super::settle::Ended;
use crate::client::Client;
use crate::error::Error;
use crate::retry::Chain;

/// Takes jobs from a queue and runs handlers over them.
pub struct Worker {
    pub(super) client: Client,
    pub(super) setup: Arc<Setup>,
}

/// Until when a worker works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Until it is told to stop.
    Told,
    /// Until there is nothing to do.
    Idle,
}

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    /// Jobs done.
    pub completed: u64,
    /// Attempts failed.
    pub failed: u64,
    /// Jobs held because they could not be opened.
    pub held: u64,
    /// Jobs handed back.
    pub released: u64,
    /// Leases lost, and jobs that nobody could be told about.
    pub unsettled: u64,
}

impl Worked {
    /// Jobs that were completed, failed or held.
    #[must_use]
    pub const fn settled(&self) -> u64 {
        self.completed + self.failed + self.held
    }

    pub(super) fn add(&mut self, other: Self) {
        self.completed += other.completed;
        self.failed += other.failed;
        self.held += other.held;
        self.released += other.released;
        self.unsettled += other.unsettled;
    }

    pub(super) fn count(&mut self, ended: Result<Ended, JoinError>) {
        match ended {
            Ok(Ended::Completed) => self.completed += 1,
            Ok(Ended::Failed) => self.failed += 1,
            Ok(Ended::Held) => self.held += 1,
            Ok(Ended::Released | Ended::TurnedAway) => self.released += 1,
            Ok(Ended::Unsettled) => self.unsettled += 1,
            Err(error) => {
                tracing::error!(%error, "an attempt was broken off");
                self.unsettled += 1;
            }
        }
    }
}

type Asked = Pin<Box<dyn Future<Output = (Instant, Result<LeaseOut, Error>)> + Send>>;

impl Worker {
    /// Works until `shutdown` returns or the set number of jobs is settled, then lets running
    /// jobs finish within the drain timeout and hands back the rest.
    ///
    /// A provider that cannot be reached is asked again and again.
    ///
    /// # Errors
    /// When the provider refuses to hand out jobs: an unknown queue, a key that is not accepted.
    /// Running jobs are let finish first.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<Worked, Error> {
        self.work(Until::Told, shutdown).await
    }

    /// Works until no job is ready and none runs, or the set number of jobs is settled. Jobs that
    /// wait for their time, a retry for instance, are not waited for.
    ///
    /// # Errors
    /// As [`Worker::run`].
    pub async fn run_until_idle(&self) -> Result<Worked, Error> {
        self.work(Until::Idle, std::future::pending()).await
    }

    async fn work(&self, until: Until, shutdown: impl Future<Output = ()>) -> Result<Worked, Error> {
        let (stop, stopping) = watch::channel(false);
        let (end, over) = watch::channel(false);
        let setup = Arc::clone(&self.setup);
        let bench = Arc::new(Bench { client: self.client.clone(), setup, stopping, over });
        if self.setup.sessions.is_some() {
            return bench.take_sessions(until, shutdown, &stop, &end).await;
        }
        let mut running = JoinSet::new();
        let mut worked = Worked::default();
        let ended = bench.take_jobs(&mut running, &mut worked, until, shutdown).await;
        stop.send_replace(true);
        drain(&bench, &mut running, &mut worked, &end).await;
        ended.map(|()| worked)
    }
}

impl Bench {
    async fn take_jobs(
        self: &Arc<Self>,
        running: &mut JoinSet<Ended>,
        worked: &mut Worked,
        until: Until,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut asked: Option<Asked> = None;
        let mut pace = Pace::default();
        let mut dry = false;
        loop {
            if self.setup.max_jobs.is_some_and(|max| worked.settled() >= max) {
                return Ok(());
            }
            let room = self.room(running.len(), worked.settled());
            if asked.is_none() && dry && running.is_empty() {
                return Ok(());
            }
            if asked.is_none() && room > 0 && !dry {
                let ask = self.within_rate(Ask { room, ..self.next_ask(until, &mut pace) });
                asked = Some(Box::pin(Arc::clone(self).ask(ask)));
            }
            tokio::select! {
                biased;
                () = &mut shutdown => return Ok(()),
                Some(ended) = running.join_next(), if !running.is_empty() => {
                    pace.ended(ended.as_ref().ok().copied());
                    worked.count(ended);
                    // Why: what has ended may have sent or freed another job.
                    dry = false;
                }
                (granted_at, answer) = wait_for(&mut asked) => {
                    asked = None;
                    match answer {
                        Ok(leased) => {
                            pace.answered();
                            self.note_taken(leased.jobs.len());
                            dry = until == Until::Idle && leased.jobs.is_empty();
                            for job in leased.jobs {
                                running.spawn(Arc::clone(self).attempt(job, granted_at, None));
                            }
                        }
                        Err(error) if error.is_transient() => {
                            pace.failed(error.retry_after(), Instant::now());
                            tracing::warn!(queue = %self.setup.queue, failures = pace.failures, error = %Chain(&error), "no jobs to be had; asking again");
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    /// How many more jobs may be taken. A request that is under way was counted when it was
    /// made, and room only grows while it waits.
    fn room(&self, running: usize, settled: u64) -> usize {
        let free = self.setup.concurrency - running.min(self.setup.concurrency);
        let Some(max) = self.setup.max_jobs else { return free };
        let running = u64::try_from(running).unwrap_or(u64::MAX);
        let left = max.saturating_sub(settled).saturating_sub(running);
        free.min(usize::try_from(left).unwrap_or(usize::MAX))
    }

    fn next_ask(&self, until: Until, pace: &mut Pace) -> Ask {
        let (failures, now) = (pace.failures, Instant::now());
        let (not_before, wait) = match until {
            Until::Told => (pace.next(self.setup.all_open_until(), now), self.setup.lease_wait),
            // Why no wait for circuits: each job that is handed back is out of the way.
            Until::Idle => (pace.not_before, Duration::ZERO),
        };
        Ask { room: 0, wait, failures, not_before }
    }

    /// The same request for no more jobs than the rate allows, when it allows any.
    fn within_rate(&self, ask: Ask) -> Ask {
        let Some(mut rate) = self.rate() else { return ask };
        match rate.room(Instant::now()) {
            0 => Ask { room: 1, not_before: ask.not_before.max(rate.room_at()), ..ask },
            room => Ask { room: ask.room.min(room), ..ask },
        }
    }

    fn note_taken(&self, jobs: usize) {
        if let Some(mut rate) = self.rate() {
            rate.take(jobs, Instant::now());
        }
    }

    fn rate(&self) -> Option<MutexGuard<'_, Rate>> {
        // Why poison is no news: nothing that holds it can panic half-way.
        self.setup.rate.as_ref().map(|rate| rate.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks for work, and says when the answer came.
    async fn ask(self: Arc<Self>, ask: Ask) -> (Instant, Result<LeaseOut, Error>) {
        if ask.failures > 0 {
            sleep(self.client.retry_policy().wait(ask.failures, self.client.random())).await;
        }
        if let Some(not_before) = ask.not_before {
            sleep_until(not_before).await;
        }
        let answer = self.lease(ask.room, ask.wait).await;
        // Why after: the request may have waited long, and the lease began when it was granted, a
        // moment ago. The first heartbeat at a third leaves room for that moment.
        (Instant::now(), answer)
    }

    async fn lease(&self, room: usize, wait: Duration) -> Result<LeaseOut, Error> {
        let leave = self.client.reach().ask_leave()?;
        let millis = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let wish = LeaseIn {
            max: Some(u32::try_from(room).unwrap_or(u32::MAX)),
            lease_ms: Some(millis(self.setup.lease)),
            // Why not for a trial: others wait for what comes of it.
            wait_ms: Some(if leave.is_trial() { 0 } else { millis(wait) }),
            ..LeaseIn::default()
        }
        .run_by(self.setup.runner.as_ref());
        leave.note(self.client.provider().lease(&self.setup.queue, &wish).await)
    }
}

/// A request for work that is to be made.
struct Ask {
    room: usize,
    wait: Duration,
    failures: u32,
    not_before: Option<Instant>,
}

async fn wait_for(asked: &mut Option<Asked>) -> (Instant, Result<LeaseOut, Error>) {
    match asked {
        Some(asked) => asked.await,
        None => std::future::pending().await,
    }
}

async fn drain(bench: &Bench, running: &mut JoinSet<Ended>, worked: &mut Worked, end: &watch::Sender<bool>) {
    if running.is_empty() {
        return;
    }
    tracing::info!(running = running.len(), "letting running jobs finish");
    let mut time_is_up = std::pin::pin!(sleep(bench.setup.drain_timeout));
    let mut up = false;
    while !running.is_empty() {
        tokio::select! {
            biased;
            Some(ended) = running.join_next() => worked.count(ended),
            () = &mut time_is_up, if !up => {
                up = true;
                end.send_replace(true);
            }
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("queue", &self.setup.queue).finish_non_exhaustive()
    }
}
