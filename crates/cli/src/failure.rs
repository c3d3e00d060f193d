//! Why a command did not do what it should: an exit code for scripts, a problem document or a
//! line of text for whoever reads.

use std::error::Error as StdError;
use std::io::Write as _;
use std::process::ExitCode;

use sealane::{ContextError, Error};
use sealane_api::problem::{Code, ItemError, ProblemDocument};
use sealane_envelope::keys::file::KeyFileError;

/// Exit code of everything that has no code of its own.
pub(crate) const FAILED: u8 = 1;
/// The command line is not understood.
pub(crate) const USAGE: u8 = 2;
/// The server understood and refused.
pub(crate) const REFUSED: u8 = 3;
/// One side did not prove who it is.
pub(crate) const AUTHENTICATION: u8 = 4;
/// No answer came.
pub(crate) const UNREACHABLE: u8 = 5;
/// A file or stored data cannot be used, or is in use.
pub(crate) const DATA: u8 = 6;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: u8,
    document: Box<ProblemDocument>,
}

impl Failure {
    /// A failure found out on this side.
    pub(crate) fn new(exit: u8, code: &str, title: &str, detail: impl Into<String>) -> Self {
        let document = ProblemDocument {
            type_uri: format!("urn:sealane:problem:{code}"),
            title: title.to_owned(),
            status: 0,
            code: code.to_owned(),
            detail: detail.into(),
            request_id: String::new(),
            retryable: false,
            retry_after_ms: None,
            job_id: None,
        };
        Self { exit, document: Box::new(document) }
    }

    pub(crate) fn usage(detail: impl Into<String>) -> Self {
        Self::new(USAGE, "usage", "the command line is not understood", detail)
    }

    /// A file of the caller's cannot be used.
    pub(crate) fn file(error: &dyn StdError) -> Self {
        Self::new(DATA, "file_unusable", "a file cannot be used", chain(error))
    }

    /// What went in or came out could not be read or written.
    pub(crate) fn stream(what: &str, error: &dyn StdError) -> Self {
        Self::new(FAILED, "stream_failed", "reading or writing failed", format!("{what}: {}", chain(error)))
    }

    /// The exit code.
    #[cfg(test)]
    pub(crate) const fn exit(&self) -> u8 {
        self.exit
    }

    /// The stable word for what went wrong.
    pub(crate) fn code(&self) -> &str {
        &self.document.code
    }

    /// The same for one of many.
    pub(crate) fn item(&self) -> ItemError {
        ItemError {
            code: self.document.code.clone(),
            detail: self.document.detail.clone(),
            retryable: self.document.retryable,
            job_id: self.document.job_id.clone(),
        }
    }

    /// The same with more to say about what to do.
    pub(crate) fn with_advice(mut self, advice: &str) -> Self {
        self.document.detail = format!("{}; {advice}", self.document.detail);
        self
    }

    /// Tells it on standard error, once, and gives the exit code.
    pub(crate) fn tell(&self, json: bool) -> ExitCode {
        let text = if json {
            serde_json::to_string(&self.document).expect("a problem document is texts and numbers")
        } else {
            self.line()
        };
        // Why ignored: there is nowhere left to complain to.
        let _ = writeln!(std::io::stderr(), "{text}");
        ExitCode::from(self.exit)
    }

    fn line(&self) -> String {
        let document = &self.document;
        let request = match document.request_id.as_str() {
            "" => String::new(),
            id => format!(" (request {id})"),
        };
        // Why the title where there is no status: the server's codes speak for themselves.
        let what = if document.status == 0 { &document.title } else { &document.code };
        crate::output::printable(&format!("error: {what}: {}{request}", document.detail))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let retryable = error.is_transient();
        let text = chain(&error);
        let mut failure = match error {
            Error::Refused(document) | Error::SessionLockLost(document) => Self { exit: REFUSED, document },
            Error::Unauthenticated(document) => Self { exit: AUTHENTICATION, document },
            Error::Untrusted { .. } => {
                Self::new(AUTHENTICATION, "untrusted_server", "the server is not the one expected", text)
            }
            Error::Unreachable { may_have_happened, .. } => {
                let failure = Self::new(UNREACHABLE, "unreachable", "no answer", text);
                if may_have_happened {
                    failure.with_advice("it may have been done all the same")
                } else {
                    failure
                }
            }
            Error::CircuitOpen { .. } => Self::new(UNREACHABLE, "unreachable", "no answer", text),
            Error::Open(_) => Self::new(DATA, "cannot_open", "it does not open", text),
            Error::Seal(_) => Self::new(DATA, "cannot_seal", "it cannot be sealed", text),
            Error::Setup { .. } => Self::new(DATA, "setup", "the client cannot be set up", text),
            Error::Answer { .. } => {
                Self::new(FAILED, "answer_not_understood", "the answer is not understood", text)
            }
            _ => Self::new(FAILED, "failed", "it failed", text),
        };
        failure.document.retryable = retryable;
        failure
    }
}

impl From<ContextError> for Failure {
    fn from(error: ContextError) -> Self {
        Self::file(&error)
    }
}

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        Self::file(&error)
    }
}

impl Failure {
    /// Whether the server refused with this code.
    pub(crate) fn is(&self, code: Code) -> bool {
        self.exit == REFUSED && self.code() == code.as_str()
    }
}

/// An error with its causes on one line, each said once.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sealane_api::problem::Problem;

    use super::*;

    fn document(code: Code) -> Box<ProblemDocument> {
        Box::new(ProblemDocument::new(&Problem::new(code, "do this"), "r-1"))
    }

    // covers CLI-1 (exit codes)
    #[test]
    fn each_kind_of_failure_has_its_exit_code() {
        let cause: Arc<dyn StdError + Send + Sync> = Arc::new(std::io::Error::other("refused"));
        let place = String::from("https://there");
        let unreachable =
            Error::Unreachable { place: place.clone(), may_have_happened: true, cause: Arc::clone(&cause) };
        for (error, exit) in [
            (Error::Refused(document(Code::NotFound)), 3),
            (Error::Refused(document(Code::LimitExceeded)), 3),
            (Error::Unauthenticated(document(Code::Unauthenticated)), 4),
            (Error::Untrusted { place, cause }, 4),
            (unreachable, 5),
            (Error::Open(sealane::Unopenable::NoKeys), 6),
            (Error::Answer { status: 200, detail: String::new() }, 1),
        ] {
            assert_eq!(Failure::from(error.clone()).exit(), exit, "{error:?}");
        }
        assert_eq!(Failure::usage("x").exit(), 2);
        assert_eq!(Failure::from(KeyFileError::NotAKeyring { path: "k".into() }).exit(), 6);
    }

    #[test]
    fn a_line_says_what_and_what_to_do() {
        let refused = Failure::from(Error::Refused(document(Code::NotFound)));
        assert_eq!(refused.line(), "error: not_found: do this (request r-1)");
        let unreachable = Failure::from(Error::Unreachable {
            place: "https://there".to_owned(),
            may_have_happened: true,
            cause: Arc::new(std::io::Error::other("connection\nrefused")),
        });
        let line = unreachable.line();
        assert!(line.contains("check that the server runs") && line.contains("may have been done"), "{line}");
        assert!(!line.contains('\n'));
    }

    #[test]
    fn the_document_of_this_side_has_the_fields_of_the_servers() {
        let fields = |document: &ProblemDocument| match serde_json::to_value(document).unwrap() {
            serde_json::Value::Object(map) => map.into_iter().map(|(name, _)| name).collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        assert_eq!(fields(&Failure::usage("x").document), fields(&document(Code::NotFound)));
    }
}
