//! Random commands against a model without any cleverness: a list of jobs that is walked from end to
//! end. Where the two differ, one of them is wrong.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use sealane_core::id::{JobId, LeaseId};
use sealane_core::job::{Category, HoldReason, JobInput, Priority, State};
use sealane_core::limits;
use sealane_core::name::{Kind, Principal, QueueName};
use sealane_core::queue::{
    Act, Command, Enqueue, Event, Lease, Lifetime, Next, QueueSettings, Receipt, Report, ReportedBytes,
    ReportedProgress, SealingPolicy, Settle, Shard, Start, SweepKind, SweepWish, invariants,
};
use sealane_core::record::RecordRef;
use sealane_core::time::{Millis, Time};

const START: u64 = 1_767_225_600_000;

/// Runs end after so long: short enough for heartbeats to reach it.
const RUN_MS: u64 = 3_500;

#[derive(Clone, Debug)]
enum Step {
    Enqueue { job: u8, content: u8, priority: Priority, delay: u64, ttl: Option<u64>, attempts: Option<u32> },
    Lease { worker: u8, max: usize, lease: u64 },
    Settle { receipt: prop::sample::Index, outcome: Settle },
    Extend { receipt: prop::sample::Index, lease: u64 },
    Report { receipt: prop::sample::Index, ahead: u32, log: bool, checkpoint: bool },
    Act { job: u8, act: Act },
    Move { job: u8, back: bool },
    Sweep { kind: SweepKind },
    Tick { by: u64 },
    Restart { away: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let priority = prop::sample::select(Priority::ALL.to_vec());
    let outcome = prop_oneof![
        4 => Just(Settle::Complete),
        4 => (prop::sample::select(Category::ALL.to_vec()), prop::option::of(0u64..3_000), any::<u32>()).prop_map(
            |(category, after, random)| Settle::Fail { category, code: None, fingerprint: None, retry_after: after.map(Millis::new), random }
        ),
        2 => (0u64..3_000).prop_map(|delay| Settle::Release { delay: Millis::new(delay) }),
        1 => Just(Settle::Undelivered),
        1 => Just(Settle::Hold(HoldReason::Unopenable)),
    ];
    let act = prop_oneof![
        2 => any::<bool>().prop_map(|force| Act::Cancel { force }),
        2 => Just(Act::Promote),
        3 => Just(Act::Redrive { seal_expires: None }),
        2 => Just(Act::Release),
        1 => prop::sample::select(Priority::ALL.to_vec()).prop_map(|priority| Act::Reprioritise { priority }),
    ];
    prop_oneof![
        5 => (0u8..12, act).prop_map(|(job, act)| Step::Act { job, act }),
        1 => (0u8..12, any::<bool>()).prop_map(|(job, back)| Step::Move { job, back }),
        1 => prop::sample::select(vec![SweepKind::PurgeDead, SweepKind::RedriveDead]).prop_map(|kind| Step::Sweep { kind }),
        6 => (0u8..12, 0u8..2, priority, prop_oneof![Just(0), 0u64..4_000], prop::option::of(1u64..6_000), prop::option::of(1u32..4))
            .prop_map(|(job, content, priority, delay, ttl, attempts)| Step::Enqueue { job, content, priority, delay, ttl, attempts }),
        6 => (0u8..3, 0usize..5, 100u64..4_000).prop_map(|(worker, max, lease)| Step::Lease { worker, max, lease }),
        8 => (any::<prop::sample::Index>(), outcome).prop_map(|(receipt, outcome)| Step::Settle { receipt, outcome }),
        2 => (any::<prop::sample::Index>(), 100u64..4_000).prop_map(|(receipt, lease)| Step::Extend { receipt, lease }),
        5 => (any::<prop::sample::Index>(), prop_oneof![4 => Just(1), 1 => 0u32..3], any::<bool>(), any::<bool>())
            .prop_map(|(receipt, ahead, log, checkpoint)| Step::Report { receipt, ahead, log, checkpoint }),
        4 => (0u64..3_000).prop_map(|by| Step::Tick { by }),
        1 => (0u64..10_000).prop_map(|away| Step::Restart { away }),
    ]
}

#[derive(Clone, Debug)]
struct ModelJob {
    id: JobId,
    digest: [u8; 16],
    priority: Priority,
    state: State,
    /// When a delayed or retrying job becomes ready; when a running one's lease ends.
    at: u64,
    expires: Option<u64>,
    begun: u64,
    attempt: u32,
    before: u32,
    max_attempts: u32,
    redrives: u32,
    /// Which place in the line.
    place: usize,
    elsewhere: bool,
    moved_at: u64,
    stopping: bool,
    run_until: u64,
    lease: Option<LeaseId>,
    settled: Option<(LeaseId, &'static str)>,
    /// Attempt and number of every report.
    reports: Vec<(u32, u32)>,
    log: Vec<(u32, u32)>,
    checkpoint: Option<(u32, u32)>,
}

/// All jobs that were ever accepted.
#[derive(Default)]
struct Model {
    jobs: Vec<ModelJob>,
    /// Time of the last thing that happened.
    last: u64,
    next_place: usize,
    /// Hand-outs that each class has let pass.
    passed: BTreeMap<Priority, u32>,
    sweep: Option<(SweepKind, u64)>,
}

impl Model {
    fn get(&mut self, id: JobId) -> Option<&mut ModelJob> {
        self.jobs.iter_mut().find(|job| job.id == id)
    }

