//! The two ways a request and its answer can be written: JSON, and CBOR (RFC 8949) for those who send
//! many bodies. The shapes are the same, field by field; CBOR carries bytes as bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::problem::Problem;
use crate::{cbor, json};

/// The media type of an answer that is a stream of events, each written in JSON: server-sent events, as
/// the HTML standard has them.
pub const EVENT_STREAM: &str = "text/event-stream";

/// How a request or an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Binary (RFC 8949): byte strings where JSON has base64.
    Cbor,
    /// Text (RFC 8259).
    #[default]
    Json,
}

impl Format {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Cbor, Self::Json];

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Cbor => "application/cbor",
            Self::Json => "application/json",
        }
    }

    /// The format a `Content-Type` names. Parameters such as a charset change nothing.
    pub fn of_content_type(value: &str) -> Option<Self> {
        let named = value.split(';').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|format| format.media_type().eq_ignore_ascii_case(named))
    }

    /// The format to answer in: JSON, unless CBOR is named in `Accept` and JSON is not.
    pub fn of_accept(value: &str) -> Self {
        let named = |format: Self| value.split(',').any(|range| Self::of_content_type(range) == Some(format));
        if named(Self::Cbor) && !named(Self::Json) { Self::Cbor } else { Self::Json }
    }

    /// Reads a document of a known shape, strictly.
    pub fn read<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, Problem> {
        match self {
            Self::Cbor => cbor::read(bytes),
            Self::Json => json::read(bytes),
        }
    }

    /// Writes a document of about so many bytes.
    ///
    /// # Panics
    /// When the value is not one of this crate's shapes and cannot be written at all.
    pub fn write(self, value: &impl Serialize, bytes: usize) -> Vec<u8> {
        match self {
            Self::Cbor => cbor::write(value, bytes),
            Self::Json => serde_json::to_vec(value)
                .expect("the shapes are texts, numbers, lists and maps by name, which JSON can hold"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_known_by_its_media_type() {
        assert_eq!(Format::of_content_type("application/cbor"), Some(Format::Cbor));
        assert_eq!(Format::of_content_type(" Application/JSON ; charset=utf-8"), Some(Format::Json));
        for other in ["", "text/plain", "application/cbor-seq", "application/jsonx", "application/*"] {
            assert_eq!(Format::of_content_type(other), None, "{other}");
        }
    }

    #[test]
    fn an_answer_is_json_unless_cbor_alone_is_asked_for() {
        assert_eq!(Format::of_accept("application/cbor"), Format::Cbor);
        assert_eq!(Format::of_accept("application/cbor, */*;q=0.1"), Format::Cbor);
        for json in ["", "*/*", "application/json", "application/json, application/cbor", "text/html"] {
            assert_eq!(Format::of_accept(json), Format::Json, "{json}");
        }
    }
}
