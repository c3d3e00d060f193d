//! A shard made of its rows, one after the other: what each row must be, and where it goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::RowError;
use super::row::{FinishedRow, IdempotencyRow, QueueRow, Row, ScheduleRow, SessionRow, ShardRow, SweepRow};
use crate::job::State;
use crate::queue::event::QueueNumber;
use crate::queue::finished::FinishedJob;
use crate::queue::job::Phase;
use crate::queue::keys::Kept;
use crate::queue::ready::Ready;
use crate::queue::schedule::Schedule;
use crate::queue::session::{Lock, Session};
use crate::queue::shard::{Queue, QueueCounts, Shard};
use crate::queue::sweep::Sweep;

/// A shard in the making.
#[derive(Debug, Default)]
pub struct Rebuild {
    pub(super) shard: Shard,
    begun: bool,
    /// Sequences of the live jobs: no two have one.
    pub(super) sequences: Vec<u64>,
    /// Finished jobs that came, by queue and how they ended.
    pub(super) finished: BTreeMap<(QueueNumber, State), u64>,
}

impl Rebuild {
    /// Takes the next row.
    ///
    /// # Errors
    /// When it is not one that can come next.
    pub fn take(&mut self, row: Row) -> Result<(), RowError> {
        if self.begun == matches!(row, Row::Shard(_)) {
            return Err(RowError::Order);
        }
        self.begun = true;
        match row {
            Row::Shard(row) => self.take_shard(row),
            Row::Queue(row) => return self.take_queue(&row),
            Row::FairKey(row) => {
                self.known_queue(row.queue)?;
                return self.shard.queue_at_mut(row.queue).ready.take_key(&row);
            }
            Row::Session(row) => return self.take_session(*row),
            Row::Job(row) => return self.take_job(*row),
            Row::Finished(row) => return self.take_finished(*row),
            Row::FinishedPlace { at, job } => self.shard.finished.order.push_back((at, job)),
            Row::LogPlace { job, key } => self.shard.logs.order.push_back((job, key)),
            Row::End(end) => {
                self.known_queue(end.origin)?;
                if self.shard.ends.insert(end.job, end).is_some() {
                    return Err(RowError::Twice { what: "end of a job" });
                }
            }
            Row::Idempotency(row) => return self.take_idempotency(row),
            Row::Schedule(row) => return self.take_schedule(*row),
            Row::Sweep(row) => return self.take_sweep(*row),
        }
        Ok(())
    }

    /// All rows came.
    ///
    /// # Errors
    /// When they do not make a shard.
    pub fn finish(mut self) -> Result<Shard, RowError> {
        if !self.begun {
            return Err(RowError::Order);
        }
        self.check_ends()?;
        Ok(self.shard)
    }

    pub(super) fn known_queue(&self, number: QueueNumber) -> Result<(), RowError> {
        match usize::try_from(number.0) {
            Ok(index) if index < self.shard.queues.len() => Ok(()),
            _ => Err(RowError::Unknown { what: "queue" }),
        }
    }

    fn take_shard(&mut self, row: ShardRow) {
        let ShardRow { next_sequence, last_at, at, forgotten_through_ms, sweep_turns } = row;
        self.shard.next_sequence = next_sequence;
        self.shard.last_at = last_at;
        self.shard.sessions.at = at;
        self.shard.finished.forgotten_through_ms = forgotten_through_ms;
        self.shard.sweeps.given = sweep_turns;
    }

    fn take_queue(&mut self, row: &QueueRow) -> Result<(), RowError> {
        let number = u32::try_from(self.shard.queues.len());
        let number = QueueNumber(number.map_err(|_| RowError::contradiction("there are too many queues"))?);
        if self.shard.names.insert(row.name.clone(), number).is_some() {
            return Err(RowError::Twice { what: "queue" });
        }
        if !row.deaths.is_sorted_by(|one, next| one.0 < next.0) {
            return Err(RowError::contradiction("the minutes of a queue's deaths do not ascend"));
        }
        let mut counts = QueueCounts::default();
        (counts.completed, counts.expired, counts.cancelled) = (row.completed, row.expired, row.cancelled);
        let mut queue = Queue {
            name: row.name.clone(),
            settings: row.settings,
            mode: row.mode,
            created_at: row.created_at,
            ready: Ready::of(row),
            dead: Default::default(),
            held: Default::default(),
            unique: Default::default(),
            died: Default::default(),
            counts,
        };
        queue.died.minutes = row.deaths.iter().copied().collect();
        queue.died.totals = row.died;
        self.shard.queues.push(queue);
        Ok(())
    }

