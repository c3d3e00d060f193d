//! A queue's dead-letter and its held jobs.

use std::collections::BTreeMap;

use sealane_api::problem::Problem;
use sealane_api::v1::{
    DeadAnalysisOut, DeadLetterIn, DeadLetterOut, DeadPreviewOut, HeldPreviewIn, HeldPreviewOut, KIND_FIELD,
    QueueOut, SweepOut, TAG_FIELD,
};
use sealane_core::job::State;
use sealane_core::limits;
use sealane_core::name::QueueName;
use sealane_core::queue::{Command, DeadPage, Labels, Look, SweepWish};
use sealane_core::time::Time;
use sealane_core::token::Token;
use sealane_crypto::digest;

use super::machine::Machine;
use crate::provider::BulkWork;

impl Machine {
    pub(super) fn dead_letter(
        &self,
        now: Time,
        queue: &QueueName,
        page: &DeadLetterIn,
    ) -> Result<DeadLetterOut, Problem> {
        Ok(DeadLetterOut::show(&self.dead_page(now, queue, page, Look::For)?))
    }

    pub(super) fn preview_dead(
        &self,
        now: Time,
        queue: &QueueName,
        page: &DeadLetterIn,
    ) -> Result<DeadPreviewOut, Problem> {
        Ok(DeadPreviewOut::show(&self.dead_page(now, queue, page, Look::Through)?))
    }

    pub(super) fn preview_held(
        &self,
        queue: &QueueName,
        page: &HeldPreviewIn,
    ) -> Result<HeldPreviewOut, Problem> {
        let (filter, look, after) = (page.filter(&token)?, Look::Through(page.max()?), page.after()?);
        let number = self.shard.queue_number(queue).ok_or_else(Problem::not_found)?;
        Ok(HeldPreviewOut::show(&self.shard.held_page(number, &filter, after, look)))
    }

    fn dead_page(
        &self,
        now: Time,
        queue: &QueueName,
        page: &DeadLetterIn,
        look: impl FnOnce(usize) -> Look,
    ) -> Result<DeadPage, Problem> {
        let (filter, look, after) = (page.filter(&token)?, look(page.max()?), page.after()?);
        let number = self.shard.queue_number(queue).ok_or_else(Problem::not_found)?;
        Ok(self.shard.dead_page(now, number, &filter, after, look))
    }

    pub(super) fn analyse_dead(&self, now: Time, queue: &QueueName) -> Result<DeadAnalysisOut, Problem> {
        let (number, view) =
            self.shard.queue_number(queue).zip(self.shard.queue(queue)).ok_or_else(Problem::not_found)?;
        let analysis = self.shard.analyse_dead(number);
        let name = |(kind, id): &(Token, _)| Some((*kind, self.records.get(id)?.input.kind.to_string()));
        let names: BTreeMap<Token, String> = analysis.samples.iter().filter_map(name).collect();
        Ok(DeadAnalysisOut::show(queue.as_str(), &analysis, view.deaths.within_an_hour(now), &names))
    }

    pub(super) fn sweep(
        &mut self,
        now: Time,
        queue: &QueueName,
        work: &BulkWork,
    ) -> Result<SweepOut, Problem> {
        let wish = match work {
            BulkWork::PurgeDead(which) => which.wish(&token)?,
            BulkWork::RedriveDead(which) => which.wish(&token)?,
            BulkWork::PurgeWaiting => SweepWish::PurgeWaiting,
            BulkWork::ReleaseHeld(which) => which.wish(&token)?,
        };
        let concerned = self.shard.concerned(now, queue, &wish);
        self.command(now, &Command::Sweep { queue, wish: &wish })?;
        Ok(SweepOut::show(queue, &wish, self.shard.sweep(queue).is_some(), concerned))
    }

    pub(super) fn stop_sweep(
        &mut self,
        now: Time,
        queue: &QueueName,
        of: State,
    ) -> Result<QueueOut, Problem> {
        self.command(now, &Command::StopSweep { queue, of })?;
        self.queue(now, queue)
    }

    /// Makes known what kind the jobs are that have died or are held, and how they are tagged.
    pub(super) fn label_dead(&mut self, now: Time) {
        while self.shard.has_unlabelled() {
            for (job, _) in self.shard.unlabelled(limits::DEAD_LABELLED_PER_TURN_MAX) {
                let labels = self.labels(&job);
                let events = self.shard.decide(now, &Command::Label { job, labels: &labels });
                self.apply(&events.expect("labels are never refused"));
            }
        }
    }

    fn labels(&self, job: &sealane_core::id::JobId) -> Labels {
        let Some(record) = self.records.get(job) else { return Labels::default() };
        Labels {
            kind: Some(token(KIND_FIELD, record.input.kind.as_str())),
            tags: record.input.tags.iter().map(|tag| token(TAG_FIELD, tag.as_str())).collect(),
            seal_expires: record.input.seal_expires(),
        }
    }
}

/// What stands for a text. Why without a key: nothing of it leaves this process.
fn token(field: &'static str, text: &str) -> Token {
    let hash = digest::sha256(&[field.as_bytes(), b"\0", text.as_bytes()]);
    Token::from_bytes(*hash.first_chunk().expect("32 bytes begin with 16"))
}
