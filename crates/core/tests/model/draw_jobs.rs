//! Draws the jobs of a story, by its mood.

use sealane_core::job::State;
use sealane_core::limits;
use sealane_core::queue::OnFailure;
use sealane_core::retry::{Backoff, BackoffShape};
use sealane_core::time::Millis;

use crate::dice::Dice;
use crate::draw::{SESSIONS, number, priority, queue, which};
use crate::step::{Begin, Draft, DraftId, Parent, Which};

/// What the jobs of a story have, in percent of them.
#[derive(Clone, Debug)]
pub struct Mood {
    pub queues: [usize; 3],
    pub keys: u64,
    pub unique: u64,
    pub sessions: u64,
    pub fair: u64,
    pub parents: u64,
    pub delays: u64,
    pub short_lives: u64,
    pub one_class: bool,
    /// All jobs are of one session.
    pub one_session: bool,
    pub limits: u64,
    /// Hours go by.
    pub long: bool,
}

impl Mood {
    pub fn drawn(dice: &mut Dice) -> Self {
        let often = [0, 10, 30, 70];
        Self {
            queues: dice.of(&[[0, 0, 0], [1, 1, 1], [0, 1, 2], [0, 0, 1], [1, 1, 0]]),
            keys: dice.of(&[0, 0, 20, 50]),
            unique: dice.of(&[0, 0, 20, 50]),
            sessions: dice.of(&[0, 40, 80, 100]),
            fair: dice.of(&often),
            parents: dice.of(&[0, 15, 30, 60]),
            delays: dice.of(&[5, 25]),
            short_lives: dice.of(&[0, 20]),
            one_class: dice.percent(40),
            one_session: dice.percent(15),
            limits: dice.of(&often),
            long: dice.percent(15),
        }
    }

    /// The same with more that wait for each other.
    pub fn of_flows(&self) -> Self {
        Self { parents: self.parents.max(60), keys: 0, ..self.clone() }
    }
}

/// A job, the so-maniest of its batch.
pub fn draft(dice: &mut Dice, mood: &Mood, at: usize) -> Draft {
    let id = match dice.below(100) {
        0 => DraftId::Strange,
        1 => DraftId::New(-3_600_001),
        2 => DraftId::New(300_001),
        3..10 => DraftId::Again(number(dice)),
        _ => DraftId::New(dice.of(&[0, 0, -1_000, 250])),
    };
    let waits = dice.percent(mood.parents);
    Draft {
        id,
        queue: queue(dice, mood),
        owner: dice.small(2),
        content: u8::from(dice.percent(15)),
        priority: if mood.one_class { sealane_core::job::Priority::Normal } else { priority(dice) },
        start: match dice.percent(mood.delays) {
            false => Begin::After(0),
            true if dice.percent(50) => {
                Begin::After(dice.of(&[1, 400, 2_000, 4_000, limits::DELAY_MS_MAX + 1]))
            }
            true => Begin::At(dice.of(&[-500, 0, 1, 900, 3_500])),
        },
        ttl: dice.maybe(mood.short_lives, |dice| match dice.below(30) {
            0 => 0,
            1 => limits::TTL_MS_MAX + 1,
            _ => dice.between(1, 6_000),
        }),
        attempts: dice.maybe(30, |dice| match dice.below(30) {
            0 => 0,
            1 => limits::ATTEMPTS_MAX + 1,
            _ => u32::from(dice.small(3)) + 1,
        }),
        backoff: dice.maybe(15, backoff),
        key: dice.maybe(mood.keys, |dice| dice.small(4)),
        unique: dice.maybe(mood.unique, |dice| (dice.small(3), dice.percent(50))),
        session: match mood.one_session {
            true => Some(0),
            false => dice.maybe(mood.sessions, |dice| dice.small(SESSIONS)),
        },
        fair: dice.maybe(mood.fair, |dice| dice.small(3)),
        after: if waits { parents(dice, at) } else { Vec::new() },
        any: if waits && dice.percent(40) { parents(dice, at) } else { Vec::new() },
        on_failure: dice.of(OnFailure::ALL),
        clone_of: dice.maybe(8, original),
    }
}

fn parents(dice: &mut Dice, at: usize) -> Vec<Parent> {
    let unfinished = [State::Ready, State::Running, State::Blocked, State::Delayed, State::Dead];
    (0..dice.between(1, 2))
        .map(|_| match dice.below(10) {
            0..5 if at > 0 => Parent::Here(dice.size(at)),
            0..6 => Parent::Sent(Which::In(dice.of(&unfinished), number(dice))),
            _ => Parent::Sent(which(dice)),
        })
        .collect()
}

/// Mostly one that has ended.
fn original(dice: &mut Dice) -> Which {
    let ended = [State::Completed, State::Completed, State::Dead, State::Cancelled, State::Expired];
    match dice.below(10) {
        0..7 => Which::In(dice.of(&ended), number(dice)),
        _ => which(dice),
    }
}

fn backoff(dice: &mut Dice) -> Backoff {
    Backoff {
        shape: dice.of(BackoffShape::ALL),
        base: Millis::new(dice.of(&[100, 100, 1_000, 0])),
        cap: Millis::new(dice.of(&[100, 1_500, 60_000])),
        jitter_percent: dice.of(&[0, 10, 100]),
    }
}
