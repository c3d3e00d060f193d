//! Requests of many items: each for itself, or all of them or none.

use sealane_api::problem::{Code, ItemError, Problem};
use sealane_api::v1::{JobBatchResult, JobIn, JobParts, SettleResult};
use sealane_core::id::JobId;
use sealane_core::name::{Principal, QueueName};
use sealane_core::queue::{Enqueue, JobOptions, Receipt, Refusal, Settle};
use sealane_core::time::Time;

use super::machine::{Machine, command, digest_of, in_the_way, token};
use super::receipt;

/// A lease to settle, and what is wished for it, where that could be read.
pub(super) struct Wish {
    pub(super) receipt: String,
    pub(super) outcome: Result<(Settle, Option<Vec<u8>>), Problem>,
}

impl Machine {
    /// Settles leases, in their order.
    pub(super) fn settle_all(&mut self, now: Time, wishes: Vec<Wish>, atomic: bool) -> Vec<SettleResult> {
        if atomic && let Some(refused) = self.refused_settles(now, &wishes) {
            return refused;
        }
        let mut settle = |wish: Wish| match wish.outcome {
            Err(problem) => SettleResult::refused(None, &problem),
            Ok((outcome, report)) => self.settle(now, &wish.receipt, &outcome, report),
        };
        wishes.into_iter().map(&mut settle).collect()
    }

    /// The answers where one of the wishes would be refused.
    fn refused_settles(&mut self, now: Time, wishes: &[Wish]) -> Option<Vec<SettleResult>> {
        self.pass_time(now);
        let lost = || Problem::from(Refusal::LeaseLost);
        let read: Vec<Result<(Receipt, &Settle), Problem>> = wishes
            .iter()
            .map(|wish| match &wish.outcome {
                Err(problem) => Err(problem.clone()),
                Ok((outcome, _)) => {
                    receipt::read(&wish.receipt).map(|receipt| (receipt, outcome)).ok_or_else(lost)
                }
            })
            .collect();
        let jobs: Vec<Option<JobId>> =
            read.iter().map(|read| read.as_ref().ok().map(|(receipt, _)| receipt.job)).collect();
        let problems =
            judged(read, |items| self.shard.decide_settle_together(now, items).err(), Problem::from)?;
        let told = |(problem, job)| SettleResult::refused(job, &problem);
        Some(problems.into_iter().zip(jobs).map(told).collect())
    }

    /// The answers where one of the jobs would be refused.
    pub(super) fn refused_together(
        &mut self,
        now: Time,
        queue: &QueueName,
        owner: &Principal,
        jobs: &[JobIn],
        ids: &[JobId],
    ) -> Option<Vec<JobBatchResult>> {
        self.pass_time(now);
        type Read = (JobParts, JobOptions, JobId, [u8; 16]);
        let read: Vec<Result<Read, Problem>> = jobs
            .iter()
            .zip(ids)
            .map(|(job, fresh_id)| {
                let digest = digest_of(queue, job);
                let parts = JobParts::try_from(job.clone())?;
                let options = parts.tokenised(queue, owner, &token);
                let id = parts.id.unwrap_or(*fresh_id);
                Ok((parts, options, id, digest))
            })
            .collect();
        let commands: Vec<Result<Enqueue<'_>, Problem>> = read
            .iter()
            .map(|read| match read {
                Ok((parts, options, id, digest)) => Ok(command(parts, options, *id, *digest, queue, owner)),
                Err(problem) => Err(problem.clone()),
            })
            .collect();
        let problems =
            judged(commands, |all| self.shard.decide_enqueue_together(now, all).err(), in_the_way)?;
        let told = |(problem, job): (Problem, &JobIn)| JobBatchResult::Refused {
            id: job.id.clone(),
            error: ItemError::from(&problem),
        };
        Some(problems.into_iter().zip(jobs).map(told).collect())
    }
}

/// What is wrong with each item, where something is wrong with any.
fn judged<T>(
    read: Vec<Result<T, Problem>>,
    judge: impl FnOnce(&[T]) -> Option<Vec<Option<Refusal>>>,
    told: impl Fn(Refusal) -> Problem,
) -> Option<Vec<Problem>> {
    let not_done = || {
        Problem::new(Code::NotDone, "another item of this atomic request was refused, so nothing was done")
    };
    if read.iter().any(Result::is_err) {
        return Some(read.into_iter().map(|read| read.err().unwrap_or_else(not_done)).collect());
    }
    let items: Vec<T> = read.into_iter().flatten().collect();
    let refusals = judge(&items)?;
    Some(refusals.into_iter().map(|refusal| refusal.map_or_else(not_done, &told)).collect())
}
