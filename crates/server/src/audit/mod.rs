//! What was done, by whom: one line for every request, allowed or not.
//!
//! A line names the operation, the caller, the job where it is about one, the decision and the outcome. It never carries a body, an
//! attribute, a receipt or a key.

use std::net::SocketAddr;

use sealane_api::operation::{Operation, Target};
use sealane_api::problem::Problem;
use sealane_core::id::JobId;

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
    job: Option<JobId>,
    reason: Option<String>,
}

impl Act {
    /// Begins.
    pub fn new(operation: &'static str, request_id: String, source: Option<SocketAddr>) -> Self {
        Self { operation, request_id, source, caller: None, job: None, reason: None }
    }

    /// The caller is known.
    pub fn called_by(&mut self, caller: &Caller) {
        self.caller = Some(caller.clone());
    }

    /// It is known what is asked: which job it is about, where it is about one, and why.
    pub fn asks(&mut self, operation: &impl Operation) {
        self.job = match operation.target() {
            Target::Job(job) => Some(job),
            _ => None,
        };
        self.reason = operation.reason().map(str::to_owned);
    }

    /// Writes the line.
    pub fn close(self, outcome: Result<u16, &Problem>) {
        let (status, code) = match outcome {
            Ok(status) => (status, ""),
            Err(problem) => (problem.code.status(), problem.code.as_str()),
        };
        self.line(status, code, None);
    }

    /// Writes the line of an answer that goes on; another one follows at its end.
    pub fn open(self) -> OpenAct {
        self.line(200, "", None);
        OpenAct { act: self, end: ("server_gone", 0) }
    }

    fn line(&self, status: u16, code: &str, end: Option<(&str, u64)>) {
        let key = self.caller.as_ref().map(|caller| &caller.key);
        tracing::info!(
            target: "audit",
            operation = self.operation,
            request_id = self.request_id,
            source = self.source.map(tracing::field::display),
            principal = key.map(|key| key.principal.as_str()),
            key_id = key.map(|key| key.id.as_str()),
            role = key.map(|key| key.role.as_str()),
            job = self.job.map(tracing::field::display),
            reason = self.reason,
            status,
            code,
            ended = end.map(|(how, _)| how),
            events = end.map(|(_, events)| events),
            "act"
        );
    }
}

/// A request whose answer goes on. Dropped, it writes the line of its end.
#[derive(Debug)]
pub struct OpenAct {
    act: Act,
    end: (&'static str, u64),
}

impl OpenAct {
    /// It is over: how that came, and how many events were sent.
    pub fn end(mut self, how: &'static str, events: u64) {
        self.end = (how, events);
    }
}

impl Drop for OpenAct {
    fn drop(&mut self) {
        self.act.line(200, "", Some(self.end));
    }
}
