//! Runs the scenario tables in `tests/scenarios/`: one command a line, time included, the expected
//! answer behind `->`. A table is a story that a person can check without reading code.
//!
//! ```text
//! queue    orders [lease=30s] [attempts=5] [sealing=allowed] [backoff=linear base=1s cap=1h jitter=10] [run=30m]
//!          [rate=3/1s | rate=3/1s/BURST] [concurrency=2] [key_rate=…] [key_concurrency=…] -> created | unchanged | changed | refused …
//! enqueue  j1 [to=orders] [delay=5s | at=1m] [ttl=1h | until=1h] [owner=p] [priority=high] [attempts=2] [content=other] [id_time=-2h] [key=tenant]
//!          [after=j1,j2] [any=j3,j4] [failure=cancel]          -> blocked | delayed | ready | refused CODE
//!          [clone_of=j0]                                       -> as above: j0 has ended, and j1 repeats it
//! flow     f1 j1 | j2 after=j1 [as enqueue]                    -> accepted | known | refused CODE at JOB
//! lease    w1 [max=2] [for=10s]                                -> j1#1 j2#1 | nothing
//! enqueue  j1 [idem=K] [unique=U | unique=U:merge] -> known | first j1 | merged j1, with how it was answered first | the same
//! lost     j3                                           -> j1: the parent that it died of | nobody
//! together j1 · j2 idem=K · j3 delay=5s                         -> one answer each; all are accepted or none
//! settle   complete w1 j1 · complete w1 j2                     -> one answer each; all are settled or none
//! kept                                                         -> how many idempotency keys are kept
//! complete w1 j1 · fail w1 j1 [permanent] [after=5s] [code=E42] · release w1 j1 [delay=5s] · hold w1 j1
//! extend   w1 j1 [for=60s]                                     -> ok | ok, asked to stop | refused CODE
//! cancel   j1 [force]                                          -> cancelled | asked | known | refused CODE
//! hold     j1 · release j1 · promote j1 · redrive j1 [seal=10s]             -> STATE | known | refused CODE
//! priority j1 high · move j1 to=other [plain]                  -> STATE | known | refused CODE
//! sweep    redrive_dead | purge_dead | purge_waiting | release_held [of=orders] [FILTER] [rate=10] -> begun | known | refused CODE
//! stop     [held] [of=orders]                                  -> ok | known | refused CODE
//! label    j1 [kind=k] [tag=t] [seal=10s]                      -> ok | known
//! dead     [of=orders] [FILTER]                                -> j1 j2 [stuck=N] [not_known=N] | nothing
//! held     [of=orders] [HELD]                                  -> j1 j2 [not_known=N] | nothing
//! died     [of=orders]                                         -> permanent=2 parent_ended=1: deaths since the beginning | nobody
//! analyse  [of=orders]                                         -> jobs=N categories=… … lately=N
//! pause | drain | open [orders]                                -> ok | known | refused CODE
//! tick     31s                                                 -> what time did, in order
//! pass     31s                                                 -> ok: later, with the deadlines not worked off yet
//! restart  [after=10m]                                         -> ok
//! report   w1 j1 seq=0 [percent=40] [message=5] [log=100] [checkpoint=7]   (bytes)
//!                                                              -> ok | ok, asked to stop | known | refused CODE
//! reported j1                                                  -> 40%@1.0 checkpoint@1.0 log=2-1 next=1 | nothing
//! log      j1 [after=1.0] [max=2]                              -> 1.1 1.2 | nothing
//! opens    [orders]                                            -> now | in 500 ms | never: when a worker gets a job
//! kept     [orders]                                            -> 2: fair keys that are known
//! state    j1                                                  -> running attempt=1
//! blocked  j1                                                  -> what it waits for
//! parents  j1                                                  -> j2:completed#1 j3:dead#5, what its worker is given
//! members  f1                                                  -> j1:ready j2:blocked
//! told                                                         -> j1:accepted:ready#0 …, since the line before of this kind
//! attempts j1                                                  -> 1:w1:0:failed:temporary:E42 …
//! ```
//! FILTER is any of category=permanent code=E42 like=WORD kind=WORD tag=WORD owner=P from=1m before=2m, times
//! after the story began. A word stands for its token. `fail` takes `like=WORD` as well.
//! HELD, also for `sweep release_held`, is any of reason=quarantined kind=WORD tag=WORD owner=P from=1m before=2m.
//! `fail` without a wish waits exactly the middle of the back-off. A worker's last lease of a job is
//! what its receipt names, so a line for an old lease is written by having another worker lease it.

