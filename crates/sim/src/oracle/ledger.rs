//! What is known, and how it came to be known. Nobody outside the server knows when it did something: a
//! thing that was done lies between the moment its request was sent and the one its answer arrived.

use std::collections::{BTreeMap, BTreeSet};

use sealane::JobId;
use sealane_api::operation::{JobCancel, Operation as _};
use sealane_api::v1::FlowNodeIn;
use sealane_api::wire::Text;

use super::Exchange;
use super::answer::{Answer, Taken};
use super::asked::Asked;
use super::facts::{ActFacts, ExtendFacts, JobFacts, LeaseFacts, LinkFacts, QueueFacts, SettleFacts};
use super::sessions::Sessions;
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
    pub(crate) sessions: Sessions,
    /// Jobs that were sent to be accepted together or not at all.
    pub(crate) together: BTreeSet<Vec<JobId>>,
    /// The jobs of each flow.
    pub(crate) flows: BTreeMap<String, Vec<JobId>>,
    /// Whose lease a receipt is.
    receipts: BTreeMap<String, (JobId, usize)>,
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
        self.sessions.sent(number, exchange);
        match &exchange.asked {
            Asked::Enqueue { queue, jobs, atomic, .. } => {
                let ids = jobs.iter().filter_map(|job| JobId::parse(job.id.as_deref()?).ok());
                self.note_together(ids.collect(), *atomic);
                for (at, job) in jobs.iter().enumerate() {
                    let Some(id) = job.id.as_deref().and_then(|id| JobId::parse(id).ok()) else { continue };
                    let links = LinkFacts::of(job, Default::default());
                    let facts = self
                        .jobs
                        .entry(id)
                        .or_insert_with(|| JobFacts::new(queue, job, links, sent, (number, at)));
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
            Asked::Submit { flow, nodes } => self.submitted(number, sent, flow, nodes),
            Asked::CancelFlow { flow } => {
                for job in self.flows.get(flow).cloned().unwrap_or_default() {
                    if let Some(facts) = self.jobs.get_mut(&job) {
                        facts.acts.push(ActFacts { what: JobCancel::NAME, sent });
                    }
                }
            }
            Asked::Settle { how, receipts, results, .. } => {
                for (at, receipt) in receipts.iter().enumerate() {
                    if let Some(lease) = self.lease_mut(receipt) {
                        lease.results.extend(results.get(at).cloned());
                        lease.settles.entry(*how).or_insert(SettleFacts { first_sent: sent, done: None });
                    }
                }
            }
            Asked::Mode { queue, what } => self.queue(queue).modes.push((what, sent, None)),
            Asked::Sweep { queue, what } => self.queue(queue).sweeps.push((what, sent)),
            Asked::Schedule { name, what } => self.acts.push((name.clone(), what, sent)),
            Asked::PutQueue { queue, settings } => self.queue(queue).settings = (**settings).clone(),
            _ => {}
        }
    }

    fn note_together(&mut self, jobs: Vec<JobId>, atomic: bool) {
        if atomic {
            self.together.insert(jobs);
        }
    }

    fn submitted(&mut self, number: u64, sent: u64, flow: &str, nodes: &[FlowNodeIn]) {
        let id = |node: &FlowNodeIn| JobId::parse(node.job.id.as_deref()?).ok();
        let ids: BTreeMap<&str, JobId> =
            nodes.iter().filter_map(|node| Some((&*node.name, id(node)?))).collect();
        let jobs = |names: &[Text]| names.iter().filter_map(|name| ids.get(&**name).copied()).collect();
        for (at, node) in nodes.iter().enumerate() {
            let Some(id) = id(node) else { continue };
            let links = LinkFacts::of(&node.job, (jobs(&node.after), jobs(&node.after_any)));
            let new = || JobFacts::new(&node.queue, &node.job, links, sent, (number, at));
            self.jobs.entry(id).or_insert_with(new).requests += 1;
        }
        let jobs: Vec<JobId> = nodes.iter().filter_map(id).collect();
        self.note_together(jobs.clone(), true);
        self.flows.insert(flow.to_owned(), jobs);
    }

    /// A request's connection was cut.
    pub(super) fn cut(&mut self, exchange: &Exchange, now: u64) {
        if let Asked::Lease { queue, .. } = &exchange.asked {
            self.queue(queue).cuts.push(now);
        }
    }

    /// An answer arrived. An error says that it is not one to what was asked.
    pub(super) fn answered(
        &mut self,
        number: u64,
        exchange: &Exchange,
        answer: &Answer,
    ) -> Result<(), String> {
        self.sessions.answered(number, exchange, answer);
        let (sent, received) = (exchange.sent, exchange.answered);
        match (&exchange.asked, answer) {
            (Asked::Enqueue { jobs, .. }, Answer::Accepted(results)) => {
                if jobs.len() != results.len() {
                    return Err(format!("{} jobs have {} results", jobs.len(), results.len()));
                }
                for (job, result) in jobs.iter().zip(results) {
                    let Ok(Taken { id, merged, .. }) = result else { continue };
                    let may_be_another = *merged || job.idempotency_key.is_some();
                    if job.id != Some(id.to_string()) && !may_be_another {
                        return Err(format!("job {id} was accepted in the place of {:?}", job.id));
                    }
                    match self.jobs.get_mut(id) {
                        Some(facts) => facts.acknowledged.get_or_insert(received),
                        None => return Err(format!("job {id} was accepted and nobody sent it")),
                    };
                }
            }
            (Asked::Submit { nodes, .. }, Answer::Submitted(ids)) => {
                if nodes.len() != ids.len() {
                    return Err(format!("{} nodes became {} jobs", nodes.len(), ids.len()));
                }
                for id in ids {
                    match self.jobs.get_mut(id) {
                        Some(facts) => facts.acknowledged.get_or_insert(received),
                        None => return Err(format!("job {id} was accepted and nobody sent it")),
                    };
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
                        attempt: job.attempt,
                        sent,
                        received,
                        lease_ms: job.lease_ms,
                        hold: wish.session_receipt.clone(),
                        extends: Vec::new(),
                        settles: BTreeMap::new(),
                        results: Vec::new(),
                    });
                    let place = (job.id.0, facts.leases.len() - 1);
                    if self.receipts.insert(job.receipt.clone(), place).is_some() {
                        return Err(format!("job {} was handed out with a receipt seen before", job.id));
                    }
                }
            }
            (Asked::Settle { how, receipts, .. }, Answer::Settled(results)) => {
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

    /// A request is over, with or without an answer.
    pub(super) fn over(&mut self, number: u64, exchange: &Exchange, now: u64) {
        self.sessions.over(number, exchange, now);
    }

    /// Whether the jobs of a session are kept in order in this queue.
    pub(crate) fn keeps_sessions(&self, queue: &str) -> bool {
        let settings = self.queues.get(queue).map(|queue| &queue.settings);
        settings.and_then(|settings| settings.sessions.as_deref()).is_some_and(|mode| mode != "off")
    }

    fn queue(&mut self, queue: &str) -> &mut QueueFacts {
        self.queues.entry(queue.to_owned()).or_default()
    }
}
