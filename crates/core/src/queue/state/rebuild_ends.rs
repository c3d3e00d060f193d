//! What can be judged only when all rows are there: who waits for whom, whose turn it is, what fits
//! together.

use super::error::RowError;
use super::rebuild::Rebuild;
use crate::job::Priority;
use crate::queue::job::Phase;
use crate::queue::session::invariants::check_one;
use crate::queue::{event::QueueNumber, parents};

impl Rebuild {
    pub(super) fn check_ends(&mut self) -> Result<(), RowError> {
        self.sequences.sort_unstable();
        if self.sequences.windows(2).any(|two| two[0] == two[1]) {
            return Err(RowError::Twice { what: "place of a job" });
        }
        self.offer_sessions()?;
        for (number, queue) in (0..).map(QueueNumber).zip(&mut self.shard.queues) {
            queue.ready.settle_keys()?;
            for ((_, state), remembered) in self
                .finished
                .range((number, crate::job::State::ALL[0])..)
                .take_while(|((of, _), _)| *of == number)
            {
                if queue.counts.of(*state) < *remembered {
                    return Err(RowError::contradiction("more jobs are remembered than have ended"));
                }
            }
        }
        let logs = &self.shard.logs;
        if logs.order.len() < logs.kept {
            return Err(RowError::contradiction("log entries have no place among those that leave"));
        }
        if self.shard.ends.keys().any(|parent| !self.shard.waiting.contains_key(parent)) {
            return Err(RowError::contradiction("the end of a job is kept that nobody waits for"));
        }
        parents::check::edges(&self.shard).map_err(RowError::contradiction)
    }

    /// Makes the indexes over the sessions, and puts the first job of each free one among those that wait
    /// for a worker.
    fn offer_sessions(&mut self) -> Result<(), RowError> {
        let shard = &mut self.shard;
        let keys: Vec<_> = shard.sessions.sessions.keys().copied().collect();
        for key in keys {
            let first = shard.sessions.first(key).next();
            let Some(session) = shard.sessions.sessions.get_mut(&key) else { continue };
            let counts = shard.sessions.counts.entry(key.0).or_default();
            counts.sessions += 1;
            counts.with_state += u64::from(session.state.is_some());
            shard.sessions.states += usize::from(session.state.is_some());
            if let Some(lock) = session.lock.as_deref() {
                counts.held += 1;
                shard.sessions.ends.insert((lock.ends(), key.0, key.1));
                *shard.sessions.held_by.entry(lock.holder.clone()).or_default() += 1;
            }
            let first = first.filter(|_| session.lock.is_none());
            let first = first.and_then(|id| shard.jobs.get(&id).map(|job| (id, job)));
            if let Some((id, job)) = first.filter(|(_, job)| job.phase == Phase::Ready) {
                session.offered = Some(id);
                let urgent = job.priority == Priority::Critical;
                shard.sessions.free.insert((key.0, !urgent, job.sequence, key.1));
                crate::queue::shard::queue_in(&mut shard.queues, key.0).ready.put_back(id, job);
            }
        }
        shard
            .sessions
            .sessions
            .iter()
            .try_for_each(|(key, session)| check_one(shard, *key, session))
            .map_err(RowError::contradiction)
    }
}
