//! Handlers as tower services, and tower layers around handlers.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use sealane_core::job::Category;
use tower_layer::Layer;
use tower_service::Service;

use super::builder::WorkerBuilder;
use super::handler::{Handler, JobContext};
use super::outcome::Outcome;
use crate::delivery::Delivery;
use crate::retry::Chain;

/// The code of an attempt that a service or layer ended with an error of its own.
const SERVICE_ERROR: &str = "service_error";

/// Any error, as tower has it.
type BoxError = Box<dyn Error + Send + Sync>;

/// A job on its way through layers to its handler.
#[derive(Debug)]
pub struct JobRequest {
    /// The job.
    pub delivery: Delivery,
    /// What its handler is told while it runs.
    pub context: JobContext,
}

/// A handler as the innermost service.
#[derive(Clone)]
pub struct HandlerService {
    handler: Handler,
}

impl Service<JobRequest> for HandlerService {
    type Response = Outcome;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Outcome, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, JobRequest { delivery, context }: JobRequest) -> Self::Future {
        let running = (self.handler)(delivery, context);
        Box::pin(async move { Ok(running.await) })
    }
}

impl fmt::Debug for HandlerService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerService").finish_non_exhaustive()
    }
}

impl WorkerBuilder {
    /// Runs jobs of one kind by a service. It is cloned for each job and waited for until it is ready;
    /// the job's lease is kept meanwhile. An error fails the attempt as `temporary`, with the code
    /// `service_error` and the error's text.
    pub fn service<S>(self, kind: impl Into<String>, service: S) -> Self
    where
        S: Service<JobRequest, Response = Outcome> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
    {
        self.handled_by(kind.into(), serve(service))
    }

    /// Puts a layer around the handler of each kind, added before or after. Each further layer goes
    /// around those before it. A layer sees opened jobs, and what it keeps per service, a concurrency
    /// limit for instance, it keeps per kind.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sealane::{Client, Outcome};
    /// # fn example(client: &Client) -> Result<(), sealane::Error> {
    /// let worker = client
    ///     .worker("mail")
    ///     .handler("mail.send", async |_, _| Outcome::COMPLETE)
    ///     .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(10)))
    ///     .layer(tower::limit::ConcurrencyLimitLayer::new(4))
    ///     .concurrency(32)
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<HandlerService> + Send + Sync + 'static,
        L::Service: Service<JobRequest, Response = Outcome> + Clone + Send + 'static,
        <L::Service as Service<JobRequest>>::Future: Send,
        <L::Service as Service<JobRequest>>::Error: Into<BoxError>,
    {
        self.wrapped_by(move |handler| serve(layer.layer(HandlerService { handler })))
    }
}

fn serve<S>(service: S) -> Handler
where
    S: Service<JobRequest, Response = Outcome> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
{
    // Why locked: services are cloned, never shared, so many are not made to be.
    let service = Mutex::new(service);
    Arc::new(move |delivery, context| {
        let mut service = service.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move {
            let ready: Result<(), BoxError> =
                poll_fn(|task| service.poll_ready(task)).await.map_err(Into::into);
            let answer: Result<Outcome, BoxError> = match ready {
                Ok(()) => service.call(JobRequest { delivery, context }).await.map_err(Into::into),
                Err(error) => Err(error),
            };
            answer.unwrap_or_else(|error| Outcome::Fail {
                category: Category::Temporary,
                code: Some(SERVICE_ERROR.to_owned()),
                error: Chain(&*error).to_string().into_bytes(),
                retry_after: None,
            })
        })
    })
}
