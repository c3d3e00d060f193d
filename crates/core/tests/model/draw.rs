//! Draws stories. Each has a mood: some kinds of steps come often in it and some not at all, so that
//! stories reach what an even mixture would not.

use std::collections::BTreeMap;

use sealane_core::job::{Category, HoldReason, Priority, State};
use sealane_core::limits;
use sealane_core::name::ErrorCode;
use sealane_core::queue::{
    DeadFilter, Labels, MissedPolicy, OverlapPolicy, QueueMode, QueueSettings, ReportedProgress, ScheduleAct,
    SealingPolicy, SessionMode, SweepKind,
};
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;

use crate::dice::Dice;
use crate::draw_jobs::{Mood, draft};
use crate::pair::{first_settings, token};
use crate::step::{Beat, Deed, Outcome, Pick, Plan, QUEUES, Said, Step, Which, Wish};

/// Sessions of a story.
pub const SESSIONS: u8 = 3;

const STEPS: u64 = 130;

/// Every kind of step, with how often it comes where the mood does not say otherwise.
const KINDS: [(&str, u64); 32] = [
    ("enqueue", 60),
    ("together", 6),
    ("flow", 4),
    ("cancel flow", 2),
    ("lease", 50),
    ("settle", 60),
    ("settle together", 5),
    ("extend", 10),
    ("report", 16),
    ("act", 50),
    ("move", 12),
    ("sweep", 8),
    ("stop", 1),
    ("label", 6),
    ("put queue", 5),
    ("mode", 5),
    ("accept", 12),
    ("take", 24),
    ("renew", 5),
    ("close", 4),
    ("remember", 6),
    ("break", 2),
    ("put schedule", 6),
    ("act on schedule", 3),
    ("remove schedule", 1),
    ("fire", 3),
    ("fire due", 10),
    ("tick", 36),
    ("pass", 8),
    ("turn", 10),
    ("restart", 3),
    ("wear out", 1),
];

pub fn story(seed: u64) -> Vec<Step> {
    let mut dice = Dice::new(seed);
    let weights: BTreeMap<&str, u64> =
        KINDS.iter().map(|(kind, weight)| (*kind, weight * dice.of(&[0, 1, 1, 1, 3]))).collect();
    let mood = Mood::drawn(&mut dice);
    let all: u64 = weights.values().sum::<u64>().max(1);
    (0..STEPS)
        .map(|_| {
            let mut at = dice.below(all);
            let kind = weights.iter().find(|(_, weight)| {
                let here = at < **weight;
                at = at.saturating_sub(**weight);
                here
            });
            step(&mut dice, kind.map_or("tick", |(kind, _)| kind), &mood)
        })
        .collect()
}

