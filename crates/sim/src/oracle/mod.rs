//! Who watches. The oracle sees what clients saw: requests that they sent, answers that they got, bodies
//! that they opened, and at the end what a server says that has nothing left to do. Then it reads the
//! journal, which knows the moment and the order of all that clients can only guess at. It asks the
//! running server's inside for nothing.
//!
//! - [`asked`], [`answer`]: requests and answers, read back from their bytes; [`words`]: the same for a trace.
//! - [`ledger`], [`facts`]: what is known of each job, queue and lease, with the times between which it
//!   happened.
//! - [`sessions`]: the same of sessions.
//! - [`replay`]: where everything stood, by the journal.
//! - [`checks`]: the promises, one file each.

mod answer;
mod asked;
pub(crate) mod checks;
pub(crate) mod facts;
pub(crate) mod ledger;
pub(crate) mod replay;
mod sessions;
#[cfg(test)]
mod tests;
mod watch;
mod words;

pub(crate) use answer::Answer;
pub(crate) use asked::{Asked, How};
pub(crate) use watch::Watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Request;
use sealane::{JobId, JobOut, QueueOut};
use sealane_api::v1::ScheduleOut;
use sealane_core::queue::Event;
use tokio::sync::Notify;

use crate::trace::Trace;
use crate::workload::worked;
use checks::Check;
use ledger::Ledger;
use replay::Replay;

/// A promise that was broken.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    /// The promise.
    pub(crate) promise: &'static str,
    /// How it was broken.
    pub(crate) how: String,
    /// At which step of the run.
    pub(crate) step: u64,
}

/// One request and when it was on its way, in milliseconds of the run.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) client: String,
    pub(crate) asked: Asked,
    pub(crate) sent: u64,
    /// When the answer was there.
    pub(crate) answered: u64,
    /// Whether the network let it arrive twice.
    pub(crate) twice: bool,
}

/// What a server says that has nothing left to do.
pub(crate) struct AtRest {
    /// Every job that anybody tried to send; nothing where it says that there is none.
    pub(crate) jobs: BTreeMap<JobId, Option<JobOut>>,
    /// Every queue.
    pub(crate) queues: Vec<QueueOut>,
    /// Every schedule.
    pub(crate) schedules: Vec<ScheduleOut>,
    /// The moment of the run.
    pub(crate) at: u64,
}

/// How many jobs fared how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Somebody tried to send them.
    pub(crate) attempted: u64,
    /// An answer said that they were accepted.
    pub(crate) acknowledged: u64,
    /// The server knew them at the end.
    pub(crate) found: u64,
    /// Acknowledged, and not found.
    pub(crate) lost: u64,
    /// Worked on to the end more than once.
    pub(crate) duplicated: u64,
    /// Found, and nobody sent them.
    pub(crate) unexpected: u64,
}

impl Tally {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            attempted: self.attempted + other.attempted,
            acknowledged: self.acknowledged + other.acknowledged,
            found: self.found + other.found,
            lost: self.lost + other.lost,
            duplicated: self.duplicated + other.duplicated,
            unexpected: self.unexpected + other.unexpected,
        }
    }
}

/// Watches one run.
pub(crate) struct Oracle {
    trace: Arc<Trace>,
    state: Mutex<State>,
    /// Told at the first broken promise.
    pub(crate) failed: Notify,
}

struct State {
    ledger: Ledger,
    checks: Vec<Box<dyn Check>>,
    /// Requests that are on their way.
    open: BTreeMap<u64, Exchange>,
    next: u64,
    violation: Option<Violation>,
    tally: Tally,
}

impl Oracle {
    pub(crate) fn new(trace: Arc<Trace>) -> Self {
        let state = State {
            ledger: Ledger::default(),
            checks: checks::all(),
            open: BTreeMap::new(),
            next: 0,
            violation: None,
            tally: Tally::default(),
        };
        Self { trace, state: Mutex::new(state), failed: Notify::new() }
    }

    /// A request leaves a client.
    pub(crate) fn sent(self: &Arc<Self>, client: &str, request: &Request<Vec<u8>>) -> Watch {
        let asked = match Asked::read(request) {
            Ok(asked) => asked,
            Err(error) => {
                self.fail("requests are understood", error);
                Asked::Other
            }
        };
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        self.trace.note(format_args!("{client} {number}> {asked}"));
        let sent = self.trace.now();
        let exchange = Exchange { client: client.to_owned(), asked, sent, answered: u64::MAX, twice: false };
        state.ledger.sent(number, &exchange);
        state.open.insert(number, exchange);
        drop(state);
        Watch::new(Arc::clone(self), number)
    }

