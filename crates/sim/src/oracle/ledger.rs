//! What is known of each job, queue and lease. Nobody outside the server knows when it did something: a
//! thing that was done lies between the moment its request was sent and the one its answer arrived.

use std::collections::BTreeMap;

use sealane::{JobId, QueueIn};

use super::Exchange;
use super::asked::{Answer, Asked, How};
use crate::workload::SCHEDULED_BODY;
use crate::world::WALL_MS;

/// All that is known.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) jobs: BTreeMap<JobId, JobFacts>,
    pub(crate) queues: BTreeMap<String, QueueFacts>,
    /// What was sealed into each job.
    pub(crate) bodies: BTreeMap<JobId, Vec<u8>>,
    /// What was asked of each schedule, by name, and when.
    pub(crate) acts: Vec<(String, &'static str, u64)>,
    /// Whose lease a receipt is.
    receipts: BTreeMap<String, (JobId, usize)>,
}

/// What is known of a job.
pub(crate) struct JobFacts {
    pub(crate) queue: String,
    pub(crate) priority: String,
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

/// Something that was asked for one job.
pub(crate) struct ActFacts {
    pub(crate) what: &'static str,
    pub(crate) sent: u64,
}

/// One lease.
pub(crate) struct LeaseFacts {
    pub(crate) queue: String,
    pub(crate) client: String,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) lease_ms: u64,
    pub(crate) extends: Vec<ExtendFacts>,
    pub(crate) settles: BTreeMap<How, SettleFacts>,
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

impl Ledger {
    /// The lease of this receipt, and whose it is.
    pub(crate) fn lease(&self, receipt: &str) -> Option<(JobId, &LeaseFacts)> {
        let (job, at) = self.receipts.get(receipt)?;
        Some((*job, &self.jobs.get(job)?.leases[*at]))
    }

    /// What a job holds.
    pub(crate) fn body(&self, job: JobId) -> Option<&[u8]> {
        if self.jobs.get(&job).is_some_and(|facts| facts.is_scheduled) {
            return Some(SCHEDULED_BODY);
        }
        self.bodies.get(&job).map(Vec::as_slice)
    }

    fn lease_mut(&mut self, receipt: &str) -> Option<&mut LeaseFacts> {
        let (job, at) = self.receipts.get(receipt)?;
        self.jobs.get_mut(job).map(|job| &mut job.leases[*at])
    }

    /// A request is on its way.
    pub(super) fn sent(&mut self, number: u64, exchange: &Exchange) {
        let sent = exchange.sent;
        match &exchange.asked {
            Asked::Enqueue { queue, jobs, .. } => {
                for (at, job) in jobs.iter().enumerate() {
                    let Some(id) = job.id.as_deref().and_then(|id| JobId::parse(id).ok()) else { continue };
                    let facts = self.jobs.entry(id).or_insert_with(|| JobFacts {
                        queue: queue.clone(),
                        priority: job.priority.clone().unwrap_or_else(|| "normal".to_owned()),
                        is_scheduled: false,
                        delay_ms: job.delay_ms.unwrap_or(0),
                        has_ttl: job.ttl_ms.is_some(),
                        first_sent: sent,
                        first_request: (number, at),
                        requests: 0,
                        acknowledged: None,
                        acts: Vec::new(),
                        leases: Vec::new(),
                    });
                    facts.requests += 1;
                }
            }
            Asked::Act { job, what, .. } => {
                if let Some(facts) = self.jobs.get_mut(job) {
                    facts.acts.push(ActFacts { what, sent });
                }
            }
            Asked::Extend { items } => {
                for (receipt, asked_ms) in items {
                    if let Some(lease) = self.lease_mut(receipt) {
                        lease.extends.push(ExtendFacts { sent, asked_ms: *asked_ms, granted: None });
                    }
                }
            }
            Asked::Settle { how, receipts } => {
                for receipt in receipts {
                    if let Some(lease) = self.lease_mut(receipt) {
                        lease.settles.entry(*how).or_insert(SettleFacts { first_sent: sent, done: None });
                    }
                }
            }
            Asked::Mode { queue, what } => self.queue(queue).modes.push((what, sent, None)),
            Asked::Sweep { queue, what } => self.queue(queue).sweeps.push((what, sent)),
            Asked::Schedule { name, what } => self.acts.push((name.clone(), what, sent)),
            Asked::PutQueue { queue, settings } => self.queue(queue).settings = (**settings).clone(),
            Asked::Lease { .. } | Asked::Look { .. } | Asked::Other => {}
        }
    }

