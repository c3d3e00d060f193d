//! Queues, their settings and modes.

use sealane_core::id::JobId;
use sealane_core::job::Priority;
use sealane_core::limits;
use sealane_core::name::QueueName;
use sealane_core::queue::{QueueMode, QueueSettings, Rate, RunLimit};
use sealane_core::retry::Backoff;
use sealane_core::token::Token;

use super::bulk::Sweep;
use super::{Plain, Reasons};

#[derive(Clone, Debug)]
pub struct Queue {
    pub name: QueueName,
    pub settings: QueueSettings,
    pub mode: QueueMode,
    /// Starts since the rate was set.
    pub starts: Vec<Start>,
    /// Starts since the rate of the keys was set.
    pub key_starts: Vec<Start>,
    /// The rounds of all classes: who comes, comes to the end.
    pub rounds: Vec<(Priority, Option<Token>)>,
    /// What could be handed out when somebody looked last.
    pub offered: Vec<(JobId, (Priority, Option<Token>))>,
    /// Hand-outs that each class has let pass.
    pub passed: [u32; 5],
    pub sweep: Option<Sweep>,
}

/// A job was handed out, or came back since it reached nobody.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    pub at: u64,
    pub fair: Option<Token>,
    pub back: bool,
}

impl Plain {
    /// Whether these settings are what there is already, or why they are refused.
    pub fn may_put_queue(&self, name: &QueueName, settings: &QueueSettings) -> Result<bool, Reasons> {
        if !fits(settings) {
            return Err(vec!["Settings"]);
        }
        let Some(queue) = self.queue(name) else { return Ok(false) };
        let known = &self.queues[queue].settings;
        if known == settings {
            return Ok(true);
        }
        let turned = known.sessions.are_kept() != settings.sessions.are_kept();
        let jobs = self.live().any(|job| job.queue == queue);
        let sessions = self.holds.iter().any(|hold| hold.queue == queue)
            || self.memories.iter().any(|memory| memory.queue == queue);
        if turned && (jobs || sessions) { Err(vec!["QueueInUse"]) } else { Ok(false) }
    }

    pub fn put_queue(&mut self, name: &QueueName, settings: QueueSettings) {
        let Some(queue) = self.queue(name) else {
            self.queues.push(Queue {
                name: name.clone(),
                settings,
                mode: QueueMode::Open,
                starts: Vec::new(),
                key_starts: Vec::new(),
                rounds: Vec::new(),
                offered: Vec::new(),
                passed: [0; 5],
                sweep: None,
            });
            return;
        };
        let queue = &mut self.queues[queue];
        if queue.settings.limit.rate != settings.limit.rate {
            queue.starts.clear();
        }
        if queue.settings.limit_per_key.rate != settings.limit_per_key.rate {
            queue.key_starts.clear();
        }
        queue.settings = settings;
    }
}

impl Plain {
    pub fn is_paused(&self, queue: usize) -> bool {
        self.queues[queue].mode == QueueMode::Paused
    }

    /// When a lease that begins now ends.
    pub fn lease_until(&self, queue: usize, asked: Option<u64>) -> u64 {
        let settings = &self.queues[queue].settings;
        let lease = asked.unwrap_or(settings.lease.get());
        self.now + lease.min(settings.max_run.get())
    }
}

/// Whether every setting is within its bounds.
fn fits(settings: &QueueSettings) -> bool {
    let leases = limits::LEASE_MS_MIN..=limits::LEASE_MS_MAX;
    leases.contains(&settings.lease.get())
        && (limits::LEASE_MS_MIN..=limits::RUN_MS_MAX).contains(&settings.max_run.get())
        && settings.lease <= settings.max_run
        && backoff_fits(&settings.retry.backoff)
        && (1..=limits::ATTEMPTS_MAX).contains(&settings.retry.max_attempts)
        && settings.horizon.get() <= limits::HORIZON_MS_MAX
        && (1..=limits::QUEUE_DEPTH_MAX).contains(&settings.max_depth)
        && (1_000..=limits::IDEMPOTENCY_WINDOW_MS_MAX).contains(&settings.idempotency_window.get())
        && (1..=limits::QUEUE_BODY_BYTES_MAX).contains(&settings.max_body)
        && limit_fits(&settings.limit)
        && limit_fits(&settings.limit_per_key)
        && (limits::LEASE_MS_MIN..=limits::SESSION_IDLE_MS_MAX).contains(&settings.sessions.idle.get())
        && (limits::LEASE_MS_MIN..=limits::SESSION_HOLD_MS_MAX).contains(&settings.sessions.hold.get())
}

pub fn backoff_fits(backoff: &Backoff) -> bool {
    let (base, cap) = (backoff.base.get(), backoff.cap.get());
    base >= 1 && base <= cap && cap <= limits::DELAY_MS_MAX && backoff.jitter_percent <= 100
}

fn limit_fits(limit: &RunLimit) -> bool {
    let rate = |rate: Rate| {
        (1..=limits::RATE_STARTS_MAX).contains(&rate.starts)
            && (1..=limits::RATE_STARTS_MAX).contains(&rate.burst)
            && (1..=limits::RATE_PERIOD_MS_MAX).contains(&rate.period.get())
    };
    limit.rate.is_none_or(rate)
        && limit.concurrency.is_none_or(|jobs| (1..=limits::CONCURRENCY_MAX).contains(&jobs))
}