    fn answered(&self, number: u64, answer: &http::Response<Vec<u8>>) {
        let mut state = self.lock();
        let Some(mut exchange) = state.open.remove(&number) else { return };
        exchange.answered = self.trace.now();
        let answer = match exchange.asked.read_answer(answer) {
            Ok(answer) => answer,
            Err(error) => {
                drop(state);
                self.fail("answers are understood", format!("{}: {error}", exchange.asked));
                return;
            }
        };
        self.trace.note(format_args!("{} {number}< {answer}", exchange.client));
        let State { ledger, checks, .. } = &mut *state;
        let mut broken = None;
        if let Err(how) = ledger.answered(number, &exchange, &answer) {
            broken = Some(("what is answered was asked for", how));
        }
        ledger.over(number, &exchange, exchange.answered);
        for check in checks {
            if let Err(how) = check.answered(ledger, &exchange, &answer) {
                broken = broken.or(Some((check.promise(), how)));
            }
        }
        drop(state);
        if let Some((promise, how)) = broken {
            self.fail(promise, how);
        }
    }

    /// No answer will come to a request.
    fn lost(&self, number: u64) {
        let mut state = self.lock();
        if let Some(exchange) = state.open.remove(&number) {
            self.trace.note(format_args!("{} {number}< nothing", exchange.client));
            state.ledger.over(number, &exchange, self.trace.now());
        }
    }

    /// The server hears at this moment that nobody waits for an answer.
    fn cut(&self, number: u64) {
        let mut state = self.lock();
        let now = self.trace.now();
        let State { ledger, open, .. } = &mut *state;
        if let Some(exchange) = open.get(&number) {
            ledger.cut(exchange, now);
        }
    }

    /// A request will arrive once more, later.
    fn twice(&self, number: u64) {
        if let Some(exchange) = self.lock().open.get_mut(&number) {
            exchange.twice = true;
        }
    }

    /// A producer is about to send this body.
    pub(crate) fn sealed(&self, job: JobId, body: &[u8]) {
        self.lock().ledger.bodies.insert(job, body.to_vec());
    }

    /// A worker opened a job and found this body.
    pub(crate) fn opened(&self, job: JobId, body: &[u8]) {
        let intact = self.lock().ledger.body(job).is_some_and(|sent| sent == body);
        if !intact {
            self.fail("a body arrives as it was sent", format!("job {job} has another"));
        }
    }

    /// A worker was told that this is what a job came to.
    pub(crate) fn told(&self, job: JobId, result: &[u8]) {
        let intact = self.lock().ledger.body(job).is_some_and(|sent| worked(sent) == result);
        if !intact {
            self.fail("a result arrives as it was sent", format!("another job was told another of {job}"));
        }
    }

    /// What is known.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&self.lock().ledger)
    }

    /// The last look, at a server that has nothing left to do.
    pub(crate) fn at_rest(&self, rest: &AtRest) {
        let mut state = self.lock();
        let State { ledger, checks, tally, .. } = &mut *state;
        *tally = checks::tally(ledger, rest);
        let broken = checks.iter_mut().find_map(|check| {
            let how = check.at_rest(ledger, rest).err()?;
            Some((check.promise(), how))
        });
        drop(state);
        if let Some((promise, how)) = broken {
            self.fail(promise, how);
        }
    }

    /// Everything that the journal holds, in its order.
    pub(crate) fn recorded(&self, events: &[Event]) {
        let mut state = self.lock();
        let State { ledger, checks, .. } = &mut *state;
        let mut replay = Replay::default();
        let mut broken = None;
        for event in events {
            broken = checks.iter_mut().find_map(|check| {
                let how = check.recorded(ledger, &replay, event).err()?;
                Some((check.promise(), format!("by the journal, {how}")))
            });
            if broken.is_some() {
                break;
            }
            replay.apply(event);
        }
        drop(state);
        if let Some((promise, how)) = broken {
            self.fail(promise, how);
        }
    }

    /// A promise is broken. The first one counts.
    pub(crate) fn fail(&self, promise: &'static str, how: String) {
        let step = self.trace.steps();
        self.trace.note(format_args!("BROKEN {promise}: {how}"));
        self.lock().violation.get_or_insert(Violation { promise, how, step });
        self.failed.notify_one();
    }

    /// The first broken promise, and how the jobs fared.
    pub(crate) fn verdict(&self) -> (Option<Violation>, Tally) {
        let state = self.lock();
        (state.violation.clone(), state.tally)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
