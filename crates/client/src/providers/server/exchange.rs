//! One request, one answer: the address and method of each operation come from the list that
//! the server registers its routes from.

use std::fmt;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use sealane_api::format::Format;
use sealane_api::operation::{Method, Operation};
use sealane_core::limits;
use sealane_core::name::Namespace;
use sealane_crypto::Secret;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{answer, tls};
use crate::context::Context;
use crate::error::Error;

/// What is sent and asked for: bodies travel as bytes.
const FORMAT: Format = Format::Cbor;

/// Room for a request without bodies.
const REQUEST_BYTES: usize = 1_024;

const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
pub(super) const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
pub(super) const ANSWER_BYTES_MAX: usize = 2 * limits::REQUEST_BYTES_MAX;

/// A Sealane server. Connections are kept and shared; cheap to clone.
#[derive(Clone)]
pub struct Server {
    http: reqwest::Client,
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
        let setup = |detail: &str| Error::Setup { detail: detail.to_owned() };
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(&context.ca_pem)?)
            .https_only(true)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIME_MAX)
            .user_agent(concat!("sealane/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| setup("the connection cannot be set up; check url and ca in the context"))?;
        let bearer = Secret::new(format!("Bearer {}", context.api_key.expose()));
        let mut authorization = HeaderValue::from_str(bearer.expose()).map_err(|_| {
            setup("api_key in the context cannot be a key; take it as `access key create` printed it")
        })?;
        authorization.set_sensitive(true);
        Ok(Self {
            http,
            place: context.url.as_str().trim_end_matches('/').to_owned(),
            authorization,
            namespace: context.namespace.clone(),
        })
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
        let method = match O::METHOD {
            Method::Delete => reqwest::Method::DELETE,
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
        };
        let address = format!("{}{}", self.place, path::<O>(parameter));
        let mut request = self
            .http
            .request(method, address)
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, HeaderValue::from_static(FORMAT.media_type()))
            .timeout(time_max);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static(FORMAT.media_type())).body(body);
        }
        let response = request.send().await.map_err(|error| answer::lost(&self.place, error))?;
        answer::read(&self.place, response, bytes_max).await
    }
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
}
