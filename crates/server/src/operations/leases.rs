//! Leases: hand jobs out, keep them, report on them, settle them.

use std::sync::Arc;

use sealane_api::operation::{
    LeaseAcquire, LeaseComplete, LeaseExtend, LeaseFail, LeaseHold, LeaseRelease, LeaseReport,
};
use sealane_api::problem::{Code, Problem};
use sealane_api::v1::{LeaseOut, LeasedJob, SettleResult, Settled};
use sealane_core::control::AccessKey;
use sealane_core::job::{HoldReason, JobInput};
use sealane_core::limits;
use sealane_core::queue::{JobView, Receipt, Refusal, Settle};
use sealane_core::time::{Millis, Time};

use super::jobs::within_batch;
use crate::authz::Authorized;
use crate::boundary::{Door, Handle};
use crate::runtime::{Fault, LeaseWish, Leased, ReportItem, SettleItem};

/// What a producer sent, and what the attempt before left.
type InputAndCheckpoint = (Arc<JobInput>, Option<Vec<u8>>);

impl Handle<LeaseAcquire> for Door {
    async fn handle(&self, asked: Authorized<LeaseAcquire>) -> Result<LeaseOut, Problem> {
        let carried = asked.carried();
        let (LeaseAcquire { queue, wish }, key) = asked.into_parts();
        let max = usize::try_from(wish.max.unwrap_or(1)).unwrap_or(usize::MAX);
        within_batch(max)?;
        let wait = wish.wait_ms.unwrap_or(0);
        if wait > limits::LEASE_WAIT_MS_MAX {
            return Err(Problem::invalid(format!("wait_ms must be at most {}", limits::LEASE_WAIT_MS_MAX)));
        }
        let runner = wish.runner()?;
        let session = wish.session_receipt.as_deref();
        let session = session.map(|text| self.session_receipt(&key, text)).transpose()?;
        self.check_session_queue(session, &queue).await?;
        let leased = self
            .engine
            .lease(LeaseWish {
                queue: queue.clone(),
                holder: key.principal.clone(),
                runner: runner.clone(),
                max,
                lease: wish.lease_ms.map(Millis::new),
                wait: Millis::new(wait),
                session,
            })
            .await?;
        let now = self.clock.now();
        let mut jobs = Vec::with_capacity(leased.jobs().len());
        let mut aside = Vec::new();
        let mut bytes = 0;
        for job in leased.jobs() {
            let outcome = if bytes >= limits::LEASE_BODIES_BYTES_MAX {
                Settle::Undelivered
            } else if let Some((input, checkpoint)) = self.input_and_checkpoint(job)? {
                bytes += input.body.len() + checkpoint.as_ref().map_or(0, Vec::len);
                let receipt = self.receipts.write(&self.namespace, &key.principal, &job.receipt);
                let parents = self.parents_of(&job.parents, &mut bytes)?;
                let handed = LeasedJob::hand_out(&job.view, &queue, input, checkpoint, receipt, now);
                jobs.push(LeasedJob { parents, ..handed });
                continue;
            } else {
                Settle::Hold(HoldReason::Unreadable)
            };
            aside.push(SettleItem { receipt: job.receipt, outcome, data: None });
        }
        if !aside.is_empty() {
            self.engine.settle(aside, false).await?;
        }
        carried.put(leased);
        Ok(LeaseOut { jobs })
    }
}

impl Door {
    /// What a worker needs of a job; nothing where a record of it does not open.
    fn input_and_checkpoint(&self, job: &Leased) -> Result<Option<InputAndCheckpoint>, Problem> {
        let Some(input) = self.readable(self.records.read_job(job.view.input))? else { return Ok(None) };
        let Some(known) = job.view.reported.checkpoint else { return Ok(Some((input, None))) };
        Ok(self.slice(&known.bytes)?.map(|bytes| (input, Some(bytes))))
    }

    /// Settles the items whose receipts are good, and answers for all in their order.
    async fn settle<I>(
        &self,
        key: &AccessKey,
        items: Vec<I>,
        atomic: bool,
        read: impl Fn(&mut I) -> Result<(Settle, Option<Vec<u8>>), Problem>,
        receipt: impl Fn(&I) -> &str,
    ) -> Result<Settled, Problem> {
        within_batch(items.len())?;
        let mut judged = Vec::with_capacity(items.len());
        let mut good = Vec::with_capacity(items.len());
        for mut item in items {
            judged.push(self.receipt(key, receipt(&item)).and_then(|receipt| {
                let (outcome, data) = read(&mut item)?;
                good.push(SettleItem { receipt, outcome, data });
                Ok(receipt)
            }));
        }
        let settled = if atomic && good.len() < judged.len() {
            good.iter().map(|_| Err(Fault::NotDone)).collect()
        } else {
            self.engine.settle(good, atomic).await?
        };
        let settled = settled.into_iter().map(|result| result.map_err(Problem::from));
        Ok(in_order(judged, settled, self.clock.now()))
    }

