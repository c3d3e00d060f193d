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
    /// A producer sends it, to be run after other jobs.
    AcceptBlocked = "sent, after other jobs",
    /// What it waited for is done.
    Unblock = "what it waits for is done",
    /// What it waited for is done, and its own time has not come.
    UnblockLater = "what it waits for is done, before its time",
    /// A job that it waits for ended otherwise.
    LoseParent = "a job that it waits for failed",
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
    /// A person sets it aside.
    Quarantine = "quarantined",
    /// A person lets a held job go on.
    Release = "released",
    /// A person lets a held job go on, and its own time has not come.
    ReleaseLater = "released, before its time",
    /// Its time to live ran out.
    Expire = "time to live over",
    /// It is not wanted any more.
    Cancel = "cancelled",
    /// A person sends an ended job through once more.
    Redrive = "re-driven",
    /// A person sends a job through once more that has yet to wait for others.
    RedriveBlocked = "re-driven, after other jobs",
}

/// Where a cause leads from a state; `None` stands for a job that is not there yet. No answer: the
/// cause does not happen to a job in that state.
pub const fn after(from: Option<State>, cause: Cause) -> Option<State> {
    use Cause as C;
    use State as S;
    Some(match (from, cause) {
        (None, C::Accept) => S::Ready,
        (None, C::AcceptLater) => S::Delayed,
        (None, C::AcceptBlocked) => S::Blocked,
        (Some(S::Blocked), C::Unblock) => S::Ready,
        (Some(S::Blocked), C::UnblockLater) => S::Delayed,
        (Some(S::Blocked), C::LoseParent) => S::Dead,
        (Some(S::Delayed | S::Retrying), C::Due | C::Promote) => S::Ready,
        (Some(S::Ready), C::Lease) => S::Running,
        (Some(S::Running), C::Complete) => S::Completed,
        (Some(S::Running), C::RetryLater) => S::Retrying,
        (Some(S::Running), C::RetryNow | C::HandBack) => S::Ready,
        (Some(S::Running), C::GiveUp) => S::Dead,
        (Some(S::Running), C::HandBackLater) => S::Delayed,
        (Some(S::Running), C::Hold) => S::Held,
        (Some(S::Delayed | S::Ready | S::Retrying), C::Quarantine) => S::Held,
        (Some(S::Held), C::Release) => S::Ready,
        (Some(S::Held), C::ReleaseLater) => S::Delayed,
        (Some(S::Blocked | S::Delayed | S::Ready | S::Retrying), C::Expire) => S::Expired,
        (
            Some(S::Blocked | S::Delayed | S::Ready | S::Retrying | S::Running | S::Held | S::Dead),
            C::Cancel,
        ) => S::Cancelled,
        (Some(S::Dead | S::Cancelled | S::Expired), C::Redrive) => S::Ready,
        (Some(S::Dead | S::Cancelled | S::Expired), C::RedriveBlocked) => S::Blocked,
        _ => return None,
    })
}
