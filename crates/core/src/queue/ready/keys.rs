//! The fair keys of a queue: their jobs by class, their limits, and the rounds that they take turns in.
//!
//! Invariant: a key that may go on stands in the round of every class that it has waiting jobs in; one
//! whose rate is spent and that has waiting jobs stands among those that open by themselves; one whose
//! slots are full stands nowhere. A key without jobs is kept only while its rate is not full again, for
//! else it would have a fresh one with each job.

use std::collections::{BTreeMap, BTreeSet};

use super::FairKey;
use super::ageing::CLASSES;
use super::line::Line;
use crate::id::JobId;
use crate::limits;
use crate::queue::gate::{Gate, Standing};
use crate::queue::run_limit::RunLimit;
use crate::time::Time;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) keys: BTreeMap<FairKey, Key>,
    pub(super) limit: RunLimit,
    /// Whose turn it is, by class: the numbers of the turns ascend.
    pub(super) rounds: [BTreeMap<u64, FairKey>; CLASSES],
    pub(super) next_turn: u64,
    /// Keys with waiting jobs whose rate is spent, by when it lets them go on.
    pub(super) opening: BTreeSet<(Time, FairKey)>,
    /// Keys without jobs, by when nothing needs to be known of them any more.
    pub(super) idle: BTreeSet<(Time, FairKey)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    /// Jobs that have not ended, in whatever state.
    pub(super) jobs: u32,
    pub(super) gate: Gate,
    pub(super) standing: Standing,
    /// Waiting jobs by class.
    pub(super) lanes: [Option<Box<Lane>>; CLASSES],
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) line: Line,
    pub(super) turn: Option<u64>,
}

impl Key {
    pub(super) fn waits(&self) -> bool {
        self.lanes.iter().any(Option::is_some)
    }
}

impl Keys {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn takes(&self, key: FairKey, ahead: &BTreeSet<FairKey>, now: Time) -> bool {
        if self.keys.contains_key(&key) || ahead.contains(&key) {
            return true;
        }
        if self.keys.len() + ahead.len() < limits::FAIR_KEYS_MAX {
            return true;
        }
        let new = ahead.iter().filter(|key| !self.keys.contains_key(key)).count();
        // Why the look at the idle ones: those that are over make room with the next job.
        self.keys.len() + new < limits::FAIR_KEYS_MAX
            || self.idle.iter().take_while(|(over_at, _)| *over_at <= now).nth(new).is_some()
    }

    /// A job of this key is live from now on.
    pub(super) fn enter(&mut self, key: FairKey) {
        let known = self.keys.entry(key).or_default();
        if known.jobs == 0 && !self.idle.is_empty() {
            self.idle.remove(&(known.gate.full_at(&self.limit), key));
        }
        known.jobs += 1;
    }

    /// A job of this key is not live any more.
    pub(super) fn leave(&mut self, key: FairKey) {
        let Some(known) = self.keys.get_mut(&key) else { return };
        known.jobs = known.jobs.saturating_sub(1);
        if known.jobs == 0 {
            match known.gate.full_at(&self.limit) {
                over if over == Time::default() => {
                    self.keys.remove(&key);
                }
                over_at => {
                    self.idle.insert((over_at, key));
                }
            }
        }
    }

    /// Drops the keys of which nothing needs to be known any more.
    pub(super) fn forget(&mut self, now: Time) {
        while let Some((_, key)) = self.idle.first().filter(|(over_at, _)| *over_at <= now).copied() {
            self.idle.pop_first();
            self.keys.remove(&key);
        }
    }

    pub(super) fn insert(&mut self, key: FairKey, class: usize, (sequence, id): (u64, JobId), at: Time) {
        // Who waits already comes before who comes now. Whose rate let it go on while it had nothing to go on
        // with, stands among those that open from here on, and so comes before whoever is next.
        self.open(at);
        let Some(known) = self.keys.get_mut(&key) else { return };
        let waited = known.waits();
        let lane = known.lanes[class].get_or_insert_default();
        let first = lane.line.is_empty();
        lane.line.insert(sequence, id);
        match known.standing {
            Standing::Open if first => {
                lane.turn = Some(self.next_turn);
                self.rounds[class].insert(self.next_turn, key);
                self.next_turn += 1;
            }
            Standing::Spent(until) if !waited => {
                self.opening.insert((until, key));
            }
            _ => {}
        }
    }

    pub(super) fn remove(&mut self, key: FairKey, class: usize, sequence: u64) {
        let Some(known) = self.keys.get_mut(&key) else { return };
        let Some(lane) = &mut known.lanes[class] else { return };
        lane.line.remove(sequence);
        if lane.line.is_empty() {
            if let Some(turn) = lane.turn {
                self.rounds[class].remove(&turn);
            }
            known.lanes[class] = None;
        }
        if let Standing::Spent(until) = known.standing
            && !known.waits()
        {
            self.opening.remove(&(until, key));
        }
    }

    pub(super) fn begun(&mut self, key: FairKey) {
        self.changed(key, |gate, _| gate.begun());
    }

    pub(super) fn ended(&mut self, key: FairKey, at: Time) {
        self.open(at);
        self.changed(key, |gate, limit| {
            gate.ended();
            gate.catch_up(limit, at);
        });
    }

    /// Those whose rate lets them go on by now come to the ends of the rounds, before anybody else does.
    fn open(&mut self, at: Time) {
        while let Some((_, key)) = self.opening.first().filter(|(until, _)| *until <= at).copied() {
            self.changed(key, |gate, limit| gate.catch_up(limit, at));
        }
    }

