//! Whether what is sent was sent before, and what it is answered then. In this order: by the job's id,
//! by its idempotency key, by its unique key.

use super::ahead::Ahead;
use super::command::Enqueue;
use super::event::{Event, JobEnqueued};
use super::job::Job;
use super::keys::Acceptance;
use super::refusal::Refusal;
use super::shard::Shard;
use super::unique::{OnConflict, UniqueKey};
use crate::id::JobId;
use crate::time::Time;

impl Shard {
    /// What an enqueue that was honoured is answered: the same for each repeat.
    pub fn acceptance(&self, now: Time, command: &Enqueue<'_>) -> Option<Acceptance> {
        let own = self.jobs.get(&command.job);
        let own = own.or_else(|| self.finished.get(&command.job).map(|finished| &finished.job));
        if let Some(job) = own {
            return Some(job.acceptance(command.job, false));
        }
        if let Some(key) = command.options.and_then(|options| options.idempotency)
            && let Ok(Some(answer)) = self.keys.answer(now, &key)
        {
            return Some(answer);
        }
        let unique = command.options.and_then(|options| options.unique)?;
        let holder = self.unique_holder(self.queue_number(command.queue)?, &unique.key)?;
        self.jobs.get(&holder).map(|job| job.acceptance(holder, true))
    }

    /// How many idempotency keys are kept.
    pub fn idempotency_keys(&self) -> usize {
        self.keys.len()
    }

    /// Whether the same was sent before, by its id or by its idempotency key.
    pub(super) fn is_repeated(
        &self,
        now: Time,
        command: &Enqueue<'_>,
        ahead: &Ahead,
    ) -> Result<bool, Refusal> {
        let known = self.jobs.get(&command.job).map(|job| job.digest);
        let known = known.or_else(|| self.finished.get(&command.job).map(|finished| finished.job.digest));
        if let Some(digest) = known.or_else(|| ahead.digest(&command.job)) {
            return if digest == command.digest { Ok(true) } else { Err(Refusal::JobIdConflict) };
        }
        let Some(key) = command.options.and_then(|options| options.idempotency) else { return Ok(false) };
        Ok(self.keys.answer(now, &key)?.is_some() || ahead.has_key(&key)?)
    }

    /// Refuses an idempotency key that there is no room for.
    pub(super) fn has_room_for_key(&self, command: &Enqueue<'_>, ahead: &Ahead) -> Result<(), Refusal> {
        if command.options.is_none_or(|options| options.idempotency.is_none()) {
            return Ok(());
        }
        self.keys.room(command.owner, ahead.keys(), ahead.keys_of(command.owner))
    }

    /// A job whose unique key another one has: refused, or the other one stands in for it. That is
    /// stored where an idempotency key was given, since the answer must stay the same.
    pub(super) fn decide_conflict(
        &self,
        now: Time,
        command: &Enqueue<'_>,
        unique: &UniqueKey,
        holder: JobId,
        ahead: &Ahead,
    ) -> Result<Vec<Event>, Refusal> {
        if unique.on_conflict == OnConflict::Refuse {
            return Err(self.unique_taken(holder));
        }
        let Some(key) = command.options.and_then(|options| options.idempotency) else {
            return Ok(Vec::new());
        };
        self.has_room_for_key(command, ahead)?;
        Ok(vec![Event::JobMerged { job: holder, sender: command.owner.clone(), key, at: now }])
    }

    pub(super) fn merged(&mut self, event: &Event) {
        let Event::JobMerged { job: id, sender, key, at } = event else { return };
        let Some(job) = self.jobs.get(id) else { return };
        let (answer, window) =
            (job.acceptance(*id, true), self.queue_at(job.queue).settings.idempotency_window);
        self.keys.keep(key, sender, answer, *at, window);
    }

    /// Keeps the answer to a job that came with an idempotency key.
    pub(super) fn keep_answer(&mut self, event: &JobEnqueued) {
        let Some(key) = event.options.as_ref().and_then(|options| options.idempotency) else { return };
        let window = self.queue_at(event.queue).settings.idempotency_window;
        let delayed = event.run_at > event.at;
        let answer = Acceptance { job: event.job, created_at: event.at, delayed, merged: false };
        self.keys.keep(&key, &event.owner, answer, event.at, window);
    }
}

impl Job {
    fn acceptance(&self, job: JobId, merged: bool) -> Acceptance {
        Acceptance { job, created_at: self.created_at, delayed: self.delayed_at_first, merged }
    }
}
