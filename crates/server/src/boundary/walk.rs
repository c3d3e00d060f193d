//! The walk of one request through the door.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::{Request, header};
use sealane_api::format::Format;
use sealane_api::operation::{
    Answer, IDEMPOTENCY_KEY, LAST_EVENT_ID, Operation, RequestBody, RequestQuery as _, give_idempotency_key,
};
use sealane_api::problem::{Code, Problem, ProblemDocument};
use sealane_core::limits;

use super::delivery::{Connection, tied};
use super::door::Door;
use crate::audit::Act;
use crate::authz::{Authorized, authorise, permits};

/// What an operation's handler is: it gets proof that the caller may, and nothing else gets it called.
pub trait Handle<Op: Operation> {
    /// Carries out the operation.
    fn handle(&self, asked: Authorized<Op>) -> impl Future<Output = Result<Op::Answer, Problem>> + Send;
}

/// How a request comes in: the answer is whole, or a stream.
pub(super) trait Enter<Op: Operation> {
    /// Takes one request through the door.
    fn enter(
        door: Arc<Self>,
        parameter: String,
        request: Request<Body>,
    ) -> impl Future<Output = Response> + Send;
}

impl<Op: Operation> Enter<Op> for Door
where
    Self: Handle<Op>,
{
    async fn enter(door: Arc<Self>, parameter: String, request: Request<Body>) -> Response {
        let connection = request.extensions().get::<Connection>().cloned();
        let mut act = begin::<Op>(&door, &request);
        let request_id = act.request_id.clone();
        let format = text(&request, header::ACCEPT).map_or(Format::Json, Format::of_accept);
        let outcome = inside::<Op>(&door, &mut act, &parameter, format, connection, request).await;
        act.close(outcome.as_ref().map(|(status, _)| *status));
        match outcome {
            Ok((status, body)) => {
                let media_type = Op::Answer::TEXT.unwrap_or(format.media_type());
                answer(status, media_type, &request_id, Body::from(body))
            }
            Err(problem) => refuse(&problem, &request_id),
        }
    }
}

/// The act that a request is going to be.
pub(super) fn begin<Op: Operation>(door: &Door, request: &Request<Body>) -> Act {
    let source = request.extensions().get::<SocketAddr>().copied();
    Act::new(Op::NAME, door.next_request_id(), source)
}

async fn inside<Op: Operation>(
    door: &Door,
    act: &mut Act,
    parameter: &str,
    answer_in: Format,
    connection: Option<Connection>,
    request: Request<Body>,
) -> Result<(u16, Bytes), Problem>
where
    Door: Handle<Op>,
{
    let asked = admitted::<Op>(door, act, parameter, request).await?;
    let carried = asked.carried();
    let answer = door.handle(asked).await?;
    let status = answer.status();
    let bytes = match Op::Answer::TEXT {
        None => answer_in.write(&answer, answer.bytes()),
        Some(_) => answer.into_text().into_bytes(),
    };
    Ok((status, tied(bytes, carried.take(), connection)))
}

/// The walk up to the handler.
pub(super) async fn admitted<Op: Operation>(
    door: &Door,
    act: &mut Act,
    parameter: &str,
    request: Request<Body>,
) -> Result<Authorized<Op>, Problem> {
    let caller = door.access_keys.authenticate(request.headers(), door.clock.now())?;
    act.called_by(&caller);
    permits::<Op>(&caller)?;
    let key = idempotency_key(&request)?;
    let last_event_id = text(&request, header::HeaderName::from_static(LAST_EVENT_ID));
    let query = Op::Query::read(request.uri().query().unwrap_or_default(), last_event_id)?;
    let (format, body) = read_body::<Op>(request).await?;
    let mut operation = Op::from_request(parameter, query, Op::Body::read(format, &body)?)?;
    key.map_or(Ok(()), |key| give_idempotency_key(&mut operation, &key))?;
    drop(body);
    act.asks(&operation);
    let asked = authorise(door, caller, operation).await?;
    door.admit(Op::CLASS)?;
    Ok(asked)
}

/// The idempotency key in the request's header. More than one is none: nobody could say which counts.
fn idempotency_key(request: &Request<Body>) -> Result<Option<String>, Problem> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => key
            .to_str()
            .map(|key| Some(key.to_owned()))
            .map_err(|_| Problem::invalid("the Idempotency-Key header must be visible ASCII characters")),
        (Some(_), Some(_)) => Err(Problem::invalid("give one Idempotency-Key header")),
    }
}

/// A header's value, where it is text.
fn text(request: &Request<Body>, name: header::HeaderName) -> Option<&str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

async fn read_body<Op: Operation>(request: Request<Body>) -> Result<(Format, Bytes), Problem> {
    let format = text(&request, header::CONTENT_TYPE).and_then(Format::of_content_type);
    let unnamed =
        || Problem::invalid("send the request as 'Content-Type: application/json' or 'application/cbor'");
    if Op::Body::REQUIRED && format.is_none() {
        return Err(unnamed());
    }
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::invalid("compressed requests are not taken: send it as it is"));
    }
    let body =
        axum::body::to_bytes(request.into_body(), limits::REQUEST_BYTES_MAX).await.map_err(|error| {
            let too_large = std::error::Error::source(&error)
                .is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>());
            if too_large {
                Problem::new(
                    Code::BodyTooLarge,
                    format!(
                        "a request has at most {} bytes: send fewer jobs at once",
                        limits::REQUEST_BYTES_MAX
                    ),
                )
            } else {
                Problem::invalid("the request ended before its body did")
            }
        })?;
    if Op::Body::EXPECTED && format.is_none() && !body.is_empty() {
        return Err(unnamed());
    }
    Ok((format.unwrap_or_default(), body))
}

/// Where an answer names its request.
pub(super) const REQUEST_ID: &str = "x-request-id";

/// An error as an answer.
pub(super) fn refuse(problem: &Problem, request_id: &str) -> Response {
    let document =
        serde_json::to_vec(&ProblemDocument::new(problem, request_id)).expect("a problem is plain text");
    let mut response =
        answer(problem.code.status(), ProblemDocument::CONTENT_TYPE, request_id, Body::from(document));
    let headers = response.headers_mut();
    if problem.code == Code::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
    }
    if problem.code.is_retryable() {
        let seconds = problem.retry_after_ms.unwrap_or(1_000).div_ceil(1_000);
        headers.insert(header::RETRY_AFTER, http::HeaderValue::from(seconds));
    }
    response
}

pub(super) fn answer(status: u16, content_type: &'static str, request_id: &str, body: Body) -> Response {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CACHE_CONTROL, "no-store")
        .header(REQUEST_ID, request_id)
        .body(body)
        .expect("the parts of an answer are valid: a known status, fixed header names, a hexadecimal id")
}
