//! What came back, or why nothing did, in words of this library.

use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};
use sealane_api::format::Format;
use sealane_api::problem::ProblemDocument;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// Understands an answer that came whole.
pub(super) fn read<T: DeserializeOwned>(response: Response<Vec<u8>>) -> Result<T, Error> {
    let status = response.status();
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let format = content_type.and_then(Format::of_content_type);
    let body = response.into_body();
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

pub(super) fn not_understood(status: StatusCode, detail: String) -> Error {
    Error::Answer { status: status.as_u16(), detail }
}