    /// A request's connection was cut.
    pub(super) fn cut(&mut self, exchange: &Exchange, now: u64) {
        if let Asked::Lease { queue, .. } = &exchange.asked {
            self.queue(queue).cuts.push(now);
        }
    }

    /// An answer arrived. An error says that it is not one to what was asked.
    pub(super) fn answered(&mut self, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        let (sent, received) = (exchange.sent, exchange.answered);
        match (&exchange.asked, answer) {
            (Asked::Enqueue { jobs, .. }, Answer::Accepted(results)) => {
                if jobs.len() != results.len() {
                    return Err(format!("{} jobs have {} results", jobs.len(), results.len()));
                }
                for (job, result) in jobs.iter().zip(results) {
                    let Ok(id) = result else { continue };
                    if job.id != Some(id.to_string()) {
                        return Err(format!("job {id} was accepted in the place of {:?}", job.id));
                    }
                    if let Some(facts) = self.jobs.get_mut(id) {
                        facts.acknowledged.get_or_insert(received);
                    }
                }
            }
            (Asked::Lease { queue, wish }, Answer::Handed(jobs)) => {
                if jobs.len() > usize::try_from(wish.max.unwrap_or(1)).unwrap_or(usize::MAX) {
                    return Err(format!("{} jobs for a wish of {:?}", jobs.len(), wish.max));
                }
                for job in jobs {
                    if let Some(firing) = &job.firing {
                        let due = firing.due_at.0.unix_ms().saturating_sub(WALL_MS);
                        self.jobs
                            .entry(job.id.0)
                            .or_insert_with(|| JobFacts::of_schedule(queue, &job.priority, due));
                    }
                    let Some(facts) = self.jobs.get_mut(&job.id.0) else {
                        return Err(format!("job {} was handed out and nobody sent it", job.id));
                    };
                    facts.leases.push(LeaseFacts {
                        queue: queue.clone(),
                        client: exchange.client.clone(),
                        sent,
                        received,
                        lease_ms: job.lease_ms,
                        extends: Vec::new(),
                        settles: BTreeMap::new(),
                    });
                    let place = (job.id.0, facts.leases.len() - 1);
                    if self.receipts.insert(job.receipt.clone(), place).is_some() {
                        return Err(format!("job {} was handed out with a receipt seen before", job.id));
                    }
                }
            }
            (Asked::Settle { how, receipts }, Answer::Settled(results)) => {
                if receipts.len() != results.len() {
                    return Err(format!("{} receipts have {} results", receipts.len(), results.len()));
                }
                for (receipt, result) in receipts.iter().zip(results) {
                    if result.ok != Some(true) {
                        continue;
                    }
                    if let Some(settle) = self.lease_mut(receipt).and_then(|lease| lease.settles.get_mut(how))
                    {
                        settle.done.get_or_insert(received);
                    }
                }
            }
            (Asked::Extend { items }, Answer::Settled(results)) => {
                for ((receipt, _), result) in items.iter().zip(results) {
                    let Some(ms) = result.lease_ms.filter(|_| result.ok == Some(true)) else { continue };
                    let lease = self.lease_mut(receipt);
                    let extend = lease.and_then(|lease| {
                        lease
                            .extends
                            .iter_mut()
                            .find(|extend| extend.sent == sent && extend.granted.is_none())
                    });
                    if let Some(extend) = extend {
                        extend.granted = Some((received, ms));
                    }
                }
            }
            (Asked::Mode { queue, what }, Answer::Done) => {
                let modes = &mut self.queue(queue).modes;
                if let Some(mode) = modes.iter_mut().find(|mode| (mode.0, mode.1) == (*what, sent)) {
                    mode.2 = Some(received);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn queue(&mut self, queue: &str) -> &mut QueueFacts {
        self.queues.entry(queue.to_owned()).or_default()
    }
}

impl JobFacts {
    /// A job that a schedule sent. Nobody heard of that; it was not before its time.
    fn of_schedule(queue: &str, priority: &str, due: u64) -> Self {
        Self {
            queue: queue.to_owned(),
            priority: priority.to_owned(),
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
