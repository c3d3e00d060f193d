//! Values to JSON and back. What goes wrong is told by its place: the words of a JSON library quote
//! what they read, and that is somebody's sealed body.

use serde::Serialize;
use serde_json::error::Category;

use super::job::TypedJob;
use crate::delivery::Delivery;
use crate::error::Error;

/// The media type of a typed job's body.
pub(crate) const CONTENT_TYPE: &str = "application/json";
/// The code of an attempt whose body is no value of the handler's type.
pub(crate) const BODY_UNDECODABLE: &str = "body_undecodable";
/// The code of an attempt whose result cannot be written as JSON.
pub(crate) const RESULT_UNENCODABLE: &str = "result_unencodable";
/// What `()` and `None` are in JSON.
pub(crate) const NOTHING: &[u8] = b"null";

pub(crate) fn write(kind: &'static str, value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|_| Error::Unencodable { kind })
}

/// The body as a value of this type.
pub(crate) fn read_body<T: TypedJob>(delivery: &Delivery) -> Result<T, Error> {
    let undecodable = |reason: String| Error::Undecodable { what: "body", kind: T::KIND, reason };
    if delivery.kind != T::KIND {
        return Err(undecodable("the job is of another kind".to_owned()));
    }
    if !delivery.content_type.as_deref().is_none_or(says_json) {
        return Err(undecodable(format!("its content type is not {CONTENT_TYPE}")));
    }
    serde_json::from_slice(&delivery.body).map_err(|error| undecodable(place(&error)))
}

/// The result of a job of this type. No bytes are what comes to nothing.
pub(crate) fn read_result<T: TypedJob>(bytes: Option<&[u8]>) -> Result<T::Output, Error> {
    serde_json::from_slice(bytes.unwrap_or(NOTHING)).map_err(|error| Error::Undecodable {
        what: "result",
        kind: T::KIND,
        reason: place(&error),
    })
}

fn says_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == CONTENT_TYPE || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Data => "a field is missing, unknown or of another type",
        Category::Eof => "it ends too soon",
        Category::Io | Category::Syntax => "it is not JSON",
    };
    format!("{what} at line {}, column {}", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_what_says_so() {
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"] {
            assert!(says_json(json), "{json}");
        }
        for other in ["", "text/plain", "application/jsonp", "image/x+json", "application/cbor"] {
            assert!(!says_json(other), "{other}");
        }
    }

    #[test]
    fn a_place_quotes_nothing() {
        let wrong_type = serde_json::from_str::<u8>("\n \"canary\"").unwrap_err();
        assert!(wrong_type.to_string().contains("canary"), "or there is nothing to leave out");
        assert_eq!(place(&wrong_type), "a field is missing, unknown or of another type at line 2, column 9");
        let cut = serde_json::from_str::<String>("\"can").unwrap_err();
        assert_eq!(place(&cut), "it ends too soon at line 1, column 4");
        let none = serde_json::from_str::<u8>("canary").unwrap_err();
        assert!(place(&none).starts_with("it is not JSON"), "{}", place(&none));
    }
}