    /// A job of this key and class was handed out: the key has had its turn.
    pub(super) fn served(&mut self, key: FairKey, class: usize, at: Time) {
        self.open(at);
        let lane = self.keys.get_mut(&key).and_then(|known| known.lanes[class].as_mut());
        if let Some(turn) = lane.and_then(|lane| lane.turn.as_mut()) {
            self.rounds[class].remove(turn);
            *turn = self.next_turn;
            self.rounds[class].insert(self.next_turn, key);
            self.next_turn += 1;
        }
        self.changed(key, |gate, limit| gate.spend(limit, at));
    }

    /// A job of this key was handed out and took no turn of it.
    pub(super) fn started(&mut self, key: FairKey, at: Time) {
        self.open(at);
        self.changed(key, |gate, limit| gate.spend(limit, at));
    }

    pub(super) fn give_back(&mut self, key: FairKey, at: Time) {
        self.open(at);
        self.changed(key, |gate, limit| gate.give_back(limit, at));
    }

    /// Keeps to another limit from now on. Looks at every key: somebody changed a setting.
    pub(super) fn set_limit(&mut self, limit: RunLimit, at: Time) {
        if self.limit == limit {
            return;
        }
        self.open(at);
        let refill = self.limit.rate != limit.rate;
        self.limit = limit;
        if refill {
            self.forget(Time::from_unix_ms(u64::MAX));
        }
        let all: Vec<FairKey> = self.keys.keys().copied().collect();
        for key in all {
            self.changed(key, |gate, _| {
                if refill {
                    gate.refill();
                }
            });
        }
    }

    /// From when on the first of them could have a job handed out.
    pub(super) fn opens_at(&self) -> Option<Time> {
        if self.rounds.iter().any(|round| !round.is_empty()) {
            return Some(Time::default());
        }
        self.opening.first().map(|(until, _)| *until)
    }

    /// Those whose turn it is in a class, in the order of their turns.
    pub(super) fn round(&self, class: usize) -> impl Iterator<Item = FairKey> {
        self.rounds[class].values().copied()
    }

    /// Those who will have come to the ends of the rounds by now, in their order.
    pub(super) fn opened(&self, now: Time) -> impl Iterator<Item = FairKey> {
        self.opening.iter().take_while(move |(until, _)| *until <= now).map(|(_, key)| *key)
    }

    /// How many more jobs of this key may start.
    pub(super) fn room(&self, key: FairKey, now: Time) -> u64 {
        self.keys.get(&key).map_or(0, |known| known.gate.room(&self.limit, now))
    }

    /// The next job of this key and class, behind a sequence.
    pub(super) fn next(&self, key: FairKey, class: usize, behind: Option<u64>) -> Option<(u64, JobId)> {
        self.keys.get(&key)?.lanes[class].as_ref()?.line.next(behind)
    }

    pub(super) fn same_jobs(&self, other: &Self) -> bool {
        let of = |keys: &Self| -> Vec<_> {
            let live = keys.keys.iter().filter(|(_, known)| known.jobs > 0);
            live.map(|(key, known)| {
                let lines = known.lanes.each_ref().map(|lane| lane.as_ref().map(|lane| lane.line.clone()));
                (*key, known.jobs, known.gate.running(), lines)
            })
            .collect()
        };
        of(self) == of(other)
    }

    /// Changes what a limit remembers of a key, and puts the key where it belongs then.
    fn changed(&mut self, key: FairKey, change: impl FnOnce(&mut Gate, &RunLimit)) {
        let Some(known) = self.keys.get_mut(&key) else { return };
        change(&mut known.gate, &self.limit);
        let standing = known.gate.standing(&self.limit);
        let before = std::mem::replace(&mut known.standing, standing);
        if before == standing {
            return;
        }
        if let Standing::Spent(until) = before {
            self.opening.remove(&(until, key));
        }
        if let Standing::Spent(until) = standing
            && known.waits()
        {
            self.opening.insert((until, key));
        }
        for (lane, round) in known.lanes.iter_mut().zip(&mut self.rounds) {
            let Some(lane) = lane else { continue };
            if let Some(turn) = lane.turn.take() {
                round.remove(&turn);
            }
            if standing == Standing::Open {
                lane.turn = Some(self.next_turn);
                round.insert(self.next_turn, key);
                self.next_turn += 1;
            }
        }
    }

    /// Says what does not fit together: the rounds, those that open, those that idle.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut rounds: [BTreeMap<u64, FairKey>; CLASSES] = Default::default();
        let (mut opening, mut idle) = (BTreeSet::new(), BTreeSet::new());
        for (key, known) in &self.keys {
            let open = known.standing == Standing::Open;
            for (class, lane) in known.lanes.iter().enumerate() {
                let Some(lane) = lane else { continue };
                if lane.line.is_empty() {
                    return Err(format!("{key:?} has an empty line"));
                }
                if open != lane.turn.is_some() {
                    return Err(format!("{key:?} is {:?} and its turn is {:?}", known.standing, lane.turn));
                }
                rounds[class].extend(lane.turn.map(|turn| (turn, *key)));
            }
            if let Standing::Spent(until) = known.standing
                && known.waits()
            {
                opening.insert((until, *key));
            }
            if known.jobs == 0 {
                idle.insert((known.gate.full_at(&self.limit), *key));
            }
            if known.standing != known.gate.standing(&self.limit) {
                return Err(format!("{key:?} stands as {:?}", known.standing));
            }
        }
        if rounds != self.rounds {
            return Err("the rounds are not those of the keys".to_owned());
        }
        if opening != self.opening {
            return Err("the keys that open are not those whose rate is spent".to_owned());
        }
        if idle != self.idle {
            return Err("the idle keys are not those without jobs".to_owned());
        }
        Ok(())
    }
}
