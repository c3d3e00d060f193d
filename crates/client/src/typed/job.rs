//! What makes a type a job, and running a handler over it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::Failure;
use super::json;
use crate::delivery::Delivery;
use crate::worker::{JobContext, Outcome};

/// A job as a value: its kind, and what it comes to.
///
/// The value travels as JSON, inside the envelope when the client has keys. Let producer and worker
/// share the type; where they are deployed apart, add fields with `#[serde(default)]` and never
/// change the meaning of one.
///
/// ```
/// use sealane::TypedJob;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct RenderInvoice {
///     order: u64,
/// }
///
/// impl TypedJob for RenderInvoice {
///     const KIND: &'static str = "invoice.render";
///     type Output = String;
/// }
///
/// assert_eq!(sealane::Job::typed(&RenderInvoice { order: 42 })?.kind(), "invoice.render");
/// # Ok::<(), sealane::Error>(())
/// ```
pub trait TypedJob: Serialize + DeserializeOwned + Send + 'static {
    /// The kind under which it is sent and handled.
    const KIND: &'static str;
    /// What it comes to: `()` where nothing is kept.
    type Output: Serialize + DeserializeOwned + Send;
}

/// Reads the body, runs the handler, writes the result.
pub(crate) async fn run<T, Fut>(
    mut delivery: Delivery,
    context: JobContext,
    handler: impl FnOnce(T, Delivery, JobContext) -> Fut,
) -> Outcome
where
    T: TypedJob,
    Fut: Future<Output = Result<T::Output, Failure>>,
{
    let job: T = match json::read_body(&delivery) {
        Ok(job) => job,
        Err(error) => return Failure::permanent(error.to_string()).code(json::BODY_UNDECODABLE).into(),
    };
    delivery.body = Vec::new();
    match handler(job, delivery, context).await {
        Err(failure) => failure.into(),
        Ok(output) => match json::write(T::KIND, &output) {
            Err(error) => Failure::permanent(error.to_string()).code(json::RESULT_UNENCODABLE).into(),
            // Why: what comes to nothing is not worth a sealed result of its own.
            Ok(nothing) if nothing == json::NOTHING => Outcome::COMPLETE,
            Ok(result) => Outcome::complete_with(result),
        },
    }
}
