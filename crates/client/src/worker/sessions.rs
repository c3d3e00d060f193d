//! A worker that holds sessions: so many at a time, and of each one job behind the other.
//!
//! ```text
//! accept ──▶ [ lease one ──▶ attempt ──▶ lease one ──▶ … ] ──▶ close
//!            until it is idle, had its time, is lost, or the worker stops
//! ```
//! One request for a session is under way at a time, and only while there is room for one. Whoever asks for
//! a session has a place for its first job, and whoever has no place for a further job gives it back: none is
//! held to wait for what others do.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::attempt::Bench;
use super::handler::when_true;
use super::pace::Pace;
use super::run::{Until, Worked};
use super::settle::Ended;
use crate::error::Error;
use crate::retry::Chain;
use crate::session::{Session, SessionRequest};

/// How many sessions, and how long each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes {
    pub(super) sessions: usize,
    pub(super) idle: Duration,
    pub(super) hold: Duration,
}

/// One session, from accepting to closing it.
#[derive(Default)]
struct Visit {
    worked: Worked,
    /// How its last job ended.
    last: Option<Ended>,
    /// Why no more jobs are to be had at all.
    error: Option<Error>,
}

type Asked = Pin<Box<dyn Future<Output = Result<Option<(Session, Place)>, Error>> + Send>>;

impl Bench {
    /// Works until told to stop, or nothing is left to do; then lets running jobs finish, and closes.
    pub(super) async fn take_sessions(
        self: &Arc<Self>,
        until: Until,
        shutdown: impl Future<Output = ()>,
        stop: &watch::Sender<bool>,
        end: &watch::Sender<bool>,
    ) -> Result<Worked, Error> {
        let quota = Arc::new(Quota::new(self.setup.max_jobs));
        let mut visits = JoinSet::new();
        let mut worked = Worked::default();
        let ended = self.visit_all(&mut visits, &mut worked, &quota, until, shutdown).await;
        stop.send_replace(true);
        let mut time_is_up = std::pin::pin!(sleep(self.setup.drain_timeout));
        let mut up = false;
        while !visits.is_empty() {
            tokio::select! {
                biased;
                Some(visit) = visits.join_next() => {
                    // Why its error is let go: the worker stops as it is.
                    let _ = note(visit, &mut worked);
                }
                () = &mut time_is_up, if !up => {
                    up = true;
                    end.send_replace(true);
                }
            }
        }
        ended.map(|()| worked)
    }