    fn expire(&mut self, now: u64) -> bool {
        let mut happened = false;
        for job in &mut self.jobs {
            let waits = matches!(job.state, State::Ready | State::Delayed | State::Retrying);
            if waits && job.expires.is_some_and(|at| at <= now) {
                job.state = State::Expired;
            } else if matches!(job.state, State::Delayed | State::Retrying) && job.at <= now {
                job.state = State::Ready;
            } else if job.state == State::Running && job.at <= now {
                job.lease = None;
                job.state = match () {
                    () if job.stopping => State::Cancelled,
                    () if job.attempt - job.before >= job.max_attempts => State::Dead,
                    () => State::Ready,
                };
                job.at = now;
            } else {
                continue;
            }
            happened = true;
        }
        happened
    }

    /// The whole of a sweep that was begun.
    fn sweep(&mut self, now: u64, was_dead: &[JobId]) -> bool {
        let Some((kind, begun)) = self.sweep.take() else { return false };
        let mut dead: Vec<usize> = (0..self.jobs.len())
            .filter(|at| {
                let job = &self.jobs[*at];
                let here = !job.elsewhere && job.moved_at <= begun;
                job.state == State::Dead && here && job.at <= begun && was_dead.contains(&job.id)
            })
            .collect();
        dead.sort_by_key(|at| (self.jobs[*at].at, self.jobs[*at].id));
        for at in dead {
            match kind {
                SweepKind::PurgeWaiting => unreachable!("it has no dead jobs"),
                SweepKind::PurgeDead => self.jobs[at].state = State::Cancelled,
                SweepKind::RedriveDead if self.jobs[at].redrives >= limits::REDRIVES_MAX => {}
                SweepKind::RedriveDead => self.redrive(now, at),
            }
        }
        true
    }

    fn redrive(&mut self, now: u64, at: usize) {
        self.next_place += 1;
        let place = self.next_place;
        let job = &mut self.jobs[at];
        job.state = State::Ready;
        job.redrives += 1;
        job.before = job.attempt;
        job.place = place;
        job.expires = job.expires.map(|end| now + (end - job.begun));
        job.begun = now;
    }

    /// What an act must come to: the number of events, `None` where it is refused.
    fn act(&mut self, now: u64, id: JobId, act: &Act) -> Option<usize> {
        let at = self.jobs.iter().position(|job| job.id == id)?;
        let job = &mut self.jobs[at];
        let live = !matches!(job.state, State::Completed | State::Expired | State::Cancelled);
        match act {
            Act::Cancel { .. } if job.state == State::Cancelled => return Some(0),
            Act::Cancel { force: false } if job.state == State::Running && job.stopping => return Some(0),
            Act::Cancel { force: false } if job.state == State::Running => job.stopping = true,
            Act::Cancel { .. } if live => {
                job.state = State::Cancelled;
                job.lease = None;
            }
            Act::Promote if matches!(job.state, State::Delayed | State::Retrying) => job.state = State::Ready,
            Act::Release if job.state == State::Held => job.state = State::Ready,
            Act::Redrive { .. } if matches!(job.state, State::Dead | State::Cancelled | State::Expired) => {
                if job.redrives >= limits::REDRIVES_MAX {
                    return None;
                }
                self.redrive(now, at);
            }
            Act::Reprioritise { priority } if live && job.priority == *priority => return Some(0),
            Act::Reprioritise { priority } if live => job.priority = *priority,
            _ => return None,
        }
        Some(1)
    }

