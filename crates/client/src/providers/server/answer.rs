//! What came back, or why nothing did, in words of this library.

use std::error::Error as StdError;
use std::sync::Arc;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode};
use sealane_api::format::Format;
use sealane_api::problem::ProblemDocument;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// Room made for an answer before any of it is there.
const ROOM_AT_ONCE: usize = 4 << 20;

/// Reads an answer of at most so many bytes.
pub(super) async fn read<T: DeserializeOwned>(
    place: &str,
    mut response: Response,
    bytes_max: usize,
) -> Result<T, Error> {
    let status = response.status();
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let format = content_type.and_then(Format::of_content_type);
    // Why not as long as the answer says it is: it may say anything.
    let announced = response.content_length().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
    let mut body = Vec::with_capacity(announced.min(bytes_max).min(ROOM_AT_ONCE));
    while let Some(chunk) = response.chunk().await.map_err(|error| lost(place, error))? {
        if body.len() + chunk.len() > bytes_max {
            return Err(not_understood(status, format!("it is longer than {bytes_max} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    if status.is_success() {
        let Some(format) = format else {
            return Err(not_understood(status, "it is neither JSON nor CBOR".to_owned()));
        };
        // Why without the reader's own words: they may quote a body.
        return format.read(&body).map_err(|_| not_understood(status, "it has another form".to_owned()));
    }
    let Ok(problem) = serde_json::from_slice::<ProblemDocument>(&body) else {
        return Err(not_understood(status, format!("status {} without a problem document", status.as_u16())));
    };
    Err(match status {
        StatusCode::UNAUTHORIZED => Error::Unauthenticated(Box::new(problem)),
        _ => Error::Refused(Box::new(problem)),
    })
}

/// Sorts a failure to get an answer.
pub(super) fn lost(place: &str, error: reqwest::Error) -> Error {
    let may_have_happened = !(error.is_connect() || error.is_builder());
    let untrusted = chain(&error).any(is_tls);
    // Why without the address: it stands in `place` already.
    let cause: Arc<dyn StdError + Send + Sync> = Arc::new(error.without_url());
    let place = place.to_owned();
    if untrusted {
        return Error::Untrusted { place, cause };
    }
    Error::Unreachable { place, may_have_happened, cause }
}

fn not_understood(status: StatusCode, detail: String) -> Error {
    Error::Answer { status: status.as_u16(), detail }
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Whether TLS itself refused. A connection cut in the middle is not that: it may go better again.
fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    if error.is::<rustls::Error>() {
        return true;
    }
    // Why: an io::Error names the source of what it wraps as its own, so the chain steps over what
    // is wrapped, which may be another io::Error.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    wrapped.is_some_and(|inner| is_tls(inner))
}
