//! A queue's dead-letter.

use std::collections::BTreeMap;

use sealane_api::operation::{
    DeadLetterAnalyse, DeadLetterList, DeadLetterPreview, DeadLetterPurge, DeadLetterRedrive, DeadLetterStop,
    OrNothing,
};
use sealane_api::problem::Problem;
use sealane_api::v1::{DeadAnalysisOut, DeadLetterIn, DeadLetterOut, DeadPreviewOut, QueueOut, SweepOut};
use sealane_core::job::State;
use sealane_core::limits;
use sealane_core::name::QueueName;
use sealane_core::queue::{DeadPage, Look, SweepWish};
use sealane_core::token::Token;

use crate::authz::Authorized;
use crate::boundary::{Door, Handle};
use crate::keys::TokenField;

impl Door {
    /// What stands for a text of a field in this namespace.
    pub(crate) fn token(&self, field: &'static str, text: &str) -> Token {
        self.blind_tokens.of(&self.namespace, TokenField(field), b"", text.as_bytes())
    }

    async fn dead_page(
        &self,
        queue: QueueName,
        page: &DeadLetterIn,
        look: impl FnOnce(usize) -> Look,
    ) -> Result<DeadPage, Problem> {
        let filter = page.filter(&|field, text| self.token(field, text))?;
        let (look, after) = (look(page.max()?), page.after()?);
        let (now, namespace) = (self.clock.now(), self.namespace.clone());
        let found = self
            .engine
            .read(move |machine| {
                let shard = machine.shard(&namespace);
                let number = shard.queue_number(&queue)?;
                Some(shard.dead_page(now, number, &filter, after, look))
            })
            .await?;
        found.ok_or_else(Problem::not_found)
    }

    /// Begins bulk work on a queue.
    pub(super) async fn sweep(&self, queue: QueueName, wish: SweepWish) -> Result<SweepOut, Problem> {
        let begun = self.engine.sweep(queue.clone(), wish.clone()).await?;
        Ok(SweepOut::show(&queue, &wish, begun.running, (begun.jobs, begun.more)))
    }
}

impl Handle<DeadLetterList> for Door {
    async fn handle(&self, asked: Authorized<DeadLetterList>) -> Result<DeadLetterOut, Problem> {
        let (DeadLetterList { queue, page }, _) = asked.into_parts();
        Ok(DeadLetterOut::show(&self.dead_page(queue, &page, Look::For).await?))
    }
}

impl Handle<DeadLetterPreview> for Door {
    async fn handle(&self, asked: Authorized<DeadLetterPreview>) -> Result<DeadPreviewOut, Problem> {
        let (DeadLetterPreview { queue, page }, _) = asked.into_parts();
        Ok(DeadPreviewOut::show(&self.dead_page(queue, &page, Look::Through).await?))
    }
}

impl Handle<DeadLetterAnalyse> for Door {
    async fn handle(&self, asked: Authorized<DeadLetterAnalyse>) -> Result<DeadAnalysisOut, Problem> {
        let (DeadLetterAnalyse { queue }, _) = asked.into_parts();
        let (now, namespace, name) = (self.clock.now(), self.namespace.clone(), queue.clone());
        let found = self
            .engine
            .read(move |machine| {
                let shard = machine.shard(&namespace);
                let number = shard.queue_number(&name)?;
                let analysis = shard.analyse_dead(number);
                let samples: Vec<_> = analysis
                    .samples
                    .iter()
                    .filter_map(|(kind, id)| Some((*kind, shard.job(id)?.input)))
                    .collect();
                let deaths = shard.queue(&name).map_or(0, |queue| queue.deaths.within_an_hour(now));
                Some((analysis, samples, deaths))
            })
            .await?;
        let (analysis, samples, deaths) = found.ok_or_else(Problem::not_found)?;
        let mut names = BTreeMap::new();
        let mut bytes = 0;
        for (kind, record) in samples {
            // Why bounded: a record is its job's body as well.
            bytes += usize::try_from(record.bytes).unwrap_or(usize::MAX);
            if bytes > limits::LEASE_BODIES_BYTES_MAX {
                break;
            }
            if let Some(input) = self.readable(self.records.read_job(record))? {
                names.insert(kind, input.kind.as_str().to_owned());
            }
        }
        Ok(DeadAnalysisOut::show(queue.as_str(), &analysis, deaths, &names))
    }
}

impl Handle<DeadLetterPurge> for Door {
    async fn handle(&self, asked: Authorized<DeadLetterPurge>) -> Result<SweepOut, Problem> {
        let (DeadLetterPurge { queue, which: OrNothing(which) }, _) = asked.into_parts();
        let wish = which.wish(&|field, text| self.token(field, text))?;
        self.sweep(queue, wish).await
    }
}

impl Handle<DeadLetterRedrive> for Door {
    async fn handle(&self, asked: Authorized<DeadLetterRedrive>) -> Result<SweepOut, Problem> {
        let (DeadLetterRedrive { queue, which: OrNothing(which) }, _) = asked.into_parts();
        let wish = which.wish(&|field, text| self.token(field, text))?;
        self.sweep(queue, wish).await
    }
}

impl Handle<DeadLetterStop> for Door {
    async fn handle(&self, asked: Authorized<DeadLetterStop>) -> Result<QueueOut, Problem> {
        let (DeadLetterStop { queue }, _) = asked.into_parts();
        let queue = self.engine.stop_sweep(queue, State::Dead).await?;
        Ok(QueueOut::show(&queue, self.clock.now()))
    }
}
