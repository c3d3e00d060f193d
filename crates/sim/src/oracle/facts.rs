//! What is known of one job, lease or queue.

use std::collections::BTreeMap;

use sealane::{JobId, QueueIn};
use sealane_api::v1::JobIn;

use super::asked::How;

/// What is known of a job.
pub(crate) struct JobFacts {
    pub(crate) queue: String,
    pub(crate) priority: String,
    pub(crate) session: Option<String>,
    pub(crate) fair_key: Option<String>,
    pub(crate) unique: Option<String>,
    /// What it waits for.
    pub(crate) links: Option<LinkFacts>,
    /// A schedule sent it.
    pub(crate) is_scheduled: bool,
    pub(crate) delay_ms: u64,
    pub(crate) has_ttl: bool,
    /// When the first request with it was sent.
    pub(crate) first_sent: u64,
    /// The number of that request, and its place in it.
    pub(crate) first_request: (u64, usize),
    /// How many requests with it were sent.
    pub(crate) requests: u64,
    /// When the first answer that accepted it arrived.
    pub(crate) acknowledged: Option<u64>,
    /// What was asked for it, besides working on it.
    pub(crate) acts: Vec<ActFacts>,
    /// Every lease that somebody heard of, in the order of hearing.
    pub(crate) leases: Vec<LeaseFacts>,
}

/// What a job waits for.
#[derive(Clone, Debug)]
pub(crate) struct LinkFacts {
    pub(crate) all: Vec<JobId>,
    pub(crate) any: Vec<JobId>,
    /// Whether it runs however they end.
    pub(crate) runs_anyway: bool,
    /// Whether it is cancelled where they do not complete.
    pub(crate) is_cancelled_with_them: bool,
}

impl LinkFacts {
    /// Those that a job was sent with, beside the nodes of its flow.
    pub(super) fn of(job: &JobIn, nodes: (Vec<JobId>, Vec<JobId>)) -> Option<Self> {
        let (mut all, mut any) = nodes;
        all.extend(job.after.iter().map(|id| id.0));
        any.extend(job.after_any.iter().map(|id| id.0));
        let has_some = !all.is_empty() || !any.is_empty();
        let policy = job.on_failure.as_deref();
        has_some.then_some(Self {
            all,
            any,
            runs_anyway: policy == Some("run"),
            is_cancelled_with_them: policy == Some("cancel"),
        })
    }

    /// Whether it waits for this one.
    pub(crate) fn names(&self, job: JobId) -> bool {
        self.all.contains(&job) || self.any.contains(&job)
    }
}

/// Something that was asked for one job.
pub(crate) struct ActFacts {
    pub(crate) what: &'static str,
    pub(crate) sent: u64,
}

/// One lease.
pub(crate) struct LeaseFacts {
    pub(crate) queue: String,
    pub(crate) client: String,
    pub(crate) attempt: u32,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) lease_ms: u64,
    /// The receipt of the hold of its session that it was taken under.
    pub(crate) hold: Option<String>,
    pub(crate) extends: Vec<ExtendFacts>,
    pub(crate) settles: BTreeMap<How, SettleFacts>,
    /// What requests to complete it said it came to.
    pub(crate) results: Vec<Option<Vec<u8>>>,
}

/// One request to make a lease longer.
pub(crate) struct ExtendFacts {
    pub(crate) sent: u64,
    pub(crate) asked_ms: Option<u64>,
    /// When its answer arrived, and for how long it was granted.
    pub(crate) granted: Option<(u64, u64)>,
}

/// Requests to end a lease in one way.
#[derive(Default)]
pub(crate) struct SettleFacts {
    pub(crate) first_sent: u64,
    /// When the first answer arrived that it was done.
    pub(crate) done: Option<u64>,
}

/// What is known of a queue.
#[derive(Default)]
pub(crate) struct QueueFacts {
    pub(crate) settings: QueueIn,
    /// What it was asked to do, when that was sent and when the answer arrived.
    pub(crate) modes: Vec<(&'static str, u64, Option<u64>)>,
    /// Bulk work that was asked for, and when.
    pub(crate) sweeps: Vec<(&'static str, u64)>,
    /// When connections of lease requests were cut: jobs on their way then went back.
    pub(crate) cuts: Vec<u64>,
}

impl JobFacts {
    /// A job that was never sent before.
    pub(super) fn new(
        queue: &str,
        job: &JobIn,
        links: Option<LinkFacts>,
        sent: u64,
        place: (u64, usize),
    ) -> Self {
        let text = |text: &Option<sealane_api::wire::Text>| text.as_ref().map(ToString::to_string);
        Self {
            queue: queue.to_owned(),
            priority: job.priority.clone().unwrap_or_else(|| "normal".to_owned()),
            session: text(&job.session_id),
            fair_key: text(&job.fair_key),
            unique: job.unique.as_ref().map(|unique| unique.key.to_string()),
            links,
            is_scheduled: false,
            delay_ms: job.delay_ms.unwrap_or(0),
            has_ttl: job.ttl_ms.is_some(),
            first_sent: sent,
            first_request: place,
            requests: 0,
            acknowledged: None,
            acts: Vec::new(),
            leases: Vec::new(),
        }
    }

    /// A job that a schedule sent. Nobody heard of that; it was not before its time.
    pub(super) fn of_schedule(queue: &str, priority: &str, due: u64) -> Self {
        Self {
            queue: queue.to_owned(),
            priority: priority.to_owned(),
            session: None,
            fair_key: None,
            unique: None,
            links: None,
            is_scheduled: true,
            delay_ms: 0,
            has_ttl: false,
            first_sent: due,
            first_request: (u64::MAX, 0),
            requests: 0,
            acknowledged: None,
            acts: Vec::new(),
            leases: Vec::new(),
        }
    }

    /// Whether somebody asked for such a thing.
    pub(crate) fn was_asked(&self, what: &str) -> bool {
        self.acts.iter().any(|act| act.what == what)
    }

    /// Whether somebody tried to end a lease of it in this way.
    pub(crate) fn was_settled(&self, how: How) -> bool {
        self.leases.iter().any(|lease| lease.settles.contains_key(&how))
    }
}

impl QueueFacts {
    /// Whether a lease request's connection was cut between these moments.
    pub(crate) fn was_cut(&self, from: u64, to: u64) -> bool {
        self.cuts.iter().any(|cut| (from..=to).contains(cut))
    }
}