#[path = "scenario_lines/held.rs"]
mod held;
#[path = "scenario_lines/sending.rs"]
mod sending;
#[path = "scenario_lines/telling.rs"]
mod telling;
#[path = "support/through_rows.rs"]
mod through_rows;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sealane_core::id::{FlowId, JobId, LeaseId};
use sealane_core::job::{Category, HoldReason, Priority, State};
use sealane_core::name::{CodeVersion, ErrorCode, InstanceName, Principal, QueueName};
use sealane_core::queue::feed::Step;
use sealane_core::queue::session::{SessionMode, SessionReceipt};
use sealane_core::queue::{
    Act, AfterParent, Analysis, Command, Counted, DeadFilter, Event, Labels, Lease, Look, QueueMode,
    QueueSettings, QueueView, Rate, Receipt, RedriveRate, Refusal, Report, ReportKey, ReportedProgress,
    Runner, SealingPolicy, Settle, Shard, SweepKind, SweepWish, invariants,
};
use sealane_core::record::RecordRef;
use sealane_core::retry::BackoffShape;
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;

mod session_lines;

const START: u64 = 1_767_225_600_000;

struct World {
    shard: Shard,
    now: Time,
    names: BTreeMap<JobId, String>,
    receipts: BTreeMap<(String, String), Receipt>,
    locks: BTreeMap<(String, String), SessionReceipt>,
    history: Vec<(Event, RecordRef)>,
    drawn: u128,
    /// What those who listen were told, as far as no line asked for it.
    told: Vec<Step>,
}

/// What a worker says of itself.
fn runner(options: &BTreeMap<&str, &str>) -> Option<Arc<Runner>> {
    let instance = options.get("instance").map(|name| InstanceName::parse(name).expect("an instance"));
    let version = options.get("version").map(|version| CodeVersion::parse(version).expect("a version"));
    Runner::new(instance, version).map(Arc::new)
}

