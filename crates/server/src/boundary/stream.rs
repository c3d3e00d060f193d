//! The end of the walk where the answer is a stream: the line at its opening, a task that tells the reader
//! until that is over, and the line at its end.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::{Request, header};
use sealane_api::format::EVENT_STREAM;
use sealane_api::operation::{EventWatch, Operation};
use sealane_api::problem::Problem;

use super::door::Door;
use super::walk::{Enter, REQUEST_ID, admitted, answer, begin, refuse};
use crate::authz::Authorized;
use crate::streams::{EventStream, outlet};
use crate::transport::Cut;

/// What a handler is where the answer is a stream.
pub trait Stream<Op: Operation> {
    /// Makes ready what the reader gets.
    ///
    /// # Errors
    /// When there is no place for another stream, or no time.
    fn open(&self, asked: Authorized<Op>) -> Result<EventStream, Problem>;
}

impl Enter<EventWatch> for Door {
    async fn enter(door: Arc<Self>, parameter: String, request: Request<Body>) -> Response {
        let mut act = begin::<EventWatch>(&door, &request);
        let request_id = act.request_id.clone();
        let cut = request.extensions().get::<Cut>().cloned();
        let asked = admitted::<EventWatch>(&door, &mut act, &parameter, request).await;
        let stream = match asked.and_then(|asked| door.open(asked)) {
            Ok(stream) => stream,
            Err(problem) => {
                act.close(Err(&problem));
                return refuse(&problem, &request_id);
            }
        };
        let open = act.open();
        let (outlet, body) = outlet();
        // Why a task: it must see that the key ended also while the connection takes nothing.
        tokio::spawn(async move {
            let (over, events) = stream.run(outlet, || cut.iter().for_each(Cut::ask)).await;
            open.end(over.as_str(), events);
        });
        answer(200, EVENT_STREAM, &request_id, Body::new(body))
    }
}

/// The answer for somebody who takes it whole: a stream has no end that could be waited for. It is let go, and
/// ends as one that nobody reads.
pub fn in_one_piece(answer: Response) -> Response {
    if answer.headers().get(header::CONTENT_TYPE).is_none_or(|kind| kind != EVENT_STREAM) {
        return answer;
    }
    let request_id = answer.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    refuse(
        &Problem::invalid("a stream of events is not told in one piece: ask for it at the server's port"),
        request_id,
    )
}
