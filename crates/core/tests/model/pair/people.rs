//! What people ask: of queues, of single jobs, of many.

use sealane_core::id::JobId;
use sealane_core::job::{HoldReason, State};
use sealane_core::limits;
use sealane_core::queue::{
    Act, Command, DeadFilter, HeldFilter, QueueSettings, RedriveRate, SweepKind, SweepWish,
};
use sealane_core::time::{Millis, Time};

use super::sending::flow_id;
use super::{Pair, queue_name};
use crate::step::{Deed, Step, Wish};

impl Pair {
    pub fn person_step(&mut self, step: &Step) {
        match step {
            Step::Act { job, deed } => {
                let job = self.which(*job);
                self.act(&job, deed);
            }
            Step::CancelFlow { flow } => {
                let mut members: Vec<JobId> =
                    self.plain.flow_members(flow_id(*flow)).map(|job| job.id).collect();
                members.sort_unstable();
                assert_eq!(self.shard.flow(flow_id(*flow)).collect::<Vec<_>>(), members);
                let over = |id: &JobId| self.shard.job(id).is_some_and(|job| job.state.is_over());
                members.retain(|id| !over(id));
                for job in members {
                    self.act(&job, &Deed::Cancel { force: false, dead: false });
                }
            }
            Step::Label { at, labels } => {
                let found = self.plain.live().filter(|job| matches!(job.state, State::Dead | State::Held));
                let found: Vec<JobId> = found.map(|job| job.id).collect();
                let Some(job) = found.get(*at as usize % found.len().max(1)).copied() else { return };
                let events = self.ask("label", &Command::Label { job, labels }, &Vec::new());
                let news = self.plain.label(&job, labels);
                assert_eq!(events.map(|events| events.len()), Some(usize::from(news)));
            }
            Step::PutQueue { queue, settings } => self.put_queue(*queue, **settings),
            Step::SetMode { queue, mode } => {
                let name = queue_name(*queue);
                let judged = match self.plain.queue(&name) {
                    None => Err(vec!["QueueUnknown"]),
                    Some(queue) => Ok(self.plain.queues[queue].mode == *mode),
                };
                if self.ask_or_known("mode", &Command::SetMode { queue: &name, mode: *mode }, &judged) {
                    let queue = self.plain.queue(&name).expect("it was done");
                    self.plain.queues[queue].mode = *mode;
                }
            }
            Step::StopSweep { queue } => {
                let name = queue_name(*queue);
                let of = if self.plain.now.is_multiple_of(2) { State::Held } else { State::Dead };
                let judged = match self.plain.queue(&name) {
                    None => Err(vec!["QueueUnknown"]),
                    Some(queue) => {
                        let sweep = self.plain.queues[queue].sweep.as_ref();
                        Ok(sweep.is_none_or(|sweep| match sweep.wish.kind() {
                            SweepKind::PurgeDead | SweepKind::RedriveDead => of != State::Dead,
                            SweepKind::ReleaseHeld => of != State::Held,
                            SweepKind::PurgeWaiting => true,
                        }))
                    }
                };
                if self.ask_or_known("stop sweep", &Command::StopSweep { queue: &name, of }, &judged) {
                    let queue = self.plain.queue(&name).expect("it was done");
                    self.plain.queues[queue].sweep = None;
                }
            }
            Step::Sweep { queue, wish } => self.sweep(*queue, wish),
            Step::WearOut { job } => {
                let job = self.which(*job);
                for _ in 0..=limits::REDRIVES_MAX {
                    self.act(&job, &Deed::Cancel { force: true, dead: true });
                    self.act(&job, &Deed::Redrive { seal: None });
                }
            }
            other => unreachable!("{other:?} is nobody's wish"),
        }
    }

    pub fn put_queue(&mut self, queue: usize, settings: QueueSettings) {
        let name = queue_name(queue);
        let judged = self.plain.may_put_queue(&name, &settings);
        if self.ask_or_known("put queue", &Command::PutQueue { queue: &name, settings }, &judged) {
            self.plain.put_queue(&name, settings);
            self.plain.settle_rounds();
        }
    }

    fn act(&mut self, job: &JobId, deed: &Deed) {
        let judged = self.plain.may_act(job, deed);
        let (kind, act) = match deed {
            Deed::Cancel { force, dead } => ("cancel", Act::Cancel { force: *force, dead: *dead }),
            Deed::Move { queue } => ("move", Act::Move { queue: queue_name(*queue), sealed: false }),
            Deed::Hold => ("hold", Act::Hold),
            Deed::Promote => ("promote", Act::Promote),
            Deed::Redrive { seal } => {
                let end = |seal: i64| {
                    let now = i64::try_from(self.plain.now).expect("times are far below");
                    Time::from_unix_ms(u64::try_from(now + seal).expect("after the epoch"))
                };
                ("redrive", Act::Redrive { seal_expires: seal.map(end) })
            }
            Deed::Release => ("release", Act::Release),
            Deed::Reprioritise(priority) => ("priority", Act::Reprioritise { priority: *priority }),
        };
        if self.ask_or_known(kind, &Command::Act { job: *job, act: &act }, &judged) {
            self.plain.act(job, deed);
        }
        self.remember_forgotten();
    }

    fn sweep(&mut self, queue: usize, wish: &Wish) {
        let name = queue_name(queue);
        let ago = |ms: u64| self.now().minus(Millis::new(ms));
        let filter = DeadFilter {
            died_from: wish.from.map(ago),
            died_before: wish.before.map(ago),
            ..wish.filter.clone()
        };
        let rate = wish.rate.and_then(RedriveRate::per_second);
        let (kind, wish) = match wish.kind {
            SweepKind::PurgeDead => ("purge dead", SweepWish::PurgeDead { filter }),
            SweepKind::RedriveDead => ("redrive dead", SweepWish::RedriveDead { filter, rate }),
            SweepKind::PurgeWaiting => ("purge waiting", SweepWish::PurgeWaiting),
            SweepKind::ReleaseHeld => {
                let filter = HeldFilter {
                    reason: filter.category.and_then(|category| HoldReason::from_code(category.code())),
                    kind: filter.kind,
                    tag: filter.tag,
                    owner: filter.owner,
                    held_from: filter.died_from,
                    held_before: filter.died_before,
                };
                ("release held", SweepWish::ReleaseHeld { filter, rate })
            }
        };
        let judged = self.plain.may_sweep(self.plain.queue(&name), &wish);
        if self.ask_or_known(kind, &Command::Sweep { queue: &name, wish: &wish }, &judged) {
            let queue = self.plain.queue(&name).expect("it was done");
            self.plain.sweep(queue, &wish);
        }
    }
}
