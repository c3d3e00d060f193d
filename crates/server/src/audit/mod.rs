//! What was done, by whom: one line for every request, allowed or not.
//!
//! A line names the operation, the caller, the decision and the outcome. It never carries a body, an
//! attribute, a receipt or a key.

use std::net::SocketAddr;

use sealane_api::problem::Problem;

use crate::authn::Caller;

/// One request on its way through the door.
#[derive(Debug)]
pub struct Act {
    /// The operation's name.
    pub operation: &'static str,
    /// Names the request in answers and lines.
    pub request_id: String,
    /// Where it came from.
    pub source: Option<SocketAddr>,
    caller: Option<Caller>,
}

impl Act {
    /// Begins.
    pub fn new(operation: &'static str, request_id: String, source: Option<SocketAddr>) -> Self {
        Self { operation, request_id, source, caller: None }
    }

    /// The caller is known.
    pub fn called_by(&mut self, caller: &Caller) {
        self.caller = Some(caller.clone());
    }

    /// Writes the line.
    pub fn close(self, outcome: Result<u16, &Problem>) {
        let key = self.caller.as_ref().map(|caller| &caller.key);
        let (status, code) = match outcome {
            Ok(status) => (status, ""),
            Err(problem) => (problem.code.status(), problem.code.as_str()),
        };
        tracing::info!(
            target: "audit",
            operation = self.operation,
            request_id = self.request_id,
            source = self.source.map(tracing::field::display),
            principal = key.map(|key| key.principal.as_str()),
            key_id = key.map(|key| key.id.as_str()),
            role = key.map(|key| key.role.as_str()),
            status,
            code,
            "act"
        );
    }
}