    fn lease(&mut self, now: u64, ids: &[LeaseId], until: u64) -> Vec<JobId> {
        ids.iter().map_while(|lease| self.lease_one(now, *lease, until)).collect()
    }

    /// The first of the class whose turn it is.
    fn lease_one(&mut self, now: u64, lease: LeaseId, until: u64) -> Option<JobId> {
        let may = |job: &&ModelJob| {
            job.state == State::Ready && !job.elsewhere && job.expires.is_none_or(|end| end > now)
        };
        let mut classes: Vec<Priority> = self.jobs.iter().filter(may).map(|job| job.priority).collect();
        classes.sort();
        let passed = |class: &Priority| self.passed.get(class).copied().unwrap_or(0);
        let overdue = classes
            .iter()
            .filter(|class| passed(class) >= limits::AGEING_PASSES_MAX)
            .max_by_key(|class| passed(class));
        let class = match overdue {
            Some(class) if classes[0] != Priority::Critical => *class,
            _ => *classes.first()?,
        };
        let first =
            self.jobs.iter().filter(may).filter(|job| job.priority == class).min_by_key(|job| job.place);
        let id = first?.id;
        let job = self.get(id)?;
        job.state = State::Running;
        job.attempt += 1;
        job.lease = Some(lease);
        job.stopping = false;
        job.run_until = now + RUN_MS;
        job.at = until.min(job.run_until);
        for other in Priority::ALL {
            let waits =
                |job: &ModelJob| job.priority == *other && job.state == State::Ready && !job.elsewhere;
            let passes = self.passed.entry(*other).or_default();
            if *other == class || !self.jobs.iter().any(waits) {
                *passes = 0;
            } else if *other > class && class != Priority::Critical {
                *passes += 1;
            }
        }
        Some(id)
    }
}

fn kind_of(outcome: &Settle) -> &'static str {
    match outcome {
        Settle::Complete => "complete",
        Settle::Fail { .. } => "fail",
        Settle::Release { .. } | Settle::Undelivered => "release",
        Settle::Hold(_) => "hold",
    }
}

struct Pair {
    shard: Shard,
    model: Model,
    history: Vec<(Event, RecordRef)>,
    receipts: Vec<Receipt>,
    now: u64,
    drawn: u128,
    queue: QueueName,
    other: QueueName,
}

impl Pair {
    fn new() -> Self {
        let queue = QueueName::parse("q").unwrap();
        let mut pair = Self {
            shard: Shard::default(),
            model: Model::default(),
            history: Vec::new(),
            receipts: Vec::new(),
            now: START,
            drawn: 0,
            queue: queue.clone(),
            other: QueueName::parse("other").unwrap(),
        };
        let settings = QueueSettings {
            sealing: SealingPolicy::Allowed,
            lease: Millis::new(RUN_MS),
            max_run: Millis::new(RUN_MS),
            ..QueueSettings::default()
        };
        pair.run(&Command::PutQueue { queue: &queue, settings }).unwrap();
        pair.run(&Command::PutQueue { queue: &pair.other.clone(), settings }).unwrap();
        pair
    }

    fn run(&mut self, command: &Command<'_>) -> Option<Vec<Event>> {
        let events = self.shard.decide(Time::from_unix_ms(self.now), command).ok()?;
        self.apply(&events);
        Some(events)
    }

