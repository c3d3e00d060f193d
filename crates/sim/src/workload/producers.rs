//! Send jobs: one by one, in batches, and some of them again later, byte by byte as before.

use std::collections::BTreeSet;
use std::sync::Arc;

use sealane::providers::server::Server;
use sealane::{Client, Job, JobId, OnConflict, Priority, Provider as _, QueueName};
use sealane_api::v1::JobIn;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::holders::NAMES;
use super::scene::{PATIENCE, Part, Scene, rest};
use super::{flows, keyed};
use crate::dice::Dice;

/// Longest pause between two requests.
const PAUSE_MS: u64 = 500;

struct Producer {
    scene: Arc<Scene>,
    client: Client,
    server: Server,
    dice: Dice,
    /// Jobs that were sent unsealed, to be sent again as they are.
    plain: Vec<(QueueName, JobIn)>,
}

/// Sends this producer's share of the jobs.
pub(super) fn begin(scene: &Arc<Scene>, number: u64) -> JoinHandle<()> {
    let name = format!("producer{number}");
    let mut producer = Producer {
        client: scene.client(&name, Part::Submitter),
        server: scene.server(&format!("{name}p"), Part::Submitter),
        dice: scene.dice.fork(&name),
        scene: Arc::clone(scene),
        plain: Vec::new(),
    };
    let mut left = scene.plan.jobs / scene.plan.producers;
    tokio::spawn(async move {
        while left > 0 {
            let themes = producer.scene.plan.themes;
            let sent = match producer.dice.between(0, 9) {
                0..=1 if themes.keys => producer.keyed().await,
                0..=2 if themes.flows => producer.flow().await,
                0..=4 => producer.one().await,
                5..=6 => producer.batch(left).await,
                7..=8 => producer.one_plain().await,
                _ => producer.again().await,
            };
            left -= sent.min(left);
            rest(&mut producer.dice, 0, PAUSE_MS).await;
        }
    })
}

impl Producer {
    fn queue(&mut self) -> QueueName {
        self.dice.pick(&self.scene.queues).clone()
    }

    fn body(&mut self) -> Vec<u8> {
        let length = self.dice.weighted(&[(6, 40), (3, 400), (1, 5_000)]);
        let byte = self.dice.draw().to_be_bytes();
        byte.iter().copied().cycle().take(length).collect()
    }

    fn job(&mut self) -> Job {
        let id = self.scene.job_id(&mut self.dice);
        let body = self.body();
        self.scene.oracle.sealed(id, &body);
        let mut job = Job::new("sim", body).id(id).priority(priority(&mut self.dice));
        if self.dice.chance(150) {
            job = job.delay(self.dice.millis(1, 20_000));
        }
        if self.dice.chance(80) {
            job = job.ttl(self.dice.millis(500, 30_000));
        }
        if self.dice.chance(100) {
            job = job.max_attempts(u32::try_from(self.dice.between(1, 3)).expect("a small number"));
        }
        let themes = self.scene.plan.themes;
        if themes.keys && self.dice.chance(250) {
            // What is accepted together is looked for under its own id.
            let merges = !themes.together && self.dice.chance(500);
            let on_conflict = if merges { OnConflict::Merge } else { OnConflict::Refuse };
            job = job.unique(format!("unique{}", self.dice.between(1, 6)), on_conflict);
        }
        if themes.flows && self.dice.chance(150) {
            let parents: BTreeSet<JobId> =
                (0..self.dice.between(1, 3)).filter_map(|_| self.scene.any_job(&mut self.dice)).collect();
            let any = self.dice.chance(300);
            let wait = |job: Job, parent| if any { job.after_any(parent) } else { job.after(parent) };
            if !parents.is_empty() {
                job = parents.into_iter().fold(job, wait).on_failure(flows::policy(&mut self.dice));
            }
        }
        if let Some(key) = self.fair_key() {
            job = job.fair_key(key);
        }
        match self.session() {
            Some(session) => job.session(session),
            None => job,
        }
    }

    /// One of a few, of which one sends far more than the others.
    fn fair_key(&mut self) -> Option<&'static str> {
        let has_one = self.scene.plan.themes.fair_keys && self.dice.chance(800);
        has_one.then(|| self.dice.weighted(&[(8, "much"), (2, "little"), (1, "less"), (1, "least")]))
    }

    fn session(&mut self) -> Option<&'static str> {
        let has_one = self.scene.plan.themes.sessions && self.dice.chance(700);
        has_one.then(|| *self.dice.pick(&NAMES))
    }

    async fn one(&mut self) -> u64 {
        let (queue, job) = (self.queue(), self.job());
        // Why the results are let go, here and below: the oracle has seen them.
        let _ = self.client.producer().send(queue.as_str(), job).await;
        1
    }

    async fn batch(&mut self, left: u64) -> u64 {
        let queue = self.queue();
        let number = self.dice.between(2, 16).min(left);
        let jobs = (0..number).map(|_| self.job()).collect();
        let producer = self.client.producer();
        match self.scene.plan.themes.together && self.dice.chance(600) {
            true => drop(producer.send_batch_atomic(queue.as_str(), jobs).await),
            false => drop(producer.send_batch(queue.as_str(), jobs).await),
        }
        number
    }

    async fn keyed(&mut self) -> u64 {
        let queue = self.queue();
        match self.dice.chance(700) {
            true => keyed::send(&self.scene, &self.server, &queue, &mut self.dice).await,
            false => keyed::send_sealed(&self.scene, &self.client, &queue, &mut self.dice).await,
        }
        1
    }

    async fn flow(&mut self) -> u64 {
        flows::submit(&self.scene, &self.client, &mut self.dice).await
    }

    async fn one_plain(&mut self) -> u64 {
        let queue = self.queue();
        let (id, body) = (self.scene.job_id(&mut self.dice), self.body());
        self.scene.oracle.sealed(id, &body);
        let job = JobIn {
            id: Some(id.to_string()),
            kind: "sim".into(),
            body: body.into(),
            priority: Some(priority(&mut self.dice).to_string()),
            session_id: self.session().map(Into::into),
            fair_key: self.fair_key().map(Into::into),
            ..JobIn::default()
        };
        let _ = timeout(PATIENCE, self.server.enqueue(&queue, &job)).await;
        self.plain.push((queue, job));
        1
    }

    async fn again(&mut self) -> u64 {
        if !self.plain.is_empty() {
            let (queue, job) = self.dice.pick(&self.plain).clone();
            let _ = timeout(PATIENCE, self.server.enqueue(&queue, &job)).await;
        }
        0
    }
}

fn priority(dice: &mut Dice) -> Priority {
    dice.weighted(&[
        (1, Priority::Critical),
        (1, Priority::High),
        (6, Priority::Normal),
        (1, Priority::Low),
        (1, Priority::Bulk),
    ])
}