    fn take_session(&mut self, row: SessionRow) -> Result<(), RowError> {
        let SessionRow { queue, session, name, hold, state } = row;
        self.known_queue(queue)?;
        let lock = hold.map(|hold| {
            Box::new(Lock {
                id: hold.id,
                holder: hold.holder,
                since: hold.since,
                until: hold.until,
                hold_until: hold.hold_until,
                idle_from: hold.idle_from,
                idle: hold.idle,
                out: 0,
            })
        });
        let session_of = Session { name, jobs: 0, offered: None, lock, state };
        match self.shard.sessions.sessions.insert((queue, session), session_of) {
            None => Ok(()),
            Some(_) => Err(RowError::Twice { what: "session" }),
        }
    }

    fn take_finished(&mut self, row: FinishedRow) -> Result<(), RowError> {
        let FinishedRow { job, at, result } = row;
        self.known_queue(job.queue)?;
        if !matches!(job.phase, Phase::Ended(_)) || !job.blocked_by.is_empty() {
            return Err(RowError::contradiction("a finished job has not ended"));
        }
        let (id, job) = self.job_of(job)?;
        if self.shard.jobs.contains_key(&id) {
            return Err(RowError::Twice { what: "job" });
        }
        *self.finished.entry((job.queue, job.state())).or_default() += 1;
        self.note_past(id, &job);
        let finished = &mut self.shard.finished;
        finished.attempts_kept += job.attempts_kept();
        finished.order.push_back((at, id));
        match finished.jobs.insert(id, FinishedJob { job, at, result }) {
            None => Ok(()),
            Some(_) => Err(RowError::Twice { what: "job" }),
        }
    }

    fn take_idempotency(&mut self, row: IdempotencyRow) -> Result<(), RowError> {
        let IdempotencyRow { key, answer, gone_at, sender } = row;
        let keys = &mut self.shard.keys;
        let sender = match keys.senders.get_key_value(&sender) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::new(sender),
        };
        *keys.senders.entry(Arc::clone(&sender)).or_default() += 1;
        keys.ends.insert((gone_at, key.key));
        let kept = Kept { fingerprint: key.fingerprint, answer, gone_at, sender };
        match keys.kept.insert(key.key, kept) {
            None => Ok(()),
            Some(_) => Err(RowError::Twice { what: "idempotency key" }),
        }
    }

    fn take_schedule(&mut self, row: ScheduleRow) -> Result<(), RowError> {
        self.known_queue(row.queue)?;
        let schedules = &mut self.shard.schedules;
        if schedules.by_id.contains_key(&row.id) || schedules.names.contains_key(&row.name) {
            return Err(RowError::Twice { what: "schedule" });
        }
        let schedule = Schedule {
            name: row.name,
            queue: row.queue,
            owner: row.owner,
            settings: row.settings,
            sealed: row.sealed,
            digest: row.digest,
            input: row.input,
            created_at: row.created_at,
            changed_at: row.changed_at,
            paused: row.paused,
            next: row.next,
            fired: row.fired,
            last: row.last,
            skips: row.skips,
            last_skip: row.last_skip,
        };
        schedules.insert(row.id, schedule);
        Ok(())
    }

    fn take_sweep(&mut self, row: SweepRow) -> Result<(), RowError> {
        let SweepRow { queue, wish, begun_at, done, through, due, turn } = row;
        self.known_queue(queue)?;
        let sweeps = &mut self.shard.sweeps;
        if turn > sweeps.given || sweeps.by_queue.values().any(|sweep| sweep.turn.1 == turn) {
            return Err(RowError::contradiction("two sweeps have one turn, or one has a turn to come"));
        }
        let turn = (due, turn);
        sweeps.turns.insert((turn, queue));
        match sweeps.by_queue.insert(queue, Sweep { wish, begun_at, done, through, turn }) {
            None => Ok(()),
            Some(_) => Err(RowError::Twice { what: "sweep" }),
        }
    }
}