    /// Reads a receipt. One that was not given to this principal holds nothing.
    fn receipt(&self, key: &AccessKey, text: &str) -> Result<Receipt, Problem> {
        self.receipts.read(&self.namespace, &key.principal, text).ok_or_else(|| Refusal::LeaseLost.into())
    }

    fn random_u32(&self) -> Result<u32, Problem> {
        let mut bytes = [0; 4];
        self.random
            .fill(&mut bytes)
            .map_err(|_| Problem::new(Code::StorageFailed, "the system gave no random bytes: try again"))?;
        Ok(u32::from_be_bytes(bytes))
    }
}

/// Puts the engine's results into the places of the items that reached it.
fn in_order(
    judged: Vec<Result<Receipt, Problem>>,
    mut settled: impl Iterator<Item = Result<JobView, Problem>>,
    now: Time,
) -> Settled {
    let results = judged
        .into_iter()
        .map(|judged| {
            let id = judged.as_ref().ok().map(|receipt| receipt.job);
            let done =
                judged.and_then(|_| settled.next().expect("one result for each item that was handed over"));
            done.map_or_else(
                |problem| SettleResult::refused(id, &problem),
                |view| SettleResult::done(&view, now),
            )
        })
        .collect();
    Settled { results }
}

impl Handle<LeaseComplete> for Door {
    async fn handle(&self, asked: Authorized<LeaseComplete>) -> Result<Settled, Problem> {
        let (LeaseComplete { request }, key) = asked.into_parts();
        let read = |item: &mut sealane_api::v1::CompleteItem| Ok((Settle::Complete, item.take_result()?));
        self.settle(&key, request.items, request.atomic, read, |item| &item.receipt).await
    }
}

impl Handle<LeaseFail> for Door {
    async fn handle(&self, asked: Authorized<LeaseFail>) -> Result<Settled, Problem> {
        let (LeaseFail { request }, key) = asked.into_parts();
        let read = |item: &mut sealane_api::v1::FailItem| {
            let outcome = Settle::Fail {
                category: item.category()?,
                code: item.code()?,
                fingerprint: item.fingerprint()?,
                retry_after: item.retry_after_ms.map(Millis::new),
                random: self.random_u32()?,
            };
            Ok((outcome, item.take_error()?))
        };
        self.settle(&key, request.items, request.atomic, read, |item| &item.receipt).await
    }
}

impl Handle<LeaseRelease> for Door {
    async fn handle(&self, asked: Authorized<LeaseRelease>) -> Result<Settled, Problem> {
        let (LeaseRelease { request }, key) = asked.into_parts();
        let read = |item: &mut sealane_api::v1::ReleaseItem| {
            Ok((Settle::Release { delay: Millis::new(item.delay_ms.unwrap_or(0)) }, None))
        };
        self.settle(&key, request.items, request.atomic, read, |item| &item.receipt).await
    }
}

impl Handle<LeaseHold> for Door {
    async fn handle(&self, asked: Authorized<LeaseHold>) -> Result<Settled, Problem> {
        let (LeaseHold { request }, key) = asked.into_parts();
        let read = |_: &mut sealane_api::v1::HoldItem| Ok((Settle::Hold(HoldReason::Unopenable), None));
        self.settle(&key, request.items, request.atomic, read, |item| &item.receipt).await
    }
}

impl Handle<LeaseExtend> for Door {
    async fn handle(&self, asked: Authorized<LeaseExtend>) -> Result<Settled, Problem> {
        let (LeaseExtend { request }, key) = asked.into_parts();
        within_batch(request.items.len())?;
        let mut good = Vec::with_capacity(request.items.len());
        let mut judged = Vec::with_capacity(request.items.len());
        for item in request.items {
            judged.push(self.receipt(&key, &item.receipt).inspect(|receipt| {
                good.push((*receipt, item.lease_ms.map(Millis::new)));
            }));
        }
        let extended =
            self.engine.extend(good).await?.into_iter().map(|result| result.map_err(Problem::from));
        Ok(in_order(judged, extended, self.clock.now()))
    }
}

impl Handle<LeaseReport> for Door {
    async fn handle(&self, asked: Authorized<LeaseReport>) -> Result<Settled, Problem> {
        let (LeaseReport { request }, key) = asked.into_parts();
        within_batch(request.items.len())?;
        let mut good = Vec::with_capacity(request.items.len());
        let mut judged = Vec::with_capacity(request.items.len());
        for item in request.items {
            judged.push(self.receipt(&key, &item.receipt).and_then(|receipt| {
                let (report, data) = item.parts()?;
                good.push(ReportItem { receipt, report, data });
                Ok(receipt)
            }));
        }
        let reported =
            self.engine.report(good).await?.into_iter().map(|result| result.map_err(Problem::from));
        Ok(in_order(judged, reported, self.clock.now()))
    }
}
