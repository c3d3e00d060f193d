//! Owns why a measurement came to nothing.

use std::error::Error;
use std::fmt;

/// In one sentence.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
}

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// What was tried, and why it could not be done.
    pub(crate) fn of(tried: &str, cause: &dyn Error) -> Self {
        let mut text = format!("could not {tried}: {cause}");
        let mut next = cause.source();
        while let Some(cause) = next {
            text = format!("{text}: {cause}");
            next = cause.source();
        }
        Self { text }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Says what was tried where it failed.
pub(crate) trait Tried<T> {
    fn tried(self, what: &str) -> Result<T, Failure>;
}

impl<T, E: Error> Tried<T> for Result<T, E> {
    fn tried(self, what: &str) -> Result<T, Failure> {
        self.map_err(|cause| Failure::of(what, &cause))
    }
}
