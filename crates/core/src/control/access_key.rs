//! One access key, as the server keeps it: everything but the secret.

use std::fmt;

use super::pattern::QueuePattern;
use crate::job::words;
use crate::name::{KeyId, Principal, QueueName};
use crate::time::Time;

words! {
    /// What a key is for.
    Role {
        /// Everything.
        Admin = "admin" / 1,
        /// Sends jobs and reads its own.
        Submitter = "submitter" / 2,
        /// Leases and settles jobs.
        Worker = "worker" / 3,
    }
}

/// An access key without its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// The public part.
    pub id: KeyId,
    /// Who acts with it.
    pub principal: Principal,
    /// What it is for.
    pub role: Role,
    /// The queues it opens.
    pub queues: Vec<QueuePattern>,
    /// Keyed hash of the secret.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Time,
    /// When it stops working.
    pub expires_at: Time,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
}

impl AccessKey {
    /// Whether it opens anything at `now`.
    pub fn is_live(&self, now: Time) -> bool {
        self.revoked_at.is_none() && now < self.expires_at && now >= self.created_at
    }

    /// Whether it opens this queue.
    pub fn opens(&self, queue: &QueueName) -> bool {
        self.queues.iter().any(|pattern| pattern.matches(queue))
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .field("principal", &self.principal)
            .field("role", &self.role)
            .field("queues", &self.queues)
            .finish_non_exhaustive()
    }
}