fn flow_id(name: &str) -> FlowId {
    let mut bytes = [0; 16];
    name.bytes().take(16).enumerate().for_each(|(at, byte)| bytes[at] = byte);
    FlowId::from_bytes(bytes)
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            shard: Shard::default(),
            now: Time::from_unix_ms(START),
            names: BTreeMap::new(),
            receipts: BTreeMap::new(),
            locks: BTreeMap::new(),
            history: Vec::new(),
            drawn: 0,
            told: Vec::new(),
        };
        world.line("queue orders sealing=allowed");
        world
    }

    fn apply(&mut self, events: &[Event]) {
        for event in events {
            let record = RecordRef { lsn: self.history.len() as u64, bytes: 1 };
            self.apply_one(event, record);
            self.history.push((event.clone(), record));
            invariants::check(&self.shard).unwrap_or_else(|error| panic!("{error} after {event:?}"));
        }
    }

    fn run(&mut self, command: &Command<'_>) -> Result<Vec<Event>, String> {
        let events =
            self.shard.decide(self.now, command).map_err(|refusal| format!("refused {}", code(&refusal)))?;
        self.apply(&events);
        Ok(events)
    }

    fn line(&mut self, line: &str) -> String {
        let mut words = line.split_whitespace();
        let verb = words.next().expect("a line begins with a verb");
        let (named, bare): (Vec<&str>, Vec<&str>) = words.partition(|word| word.contains('='));
        let options: BTreeMap<&str, &str> = named.iter().filter_map(|word| word.split_once('=')).collect();
        match verb {
            "queue" => self.queue(bare[0], &options),
            "enqueue" => self.enqueue(bare[0], &options),
            "together" => self.together(line),
            "settle" => self.settle_together(line),
            "told" => self.told(),
            "kept" => self.shard.idempotency_keys().to_string(),
            "flow" => self.flow(line),
            "members" => self.members(bare[0]),
            "blocked" => {
                let links = self.shard.links(&self.id(bare[0])).expect("it waits for something");
                let names = links.blocked_by.iter().map(|job| self.names[job].clone());
                names.collect::<Vec<_>>().join(" ")
            }
            "lost" => {
                let lost = self.shard.links(&self.id(bare[0])).and_then(|links| links.lost_to);
                lost.map_or_else(|| "nobody".to_owned(), |parent| self.names[&parent].clone())
            }
            "parents" => {
                let ended = self.shard.ended_parents(&self.id(bare[0]));
                let told = ended.iter().map(|end| {
                    assert_eq!(self.shard.queue_name(end.origin).as_str(), "orders");
                    assert_eq!(end.result.is_some(), end.state == State::Completed);
                    format!("{}:{}#{}", self.names[&end.job], end.state, end.attempt)
                });
                told.collect::<Vec<_>>().join(" ")
            }
            "lease" => self.lease(bare[0], &options),
            "complete" => self.settle(&bare, &Settle::Complete),
            "fail" => {
                let category = bare
                    .get(2)
                    .map_or(Category::Temporary, |word| Category::parse(word).expect("a category"));
                let retry_after = options.get("after").map(|text| millis(text));
                let code = options.get("code").map(|text| ErrorCode::parse(text).expect("a code"));
                let fingerprint = options.get("like").map(|text| token(text));
                let random = u32::MAX / 2 + 1;
                self.settle(&bare, &Settle::Fail { category, code, fingerprint, retry_after, random })
            }
            "release" if bare.len() == 1 => self.act(bare[0], &Act::Release),
            "hold" if bare.len() == 1 => self.act(bare[0], &Act::Hold),
            "promote" => self.act(bare[0], &Act::Promote),
            "redrive" => {
                let seal_expires =
                    options.get("seal").map(|text| Time::from_unix_ms(START).plus(millis(text)));
                self.act(bare[0], &Act::Redrive { seal_expires })
            }
            "cancel" => self
                .act(bare[0], &Act::Cancel { force: bare.contains(&"force"), dead: !bare.contains(&"live") }),
            "priority" => {
                let priority = Priority::parse(bare[1]).expect("a priority");
                self.act(bare[0], &Act::Reprioritise { priority })
            }
            "move" => {
                let queue = QueueName::parse(options["to"]).expect("a queue name");
                let sealed = bare.get(1) != Some(&"plain");
                self.act(bare[0], &Act::Move { queue, sealed })
            }
            "open" | "pause" | "drain" => {
                let queue = QueueName::parse(bare.first().unwrap_or(&"orders")).expect("a queue name");
                let mode = match verb {
                    "open" => QueueMode::Open,
                    "pause" => QueueMode::Paused,
                    _ => QueueMode::Draining,
                };
                self.run(&Command::SetMode { queue: &queue, mode }).map_or_else(
                    |refused| refused,
                    |events| if events.is_empty() { "known" } else { "ok" }.to_owned(),
                )
            }
            "sweep" => self.sweep(bare[0], &options),
            "stop" => {
                let queue = QueueName::parse(options.get("of").unwrap_or(&"orders")).expect("a queue name");
                let of = if bare.contains(&"held") { State::Held } else { State::Dead };
                self.run(&Command::StopSweep { queue: &queue, of }).map_or_else(
                    |refused| refused,
                    |events| if events.is_empty() { "known" } else { "ok" }.to_owned(),
                )
            }
            "label" => {
                let labels = Labels {
                    kind: options.get("kind").map(|text| token(text)),
                    tags: options.get("tag").map(|text| token(text)).into_iter().collect(),
                    seal_expires: options
                        .get("seal")
                        .map(|text| Time::from_unix_ms(START).plus(millis(text))),
                };
                let job = self.id(bare[0]);
                self.run(&Command::Label { job, labels: &labels }).map_or_else(
                    |refused| refused,
                    |events| if events.is_empty() { "known" } else { "ok" }.to_owned(),
                )
            }
            "dead" => self.dead(&options),
            "held" => self.held(&options),
            "analyse" => self.analyse(&options),
            "died" => self.died(&options),
            "release" => {
                let delay = options.get("delay").map_or(Millis::default(), |text| millis(text));
                self.settle(&bare, &Settle::Release { delay })
            }
            "undelivered" => self.settle(&bare, &Settle::Undelivered),
            "hold" => self.settle(&bare, &Settle::Hold(HoldReason::Unopenable)),
            "extend" => {
                let receipt = self.receipt(bare[0], bare[1]);
                let lease = options.get("for").map(|text| millis(text));
                let done = self.run(&Command::Extend { receipt, lease });
                let asked = self.shard.job(&receipt.job).is_some_and(|view| view.cancel_requested);
                match done {
                    Err(refused) => refused,
                    Ok(_) if asked => "ok, asked to stop".to_owned(),
                    Ok(_) => "ok".to_owned(),
                }
            }
            "report" => self.report(&bare, &options),
            "reported" => self.reported(bare[0]),
            "log" => self.log(bare[0], &options),
            "tick" => self.tick(millis(bare[0])),
            "pass" => {
                self.now = self.now.plus(millis(bare[0]));
                "ok".to_owned()
            }
            "restart" => self.restart(options.get("after").map_or(Millis::default(), |text| millis(text))),
            "opens" => self.opens(bare.first().unwrap_or(&"orders")),
            "keys" => self.queue_named(bare.first().unwrap_or(&"orders")).fair_keys.to_string(),
            "state" => self.state(bare[0]),
            "attempts" => self.attempts(bare[0]),
            other => {
                let told = self.session_line(other, &bare, &options);
                told.unwrap_or_else(|| panic!("no such verb: {other}"))
            }
        }
    }

    fn filter(options: &BTreeMap<&str, &str>) -> DeadFilter {
        let time = |text: &&str| Time::from_unix_ms(START).plus(millis(text));
        DeadFilter {
            category: options.get("category").map(|word| Category::parse(word).expect("a category")),
            code: options.get("code").map(|text| ErrorCode::parse(text).expect("a code")),
            fingerprint: options.get("like").map(|text| token(text)),
            kind: options.get("kind").map(|text| token(text)),
            tag: options.get("tag").map(|text| token(text)),
            owner: options.get("owner").map(|name| Principal::parse(name).expect("a principal")),
            died_from: options.get("from").map(time),
            died_before: options.get("before").map(time),
        }
    }

    fn sweep(&mut self, kind: &str, options: &BTreeMap<&str, &str>) -> String {
        let queue = QueueName::parse(options.get("of").unwrap_or(&"orders")).expect("a queue name");
        let filter = Self::filter(options);
        let rate = options.get("rate").map(|text| text.parse().expect("a number"));
        let rate = rate.map(|rate| RedriveRate::per_second(rate).expect("a rate"));
        let wish = match SweepKind::parse(kind).expect("a kind") {
            SweepKind::PurgeDead => SweepWish::PurgeDead { filter },
            SweepKind::RedriveDead => SweepWish::RedriveDead { filter, rate },
            SweepKind::PurgeWaiting => SweepWish::PurgeWaiting,
            SweepKind::ReleaseHeld => SweepWish::ReleaseHeld { filter: Self::held_filter(options), rate },
        };
        self.run(&Command::Sweep { queue: &queue, wish: &wish }).map_or_else(
            |refused| refused,
            |events| if events.is_empty() { "known" } else { "begun" }.to_owned(),
        )
    }

    fn dead(&self, options: &BTreeMap<&str, &str>) -> String {
        let queue = QueueName::parse(options.get("of").unwrap_or(&"orders")).expect("a queue name");
        let number = self.shard.queue_number(&queue).expect("a known queue");
        let page = self.shard.dead_page(self.now, number, &Self::filter(options), None, Look::Through(9));
        let mut told: Vec<String> = page.jobs.iter().map(|job| self.names[&job.id].clone()).collect();
        for (what, jobs) in [("stuck", page.stuck), ("not_known", page.not_known)] {
            if jobs > 0 {
                told.push(format!("{what}={jobs}"));
            }
        }
        assert_eq!(page.meant, page.jobs.len() as u64);
        if told.is_empty() { "nothing".to_owned() } else { told.join(" ") }
    }

    /// Each value with its number; `+` before those without a value.
    fn died(&self, options: &BTreeMap<&str, &str>) -> String {
        let queue = QueueName::parse(options.get("of").unwrap_or(&"orders")).expect("a name");
        let deaths = self.shard.queue(&queue).expect("a known queue").deaths;
        let told: Vec<String> = deaths
            .totals()
            .filter(|(_, jobs)| *jobs > 0)
            .map(|(why, jobs)| format!("{why}={jobs}"))
            .collect();
        if told.is_empty() { "nobody".to_owned() } else { told.join(" ") }
    }

    fn analyse(&self, options: &BTreeMap<&str, &str>) -> String {
        fn told<K>(name: &str, counted: &Counted<K>, show: impl Fn(&K) -> String) -> String {
            let top: Vec<String> =
                counted.top.iter().map(|(value, jobs)| format!("{}:{jobs}", show(value))).collect();
            let none = if counted.none > 0 { format!("+{}", counted.none) } else { String::new() };
            assert_eq!(counted.other, 0);
            format!("{name}={}{none}", top.join(","))
        }
        let token = |token: &Token| {
            let text = token.as_bytes().iter().take_while(|byte| **byte > 0);
            text.map(|byte| char::from(*byte)).collect::<String>()
        };
        let queue = QueueName::parse(options.get("of").unwrap_or(&"orders")).expect("a queue name");
        let number = self.shard.queue_number(&queue).expect("a known queue");
        let Analysis { jobs, categories, codes, fingerprints, kinds, hours, patterns, samples } =
            self.shard.analyse_dead(number);
        assert_eq!(samples.len(), kinds.top.len(), "each kind has a job that can tell its name");
        let hour = |at: &Time| (at.since(Time::from_unix_ms(START)).get() / 3_600_000).to_string();
        [
            format!("jobs={jobs}"),
            told("categories", &categories, ToString::to_string),
            told("codes", &codes, ToString::to_string),
            told("like", &fingerprints, token),
            told("kinds", &kinds, token),
            told("hours", &hours, hour),
            format!(
                "patterns={}",
                patterns.top.iter().map(|(_, jobs)| jobs.to_string()).collect::<Vec<_>>().join(",")
            ),
            format!(
                "lately={}",
                self.shard.queue(&queue).expect("a known queue").deaths.within_an_hour(self.now)
            ),
        ]
        .join(" ")
    }

    fn queue(&mut self, name: &str, options: &BTreeMap<&str, &str>) -> String {
        let mut settings = QueueSettings::default();
        for (name, value) in options {
            match *name {
                "lease" => settings.lease = millis(value),
                "attempts" => settings.retry.max_attempts = value.parse().expect("a number"),
                "backoff" => settings.retry.backoff.shape = BackoffShape::parse(value).expect("a shape"),
                "base" => settings.retry.backoff.base = millis(value),
                "cap" => settings.retry.backoff.cap = millis(value),
                "jitter" => settings.retry.backoff.jitter_percent = value.parse().expect("a number"),
                "horizon" => settings.horizon = millis(value),
                "sessions" => settings.sessions.mode = SessionMode::parse(value).expect("a mode"),
                "idle" => settings.sessions.idle = millis(value),
                "hold" => settings.sessions.hold = millis(value),
                "depth" => settings.max_depth = value.parse().expect("a number"),
                "window" => settings.idempotency_window = millis(value),
                "run" => settings.max_run = millis(value),
                "rate" => settings.limit.rate = Some(rate(value)),
                "concurrency" => settings.limit.concurrency = Some(value.parse().expect("a number")),
                "key_rate" => settings.limit_per_key.rate = Some(rate(value)),
                "key_concurrency" => {
                    settings.limit_per_key.concurrency = Some(value.parse().expect("a number"));
                }
                "sealing" => settings.sealing = SealingPolicy::parse(value).expect("a policy"),
                other => panic!("no such setting: {other}"),
            }
        }
        let queue = QueueName::parse(name).expect("a queue name");
        match self.run(&Command::PutQueue { queue: &queue, settings }) {
            Err(refused) => refused,
            Ok(events) => match events.as_slice() {
                [] => "unchanged".to_owned(),
                [Event::QueueCreated { .. }] => "created".to_owned(),
                _ => "changed".to_owned(),
            },
        }
    }

    fn queue_named(&self, name: &str) -> QueueView {
        self.shard.queue(&QueueName::parse(name).expect("a queue name")).expect("a known queue")
    }

    /// When a worker that asks now will be given something.
    fn opens(&self, name: &str) -> String {
        let number = self.shard.queue_number(&QueueName::parse(name).expect("a queue name"));
        let number = number.expect("a known queue");
        let at = self.shard.opens_at(number);
        assert_eq!(at.is_some_and(|at| at <= self.now), self.shard.has_ready(number, self.now));
        match at {
            None => "never".to_owned(),
            Some(at) if at <= self.now => "now".to_owned(),
            Some(at) => format!("in {}", at.since(self.now)),
        }
    }

    fn members(&self, name: &str) -> String {
        let told = self
            .shard
            .flow(flow_id(name))
            .map(|job| format!("{}:{}", self.names[&job], self.shard.job(&job).expect("it is known").state));
        told.collect::<Vec<_>>().join(" ")
    }

    /// The id of a job by its name, made where there is none yet.
    fn id_of(&mut self, name: &str, id_ms: u64) -> JobId {
        let known = self.names.iter().find(|(_, known)| known.as_str() == name).map(|(id, _)| *id);
        let job = known.unwrap_or_else(|| {
            self.drawn += 1;
            let mut random = [0; 10];
            random.copy_from_slice(&self.drawn.to_be_bytes()[6..]);
            JobId::v7(id_ms, random)
        });
        self.names.insert(job, name.to_owned());
        job
    }

    fn lease(&mut self, worker: &str, options: &BTreeMap<&str, &str>) -> String {
        let max: usize = options.get("max").map_or(1, |text| text.parse().expect("a number"));
        let lease_ids: Vec<LeaseId> = (0..max)
            .map(|_| {
                self.drawn += 1;
                LeaseId::from_bytes(self.drawn.to_be_bytes())
            })
            .collect();
        let queue = QueueName::parse(options.get("from").unwrap_or(&"orders")).expect("a queue name");
        let holder = Principal::parse(worker).expect("a principal");
        let lease = options.get("for").map(|text| millis(text));
        let runner = runner(options);
        let command =
            Lease { queue: &queue, holder: &holder, runner: runner.as_ref(), lease, lease_ids: &lease_ids };
        let events = match self.run(&Command::Lease(command)) {
            Err(refused) => return refused,
            Ok(events) => events,
        };
        self.handed_out(worker, &events)
    }

    fn handed_out(&mut self, worker: &str, events: &[Event]) -> String {
        let mut handed = Vec::new();
        for event in events {
            let Event::JobLeased { job, lease, lock, .. } = event else { panic!("a lease gives leases") };
            let attempt = self.shard.job(job).expect("it is live").attempt;
            let name = self.names[job].clone();
            handed.push(format!("{name}#{attempt}"));
            let receipt = Receipt { job: *job, attempt, lease: *lease, lock: *lock };
            self.receipts.insert((worker.to_owned(), name), receipt);
        }
        if handed.is_empty() { "nothing".to_owned() } else { handed.join(" ") }
    }

    fn act(&mut self, name: &str, act: &Act) -> String {
        let job = self.id(name);
        match self.run(&Command::Act { job, act }) {
            Err(refused) => refused,
            Ok(events) if events.is_empty() => "known".to_owned(),
            Ok(events) if matches!(events[..], [Event::JobCancelRequested { .. }]) => "asked".to_owned(),
            Ok(_) => self.shard.job(&job).expect("it is remembered").state.to_string(),
        }
    }

    fn id(&self, name: &str) -> JobId {
        let known = self.names.iter().find(|(_, known)| known.as_str() == name).map(|(id, _)| *id);
        known.expect("a known job")
    }

    fn receipt(&self, worker: &str, job: &str) -> Receipt {
        self.receipts[&(worker.to_owned(), job.to_owned())]
    }

    fn settle(&mut self, bare: &[&str], outcome: &Settle) -> String {
        let receipt = self.receipt(bare[0], bare[1]);
        match self.run(&Command::Settle { receipt, outcome }) {
            Err(refused) => refused,
            Ok(events) if events.is_empty() => "known".to_owned(),
            Ok(_) => self.shard.job(&receipt.job).expect("it is remembered").state.to_string(),
        }
    }

    fn report(&mut self, bare: &[&str], options: &BTreeMap<&str, &str>) -> String {
        let receipt = self.receipt(bare[0], bare[1]);
        let bytes = |name| options.get(name).map(|text: &&str| text.parse().expect("a number"));
        let percent = options.get("percent").map(|text| text.parse().expect("a number"));
        let report = Report {
            seq: bytes("seq").expect("a report has a number"),
            progress: percent.map(|percent| ReportedProgress { percent, message: bytes("message") }),
            log: bytes("log"),
            checkpoint: bytes("checkpoint"),
        };
        let done = self.run(&Command::Report { receipt, report });
        let asked = self.shard.job(&receipt.job).is_some_and(|view| view.cancel_requested);
        match done {
            Err(refused) => refused,
            Ok(events) if events.is_empty() => "known".to_owned(),
            Ok(_) if asked => "ok, asked to stop".to_owned(),
            Ok(_) => "ok".to_owned(),
        }
    }

    fn reported(&self, name: &str) -> String {
        let known = self.shard.job(&self.id(name)).expect("it is remembered").reported;
        let mut told = Vec::new();
        let at = |key: ReportKey| format!("@{}.{}", key.attempt, key.seq);
        told.extend(known.progress.map(|progress| format!("{}%{}", progress.percent, at(progress.key))));
        told.extend(known.checkpoint.map(|checkpoint| format!("checkpoint{}", at(checkpoint.key))));
        if known.log_entries > 0 || known.log_dropped > 0 {
            told.push(format!("log={}-{}", known.log_entries, known.log_dropped));
        }
        if told.is_empty() {
            return "nothing".to_owned();
        }
        told.push(format!("next={}", known.next_seq));
        told.join(" ")
    }

    fn log(&self, name: &str, options: &BTreeMap<&str, &str>) -> String {
        let after = options.get("after").map(|text| {
            let (attempt, seq) = text.split_once('.').expect("attempt.seq");
            ReportKey { attempt: attempt.parse().expect("a number"), seq: seq.parse().expect("a number") }
        });
        let max = options.get("max").map_or(usize::MAX, |text| text.parse().expect("a number"));
        let entries = self.shard.job_log(&self.id(name), after, max);
        let told: Vec<_> =
            entries.iter().map(|entry| format!("{}.{}", entry.key.attempt, entry.key.seq)).collect();
        if told.is_empty() { "nothing".to_owned() } else { told.join(" ") }
    }

    fn tick(&mut self, by: Millis) -> String {
        let end = self.now.plus(by);
        let mut told = Vec::new();
        let mut turns = 0;
        while let Some(at) = self.shard.next_deadline().filter(|at| *at <= end) {
            turns += 1;
            assert!(turns <= 1_000, "time does not come to rest");
            self.now = self.now.max(at);
            let events = self.shard.expire(self.now);
            self.apply(&events);
            for event in &events {
                if let Some(session) = Self::told_of_session(event) {
                    told.push(session);
                    continue;
                }
                let job = match event {
                    Event::JobDue { job, .. }
                    | Event::JobExpired { job, .. }
                    | Event::LeaseExpired { job, .. }
                    | Event::JobCancelled { job, .. }
                    | Event::HoldReleased { job, .. }
                    | Event::JobRedriven { job, .. } => job,
                    Event::SweepAdvanced { .. } | Event::SweepEnded { .. } | Event::KeysForgotten { .. } => {
                        continue;
                    }
                    // It heard of one end, and waits for others.
                    Event::ParentEnded { next: AfterParent::Waits, .. } => continue,
                    Event::ParentEnded { job, .. } => job,
                    other => panic!("time does nothing like {other:?}"),
                };
                let state = self.shard.job(job).expect("it is remembered").state;
                told.push(format!("{} {state}", self.names[job]));
            }
        }
        self.now = end;
        if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }
    }

    /// Recovery: a fresh shard, the stored events, then the start.
    fn restart(&mut self, after: Millis) -> String {
        self.now = self.now.plus(after);
        let mut recovered = Shard::default();
        self.history.iter().for_each(|(event, record)| recovered.evolve(event, *record));
        assert!(recovered == self.shard, "the stored events make another shard");
        self.shard = through_rows::through_rows(&recovered);
        self.run(&Command::Start).map_or_else(|refused| refused, |_| "ok".to_owned())
    }

    /// The attempts that are over, as `number:worker:seconds:end[:instance@version][:category[:code]]`.
    fn attempts(&self, name: &str) -> String {
        let told = self.shard.attempts(&self.id(name)).into_iter().map(|attempt| {
            let seconds = attempt.ended_at.since(attempt.by.started_at).get() / 1_000;
            let mut told = format!("{}:{}:{seconds}:{}", attempt.number, attempt.by.worker, attempt.end);
            if let Some(runner) = &attempt.by.runner {
                let said =
                    [runner.instance().map(InstanceName::as_str), runner.version().map(CodeVersion::as_str)];
                told.push_str(&format!(":{}", said.map(|one| one.unwrap_or("-")).join("@")));
            }
            attempt.category.iter().for_each(|category| told.push_str(&format!(":{category}")));
            attempt.code.iter().for_each(|code| told.push_str(&format!(":{code}")));
            told
        });
        told.collect::<Vec<_>>().join(" ")
    }

    fn state(&self, name: &str) -> String {
        let id = self.id(name);
        match self.shard.job(&id) {
            None => "forgotten".to_owned(),
            Some(view) => {
                let mut told = format!("{} attempt={}", view.state, view.attempt);
                if view.redrives > 0 {
                    told.push_str(&format!(" redrives={}", view.redrives));
                }
                if let Some(reason) = view.dead_reason {
                    told.push_str(&format!(" because={reason}"));
                }
                if let Some(origin) = view.origin {
                    let here = self.shard.queue_name(view.queue);
                    told.push_str(&format!(" in={here} from={origin}"));
                }
                told
            }
        }
    }
}