    fn apply(&mut self, events: &[Event]) {
        for event in events {
            let record = RecordRef { lsn: self.history.len() as u64, bytes: 1 };
            self.shard.evolve(event, record);
            self.history.push((event.clone(), record));
            self.model.last = self.now;
            invariants::check(&self.shard).unwrap_or_else(|error| panic!("{error} after {event:?}"));
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Enqueue { job, content, priority, delay, ttl, attempts } => {
                self.enqueue(*job, *content, *priority, *delay, *ttl, *attempts);
            }
            Step::Lease { worker, max, lease } => self.lease(*worker, *max, *lease),
            Step::Settle { receipt, outcome } if !self.receipts.is_empty() => {
                let receipt = *receipt.get(&self.receipts);
                self.settle(receipt, outcome);
            }
            Step::Extend { receipt, lease } if !self.receipts.is_empty() => {
                let receipt = *receipt.get(&self.receipts);
                let done = self.run(&Command::Extend { receipt, lease: Some(Millis::new(*lease)) }).is_some();
                let now = self.now;
                let job = self.model.get(receipt.job).unwrap();
                let held = job.state == State::Running && job.lease == Some(receipt.lease) && now < job.at;
                assert_eq!(done, held);
                if held {
                    job.at = (now + lease).min(job.run_until);
                }
            }
            Step::Report { receipt, ahead, log, checkpoint } if !self.receipts.is_empty() => {
                let receipt = *receipt.get(&self.receipts);
                self.report(receipt, *ahead, *log, *checkpoint);
            }
            Step::Settle { .. } | Step::Extend { .. } | Step::Report { .. } => {}
            Step::Act { job, act } => {
                let job = Self::id(*job);
                let done = self.run(&Command::Act { job, act }).map(|events| events.len());
                assert_eq!(done, self.model.act(self.now, job, act), "{job} {act:?}");
            }
            Step::Move { job, back } => {
                let job = Self::id(*job);
                let to = if *back { self.queue.clone() } else { self.other.clone() };
                let act = Act::Move { queue: to, sealed: false };
                let done = self.run(&Command::Act { job, act: &act }).map(|events| events.len());
                let now = self.now;
                let expected = self.model.get(job).and_then(|job| {
                    let may = [State::Delayed, State::Ready, State::Retrying, State::Held, State::Dead];
                    let moved = std::mem::replace(&mut job.elsewhere, !back);
                    if !may.contains(&job.state) {
                        job.elsewhere = moved;
                        return None;
                    }
                    if moved == *back {
                        job.moved_at = now;
                    }
                    Some(usize::from(moved == *back))
                });
                assert_eq!(done, expected);
            }
            Step::Sweep { kind } => {
                let queue = self.queue.clone();
                let done = self
                    .run(&Command::Sweep { queue: &queue, wish: &SweepWish::all(*kind) })
                    .map(|events| events.len());
                let dead = self.model.jobs.iter().any(|job| job.state == State::Dead && !job.elsewhere);
                let expected = match self.model.sweep {
                    Some((running, _)) => (running == *kind).then_some(0),
                    None => Some(usize::from(dead)),
                };
                assert_eq!(done, expected);
                if done == Some(1) {
                    self.model.sweep = Some((*kind, self.now));
                }
            }
            Step::Tick { by } => {
                self.now += by;
                loop {
                    let events = self.shard.expire(Time::from_unix_ms(self.now));
                    self.apply(&events);
                    let dead = self.model.jobs.iter().filter(|job| job.state == State::Dead);
                    let dead: Vec<JobId> = dead.map(|job| job.id).collect();
                    let by_time = self.model.expire(self.now);
                    let by_sweep = self.model.sweep(self.now, &dead);
                    let ended = matches!(events[..], [Event::SweepEnded { .. }]);
                    assert_eq!(by_time || by_sweep || ended, !events.is_empty());
                    if events.is_empty() {
                        break;
                    }
                }
            }
            Step::Restart { away } => {
                let mut recovered = Shard::default();
                self.history.iter().for_each(|(event, record)| recovered.evolve(event, *record));
                assert!(recovered == self.shard, "recovery made another shard");
                self.shard = recovered;
                self.now += away;
                let gone = self.now - self.model.last;
                for job in self.model.jobs.iter_mut().filter(|job| job.state == State::Running) {
                    job.at += gone;
                    job.run_until += gone;
                }
                self.run(&Command::Start).unwrap();
            }
        }
        self.compare();
    }

    fn id(number: u8) -> JobId {
        JobId::v7(START, [number; 10])
    }

