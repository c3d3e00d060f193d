//! Why the engine did not do what it was asked.

use sealane_api::problem::{Code, Problem};
use sealane_core::control::ControlRefusal;
use sealane_core::limits;
use sealane_core::queue::Refusal;

/// Why the engine did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The queue's rules said no.
    Refused(Refusal),
    /// The rules about access keys said no.
    Control(ControlRefusal),
    /// There is no room for new work.
    StorageFull,
    /// The journal failed; what was asked may or may not have been stored.
    StorageFailed,
    /// The system gave no random bytes.
    NoRandomness,
    /// Too many requests wait for jobs to end already.
    TooManyJobWaiters,
    /// Too many lease requests are waiting already.
    TooManyWaiters,
    /// It was to be done with others or not at all, and one of them was refused.
    NotDone,
    /// What is to be stored together is larger than the journal can make durable at once.
    TooLargeTogether,
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<ControlRefusal> for Fault {
    fn from(refusal: ControlRefusal) -> Self {
        Self::Control(refusal)
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(refusal) => refusal.into(),
            Fault::Control(refusal) => refusal.into(),
            Fault::StorageFull => Self::new(
                Code::StorageFull,
                "the data directory has no room for new work; jobs can still be leased and settled: free space on its volume",
            ),
            Fault::StorageFailed => Self::new(
                Code::StorageFailed,
                "the journal could not be written, so this may or may not have happened: repeat it with the same job id or receipt",
            ),
            Fault::NoRandomness => Self::new(
                Code::StorageFailed,
                "the system gave no random bytes, so no lease could be made: try again",
            ),
            Fault::TooManyJobWaiters => Self::new(
                Code::LimitExceeded,
                format!(
                    "{} requests wait for jobs to end already: wait for fewer at once, or look from time to time",
                    limits::JOB_WAITERS_MAX
                ),
            ),
            Fault::NotDone => Self::new(
                Code::NotDone,
                "another item of this atomic request was refused, so nothing of it was done: leave that one out, or mend it",
            ),
            Fault::TooLargeTogether => Self::new(
                Code::BodyTooLarge,
                "together these are more than one journal segment holds: send fewer at once, or raise segment_bytes",
            ),
            Fault::TooManyWaiters => Self::new(
                Code::LimitExceeded,
                format!(
                    "{} lease requests are waiting already: use fewer workers or a shorter wait_ms",
                    limits::LEASE_WAITERS_MAX
                ),
            ),
        }
    }
}