fn step(dice: &mut Dice, kind: &str, mood: &Mood) -> Step {
    match kind {
        "enqueue" => Step::Enqueue(Box::new(draft(dice, mood, 0))),
        "together" => Step::Together((0..dice.size(5)).map(|at| draft(dice, mood, at)).collect()),
        "flow" => {
            let flow = dice.small(4);
            Step::Flow { flow, jobs: (0..dice.size(5)).map(|at| draft(dice, &mood.of_flows(), at)).collect() }
        }
        "cancel flow" => Step::CancelFlow { flow: dice.small(4) },
        "lease" => Step::Lease {
            queue: queue(dice, mood),
            worker: dice.small(3),
            max: dice.size(6),
            lease: lease_time(dice),
        },
        "settle" => Step::Settle { receipt: pick(dice), outcome: outcome(dice) },
        "settle together" => {
            Step::SettleTogether((0..dice.size(4)).map(|_| (pick(dice), outcome(dice))).collect())
        }
        "extend" => Step::Extend { receipt: pick(dice), lease: lease_time(dice) },
        "report" => report(dice),
        "act" => {
            let deed = deed(dice);
            Step::Act { job: if dice.percent(60) { fit_for(dice, &deed) } else { which(dice) }, deed }
        }
        "move" => {
            let deed = Deed::Move { queue: queue(dice, mood) };
            Step::Act { job: if dice.percent(70) { fit_for(dice, &deed) } else { which(dice) }, deed }
        }
        "sweep" => Step::Sweep { queue: queue(dice, mood), wish: wish(dice) },
        "stop" => Step::StopSweep { queue: dice.size(QUEUES.len()) },
        "label" => Step::Label { at: number(dice), labels: labels(dice) },
        "put queue" => put_queue(dice, mood),
        "mode" => {
            // Mostly open: nothing happens where nothing is handed out.
            let mode = dice.of(&[QueueMode::Open, QueueMode::Open, QueueMode::Paused, QueueMode::Draining]);
            Step::SetMode { queue: queue(dice, mood), mode }
        }
        "accept" => Step::Accept {
            queue: if dice.percent(85) { 1 } else { queue(dice, mood) },
            session: dice.maybe(40, |dice| dice.small(SESSIONS)),
            worker: dice.small(3),
            hold: dice.maybe(50, |dice| dice.of(&[200, 1_000, 4_000, 20_000, 50, 100_000_000])),
        },
        "take" => Step::Take { hold: pick(dice), max: dice.size(4), lease: lease_time(dice) },
        "renew" => Step::Renew {
            hold: pick(dice),
            time: dice.maybe(60, |dice| dice.of(&[100, 500, 2_000, 9_000, 99, 43_200_001])),
        },
        "close" => Step::Close { hold: pick(dice) },
        "remember" => Step::SetState {
            hold: pick(dice),
            bytes: dice.maybe(60, |dice| dice.of(&[0, 1, limits::SESSION_STATE_BYTES_MAX, 65_537])),
        },
        "break" => {
            let queue = if dice.percent(80) { 1 } else { dice.size(QUEUES.len()) };
            Step::Break { queue, session: dice.small(SESSIONS) }
        }
        "put schedule" => Step::PutSchedule(Box::new(plan(dice, mood))),
        "act on schedule" => Step::ActOnSchedule {
            name: dice.small(3),
            act: dice.of(&[ScheduleAct::Pause, ScheduleAct::Resume, ScheduleAct::Resume]),
        },
        "remove schedule" => Step::RemoveSchedule { name: dice.small(3) },
        "fire" => Step::Fire { name: dice.small(3), readable: dice.percent(90) },
        "fire due" => Step::FireDue { readable: dice.percent(95) },
        "pass" => Step::Pass { by: dice.below(3_000) },
        "turn" => match dice.below(4) {
            0 => Step::Follow,
            1 => Step::Turn { bulk: false },
            _ => Step::Turn { bulk: true },
        },
        "wear out" => Step::WearOut { job: which(dice) },
        "restart" => Step::Restart { away: dice.below(10_000) },
        _ => Step::Tick {
            by: match dice.below(40) {
                0 => dice.below(100_000),
                1 if mood.long => dice.below(4_000_000),
                2 if mood.long => dice.between(86_000_000, 90_000_000),
                3..20 => dice.below(300),
                _ => dice.below(3_000),
            },
        },
    }
}

pub fn number(dice: &mut Dice) -> u32 {
    u32::try_from(dice.below(1 << 16)).expect("two bytes")
}

/// Mostly the queues of the story, rarely the one that is not there.
pub fn queue(dice: &mut Dice, mood: &Mood) -> usize {
    match dice.below(60) {
        0 => QUEUES.len() - 1,
        1..6 => dice.size(QUEUES.len() - 1),
        _ => dice.of(&mood.queues),
    }
}

fn lease_time(dice: &mut Dice) -> Option<u64> {
    dice.maybe(70, |dice| match dice.below(30) {
        0 => 99,
        1 => limits::LEASE_MS_MAX + 1,
        _ => dice.between(100, 4_000),
    })
}

fn pick(dice: &mut Dice) -> Pick {
    Pick { held: dice.percent(75), at: number(dice) }
}

pub fn which(dice: &mut Dice) -> Which {
    let at = number(dice);
    match dice.below(20) {
        0 => Which::Nobody,
        1..8 => Which::Any(at),
        _ => Which::In(dice.of(State::ALL), at),
    }
}

pub fn priority(dice: &mut Dice) -> Priority {
    dice.of(Priority::ALL)
}