    fn enqueue(
        &mut self,
        job: u8,
        content: u8,
        priority: Priority,
        delay: u64,
        ttl: Option<u64>,
        attempts: Option<u32>,
    ) {
        let owner = Principal::parse("p").unwrap();
        let input = JobInput {
            kind: Kind::parse("k").unwrap(),
            body: Vec::new(),
            content_type: None,
            attributes: BTreeMap::new(),
            session_id: None,
            correlation_id: None,
            subject: None,
            tags: Vec::new(),
        };
        let id = Self::id(job);
        let done = self.run(&Command::Enqueue(Enqueue {
            job: id,
            id_given: true,
            queue: &self.queue.clone(),
            owner: &owner,
            input: &input,
            priority,
            start: if content == 0 {
                Start::After(Millis::new(delay))
            } else {
                Start::At(Time::from_unix_ms(self.now + delay))
            },
            // Half of them by the time, which comes to the same.
            ttl: ttl.map(|ttl| match ttl % 2 {
                0 => Lifetime::For(Millis::new(ttl)),
                _ => Lifetime::Until(Time::from_unix_ms(self.now + ttl)),
            }),
            max_attempts: attempts,
            options: None,
            digest: [content; 16],
        }));
        let now = self.now;
        let known = self.model.get(id).map(|job| job.digest);
        let expected = match known {
            Some(digest) => (digest == [content; 16]).then_some(0),
            None => (now - START <= limits::FINISHED_KEPT_MS).then_some(1),
        };
        assert_eq!(done.map(|events| events.len()), expected);
        if expected == Some(1) {
            self.model.next_place += 1;
            self.model.jobs.push(ModelJob {
                id,
                digest: [content; 16],
                priority,
                state: if delay > 0 { State::Delayed } else { State::Ready },
                at: now + delay,
                expires: ttl.map(|ttl| now + ttl),
                begun: now,
                attempt: 0,
                before: 0,
                max_attempts: attempts.unwrap_or(5),
                redrives: 0,
                place: self.model.next_place,
                elsewhere: false,
                moved_at: 0,
                stopping: false,
                run_until: 0,
                lease: None,
                settled: None,
                reports: Vec::new(),
                log: Vec::new(),
                checkpoint: None,
            });
        }
    }

    fn lease(&mut self, worker: u8, max: usize, lease: u64) {
        let ids: Vec<LeaseId> = (0..max)
            .map(|_| {
                self.drawn += 1;
                LeaseId::from_bytes(self.drawn.to_be_bytes())
            })
            .collect();
        let holder = Principal::parse(&format!("w{worker}")).unwrap();
        let command = Lease {
            queue: &self.queue.clone(),
            holder: &holder,
            lease: Some(Millis::new(lease)),
            lease_ids: &ids,
        };
        let events = self.run(&Command::Lease(command)).unwrap();
        let handed: Vec<JobId> = events
            .iter()
            .map(|event| {
                let Event::JobLeased { job, lease, .. } = event else { panic!("{event:?}") };
                let attempt = self.shard.job(job).unwrap().attempt;
                self.receipts.push(Receipt { job: *job, attempt, lease: *lease, lock: None });
                *job
            })
            .collect();
        assert_eq!(handed, self.model.lease(self.now, &ids, self.now + lease));
    }

    /// `ahead` 1 is the next number, 0 the last one once more.
    fn report(&mut self, receipt: Receipt, ahead: u32, log: bool, checkpoint: bool) {
        let job = self.model.get(receipt.job).unwrap();
        let of_attempt = job.reports.iter().filter(|(attempt, _)| *attempt == job.attempt).count();
        let next = u32::try_from(of_attempt).unwrap();
        let seq = (next + ahead).saturating_sub(1);
        let (log, checkpoint) = (log.then_some(1), checkpoint.then_some(1));
        let report =
            Report { seq, progress: Some(ReportedProgress { percent: 1, message: None }), log, checkpoint };
        let done = self.run(&Command::Report { receipt, report }).map(|events| events.len());
        let now = self.now;
        let job = self.model.get(receipt.job).unwrap();
        let held = job.state == State::Running && job.lease == Some(receipt.lease) && now < job.at;
        let expected = match () {
            () if !held || seq > next => None,
            () if seq < next => Some(0),
            () => Some(1),
        };
        assert_eq!(done, expected, "{receipt:?} {seq} of {next}");
        if expected == Some(1) {
            let key = (job.attempt, seq);
            job.reports.push(key);
            job.log.extend(log.map(|_| key));
            job.checkpoint = checkpoint.map(|_| key).or(job.checkpoint);
        }
    }

