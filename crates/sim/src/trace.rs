//! What happened, in order: a hash over all of it, and the last part of it in words. Two runs of one
//! seed must come to the same hash.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// So many of the last lines are kept for whoever looks for a fault.
const KEPT_LINES: usize = 120;

/// The trace of one run.
pub(crate) struct Trace {
    began: Instant,
    state: Mutex<State>,
}

struct State {
    hash: u64,
    steps: u64,
    last: VecDeque<String>,
}

impl Trace {
    /// Begins now. Must be called inside a runtime.
    pub(crate) fn new() -> Self {
        let state = State { hash: 0xcbf2_9ce4_8422_2325, steps: 0, last: VecDeque::new() };
        Self { began: Instant::now(), state: Mutex::new(state) }
    }

    /// Milliseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).expect("a run takes minutes")
    }

    /// One step.
    pub(crate) fn note(&self, what: fmt::Arguments<'_>) {
        let line = format!("{:>8} {what}", self.now());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in line.bytes().chain([b'\n']) {
            state.hash = (state.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        state.steps += 1;
        if state.last.len() == KEPT_LINES {
            state.last.pop_front();
        }
        state.last.push_back(line);
    }

    /// Steps so far.
    pub(crate) fn steps(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).steps
    }

    /// A hash over every step so far.
    pub(crate) fn hash(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).hash
    }

    /// The last steps.
    pub(crate) fn last(&self) -> Vec<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).last.iter().cloned().collect()
    }
}
