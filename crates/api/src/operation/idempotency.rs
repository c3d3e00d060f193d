//! The `Idempotency-Key` header: another place for a job's own field.

use std::any::Any;

use super::{JobEnqueue, JobEnqueueBatch};
use crate::problem::Problem;
use crate::wire::Text;

/// The header's name.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Gives an operation the key from its request's header. Those that are repeatable by themselves let it be.
///
/// # Errors
/// When the job has another key of its own, or there is more than one job to give it to.
pub fn give_idempotency_key(operation: &mut dyn Any, key: &str) -> Result<(), Problem> {
    if let Some(JobEnqueue { job, .. }) = operation.downcast_mut::<JobEnqueue>() {
        return match &job.idempotency_key {
            Some(own) if own.0.as_ref() != key => Err(Problem::invalid(
                "idempotency_key and the Idempotency-Key header differ: give one of them, or both alike",
            )),
            _ => {
                job.idempotency_key = Some(Text::from(key));
                Ok(())
            }
        };
    }
    if operation.is::<JobEnqueueBatch>() {
        return Err(Problem::invalid(
            "a batch takes no Idempotency-Key header: give each of its jobs an idempotency_key",
        ));
    }
    Ok(())
}
