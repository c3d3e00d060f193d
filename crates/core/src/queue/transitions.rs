//! The table of transitions: the only place that says which state follows which.
//!
//! Judging asks it before an event is made, and applying goes through it again. The table in
//! `docs/lifecycle.md` is made from it. It knows nothing of times, attempts and bounds: those decide
//! which cause a command becomes, not where a cause leads.

use crate::job::State;

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// Why a job changes its state.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Cause { $($(#[$doc])* $name),+ }

        impl Cause {
            /// Every cause, in the order of a job's life.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// In words, for the docs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

causes! {
    /// A producer sends it.
    Accept = "sent",
    /// A producer sends it, to be run later.
    AcceptLater = "sent, with a delay",
    /// Its time has come.
    Due = "its time comes",
    /// A person does not want to wait for its time.
    Promote = "promoted",
    /// A worker takes it.
    Lease = "leased",
    /// The worker is done.
    Complete = "completed",
    /// The attempt failed, and the next one begins after a wait.
    RetryLater = "attempt failed",
    /// The attempt failed, and the next one may begin at once.
    RetryNow = "attempt failed, no wait",
    /// The attempt failed, and no further one follows.
    GiveUp = "failed for good, or attempts used up",
    /// The worker hands it back.
    HandBack = "handed back",
    /// The worker hands it back, to be run later.
    HandBackLater = "handed back, with a delay",
    /// The worker cannot open it, or its record cannot be read.
    Hold = "held",
    /// A person lets a held job go on.
    Release = "released",
    /// Its time to live ran out.
    Expire = "time to live over",
    /// It is not wanted any more.
    Cancel = "cancelled",
    /// A person sends an ended job through once more.
    Redrive = "re-driven",
}

/// Where a cause leads from a state; `None` stands for a job that is not there yet. No answer: the
/// cause does not happen to a job in that state.
pub const fn after(from: Option<State>, cause: Cause) -> Option<State> {
    use Cause as C;
    use State as S;
    Some(match (from, cause) {
        (None, C::Accept) => S::Ready,
        (None, C::AcceptLater) => S::Delayed,
        (Some(S::Delayed | S::Retrying), C::Due | C::Promote) => S::Ready,
        (Some(S::Ready), C::Lease) => S::Running,
        (Some(S::Running), C::Complete) => S::Completed,
        (Some(S::Running), C::RetryLater) => S::Retrying,
        (Some(S::Running), C::RetryNow | C::HandBack) => S::Ready,
        (Some(S::Running), C::GiveUp) => S::Dead,
        (Some(S::Running), C::HandBackLater) => S::Delayed,
        (Some(S::Running), C::Hold) => S::Held,
        (Some(S::Held), C::Release) => S::Ready,
        (Some(S::Delayed | S::Ready | S::Retrying), C::Expire) => S::Expired,
        (Some(S::Delayed | S::Ready | S::Retrying | S::Running | S::Held | S::Dead), C::Cancel) => {
            S::Cancelled
        }
        (Some(S::Dead | S::Cancelled | S::Expired), C::Redrive) => S::Ready,
        _ => return None,
    })
}
