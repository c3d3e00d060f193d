//! What a handler is given of the jobs that its own waited for.

use std::fmt;

use sealane_core::id::JobId;
use sealane_core::job::State;
use sealane_core::name::QueueName;

use crate::error::Error;
use crate::typed::{self, TypedJob};

/// A job that ended before this one began, which waited for it. Its result is opened: it opens only as
/// that of the job, the queue and the attempt that stand here. That this is a job to wait for is the
/// server's word; where it matters, let the body name it.
#[derive(Clone, PartialEq, Eq)]
pub struct Parent {
    /// Which job.
    pub id: JobId,
    /// The queue that it was sent to.
    pub queue: QueueName,
    /// Its last attempt that counted.
    pub attempt: u32,
    /// How it ended: `completed`, or something else where the job was sent to run all the same.
    pub state: State,
    /// What it came to, if anything.
    pub result: Option<Vec<u8>>,
    /// True where it came to something and the results together were too large to be handed out.
    pub result_left_out: bool,
}

impl Parent {
    /// The result as a value.
    ///
    /// # Errors
    /// When it is no such value, or was left out.
    pub fn typed<T: TypedJob>(&self) -> Result<T::Output, Error> {
        if self.result_left_out {
            return Err(Error::Undecodable {
                what: "result",
                kind: T::KIND,
                reason: "it was left out: the results together are too large".to_owned(),
            });
        }
        typed::read_result::<T>(self.result.as_deref())
    }
}

impl fmt::Debug for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parent")
            .field("id", &self.id)
            .field("state", &self.state)
            .field("result_bytes", &self.result.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}
