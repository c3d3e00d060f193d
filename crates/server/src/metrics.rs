//! The counters of queues as OpenMetrics text. Nothing is counted here: it is read off what the queues keep.
//!
//! Labels are bounded: a queue, one of the states or reasons, and beyond so many queues one name for all others.
//! `docs/metrics.md` lists what is served; a test compares.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::EncodeMetric as _;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use sealane_core::job::State;
use sealane_core::limits;
use sealane_core::name::Namespace;
use sealane_core::queue::{DeadReason, QueueView};

/// Stands for all queues beyond those that are told apart. No queue can be called like this.
const OTHERS: &str = "(others)";

/// The states whose jobs are there still.
const LIVE: [State; 7] =
    [State::Blocked, State::Delayed, State::Ready, State::Running, State::Retrying, State::Held, State::Dead];

/// What is told of the queues of a namespace.
#[derive(Debug)]
pub struct QueueMetrics {
    namespace: String,
    queues: u64,
    rows: Vec<Row>,
}

/// What is told of one queue, or of all others together.
#[derive(Debug)]
struct Row {
    queue: String,
    jobs: [u64; LIVE.len()],
    completed: u64,
    died: [u64; DeadReason::ALL.len()],
}

impl Row {
    fn of(queue: &QueueView) -> Self {
        let mut row = Self::named(queue.name.as_str());
        row.add(queue);
        row
    }

    fn named(queue: &str) -> Self {
        Self { queue: queue.to_owned(), jobs: Default::default(), completed: 0, died: Default::default() }
    }

    fn add(&mut self, queue: &QueueView) {
        for (jobs, state) in self.jobs.iter_mut().zip(LIVE) {
            *jobs = jobs.saturating_add(queue.counts.of(state));
        }
        self.completed = self.completed.saturating_add(queue.counts.completed);
        for (died, (_, more)) in self.died.iter_mut().zip(queue.deaths.totals()) {
            *died = died.saturating_add(more);
        }
    }
}

impl QueueMetrics {
    /// Of these queues, the first ones told apart. Why the oldest first: whatever is counted up must not
    /// change its place when another queue is made.
    pub fn of(namespace: &Namespace, queues: impl Iterator<Item = QueueView>) -> Self {
        let mut metrics = Self { namespace: namespace.as_str().to_owned(), queues: 0, rows: Vec::new() };
        let mut others = None;
        for queue in queues {
            metrics.queues += 1;
            if metrics.rows.len() < limits::METRICS_QUEUES_MAX {
                metrics.rows.push(Row::of(&queue));
            } else {
                others.get_or_insert_with(|| Row::named(OTHERS)).add(&queue);
            }
        }
        metrics.rows.extend(others);
        metrics
    }

    /// As text.
    pub fn into_text(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut out = String::new();
        text::encode(&mut out, &registry).expect("a text in memory takes whatever is written");
        out
    }

    /// One family of values, one for each of `labelled`.
    fn family<'a>(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help, kind): (&str, &str, MetricType),
        values: impl Iterator<Item = (&'a str, Option<(&'static str, &'static str)>, u64)>,
    ) -> fmt::Result {
        let mut family = encoder.encode_descriptor(name, help, None, kind)?;
        for (queue, label, value) in values {
            let mut labels = vec![("namespace", self.namespace.as_str()), ("queue", queue)];
            labels.extend(label);
            let one = family.encode_family(&labels)?;
            match kind {
                MetricType::Counter => ConstCounter::new(value).encode(one)?,
                _ => ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(one)?,
            }
        }
        Ok(())
    }
}

impl Collector for QueueMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (rows, encoder) = (&self.rows, &mut encoder);
        let jobs = ("sealane_jobs", "Jobs that have not ended, and those in dead-letter", MetricType::Gauge);
        self.family(
            encoder,
            jobs,
            rows.iter().flat_map(|row| {
                let states = LIVE.iter().zip(row.jobs);
                states.map(|(state, jobs)| (row.queue.as_str(), Some(("state", state.as_str())), jobs))
            }),
        )?;
        let completed = ("sealane_jobs_completed", "Jobs completed", MetricType::Counter);
        self.family(encoder, completed, rows.iter().map(|row| (row.queue.as_str(), None, row.completed)))?;
        let died =
            ("sealane_jobs_dead_lettered", "Times that a job went to dead-letter", MetricType::Counter);
        self.family(
            encoder,
            died,
            rows.iter().flat_map(|row| {
                let reasons = DeadReason::ALL.iter().zip(row.died);
                reasons.map(|(reason, jobs)| (row.queue.as_str(), Some(("reason", reason.as_str())), jobs))
            }),
        )?;
        let queues = "Queues that the access key opens, those told of together as others included";
        let mut family = encoder.encode_descriptor("sealane_queues", queues, None, MetricType::Gauge)?;
        let labels = [("namespace", self.namespace.as_str())];
        let one = family.encode_family(&labels)?;
        ConstGauge::new(i64::try_from(self.queues).unwrap_or(i64::MAX)).encode(one)
    }
}

#[cfg(test)]
mod tests {
    use sealane_core::name::QueueName;
    use sealane_core::queue::{Command, QueueSettings, Shard};
    use sealane_core::record::RecordRef;
    use sealane_core::time::Time;

    use super::*;

    fn of(queues: usize) -> String {
        let mut shard = Shard::default();
        for number in 0..queues {
            let queue = QueueName::parse(&format!("q{:05}", 99_999 - number)).unwrap();
            let command = Command::PutQueue { queue: &queue, settings: QueueSettings::default() };
            for event in shard.decide(Time::from_unix_ms(1), &command).unwrap() {
                shard.evolve(&event, RecordRef { lsn: 0, bytes: 0 });
            }
        }
        QueueMetrics::of(&Namespace::parse("acme").unwrap(), shard.queues_by_age()).into_text()
    }

    // covers OBS-1 (bounded labels)
    #[test]
    fn so_many_queues_are_told_apart_and_the_others_together() {
        let max = limits::METRICS_QUEUES_MAX;
        let told =
            |text: &str| text.lines().filter(|line| line.starts_with("sealane_jobs_completed_total")).count();
        let all = of(max);
        assert_eq!((told(&all), all.contains(OTHERS)), (max, false));
        for more in [max + 1, max + 2] {
            let cut = of(more);
            assert_eq!(told(&cut), max + 1);
            // Names of later ones come first; the first one made stays where it was.
            assert!(cut.contains(r#"sealane_jobs_completed_total{namespace="acme",queue="q99999"} 0"#));
            assert!(cut.contains(r#"sealane_jobs_completed_total{namespace="acme",queue="(others)"} 0"#));
            assert!(cut.contains(&format!("sealane_queues{{namespace=\"acme\"}} {more}")), "{more}");
        }
        assert!(QueueName::parse(OTHERS).is_err());
    }
}
