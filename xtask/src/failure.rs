//! Owns the one way a step says no: a sentence, and the line to type where there is one.

use std::error::Error;
use std::fmt;
use std::path::Path;

/// Why a step stopped.
#[derive(Debug)]
pub(crate) struct Failure {
    sentence: String,
    line: Option<String>,
}

impl Failure {
    /// A failure that the sentence alone explains.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), line: None }
    }

    /// A failure that ends with a command for the reader to type.
    pub(crate) fn with_line(sentence: impl Into<String>, line: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), line: Some(line.into()) }
    }

    /// A file or directory that could not be read or written.
    pub(crate) fn file(deed: &str, path: &Path, cause: &std::io::Error) -> Self {
        Self::new(format!("could not {deed} {}: {cause}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.sentence)?;
        match &self.line {
            Some(line) => write!(to, "\n    {line}"),
            None => Ok(()),
        }
    }
}

impl Error for Failure {}
