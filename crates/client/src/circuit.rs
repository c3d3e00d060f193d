//! When to leave alone what fails again and again, and when to try it anew. Judges; time is an
//! argument, and what counts as a failure is for whoever asks.
//!
//! ```text
//!            failures_to_open in a row                open_for later
//!  closed ───────────────────────────────▶ open ───────────────────────▶ half-open
//!    ▲                                       ▲                            │     │
//!    │                                       └────────── a failure ───────┘     │
//!    └───────────────────── successes_to_close ─────────────────────────────────┘
//! ```

use std::time::Duration;

use tokio::time::Instant;

/// When a circuit breaker opens and how it closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// So many failures in a row open it.
    pub failures_to_open: u32,
    /// How long it stays open before a few are let through to try.
    pub open_for: Duration,
    /// So many successes of those close it; one failure opens it again.
    pub successes_to_close: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures_to_open: 5, open_for: Duration::from_secs(30), successes_to_close: 3 }
    }
}

impl Breaker {
    /// Never opens.
    pub const NEVER: Self =
        Self { failures_to_open: u32::MAX, open_for: Duration::ZERO, successes_to_close: 1 };

    /// What whoever finds all trials taken waits before looking again.
    fn trial_wait(&self) -> Duration {
        (self.open_for / 10).max(Duration::from_millis(1))
    }
}

/// One breaker at work.
#[derive(Debug)]
pub(crate) struct Circuit {
    breaker: Breaker,
    state: State,
    /// Counts changes of state: what was let through before the last one says nothing about now.
    period: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { successes: u32, trying: u32 },
}

/// The leave to try once. To be given back with how it went.
#[derive(Debug)]
#[must_use]
pub(crate) struct Pass {
    period: u64,
    trial: bool,
}

impl Pass {
    /// Whether much hangs on it: the circuit is half-open.
    pub(crate) const fn is_trial(&self) -> bool {
        self.trial
    }
}

/// How what was let through went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Bad,
    /// It says nothing: it was given up, or failed for a reason of its own.
    Neither,
}

impl Circuit {
    pub(crate) const fn new(breaker: Breaker) -> Self {
        Self { breaker, state: State::Closed { failures: 0 }, period: 0 }
    }

    /// Lets one through, or says how long to wait.
    pub(crate) fn admit(&mut self, now: Instant) -> Result<Pass, Duration> {
        if let State::Open { until } = self.state {
            if now < until {
                return Err(until - now);
            }
            self.change(State::HalfOpen { successes: 0, trying: 0 });
        }
        let State::HalfOpen { successes, trying } = &mut self.state else {
            return Ok(Pass { period: self.period, trial: false });
        };
        if *successes + *trying >= self.breaker.successes_to_close.max(1) {
            return Err(self.breaker.trial_wait());
        }
        *trying += 1;
        Ok(Pass { period: self.period, trial: true })
    }

    /// Until when nobody is let through.
    pub(crate) const fn open_until(&self) -> Option<Instant> {
        match self.state {
            State::Open { until } => Some(until),
            _ => None,
        }
    }

    /// Whether nothing is held against it.
    pub(crate) fn is_untroubled(&self) -> bool {
        self.state == State::Closed { failures: 0 }
    }

    /// How one that was let through went.
    pub(crate) fn note(&mut self, pass: &Pass, verdict: Verdict, now: Instant) {
        if pass.period != self.period {
            return;
        }
        match (&mut self.state, verdict) {
            (State::Closed { failures }, Verdict::Good) => *failures = 0,
            (State::Closed { failures }, Verdict::Bad) => {
                *failures = failures.saturating_add(1);
                if *failures >= self.breaker.failures_to_open.max(1) {
                    self.open(now);
                }
            }
            (State::HalfOpen { successes, trying }, Verdict::Good) => {
                *trying -= 1;
                *successes += 1;
                if *successes >= self.breaker.successes_to_close {
                    self.change(State::Closed { failures: 0 });
                }
            }
            (State::HalfOpen { .. }, Verdict::Bad) => self.open(now),
            (State::HalfOpen { trying, .. }, Verdict::Neither) => *trying -= 1,
            (State::Closed { .. }, Verdict::Neither) | (State::Open { .. }, _) => {}
        }
    }

    /// How one went that does not ask for leave.
    pub(crate) fn note_unasked(&mut self, verdict: Verdict, now: Instant) {
        match (self.state, verdict) {
            (State::Closed { .. }, _) => {
                let pass = Pass { period: self.period, trial: false };
                self.note(&pass, verdict, now);
            }
            // Why at once: somebody got through, so there is nothing to wait for.
            (State::Open { .. }, Verdict::Good) => self.change(State::HalfOpen { successes: 0, trying: 0 }),
            _ => {}
        }
    }

