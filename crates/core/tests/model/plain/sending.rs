//! Accepting jobs: repeats, keys, unique jobs, room; one by one and together.

use sealane_core::id::JobId;
use sealane_core::job::State;
use sealane_core::limits;
use sealane_core::name::Principal;
use sealane_core::queue::{
    Acceptance, Enqueue, IdempotencyKey, Lifetime, OnConflict, QueueMode, SealingPolicy, SessionMode, Start,
    UniqueKey,
};
use sealane_core::time::Time;

use super::job::Job;
use super::settings::backoff_fits;
use super::{Plain, Reasons};

/// An answer that is kept under a key.
#[derive(Clone, Debug)]
pub struct Key {
    pub key: IdempotencyKey,
    pub answer: Acceptance,
    /// The last moment of its window.
    pub until: u64,
}

/// What becomes of a job that is sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// It was sent before.
    Known(Acceptance),
    /// Another one stands in for it.
    Merged(Acceptance),
    New,
}

impl Plain {
    /// Judges one job. `before` is what stood when its batch began: a flow is new or not as a whole.
    pub fn judge(&self, sent: &Enqueue<'_>, before: &Self) -> Result<Judged, Reasons> {
        let Some(queue) = self.queue(sent.queue) else { return Err(vec!["QueueUnknown"]) };
        if let Some(job) = self.find(&sent.job) {
            let same = job.digest == sent.digest;
            return if same { Ok(Judged::Known(job.answer())) } else { Err(vec!["JobIdConflict"]) };
        }
        let options = sent.options.cloned().unwrap_or_default();
        if let Some(key) = options.idempotency
            && let Some(kept) = self.kept(&key)
        {
            let same = kept.key.fingerprint == key.fingerprint;
            return if same { Ok(Judged::Known(kept.answer)) } else { Err(vec!["IdempotencyConflict"]) };
        }
        let settings = &self.queues[queue].settings;
        let mut no = Reasons::new();
        if settings.sealing == SealingPolicy::Required {
            no.push("SealingRequired");
        }
        match sent.job.unix_ms() {
            None => no.push("IdVersion"),
            Some(made) if made + limits::FINISHED_KEPT_MS < self.now => no.push("IdTooOld"),
            Some(made) if made > self.now + limits::ID_AHEAD_MS => no.push("IdAhead"),
            Some(_) => {}
        }
        if self.run_at(sent).saturating_sub(self.now) > settings.horizon.get() {
            no.push("Horizon");
        }
        match sent.ttl {
            Some(Lifetime::For(ttl)) if ttl.get() == 0 || ttl.get() > limits::TTL_MS_MAX => no.push("Ttl"),
            Some(Lifetime::Until(end)) => {
                let end = end.unix_ms();
                if end <= self.now || end - self.now > limits::TTL_MS_MAX {
                    no.push("ExpiresAt");
                }
            }
            _ => {}
        }
        let end = sent.ttl.map(|ttl| match ttl {
            Lifetime::For(ttl) => self.now.saturating_add(ttl.get()),
            Lifetime::Until(end) => end.unix_ms(),
        });
        if end.is_some_and(|end| end <= self.run_at(sent)) {
            no.push("ExpiresBeforeRun");
        }
        if sent.max_attempts.is_some_and(|attempts| attempts == 0 || attempts > limits::ATTEMPTS_MAX) {
            no.push("MaxAttempts");
        }
        if options.backoff.is_some_and(|backoff| !backoff_fits(&backoff)) {
            no.push("Settings");
        }
        if settings.sessions.mode == SessionMode::Required && options.session.is_none() {
            no.push("SessionRequired");
        }
        let original = options.clone_of.map(|original| before.find(&original));
        match original {
            Some(None) => no.push("CloneUnknown"),
            Some(Some(job)) if !job.state.is_over() => no.push("CloneNotEnded"),
            _ => {}
        }
        if let Some(unique) = &options.unique
            && let Some(holder) = self.holder(queue, unique)
        {
            if unique.on_conflict == OnConflict::Merge {
                let merged = Acceptance { merged: true, ..holder.answer() };
                return if no.is_empty() { Ok(Judged::Merged(merged)) } else { Err(no) };
            }
            no.push("UniqueTaken");
        }
        no.extend(self.no_room(queue));
        if let Some(links) = &options.links {
            if links.flow().is_some_and(|flow| before.flow_members(flow).next().is_some()) {
                no.push("FlowIdTaken");
            }
            if links.parents().any(|parent| self.find(parent).is_none()) {
                no.push("ParentUnknown");
            }
        }
        if no.is_empty() { Ok(Judged::New) } else { Err(no) }
    }