    fn settle(&mut self, receipt: Receipt, outcome: &Settle) {
        let done = self.run(&Command::Settle { receipt, outcome });
        let now = self.now;
        let job = self.model.get(receipt.job).unwrap();
        let held = job.state == State::Running && job.lease == Some(receipt.lease) && now < job.at;
        let repeat = job.settled == Some((receipt.lease, kind_of(outcome)));
        let expected = if repeat { Some(0) } else { held.then_some(1) };
        assert_eq!(done.as_ref().map(Vec::len), expected, "{receipt:?} {outcome:?} {job:?}");
        if repeat || !held {
            return;
        }
        job.settled = Some((receipt.lease, kind_of(outcome)));
        job.lease = None;
        match outcome {
            Settle::Fail { .. } if job.stopping => job.state = State::Cancelled,
            Settle::Release { .. } | Settle::Undelivered | Settle::Hold(_) if job.stopping => {
                job.attempt -= 1;
                job.state = State::Cancelled;
            }
            Settle::Complete => {
                job.state = State::Completed;
                job.checkpoint = None;
            }
            Settle::Fail { category, .. } => {
                // The length of the wait has its own test; that it is not in the past is what counts here.
                let events = done.unwrap();
                let Event::JobFailed { next, .. } = &events[0] else { panic!("{events:?}") };
                let dead = *category == Category::Permanent || job.attempt - job.before >= job.max_attempts;
                assert_eq!(matches!(next, Next::Dead), dead);
                match next {
                    Next::Dead => {
                        job.state = State::Dead;
                        job.at = now;
                    }
                    Next::Retry(at) => {
                        assert!(at.unix_ms() >= now);
                        job.at = at.unix_ms();
                        job.state = if job.at > now { State::Retrying } else { State::Ready };
                    }
                }
            }
            Settle::Release { delay } => {
                job.attempt -= 1;
                job.at = now + delay.get();
                job.state = if delay.get() > 0 { State::Delayed } else { State::Ready };
            }
            Settle::Undelivered => {
                job.attempt -= 1;
                job.state = State::Ready;
            }
            Settle::Hold(_) => {
                job.attempt -= 1;
                job.state = State::Held;
            }
        }
    }

    fn compare(&self) {
        for job in &self.model.jobs {
            let view = self.shard.job(&job.id).expect("nothing is forgotten within the hour");
            assert_eq!(
                (view.state, view.attempt, view.redrives, view.priority, view.cancel_requested),
                (
                    job.state,
                    job.attempt,
                    job.redrives,
                    job.priority,
                    job.stopping && job.state == State::Running
                ),
                "{job:?}"
            );
            let key = |entry: &ReportedBytes| (entry.key.attempt, entry.key.seq);
            assert_eq!(view.reported.checkpoint.as_ref().map(key), job.checkpoint);
            assert_eq!(
                view.reported.progress.map(|at| (at.key.attempt, at.key.seq)).as_ref(),
                job.reports.last()
            );
            let log = self.shard.job_log(&job.id, None, usize::MAX);
            assert_eq!(log.iter().map(key).collect::<Vec<_>>(), job.log);
            assert_eq!(view.origin.is_some(), job.elsewhere);
            assert_eq!(view.expires_at.map(Time::unix_ms), job.expires);
        }
        for state in State::ALL {
            let counted: u64 = self.shard.queues().map(|queue| queue.counts.of(*state)).sum();
            let here = self.model.jobs.iter().filter(|job| job.state == *state).count();
            assert_eq!(counted, here as u64, "{state}");
        }
        let live =
            |job: &&ModelJob| !matches!(job.state, State::Completed | State::Expired | State::Cancelled);
        assert_eq!(self.shard.live_jobs(), self.model.jobs.iter().filter(live).count());
    }
}

proptest! {
    // A million commands and more: ten thousand stories of a hundred at least.
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    // covers REL-2 (at least once, never again after completion, order by priority)
    // covers REL-3 (recovery makes the same state)
    #[test]
    fn the_machine_does_what_a_plain_list_would(steps in prop::collection::vec(step(), 100..=120)) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.step(step);
        }
    }
}
