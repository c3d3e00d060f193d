//! A circuit breaker per kind of job around its handler: a kind whose attempts fail one after the other
//! is left alone for a while, so that its jobs keep their attempts until what they need is back.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sealane_core::job::Category;
use sealane_core::limits;
use tokio::time::Instant;

use super::outcome::Outcome;
use crate::circuit::{Breaker, Circuit, Pass, Verdict};

/// The circuits of a worker. A kind that never failed has none.
pub(super) struct Circuits {
    breaker: Breaker,
    by_kind: Mutex<HashMap<String, Circuit>>,
}

impl Circuits {
    pub(super) fn new(breaker: Breaker) -> Self {
        Self { breaker, by_kind: Mutex::default() }
    }

    /// Lets a job of this kind run, or says how long it should wait.
    pub(super) fn admit(&self, kind: &str, now: Instant) -> Result<Trying<'_>, Duration> {
        let pass = self.lock().get_mut(kind).map(|circuit| circuit.admit(now)).transpose()?;
        Ok(Trying { circuits: self, kind: kind.to_owned(), pass, noted: false })
    }

    /// When the first of these kinds is let through again, where none is now.
    pub(super) fn all_open_until<'a>(&self, mut kinds: impl Iterator<Item = &'a String>) -> Option<Instant> {
        let by_kind = self.lock();
        let until = |kind: &String| by_kind.get(kind).and_then(Circuit::open_until);
        let first = until(kinds.next()?)?;
        kinds.try_fold(first, |earliest, kind| until(kind).map(|at| earliest.min(at)))
    }

    fn note(&self, kind: &str, pass: Option<&Pass>, verdict: Verdict) {
        let now = Instant::now();
        let mut by_kind = self.lock();
        if let Some(circuit) = by_kind.get_mut(kind) {
            match pass {
                Some(pass) => circuit.note(pass, verdict, now),
                // Why unasked: it began before this kind had failed for the first time.
                None => circuit.note_unasked(verdict, now),
            }
            return;
        }
        if verdict != Verdict::Bad {
            return;
        }
        if by_kind.len() >= limits::WORKER_CIRCUITS_MAX {
            by_kind.retain(|_, circuit| !circuit.is_untroubled());
        }
        if by_kind.len() < limits::WORKER_CIRCUITS_MAX {
            let circuit = by_kind.entry(kind.to_owned()).or_insert(Circuit::new(self.breaker));
            circuit.note_unasked(verdict, now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Circuit>> {
        // Why poison is no news: nothing here runs a handler or anything else that panics.
        self.by_kind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt that was let through. Dropped without a word it says nothing about its kind.
pub(super) struct Trying<'a> {
    circuits: &'a Circuits,
    kind: String,
    pass: Option<Pass>,
    noted: bool,
}

impl Trying<'_> {
    pub(super) fn note(mut self, verdict: Verdict) {
        self.noted = true;
        self.circuits.note(&self.kind, self.pass.as_ref(), verdict);
    }
}

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        if !self.noted {
            self.circuits.note(&self.kind, self.pass.as_ref(), Verdict::Neither);
        }
    }
}

/// What an outcome says about its handler. A failure that is the job's own says nothing: a producer
/// of bad jobs must not stop the good ones.
pub(super) fn verdict(outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::Complete(_) => Verdict::Good,
        Outcome::Fail { category: Category::Cancelled | Category::Permanent, .. } => Verdict::Neither,
        Outcome::Fail { .. } => Verdict::Bad,
        Outcome::Release { .. } => Verdict::Neither,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(circuits: &Circuits, kind: &str) {
        if let Ok(trying) = circuits.admit(kind, Instant::now()) {
            trying.note(Verdict::Bad);
        }
    }

    #[test]
    fn there_is_a_number_of_kinds_with_a_circuit_and_no_more() {
        let circuits = Circuits::new(Breaker { failures_to_open: 2, ..Breaker::default() });
        for kind in 0..=limits::WORKER_CIRCUITS_MAX {
            (0..3).for_each(|_| fails(&circuits, &kind.to_string()));
        }
        let open = |kind: usize| circuits.admit(&kind.to_string(), Instant::now()).is_err();
        assert!(open(0) && open(limits::WORKER_CIRCUITS_MAX - 1));
        assert!(!open(limits::WORKER_CIRCUITS_MAX), "one kind more has none");
    }

    #[test]
    fn a_kind_that_is_well_again_makes_room() {
        let circuits = Circuits::new(Breaker { failures_to_open: 2, ..Breaker::default() });
        (0..limits::WORKER_CIRCUITS_MAX).for_each(|kind| fails(&circuits, &kind.to_string()));
        circuits.admit("7", Instant::now()).unwrap().note(Verdict::Good);
        (0..2).for_each(|_| fails(&circuits, "new"));
        assert!(circuits.admit("new", Instant::now()).is_err());
    }

    #[test]
    fn a_worker_waits_for_the_first_of_its_kinds_only_when_all_are_open() {
        let circuits = Circuits::new(Breaker { failures_to_open: 1, ..Breaker::default() });
        let kinds = ["a".to_owned(), "b".to_owned()];
        assert_eq!(circuits.all_open_until(kinds.iter()), None);
        fails(&circuits, "a");
        assert_eq!(circuits.all_open_until(kinds.iter()), None);
        let first = circuits.all_open_until(kinds[..1].iter());
        fails(&circuits, "b");
        assert!(first.is_some() && circuits.all_open_until(kinds.iter()) == first);
        assert_eq!(circuits.all_open_until([].iter()), None);
    }
}