    fn open(&mut self, now: Instant) {
        self.change(State::Open { until: now + self.breaker.open_for });
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.period += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Story {
        circuit: Circuit,
        now: Instant,
    }

    impl Story {
        fn begin() -> Self {
            Self { circuit: Circuit::new(Breaker::default()), now: Instant::now() }
        }

        fn admit(&mut self) -> Result<Pass, Duration> {
            self.circuit.admit(self.now)
        }

        fn goes(&mut self, verdict: Verdict) {
            let pass = self.admit().expect("is let through");
            self.circuit.note(&pass, verdict, self.now);
        }

        fn opened() -> Self {
            let mut story = Self::begin();
            (0..5).for_each(|_| story.goes(Verdict::Bad));
            story
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    // covers PROV-4 (5 failures open)
    #[test]
    fn so_many_failures_in_a_row_open_it_and_one_less_do_not() {
        let mut story = Story::begin();
        (0..4).for_each(|_| story.goes(Verdict::Bad));
        story.goes(Verdict::Good);
        (0..4).for_each(|_| story.goes(Verdict::Bad));
        story.goes(Verdict::Neither);
        assert!(story.admit().is_ok());
        story.goes(Verdict::Bad);
        assert_eq!(story.admit().unwrap_err(), 30 * SECOND);
        story.now += 29 * SECOND;
        assert_eq!(story.admit().unwrap_err(), SECOND);
    }

    // covers PROV-4 (30 s, half-open, 3 successes close)
    #[test]
    fn it_lets_a_few_try_and_closes_after_their_successes() {
        let mut story = Story::opened();
        story.now += 30 * SECOND;
        let trials: Vec<_> = (0..3).map(|_| story.admit().unwrap()).collect();
        assert!(trials.iter().all(Pass::is_trial));
        assert_eq!(story.admit().unwrap_err(), 3 * SECOND, "no fourth");
        for (n, trial) in trials.iter().enumerate() {
            assert!(n == 0 || story.admit().is_err());
            story.circuit.note(trial, Verdict::Good, story.now);
        }
        assert!(story.circuit.is_untroubled());
        assert!(!story.admit().unwrap().is_trial());
    }

    #[test]
    fn a_trial_that_fails_opens_it_for_as_long_again() {
        let mut story = Story::opened();
        story.now += 30 * SECOND;
        story.goes(Verdict::Good);
        story.goes(Verdict::Good);
        story.goes(Verdict::Bad);
        assert_eq!(story.admit().unwrap_err(), 30 * SECOND);
    }

    #[test]
    fn a_trial_that_is_given_up_is_another_ones() {
        let mut story = Story::opened();
        story.now += 30 * SECOND;
        for _ in 0..10 {
            story.goes(Verdict::Neither);
        }
        (0..3).for_each(|_| story.goes(Verdict::Good));
        assert!(story.circuit.is_untroubled());
    }

    #[test]
    fn what_began_before_says_nothing_about_now() {
        let mut story = Story::begin();
        let (late_good, late_bad) = (story.admit().unwrap(), story.admit().unwrap());
        (0..5).for_each(|_| story.goes(Verdict::Bad));
        story.circuit.note(&late_good, Verdict::Good, story.now);
        assert!(story.admit().is_err());
        story.now += 30 * SECOND;
        let trial = story.admit().unwrap();
        story.circuit.note(&late_bad, Verdict::Bad, story.now);
        assert!(story.circuit.open_until().is_none(), "half-open still");
        story.circuit.note(&trial, Verdict::Good, story.now);
    }

    #[test]
    fn who_need_not_ask_is_heard_all_the_same() {
        let mut story = Story::begin();
        (0..5).for_each(|_| story.circuit.note_unasked(Verdict::Bad, story.now));
        assert!(story.admit().is_err());
        story.circuit.note_unasked(Verdict::Bad, story.now + SECOND);
        assert_eq!(story.admit().unwrap_err(), 30 * SECOND, "not longer for it");
        story.circuit.note_unasked(Verdict::Good, story.now);
        assert!(story.admit().unwrap().is_trial());
    }

    #[test]
    fn one_that_never_opens_never_opens() {
        let mut story = Story { circuit: Circuit::new(Breaker::NEVER), now: Instant::now() };
        (0..1_000).for_each(|_| story.goes(Verdict::Bad));
    }
}
