//! Bulk work on a queue: begun by one call, it goes on by itself.

use sealane_api::v1::{DeadFilterIn, DeadPurgeIn, DeadRedriveIn, HeldFilterIn, HeldReleaseIn};
use sealane_core::queue::SweepKind;

/// Bulk work on a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BulkWork {
    /// End jobs in dead-letter.
    PurgeDead(DeadPurgeIn),
    /// Send jobs in dead-letter through once more.
    RedriveDead(DeadRedriveIn),
    /// End every job that waits.
    PurgeWaiting,
    /// Let held jobs go on.
    ReleaseHeld(HeldReleaseIn),
}

impl BulkWork {
    /// Ends the jobs in dead-letter that a filter means.
    #[must_use]
    pub const fn purge_dead(filter: DeadFilterIn) -> Self {
        Self::PurgeDead(DeadPurgeIn { filter: Some(filter) })
    }

    /// Sends the jobs in dead-letter that a filter means through once more; at most `rate` in a second
    /// where there is one.
    #[must_use]
    pub const fn redrive_dead(filter: DeadFilterIn, rate: Option<u32>) -> Self {
        Self::RedriveDead(DeadRedriveIn { filter: Some(filter), rate })
    }

    /// Lets the held jobs that a filter means go on; at most `rate` in a second where there is one.
    #[must_use]
    pub const fn release_held(filter: HeldFilterIn, rate: Option<u32>) -> Self {
        Self::ReleaseHeld(HeldReleaseIn { filter: Some(filter), rate })
    }
}

impl From<SweepKind> for BulkWork {
    /// For every job that it can be for.
    fn from(kind: SweepKind) -> Self {
        match kind {
            SweepKind::PurgeDead => Self::PurgeDead(DeadPurgeIn::default()),
            SweepKind::RedriveDead => Self::RedriveDead(DeadRedriveIn::default()),
            SweepKind::PurgeWaiting => Self::PurgeWaiting,
            SweepKind::ReleaseHeld => Self::ReleaseHeld(HeldReleaseIn::default()),
        }
    }
}