fn outcome(dice: &mut Dice) -> Outcome {
    match dice.below(24) {
        0..8 => Outcome::Complete,
        8..17 => Outcome::Fail {
            category: dice.of(Category::ALL),
            code: dice.maybe(50, |dice| dice.small(2)),
            like: dice.maybe(50, |dice| dice.small(2)),
            after: dice.maybe(50, |dice| dice.of(&[0, 1, 500, 2_000, limits::DELAY_MS_MAX + 1])),
            random: number(dice) << 16,
        },
        17..20 => Outcome::Release(dice.of(&[0, 0, 700, 2_500, limits::DELAY_MS_MAX + 1])),
        20 | 21 => Outcome::Undelivered,
        _ => Outcome::Hold(dice.of(HoldReason::ALL)),
    }
}

fn report(dice: &mut Dice) -> Step {
    let said = Said {
        ahead: dice.of(&[1, 1, 1, 1, 0, 2]),
        progress: dice.maybe(60, |dice| ReportedProgress {
            percent: dice.of(&[0, 50, 100, 101]),
            message: dice.maybe(50, |dice| dice.of(&[5, 8_192, 8_193])),
        }),
        log: dice.maybe(50, |dice| dice.of(&[1, 40_000, 65_536, 65_537])),
        checkpoint: dice.maybe(40, |dice| dice.of(&[0, 7, 1_048_576, 1_048_577])),
    };
    let times = if dice.percent(6) { 30 } else { 1 };
    Step::Report { receipt: Pick { held: dice.percent(90), at: number(dice) }, report: said, times }
}

fn deed(dice: &mut Dice) -> Deed {
    match dice.below(14) {
        0..3 => Deed::Cancel { force: dice.percent(40), dead: dice.percent(50) },
        3 | 4 => Deed::Promote,
        5..8 => Deed::Redrive { seal: dice.maybe(20, |dice| dice.of(&[-5, 0, 5])) },
        8 | 9 => Deed::Release,
        10 | 11 => Deed::Hold,
        _ => Deed::Reprioritise(priority(dice)),
    }
}

/// A job that a deed can be done to, if there is one.
fn fit_for(dice: &mut Dice, deed: &Deed) -> Which {
    let states: &[State] = match deed {
        Deed::Promote => &[State::Delayed, State::Retrying],
        Deed::Redrive { .. } => {
            &[State::Dead, State::Dead, State::Cancelled, State::Expired, State::Completed]
        }
        Deed::Move { .. } => &[State::Ready, State::Ready, State::Delayed, State::Blocked, State::Dead],
        Deed::Release => &[State::Held],
        Deed::Hold => &[State::Ready, State::Delayed, State::Retrying],
        _ => &[State::Running, State::Ready, State::Blocked],
    };
    Which::In(dice.of(states), number(dice))
}

fn filter(dice: &mut Dice) -> DeadFilter {
    if dice.percent(40) {
        return DeadFilter::default();
    }
    DeadFilter {
        category: dice.maybe(20, |dice| dice.of(Category::ALL)),
        code: dice.maybe(20, |dice| ErrorCode::parse(&format!("E{}", dice.small(2))).expect("a code")),
        fingerprint: dice.maybe(20, |dice| Token::from_bytes([dice.small(2); 16])),
        kind: dice.maybe(20, |dice| token(5, dice.small(2))),
        tag: dice.maybe(20, |dice| token(6, dice.small(2))),
        owner: dice.maybe(20, |dice| crate::pair::owner(dice.small(2))),
        died_from: None,
        died_before: None,
    }
}

fn wish(dice: &mut Dice) -> Wish {
    Wish {
        kind: dice.of(&[
            SweepKind::RedriveDead,
            SweepKind::RedriveDead,
            SweepKind::PurgeDead,
            SweepKind::PurgeWaiting,
            SweepKind::ReleaseHeld,
            SweepKind::ReleaseHeld,
        ]),
        filter: filter(dice),
        from: dice.maybe(15, |dice| dice.below(3_000)),
        before: dice.maybe(15, |dice| dice.below(1_000)),
        rate: dice.maybe(40, |dice| dice.of(&[1, 2, 15, 100])),
    }
}

fn labels(dice: &mut Dice) -> Labels {
    Labels {
        kind: dice.maybe(80, |dice| token(5, dice.small(2))),
        tags: (0..dice.small(3)).map(|tag| token(6, tag)).collect(),
        seal_expires: dice.maybe(20, |dice| Time::from_unix_ms(crate::pair::START + dice.below(60_000))),
    }
}

