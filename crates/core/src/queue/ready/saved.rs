//! What of the ready index does not follow from the jobs: what limits remember, and whose turn it is.

use super::ageing::{CLASSES, Passed};
use super::keys::{Key, Lane};
use super::{FairKey, Ready, class};
use crate::id::JobId;
use crate::queue::event::QueueNumber;
use crate::queue::gate::{Gate, Standing};
use crate::queue::job::Job;
use crate::queue::state::{FairKeyRow, GateRow, QueueRow, RowError};

impl Gate {
    fn row(&self) -> GateRow {
        GateRow { missing: self.missing, at: self.at }
    }

    fn of(row: GateRow) -> Self {
        Self { running: 0, missing: row.missing, at: row.at }
    }
}

impl Ready {
    /// What a queue's row says of it.
    pub(in crate::queue) fn saved(&self) -> ([u32; CLASSES], GateRow, u64) {
        (self.passed.0, self.gate.row(), self.keys.next_turn)
    }

    /// A row for each fair key.
    pub(in crate::queue) fn key_rows(&self, queue: QueueNumber) -> impl Iterator<Item = FairKeyRow> {
        self.keys.keys.iter().map(move |(key, known)| FairKeyRow {
            queue,
            key: *key,
            gate: known.gate.row(),
            turns: known.lanes.each_ref().map(|lane| lane.as_ref().and_then(|lane| lane.turn)),
        })
    }

    /// Of a queue's row, without any job.
    pub(in crate::queue) fn of(row: &QueueRow) -> Self {
        let mut ready = Self {
            passed: Passed(row.passed),
            gate: Gate::of(row.gate),
            limit: row.settings.limit,
            ..Self::default()
        };
        ready.keys.limit = row.settings.limit_per_key;
        ready.keys.next_turn = row.next_turn;
        ready
    }

    /// Takes in what was remembered of a fair key, before any of its jobs. Turns stand in lines without
    /// jobs until these come.
    pub(in crate::queue) fn take_key(&mut self, row: &FairKeyRow) -> Result<(), RowError> {
        let mut known = Key { gate: Gate::of(row.gate), ..Key::default() };
        for (class, turn) in row.turns.iter().enumerate() {
            let Some(turn) = *turn else { continue };
            if turn >= self.keys.next_turn || self.keys.rounds[class].insert(turn, row.key).is_some() {
                return Err(RowError::contradiction(
                    "two fair keys have one turn, or one has a turn to come",
                ));
            }
            known.lanes[class] = Some(Box::new(Lane { turn: Some(turn), ..Lane::default() }));
        }
        match self.keys.keys.insert(row.key, known) {
            None => Ok(()),
            Some(_) => Err(RowError::Twice { what: "fair key" }),
        }
    }

    /// Whether this fair key came.
    pub(in crate::queue) fn knows_key(&self, key: FairKey) -> bool {
        self.keys.keys.contains_key(&key)
    }

    /// A job that has entered waits for a worker, in the turn that its key has.
    pub(in crate::queue) fn put_back(&mut self, id: JobId, job: &Job) {
        let class = class(job.priority);
        self.waiting[class] += 1;
        if let Some(known) = self.keys.keys.get_mut(&job.fair_key()) {
            known.lanes[class].get_or_insert_default().line.insert(job.sequence, id);
        }
    }

    /// All jobs came: puts each key where it belongs.
    pub(in crate::queue) fn settle_keys(&mut self) -> Result<(), RowError> {
        let keys = &mut self.keys;
        for (key, known) in &mut keys.keys {
            known.standing = known.gate.standing(&keys.limit);
            if let Standing::Spent(until) = known.standing
                && known.waits()
            {
                keys.opening.insert((until, *key));
            }
            if known.jobs == 0 {
                keys.idle.insert((known.gate.full_at(&keys.limit), *key));
            }
        }
        self.check().map_err(RowError::contradiction)
    }
}
