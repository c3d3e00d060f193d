//! Every route, from the operation list. What is not in the list cannot be reached; what is in it and
//! has no handler does not compile.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use sealane_api::for_each_operation;
use sealane_api::operation::{Method, Operation};
use sealane_api::problem::Problem;
use sealane_core::limits;

use super::door::Door;
use super::walk::{Enter, refuse};

/// Begins the walk of one operation.
type Begin = fn(Arc<Door>, String, Request) -> Pin<Box<dyn Future<Output = Response> + Send>>;

/// What can be asked of one thing, by the word behind its name: `{job}:cancel` and the like.
type Verbs = BTreeMap<&'static str, Begin>;

/// What stands in the path for a name; an error where it is not UTF-8.
type Parameters = Result<RawPathParams, RawPathParamsRejection>;

/// The path's one parameter, empty where it has none. Nothing where it is no text: such a name names
/// nothing.
fn parameter(parameters: Parameters) -> Option<String> {
    let parameters = parameters.ok()?;
    Some(parameters.iter().next().map(|(_, value)| value.to_owned()).unwrap_or_default())
}

/// All routes.
pub fn routes(door: Arc<Door>) -> Router {
    let mut router = Router::new();
    let mut verbs: BTreeMap<&'static str, Verbs> = BTreeMap::new();
    macro_rules! register {
        ($($op:ident),*) => { $({
            use sealane_api::operation::$op;
            let enter = |State(door): State<Arc<Door>>, parameters: Parameters, request: Request| async move {
                match parameter(parameters) {
                    Some(parameter) => <Door as Enter<$op>>::enter(door, parameter, request).await,
                    None => nothing_here(State(door), request).await,
                }
            };
            match $op::PATH.rsplit_once("}:") {
                None => router = router.route($op::PATH, on(filter($op::METHOD), enter)),
                Some((thing, verb)) => {
                    assert!($op::METHOD == Method::Post, "a verb behind a name is posted: {}", $op::PATH);
                    verbs.entry(thing).or_default().insert(verb, |door, parameter, request| {
                        Box::pin(<Door as Enter<$op>>::enter(door, parameter, request))
                    });
                }
            }
        })* };
    }
    for_each_operation!(register);
    for (thing, verbs) in verbs {
        let verbs = Arc::new(verbs);
        let enter = |State(door): State<Arc<Door>>, parameters: Parameters, request: Request| async move {
            let named = parameter(parameters).unwrap_or_default();
            let found = named.rsplit_once(':').and_then(|(name, verb)| Some((name, *verbs.get(verb)?)));
            match found {
                Some((name, enter)) => enter(door, name.to_owned(), request).await,
                None => nothing_here(State(door), request).await,
            }
        };
        router = router.route(&format!("{thing}}}"), on(MethodFilter::POST, enter));
    }
    router
        .route("/livez", axum::routing::get(async || "ok\n"))
        .route("/readyz", axum::routing::get(ready))
        .fallback(nothing_here)
        .method_not_allowed_fallback(nothing_here)
        .with_state(door)
}

fn filter(method: Method) -> MethodFilter {
    match method {
        Method::Delete => MethodFilter::DELETE,
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
    }
}

/// Whether new work is taken.
async fn ready(State(door): State<Arc<Door>>) -> (http::StatusCode, &'static str) {
    // Why ask the engine: a server whose engine does not answer is not ready.
    if door.engine.has_room().await && !door.is_draining() && !refuses_fresh_ids(&door) {
        (http::StatusCode::OK, "ready\n")
    } else {
        (http::StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

/// Whether ids that clients make by the true time are refused, because a step of the clock is held.
fn refuses_fresh_ids(door: &Door) -> bool {
    door.clock.held_step_ms().is_some_and(|ms| {
        let most = if ms > 0 { limits::ID_AHEAD_MS } else { limits::FINISHED_KEPT_MS };
        ms.unsigned_abs() >= most
    })
}

/// No such operation. Known only to those who come in: a stranger learns nothing of what exists.
async fn nothing_here(State(door): State<Arc<Door>>, request: Request) -> axum::response::Response {
    let request_id = door.next_request_id();
    let problem = match door.access_keys.authenticate(request.headers(), door.clock.now()) {
        Err(problem) => problem,
        Ok(_) => Problem::not_found(),
    };
    refuse(&problem, &request_id)
}