fn put_queue(dice: &mut Dice, mood: &Mood) -> Step {
    let queue = queue(dice, mood).min(QUEUES.len() - 2);
    let mut settings = first_settings(queue);
    mood.change(dice, &mut settings);
    if dice.percent(12) {
        out_of_bounds(dice, &mut settings);
    }
    Step::PutQueue { queue, settings: Box::new(settings) }
}

/// One setting beyond what it may be.
fn out_of_bounds(dice: &mut Dice, settings: &mut QueueSettings) {
    match dice.below(10) {
        8 => settings.max_body = 0,
        0 => settings.lease = Millis::new(99),
        1 => settings.max_depth = 0,
        2 => settings.retry.max_attempts = 0,
        3 => settings.limit.concurrency = Some(0),
        4 => settings.idempotency_window = Millis::new(999),
        5 => settings.sessions.idle = Millis::new(0),
        6 => settings.sessions.hold = Millis::new(limits::SESSION_HOLD_MS_MAX + 1),
        7 => settings.retry.backoff.base = Millis::new(0),
        _ => settings.max_run = Millis::new(3_499),
    }
}

fn plan(dice: &mut Dice, mood: &Mood) -> Plan {
    let name = dice.small(3);
    Plan {
        name,
        // Mostly its own.
        id: if dice.percent(90) { name } else { dice.small(3) },
        queue: queue(dice, mood),
        owner: dice.small(2),
        own_only: dice.percent(30),
        closed: dice.percent(4),
        content: dice.small(2),
        cadence: match dice.below(30) {
            0 => Beat::Nonsense,
            1 => Beat::Every(999, 0),
            2..14 => Beat::Every(dice.of(&[1_000, 2_500, 7_000, 60_000, 3_600_000]), dice.below(3_000)),
            14..22 => Beat::Seconds(dice.of(&[5, 10, 20])),
            _ => Beat::Minutes(dice.of(&[1, 5])),
        },
        begins: dice.maybe(15, |dice| dice.below(5_000)),
        ends: dice.maybe(15, |dice| dice.below(20_000)),
        missed: dice.of(MissedPolicy::ALL),
        overlap: dice.of(OverlapPolicy::ALL),
        jitter: dice.of(&[0, 0, 0, 300, limits::SCHEDULE_JITTER_MS_MAX + 1]),
        ttl: dice.maybe(20, |dice| dice.of(&[0, 300, 301, 5_000])),
        attempts: dice.maybe(20, |dice| dice.of(&[0, 1, 2])),
        session: dice.maybe(mood.sessions, |dice| dice.small(SESSIONS)),
        fair: dice.maybe(mood.fair, |dice| dice.small(3)),
        priority: priority(dice),
    }
}

impl Mood {
    /// Settings as the story wants to have them.
    fn change(&self, dice: &mut Dice, settings: &mut QueueSettings) {
        settings.retry.max_attempts = dice.of(&[1, 2, 5]);
        settings.max_depth = dice.of(&[1_000, 1_000, 3, 6]);
        settings.idempotency_window = Millis::new(dice.of(&[1_000, 5_000, 86_400_000]));
        settings.horizon = Millis::new(dice.of(&[limits::DELAY_MS_MAX, 3_000]));
        if dice.percent(6) {
            settings.sealing = SealingPolicy::Required;
        }
        if dice.percent(15) {
            settings.sessions.mode = dice.of(SessionMode::ALL);
        }
        if dice.percent(30) {
            settings.sessions.idle = Millis::new(dice.of(&[100, 800, 3_000]));
            settings.sessions.hold = Millis::new(dice.of(&[500, 2_000, 10_000]));
        }
        let rate = |dice: &mut Dice| sealane_core::queue::Rate {
            starts: dice.of(&[1, 2, 3]),
            period: Millis::new(dice.of(&[300, 1_000, 7_000])),
            burst: dice.of(&[1, 1, 2, 4]),
        };
        let limit = &mut settings.limit;
        limit.rate = dice.maybe(self.limits, rate);
        limit.concurrency = dice.maybe(self.limits, |dice| dice.of(&[1, 2, 4]));
        let limit = &mut settings.limit_per_key;
        limit.rate = dice.maybe(self.limits, rate);
        limit.concurrency = dice.maybe(self.limits, |dice| dice.of(&[1, 1, 2]));
    }
}