/// Stands for a word: its own letters, as far as they go.
fn token(word: &str) -> Token {
    let mut bytes = [0; 16];
    word.bytes().take(16).enumerate().for_each(|(at, byte)| bytes[at] = byte);
    Token::from_bytes(bytes)
}

fn millis(text: &str) -> Millis {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let number: u64 = digits.parse().unwrap_or_else(|_| panic!("not a time: {text}"));
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        other => panic!("no such unit: {other}"),
    };
    Millis::new(number * unit)
}

/// `3/1s` or, with a burst, `3/1s/1`.
fn rate(text: &str) -> Rate {
    let parts: Vec<&str> = text.split('/').collect();
    let starts = parts[0].parse().expect("a number");
    let burst = parts.get(2).map_or(starts, |burst| burst.parse().expect("a number"));
    Rate { starts, period: millis(parts[1]), burst }
}

fn code(refusal: &Refusal) -> String {
    let name = format!("{refusal:?}");
    let name = name.split(['(', ' ', '{']).next().unwrap_or_default();
    let mut code = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !code.is_empty() {
            code.push('_');
        }
        code.push(letter.to_ascii_lowercase());
    }
    code
}

fn run_table(path: &Path) -> usize {
    let text = std::fs::read_to_string(path).expect("a readable table");
    let mut world = World::new();
    let mut lines = 0;
    for (number, line) in text.lines().enumerate() {
        let place = format!("{}:{}", path.display(), number + 1);
        let line =
            line.split('#').next().filter(|_| line.trim_start().starts_with('#')).unwrap_or(line).trim();
        if line == "new" {
            world = World::new();
            continue;
        }
        if line.is_empty() {
            continue;
        }
        let (command, expected) = line.split_once("->").unwrap_or_else(|| panic!("{place}: no expectation"));
        let answer = world.line(command.trim());
        assert_eq!(answer, expected.trim(), "{place}: {}", command.trim());
        lines += 1;
    }
    lines
}

// covers JOB-2 (every state has its exits; what waits is set aside by a person, and released one by one or all)
// covers JOB-11 (cancel, promote, re-prioritise, move)
// covers DLQ-1 (re-drive one and all, purge, loop-safe)
// covers JOB-3 (order of service by priority)
// covers JOB-4 (delay, run_at, horizon and time to live)
// covers JOB-5 (lease, extend, release, complete, fail, fencing)
// covers JOB-5 (max_run_time)
// covers JOB-6 (attempts, every back-off per queue and per job, permanent failures, workers that die)
// covers JOB-9 (attempt history, progress, logs, checkpoints)
// covers JOB-7 (idempotency keys, windows, precedence, unique jobs)
// covers JOB-10 (atomic batches)
// covers JOB-8 (after, after-any, policies, flows, re-drive)
// covers QUE-1 (pause, resume, drain, purge, depth)
// attack 47
#[test]
fn every_scenario_table_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut tables = 0;
    for entry in std::fs::read_dir(folder).expect("the scenario folder") {
        let path = entry.expect("an entry").path();
        assert!(run_table(&path) > 3, "{} says nothing", path.display());
        tables += 1;
    }
    assert!(tables >= 6, "tables are missing");
}
