//! One request, one answer: the address and method of each operation come from the list that
//! the server registers its routes from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use sealane_api::format::{EVENT_STREAM, Format};
use sealane_api::operation::{LAST_EVENT_ID, Operation};
use sealane_core::limits;
use sealane_core::name::Namespace;
use sealane_crypto::Secret;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::answer;
use super::tls::Tls;
use super::transport::{Bounds, Pieces, Transport};
use crate::context::Context;
use crate::error::Error;

/// What is sent and asked for: bodies travel as bytes.
const FORMAT: Format = Format::Cbor;

/// Room for a request without bodies.
const REQUEST_BYTES: usize = 1_024;

pub(super) const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
pub(super) const ANSWER_BYTES_MAX: usize = 2 * limits::REQUEST_BYTES_MAX;

/// A Sealane server. Connections are kept and shared; cheap to clone.
#[derive(Clone)]
pub struct Server {
    transport: Arc<dyn Transport>,
    place: String,
    authorization: HeaderValue,
    namespace: Namespace,
}

impl Server {
    /// Makes ready to talk to the context's server. Connects when first asked for something.
    ///
    /// # Errors
    /// When the context's certificate or key cannot be used.
    pub fn connect(context: &Context) -> Result<Self, Error> {
        let transport = Tls::new(&context.ca_pem)?;
        let place = context.url.as_str().trim_end_matches('/').to_owned();
        Self::over(Arc::new(transport), place, context.namespace.clone(), &context.api_key)
    }

    /// A server that is reached in another way: for simulations and tests. `place` is what its addresses
    /// begin with.
    ///
    /// # Errors
    /// When the key cannot be one.
    pub fn over(
        transport: Arc<dyn Transport>,
        place: String,
        namespace: Namespace,
        api_key: &Secret<String>,
    ) -> Result<Self, Error> {
        let bearer = Secret::new(format!("Bearer {}", api_key.expose()));
        let mut authorization = HeaderValue::from_str(bearer.expose()).map_err(|_| Error::Setup {
            detail: "api_key in the context cannot be a key; take it as `access key create` printed it"
                .to_owned(),
        })?;
        authorization.set_sensitive(true);
        Ok(Self { transport, place, authorization, namespace })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.place
    }

    pub(super) const fn namespace_of_context(&self) -> &Namespace {
        &self.namespace
    }

    /// Asks for an operation without a body.
    pub(super) async fn get<O>(&self, parameter: &str) -> Result<O::Answer, Error>
    where
        O: Operation,
        O::Answer: DeserializeOwned,
    {
        self.exchange::<O>(parameter, None, ANSWER_TIME_MAX, ANSWER_BYTES_MAX).await
    }

    /// Asks for an operation with a body.
    pub(super) async fn call<O>(
        &self,
        parameter: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<O::Answer, Error>
    where
        O: Operation,
        O::Answer: DeserializeOwned,
    {
        self.exchange::<O>(parameter, Some(written(body, REQUEST_BYTES)), ANSWER_TIME_MAX, ANSWER_BYTES_MAX)
            .await
    }

    pub(super) async fn exchange<O>(
        &self,
        parameter: &str,
        body: Option<Vec<u8>>,
        time_max: Duration,
        bytes_max: usize,
    ) -> Result<O::Answer, Error>
    where
        O: Operation,
        O::Answer: DeserializeOwned,
    {
        let mut request = self
            .request::<O>(&path::<O>(parameter))
            .header(ACCEPT, HeaderValue::from_static(FORMAT.media_type()));
        if body.is_some() {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static(FORMAT.media_type()));
        }
        let request = request.body(body.unwrap_or_default()).map_err(|_| unusable_address())?;
        let response = self.transport.exchange(request, Bounds { time: time_max, bytes: bytes_max }).await?;
        answer::read(response)
    }

    /// Asks for an operation whose answer goes on.
    pub(super) async fn open<O: Operation>(
        &self,
        path_and_query: &str,
        last_event_id: Option<&str>,
    ) -> Result<Box<dyn Pieces>, Error> {
        let mut request = self.request::<O>(path_and_query).header(ACCEPT, EVENT_STREAM);
        if let Some(id) = last_event_id {
            request = request.header(LAST_EVENT_ID, id);
        }
        let request = request.body(Vec::new()).map_err(|_| unusable_address())?;
        let (parts, mut pieces) = self.transport.open(request, ANSWER_TIME_MAX).await?.into_parts();
        let of_events = parts.headers.get(CONTENT_TYPE).is_some_and(is_event_stream);
        if parts.status.is_success() && of_events {
            return Ok(pieces);
        }
        let mut body = Vec::new();
        while let Some(piece) = pieces.next(ANSWER_TIME_MAX).await? {
            body.extend_from_slice(&piece);
            if body.len() > limits::EVENT_BYTES_MAX {
                return Err(answer::not_understood(parts.status, "it is too long".to_owned()));
            }
        }
        let status = parts.status;
        answer::read::<IgnoredAny>(Response::from_parts(parts, body))?;
        Err(answer::not_understood(status, "it is no stream of events".to_owned()))
    }

    fn request<O: Operation>(&self, path_and_query: &str) -> http::request::Builder {
        Request::builder()
            .method(O::METHOD.as_str())
            .uri(format!("{}{path_and_query}", self.place))
            .header(AUTHORIZATION, self.authorization.clone())
    }
}

/// Whether it is a stream of events, whatever parameters stand behind.
fn is_event_stream(content_type: &HeaderValue) -> bool {
    let media_type = content_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(EVENT_STREAM.as_bytes())
}

fn unusable_address() -> Error {
    Error::Setup { detail: "the server's address cannot be used; check url in the context".to_owned() }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("url", &self.place)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// A request's body as it is sent.
pub(super) fn written(body: &impl Serialize, bytes: usize) -> Vec<u8> {
    FORMAT.write(body, bytes)
}

/// The operation's path with its parameter in place. Names and ids stand in a path as they are:
/// their rules allow no character that would need an escape.
fn path<O: Operation>(parameter: &str) -> String {
    match (O::PATH.find('{'), O::PATH.find('}')) {
        (Some(begin), Some(end)) => format!("{}{parameter}{}", &O::PATH[..begin], &O::PATH[end + 1..]),
        _ => O::PATH.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use sealane_api::operation;

    use super::*;

    #[test]
    fn a_parameter_takes_its_place_in_the_path() {
        assert_eq!(path::<operation::JobEnqueueBatch>("orders"), "/v1/queues/orders/jobs:batch");
        assert_eq!(path::<operation::QueueGet>("a.b"), "/v1/queues/a.b");
        assert_eq!(path::<operation::LeaseExtend>(""), "/v1/leases:extend");
    }

    #[test]
    fn parameters_of_a_media_type_do_not_count() {
        let is = |value| is_event_stream(&HeaderValue::from_static(value));
        assert!(is("text/event-stream") && is("text/event-stream;charset=utf-8"));
        assert!(is("Text/Event-Stream ; charset=\"utf-8\""));
        assert!(!is("text/event-stream2") && !is("application/json; x=text/event-stream") && !is(""));
    }
}
