//! A shard's list of rows.

use std::collections::BTreeSet;

use super::JobRow;
use super::row::{
    FinishedRow, HoldRow, IdempotencyRow, QueueRow, Row, ScheduleRow, SessionRow, ShardRow, SweepRow,
};
use crate::id::JobId;
use crate::queue::event::QueueNumber;
use crate::queue::job::Job;
use crate::queue::keys::IdempotencyKey;
use crate::queue::session::{Lock, Session};
use crate::queue::shard::{Queue, Shard};

impl Shard {
    /// Everything in it, one row each.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        let first = Row::Shard(ShardRow {
            next_sequence: self.next_sequence,
            last_at: self.last_at,
            at: self.sessions.at,
            forgotten_through_ms: self.finished.forgotten_through_ms,
            sweep_turns: self.sweeps.given,
        });
        std::iter::once(first)
            .chain(self.queues.iter().map(|queue| Row::Queue(Box::new(queue_row(queue)))))
            .chain(self.fair_key_rows())
            .chain(self.session_rows())
            .chain(self.jobs.iter().map(|(id, job)| Row::Job(Box::new(self.job_row(*id, job)))))
            .chain(self.finished_rows())
            .chain(self.logs.order.iter().map(|(job, key)| Row::LogPlace { job: *job, key: *key }))
            .chain(self.ends.values().copied().map(Row::End))
            .chain(self.idempotency_rows())
            .chain(self.schedule_rows())
            .chain(self.sweep_rows())
    }

    fn fair_key_rows(&self) -> impl Iterator<Item = Row> {
        let numbered = (0..).map(QueueNumber).zip(&self.queues);
        numbered
            .flat_map(|(number, queue)| queue.ready.key_rows(number))
            .map(|row| Row::FairKey(Box::new(row)))
    }

    fn session_rows(&self) -> impl Iterator<Item = Row> {
        self.sessions.sessions.iter().map(|((queue, token), session)| {
            let Session { name, jobs: _, offered: _, lock, state } = session;
            Row::Session(Box::new(SessionRow {
                queue: *queue,
                session: *token,
                name: *name,
                hold: lock.as_deref().map(hold_row),
                state: *state,
            }))
        })
    }

    fn job_row(&self, id: JobId, job: &Job) -> JobRow {
        let waits = |parent: &&JobId| self.waiting.get(parent).is_some_and(|waits| waits.contains(&id));
        let parents = job.links().into_iter().flat_map(|links| links.parents());
        // Why a set: they are to ascend, whether all of them or one of them is waited for.
        let blocked_by: BTreeSet<JobId> = parents.filter(waits).copied().collect();
        JobRow::of(id, job, blocked_by.into_iter().collect())
    }

    fn finished_rows(&self) -> impl Iterator<Item = Row> {
        let mut told = BTreeSet::new();
        self.finished.order.iter().map(move |(at, id)| match self.finished.get(id) {
            // Why once: a job that ended, was taken back and ended again at the same time has two places.
            Some(finished) if finished.at == *at && told.insert(*id) => {
                Row::Finished(Box::new(FinishedRow {
                    job: JobRow::of(*id, &finished.job, Vec::new()),
                    at: *at,
                    result: finished.result,
                }))
            }
            _ => Row::FinishedPlace { at: *at, job: *id },
        })
    }

    fn idempotency_rows(&self) -> impl Iterator<Item = Row> {
        self.keys.kept.iter().map(|(key, kept)| {
            Row::Idempotency(IdempotencyRow {
                key: IdempotencyKey { key: *key, fingerprint: kept.fingerprint },
                answer: kept.answer,
                gone_at: kept.gone_at,
                sender: (*kept.sender).clone(),
            })
        })
    }

    fn schedule_rows(&self) -> impl Iterator<Item = Row> {
        self.schedules.by_id.iter().map(|(id, schedule)| {
            Row::Schedule(Box::new(ScheduleRow {
                id: *id,
                name: schedule.name.clone(),
                queue: schedule.queue,
                owner: schedule.owner.clone(),
                settings: schedule.settings.clone(),
                sealed: schedule.sealed,
                digest: schedule.digest,
                input: schedule.input,
                created_at: schedule.created_at,
                changed_at: schedule.changed_at,
                paused: schedule.paused,
                next: schedule.next,
                fired: schedule.fired,
                last: schedule.last,
                skips: schedule.skips,
                last_skip: schedule.last_skip,
            }))
        })
    }

    fn sweep_rows(&self) -> impl Iterator<Item = Row> {
        self.sweeps.by_queue.iter().map(|(queue, sweep)| {
            let (due, turn) = sweep.turn;
            Row::Sweep(Box::new(SweepRow {
                queue: *queue,
                wish: sweep.wish.clone(),
                begun_at: sweep.begun_at,
                done: sweep.done,
                through: sweep.through,
                due,
                turn,
            }))
        })
    }
}

fn queue_row(queue: &Queue) -> QueueRow {
    let (passed, gate, next_turn) = queue.ready.saved();
    QueueRow {
        name: queue.name.clone(),
        settings: queue.settings,
        mode: queue.mode,
        created_at: queue.created_at,
        completed: queue.counts.completed,
        expired: queue.counts.expired,
        cancelled: queue.counts.cancelled,
        deaths: queue.died.minutes.iter().copied().collect(),
        died: queue.died.totals,
        passed,
        gate,
        next_turn,
    }
}

fn hold_row(lock: &Lock) -> HoldRow {
    let Lock { id, holder, since, until, hold_until, idle_from, idle, out: _ } = lock;
    HoldRow {
        id: *id,
        holder: holder.clone(),
        since: *since,
        until: *until,
        hold_until: *hold_until,
        idle_from: *idle_from,
        idle: *idle,
    }
}
