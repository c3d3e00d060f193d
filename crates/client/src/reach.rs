//! The provider as the rest of the client reaches it: behind a circuit breaker, so that one that is
//! down is not asked by everybody at once, and whoever asks hears so at once.
//!
//! New work and questions wait while the circuit is open. What ends work already begun, a heartbeat
//! or a settlement, always goes: holding it back would lose a lease and run a job twice. It is bounded
//! by the jobs that run, and when it gets through, the circuit hears of it.

use std::sync::{Arc, Mutex, PoisonError};

use sealane_api::problem::Code;
use tokio::time::Instant;

use crate::circuit::{Breaker, Circuit, Pass, Verdict};
use crate::error::Error;
use crate::provider::Provider;

/// A provider and how it fares.
pub(crate) struct Reach {
    provider: Arc<dyn Provider>,
    circuit: Mutex<Circuit>,
}

impl Reach {
    pub(crate) fn new(provider: Arc<dyn Provider>, breaker: Breaker) -> Self {
        Self { provider, circuit: Mutex::new(Circuit::new(breaker)) }
    }

    pub(crate) fn provider(&self) -> &dyn Provider {
        &*self.provider
    }

    /// Asks for new work or an answer, unless the provider is left alone for now.
    pub(crate) async fn begin<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let leave = self.ask_leave()?;
        leave.note(call.await)
    }

    /// Ends work that was begun: always asks.
    pub(crate) async fn end<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let answer = call.await;
        self.with(|circuit| circuit.note_unasked(verdict(&answer), Instant::now()));
        answer
    }

    /// Leave to ask once.
    pub(crate) fn ask_leave(&self) -> Result<Leave<'_>, Error> {
        match self.with(|circuit| circuit.admit(Instant::now())) {
            Ok(pass) => Ok(Leave { reach: self, pass: Some(pass) }),
            Err(retry_after) => {
                Err(Error::CircuitOpen { provider: self.provider.capabilities().name, retry_after })
            }
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Circuit) -> T) -> T {
        // Why poison is no news: a circuit judges and cannot be left half changed.
        change(&mut self.circuit.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Leave to ask once. Dropped without an answer it says nothing about the provider.
pub(crate) struct Leave<'a> {
    reach: &'a Reach,
    pass: Option<Pass>,
}

impl Leave<'_> {
    /// Whether the provider is being tried: its answer is wanted soon.
    pub(crate) fn is_trial(&self) -> bool {
        self.pass.as_ref().is_some_and(Pass::is_trial)
    }

    /// Tells the circuit how it went.
    pub(crate) fn note<T>(mut self, answer: Result<T, Error>) -> Result<T, Error> {
        self.give_back(verdict(&answer));
        answer
    }

    fn give_back(&mut self, verdict: Verdict) {
        if let Some(pass) = self.pass.take() {
            self.reach.with(|circuit| circuit.note(&pass, verdict, Instant::now()));
        }
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.give_back(Verdict::Neither);
    }
}

/// A provider that refuses is well; one that gives no answer, or says that it cannot, is not.
fn verdict<T>(answer: &Result<T, Error>) -> Verdict {
    let Err(error) = answer else { return Verdict::Good };
    match error {
        Error::Unreachable { .. } => Verdict::Bad,
        Error::Answer { .. } if error.is_transient() => Verdict::Bad,
        Error::Refused(_) if matches!(error.code(), Some(Code::Draining | Code::StorageFailed)) => {
            Verdict::Bad
        }
        Error::Refused(_) | Error::Unauthenticated(_) => Verdict::Good,
        _ => Verdict::Neither,
    }
}