    async fn visit_all(
        self: &Arc<Self>,
        visits: &mut JoinSet<Visit>,
        worked: &mut Worked,
        quota: &Arc<Quota>,
        until: Until,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let lanes = self.setup.sessions.expect("only a worker of sessions comes here");
        let mut shutdown = std::pin::pin!(shutdown);
        let mut asked: Option<Asked> = None;
        let (mut pace, mut dry) = (Pace::default(), false);
        loop {
            if quota.is_used_up() || (asked.is_none() && dry && visits.is_empty()) {
                return Ok(());
            }
            if asked.is_none()
                && visits.len() < lanes.sessions
                && !dry
                && let Some(place) = quota.place()
            {
                let not_before = match until {
                    Until::Told => pace.next(self.setup.all_open_until(), Instant::now()),
                    Until::Idle => pace.not_before,
                };
                let ask = Arc::clone(self).ask_for_session(until, pace.failures, not_before);
                asked = Some(Box::pin(async { Ok(ask.await?.map(|session| (session, place))) }));
            }
            tokio::select! {
                biased;
                () = &mut shutdown => return Ok(()),
                Some(visit) = visits.join_next(), if !visits.is_empty() => {
                    pace.ended(visit.as_ref().ok().and_then(|visit| visit.last));
                    note(visit, worked).map_or(Ok(()), Err)?;
                    // Why: what has ended may have sent or freed another job.
                    dry = false;
                }
                answer = wait_for(&mut asked) => {
                    asked = None;
                    match answer {
                        Ok(Some((session, place))) => {
                            pace.answered();
                            visits.spawn(Arc::clone(self).visit(session, place, lanes, until, Arc::clone(quota)));
                        }
                        Ok(None) => {
                            pace.answered();
                            dry = until == Until::Idle;
                        }
                        Err(error) if error.is_transient() => {
                            pace.failed(error.retry_after(), Instant::now());
                            tracing::warn!(queue = %self.setup.queue, failures = pace.failures, error = %Chain(&error), "no sessions to be had; asking again");
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    async fn ask_for_session(
        self: Arc<Self>,
        until: Until,
        failures: u32,
        not_before: Option<Instant>,
    ) -> Result<Option<Session>, Error> {
        self.back_off(failures).await;
        if let Some(not_before) = not_before {
            sleep_until(not_before).await;
        }
        let wait = if until == Until::Idle { Duration::ZERO } else { self.setup.lease_wait };
        SessionRequest::new(self.client.clone(), self.setup.queue.to_string()).wait(wait).accept_once().await
    }

    async fn back_off(&self, failures: u32) {
        if failures > 0 {
            sleep(self.client.retry_policy().wait(failures, self.client.random())).await;
        }
    }

    /// Works through one session, and gives it back unless it is lost.
    async fn visit(
        self: Arc<Self>,
        session: Session,
        mut place: Place,
        lanes: Lanes,
        until: Until,
        quota: Arc<Quota>,
    ) -> Visit {
        let mut visit = Visit::default();
        let began = Instant::now();
        let (mut idle_since, mut failures) = (began, 0);
        while !*self.stopping.borrow() && !session.is_lost() && began.elapsed() < lanes.hold {
            let next = async {
                self.back_off(failures).await;
                let idle_left = lanes.idle.saturating_sub(idle_since.elapsed());
                let wait = match until {
                    Until::Told => idle_left.min(lanes.hold - began.elapsed().min(lanes.hold)),
                    Until::Idle => Duration::ZERO,
                };
                let wait = wait.min(self.setup.lease_wait);
                session.lease(wait, self.setup.lease, self.setup.runner.as_ref()).await
            };
            let leased = tokio::select! {
                biased;
                () = when_true(self.stopping.clone()) => break,
                () = session.lost() => break,
                next = next => next,
            };
            let job = match leased {
                Ok(next) => next.job,
                Err(Error::SessionLockLost(_)) => break,
                Err(error) if error.is_transient() => {
                    failures += 1;
                    tracing::warn!(queue = %self.setup.queue, failures, error = %Chain(&error), "no jobs of a session to be had; asking again");
                    continue;
                }
                Err(error) => {
                    visit.error = Some(error);
                    break;
                }
            };
            failures = 0;
            let Some(job) = job else {
                if until == Until::Idle || idle_since.elapsed() >= lanes.idle {
                    break;
                }
                continue;
            };
            let ended = Arc::clone(&self).attempt(job, Instant::now(), Some(session.clone())).await;
            visit.worked.count(Ok(ended));
            visit.last = Some(ended);
            if matches!(ended, Ended::Completed | Ended::Failed | Ended::Held) {
                quota.note(place);
                match quota.place() {
                    Some(another) => place = another,
                    None => break,
                }
            }
            // Why no further one: its first job waits, and so does all that stands behind it.
            if ended == Ended::TurnedAway {
                break;
            }
            if ended == Ended::Unsettled {
                session.note_unsettled().await;
            }
            idle_since = Instant::now();
        }
        if !session.is_lost()
            && let Err(error) = session.close().await
        {
            tracing::debug!(queue = %self.setup.queue, error = %Chain(&error), "a session could not be given back; it is free when it has been idle");
        }
        visit
    }
}

fn note(visit: Result<Visit, tokio::task::JoinError>, worked: &mut Worked) -> Option<Error> {
    match visit {
        Ok(visit) => {
            worked.add(visit.worked);
            visit.error
        }
        Err(error) => {
            worked.count(Err(error));
            None
        }
    }
}

async fn wait_for(asked: &mut Option<Asked>) -> Result<Option<(Session, Place)>, Error> {
    match asked {
        Some(asked) => asked.await,
        None => std::future::pending().await,
    }
}

/// How many jobs all sessions together may still settle.
struct Quota {
    max: Option<u64>,
    settled: AtomicU64,
    places: Arc<Semaphore>,
}

/// Leave for one more job. Dropped, it is another one's.
type Place = OwnedSemaphorePermit;

impl Quota {
    fn new(max: Option<u64>) -> Self {
        let places = max.map_or(Semaphore::MAX_PERMITS, |max| usize::try_from(max).unwrap_or(usize::MAX));
        let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Self { max, settled: AtomicU64::new(0), places }
    }

    /// A place for one more job; `None` while all that are left are taken.
    fn place(&self) -> Option<Place> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// The job of this place is settled.
    fn note(&self, place: Place) {
        if self.max.is_some() {
            place.forget();
            self.settled.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn is_used_up(&self) -> bool {
        self.max.is_some_and(|max| self.settled.load(Ordering::SeqCst) >= max)
    }
}
