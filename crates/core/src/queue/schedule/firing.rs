//! Which firing of which schedule a job is, and the id that follows from it.

use crate::id::{JobId, ScheduleId};
use crate::time::{Millis, Time};

/// One firing of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Firing {
    /// Of which schedule.
    pub schedule: ScheduleId,
    /// The time it was due.
    pub due: Time,
}

impl Firing {
    /// The id of its job: a UUIDv8 over schedule and due time, the same for whoever computes it. The
    /// hash is SHA-256, which the caller brings along.
    pub fn job(&self, sha256: impl FnOnce(&[&[u8]]) -> [u8; 32]) -> JobId {
        let due = self.due.unix_ms().to_be_bytes();
        let hash = sha256(&[b"QRE2 firing", self.schedule.as_bytes(), &due]);
        let half = hash.first_chunk().expect("32 bytes begin with 16");
        JobId::v8(*half)
    }

    /// How much later than due its job begins: up to `jitter`, by the job's id and so by chance, and the
    /// same whenever it is asked.
    pub(super) fn delay(job: &JobId, jitter: Millis) -> Millis {
        let last = job.as_bytes().last_chunk().expect("16 bytes end with 8");
        Millis::new(u64::from_be_bytes(*last) % jitter.get().saturating_add(1))
    }
}
