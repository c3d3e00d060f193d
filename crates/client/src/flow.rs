//! Flows as they are built: jobs that name each other.

use std::fmt;

use sealane_core::id::{FlowId, JobId};
use sealane_core::queue::OnFailure;

use crate::job::Job;
use crate::producer::Sent;

/// Jobs that wait for each other, to be submitted all or none.
///
/// ```
/// use sealane::{Flow, Job};
///
/// let flow = Flow::new("etl")
///     .job("extract", Job::new("extract", "orders of may"))
///     .fan_out("extract", [("count", Job::new("count", "")), ("sum", Job::new("sum", ""))])
///     .fan_in("report", Job::new("report", ""), ["count", "sum"]);
/// # let _ = flow;
/// ```
#[derive(Clone)]
#[must_use]
pub struct Flow {
    pub(crate) id: Option<FlowId>,
    queue: String,
    pub(crate) nodes: Vec<Node>,
}

/// One job of a flow.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) queue: String,
    pub(crate) job: Job,
    pub(crate) after: Vec<String>,
    pub(crate) after_any: Vec<String>,
    pub(crate) children: Vec<String>,
}

impl Flow {
    /// An empty flow whose jobs go to this queue where nothing else is said.
    pub fn new(queue: impl Into<String>) -> Self {
        Self { id: None, queue: queue.into(), nodes: Vec::new() }
    }

    /// An id of the caller's own. Made when submitting otherwise.
    pub fn id(mut self, id: FlowId) -> Self {
        self.id = Some(id);
        self
    }

    /// A job under a name for the others. What follows it speaks of it.
    pub fn job(mut self, name: impl Into<String>, job: Job) -> Self {
        self.nodes.push(Node {
            name: name.into(),
            queue: self.queue.clone(),
            job,
            after: Vec::new(),
            after_any: Vec::new(),
            children: Vec::new(),
        });
        self
    }

    /// The last job goes to another queue.
    pub fn in_queue(self, queue: impl Into<String>) -> Self {
        self.last(|node| node.queue = queue.into())
    }

    /// The last job runs after this one.
    pub fn after(self, name: impl Into<String>) -> Self {
        self.last(|node| node.after.push(name.into()))
    }

    /// The last job runs after one of those that it is told so of.
    pub fn after_any(self, name: impl Into<String>) -> Self {
        self.last(|node| node.after_any.push(name.into()))
    }

    /// The last job waits for this one, its child.
    pub fn child(self, name: impl Into<String>) -> Self {
        self.last(|node| node.children.push(name.into()))
    }

    /// What happens to the last job when one that it waits for ends otherwise than completed.
    pub fn on_failure(self, policy: OnFailure) -> Self {
        self.last(|node| node.job.on_failure = Some(policy))
    }

    /// Jobs of which each runs after the one before it.
    pub fn chain<N: Into<String>>(mut self, jobs: impl IntoIterator<Item = (N, Job)>) -> Self {
        let mut before: Option<String> = None;
        for (name, job) in jobs {
            let name = name.into();
            self = self.job(name.clone(), job);
            if let Some(before) = before.replace(name) {
                self = self.after(before);
            }
        }
        self
    }

    /// Jobs that all run after one.
    pub fn fan_out<N: Into<String>>(
        self,
        after: impl Into<String>,
        jobs: impl IntoIterator<Item = (N, Job)>,
    ) -> Self {
        let after = after.into();
        jobs.into_iter().fold(self, |flow, (name, job)| flow.job(name, job).after(after.clone()))
    }

    /// A job that runs after all of these.
    pub fn fan_in<N: Into<String>>(
        self,
        name: impl Into<String>,
        job: Job,
        after: impl IntoIterator<Item = N>,
    ) -> Self {
        after.into_iter().fold(self.job(name, job), Self::after)
    }

    /// Why nothing without a job: there is none that it could speak of.
    fn last(mut self, change: impl FnOnce(&mut Node)) -> Self {
        if let Some(node) = self.nodes.last_mut() {
            change(node);
        }
        self
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Why: names and bodies are the producer's data.
        f.debug_struct("Flow").field("id", &self.id).field("nodes", &self.nodes.len()).finish_non_exhaustive()
    }
}

/// A flow that was accepted, now or by an earlier try whose answer was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowSent {
    /// The flow's id.
    pub id: FlowId,
    /// Its jobs by name, in the order in which they were given.
    pub jobs: Vec<(String, Sent)>,
}

impl FlowSent {
    /// The job of this name.
    #[must_use]
    pub fn job(&self, name: &str) -> Option<JobId> {
        self.jobs.iter().find(|(known, _)| known == name).map(|(_, sent)| sent.id)
    }
}