    /// Why a queue takes no further job.
    pub fn no_room(&self, queue: usize) -> Reasons {
        let mut no = Reasons::new();
        if self.queues[queue].mode == QueueMode::Draining {
            no.push("QueueDraining");
        }
        if !self.has_room(queue) {
            no.push("QueueFull");
        }
        no
    }

    fn run_at(&self, sent: &Enqueue<'_>) -> u64 {
        match sent.start {
            Start::After(delay) => self.now + delay.get(),
            Start::At(time) => time.unix_ms(),
        }
    }

    pub fn kept(&self, key: &IdempotencyKey) -> Option<&Key> {
        self.keys.iter().find(|kept| kept.key.key == key.key && self.now <= kept.until)
    }

    /// The job that has a unique key: any that has not ended.
    pub fn holder(&self, queue: usize, unique: &UniqueKey) -> Option<&Job> {
        self.live().find(|job| job.queue == queue && job.unique.is_some_and(|other| other.key == unique.key))
    }

    /// What follows from having judged it like that.
    pub fn send(&mut self, sent: &Enqueue<'_>, judged: &Judged) -> Acceptance {
        match judged {
            Judged::Known(answer) => *answer,
            Judged::Merged(answer) => {
                let queue = self.job(&answer.job).queue;
                self.keep(sent, queue, *answer);
                *answer
            }
            Judged::New => {
                let answer = self.take_in(sent);
                let queue = self.queue(sent.queue).expect("it was judged");
                self.keep(sent, queue, answer);
                answer
            }
        }
    }

    fn keep(&mut self, sent: &Enqueue<'_>, queue: usize, answer: Acceptance) {
        let Some(key) = sent.options.and_then(|options| options.idempotency) else { return };
        let until = self.now + self.queues[queue].settings.idempotency_window.get();
        self.keys.retain(|kept| kept.key.key != key.key);
        self.keys.push(Key { key, answer, until });
    }

    fn take_in(&mut self, sent: &Enqueue<'_>) -> Acceptance {
        let queue = self.queue(sent.queue).expect("it was judged");
        let options = sent.options.cloned().unwrap_or_default();
        let attempts = self.queues[queue].settings.retry.max_attempts;
        let mut job = Job::new(sent.job, sent.owner, queue, self.now, self.run_at(sent), self.next_place());
        job.digest = sent.digest;
        job.priority = sent.priority;
        job.expires = sent.ttl.map(|ttl| match ttl {
            Lifetime::For(ttl) => self.now + ttl.get(),
            Lifetime::Until(end) => end.unix_ms(),
        });
        job.max_attempts = sent.max_attempts.unwrap_or(attempts);
        job.backoff = options.backoff;
        (job.unique, job.session, job.fair) = (options.unique, options.session, options.fair_key);
        job.clone_of = options.clone_of;
        if let (None, Some(original)) = (job.fair, options.clone_of) {
            job.fair = self.job(&original).fair;
        }
        self.begin(job, options.links.as_deref())
    }

    /// A new job is there, and looks for those that it runs after.
    pub fn begin(&mut self, mut job: Job, links: Option<&sealane_core::queue::Links>) -> Acceptance {
        job.state = if job.run_at > self.now { State::Delayed } else { State::Ready };
        job.delayed_at_first = job.run_at > self.now;
        if let Some(links) = links {
            job.flow = links.flow();
            job.links = Some(self.look_at(links));
            job.blocked_at_first = !job.links.as_ref().is_some_and(super::job::Waits::is_met);
        }
        if job.blocked_at_first {
            job.state = State::Blocked;
        }
        let answer = job.answer();
        self.jobs.push(job);
        self.settle_rounds();
        answer
    }
}

impl Job {
    pub fn new(id: JobId, owner: &Principal, queue: usize, now: u64, run_at: u64, place: u64) -> Self {
        Self {
            id,
            digest: [0; 16],
            owner: owner.clone(),
            queue,
            origin: queue,
            priority: sealane_core::job::Priority::Normal,
            state: State::Ready,
            at: run_at,
            run_at,
            expires: None,
            created: now,
            begun: now,
            attempt: 0,
            before: 0,
            max_attempts: 1,
            backoff: None,
            redrives: 0,
            place,
            here: now,
            delayed_at_first: false,
            blocked_at_first: false,
            forgotten: false,
            running: None,
            settled: None,
            history: Vec::new(),
            death: None,
            held: None,
            deaths: Vec::new(),
            unique: None,
            session: None,
            fair: None,
            flow: None,
            links: None,
            firing: None,
            clone_of: None,
            reports: Vec::new(),
            progress: None,
            log: Vec::new(),
            log_dropped: 0,
            checkpoint: None,
        }
    }

    pub fn answer(&self) -> Acceptance {
        Acceptance {
            job: self.id,
            created_at: Time::from_unix_ms(self.created),
            delayed: self.delayed_at_first,
            blocked: self.blocked_at_first,
            merged: false,
        }
    }
}
