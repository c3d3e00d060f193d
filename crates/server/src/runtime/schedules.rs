//! Schedules, carried out by the engine: what people ask of them, and firing them when they are due.

use std::sync::Arc;

use sealane_core::control::AccessKey;
use sealane_core::id::{JobId, ScheduleId};
use sealane_core::job::JobInput;
use sealane_core::limits;
use sealane_core::name::{Principal, QueueName, ScheduleName};
use sealane_core::queue::{
    Command, Event, Fire, Firing, PutSchedule, QueueNumber, ScheduleAct, ScheduleSettings, ScheduleView,
};
use sealane_core::record::RecordRef;
use sealane_core::time::Time;
use sealane_crypto::digest;
use sealane_storage::{CallerData, JournalError};

use super::engine::{Engine, Trouble, told};
use super::fault::Fault;
use super::request::Reply;

/// A schedule to put.
#[derive(Debug)]
pub struct NewSchedule {
    /// Its id.
    pub id: ScheduleId,
    /// Its name.
    pub name: ScheduleName,
    /// Where its jobs wait.
    pub queue: QueueName,
    /// Who puts it.
    pub owner: Principal,
    /// What it is told.
    pub settings: ScheduleSettings,
    /// What each of its jobs carries.
    pub input: Arc<JobInput>,
    /// Whether a schedule of another owner may not be replaced.
    pub own_only: bool,
    /// The key that it is put with.
    pub key: AccessKey,
    /// Digest over owner, queue and everything supplied for the jobs.
    pub digest: [u8; 16],
}

/// What can be asked about schedules.
pub(super) enum ScheduleRequest {
    /// Make one, or replace what it was told.
    Put {
        /// The schedule.
        schedule: Box<NewSchedule>,
        /// The schedule as it stands then.
        reply: Reply<Result<ScheduleView, Fault>>,
    },
    /// Pause or resume one.
    Act {
        /// Which.
        name: ScheduleName,
        /// What.
        act: ScheduleAct,
        /// The schedule as it stands then.
        reply: Reply<Result<ScheduleView, Fault>>,
    },
    /// Remove one.
    Remove {
        /// Which.
        name: ScheduleName,
        /// Whether it is gone.
        reply: Reply<Result<(), Fault>>,
    },
    /// Let one fire, out of turn.
    Fire {
        /// Which.
        name: ScheduleName,
        /// The firing and its job.
        reply: Reply<Result<(Firing, JobId), Fault>>,
    },
}

impl Engine {
    pub(super) fn schedule(&mut self, now: Time, request: ScheduleRequest) -> Result<(), JournalError> {
        match request {
            ScheduleRequest::Put { schedule, reply } => {
                let done = told(self.put_schedule(now, &schedule))?;
                self.answer(reply, done);
            }
            ScheduleRequest::Act { name, act, reply } => {
                let done = told(self.act_on_schedule(now, &name, act))?;
                self.answer(reply, done);
            }
            ScheduleRequest::Remove { name, reply } => {
                let done = told(self.remove_schedule(now, &name))?;
                self.answer(reply, done);
            }
            ScheduleRequest::Fire { name, reply } => {
                // Why: a template that was put in this very turn is readable once it is durable.
                self.finish_turn()?;
                let done = told(self.fire_asked(now, &name))?;
                self.answer(reply, done);
            }
        }
        Ok(())
    }

    /// Sees to what is due, so many in a turn; the rest is due in the next.
    pub(super) fn fire_due(&mut self, now: Time) -> Result<(), JournalError> {
        for _ in 0..limits::FIRINGS_PER_TURN_MAX {
            let Some(due) = self.shard().due_schedule(now) else { break };
            let firing = Firing { schedule: due.schedule, due: due.due };
            if self.no_room() || told(self.fire(now, firing, false, (due.input, due.queue)))?.is_err() {
                self.stuck = true;
                break;
            }
        }
        Ok(())
    }

    fn put_schedule(&mut self, now: Time, new: &NewSchedule) -> Result<ScheduleView, Trouble> {
        let events = self.decide(
            now,
            &Command::PutSchedule(PutSchedule {
                id: new.id,
                name: &new.name,
                queue: &new.queue,
                owner: &new.owner,
                settings: &new.settings,
                input: &new.input,
                own_only: new.own_only,
                opens: &|queue| new.key.opens(queue),
                digest: new.digest,
            }),
        )?;
        if !events.is_empty() && self.no_room() {
            return Err(Trouble::Fault(Fault::StorageFull));
        }
        for event in events {
            let Event::SchedulePut(put) = &event else {
                unreachable!("putting a schedule makes one kind of event")
            };
            let data = CallerData::Job { queue: put.queue, input: &new.input };
            self.append(event, Some(data))?;
        }
        Ok(self.shard().schedule(&new.name).expect("the schedule was just put or was there"))
    }

    fn act_on_schedule(
        &mut self,
        now: Time,
        name: &ScheduleName,
        act: ScheduleAct,
    ) -> Result<ScheduleView, Trouble> {
        for event in self.decide(now, &Command::ActOnSchedule { schedule: name, act })? {
            self.append(event, None)?;
        }
        Ok(self.shard().schedule(name).expect("a command about a schedule is honoured where there is one"))
    }

    fn remove_schedule(&mut self, now: Time, name: &ScheduleName) -> Result<(), Trouble> {
        for event in self.decide(now, &Command::RemoveSchedule { schedule: name })? {
            self.append(event, None)?;
        }
        Ok(())
    }

    fn fire_asked(&mut self, now: Time, name: &ScheduleName) -> Result<(Firing, JobId), Trouble> {
        let view = self.shard().schedule(name).ok_or(sealane_core::queue::Refusal::ScheduleUnknown)?;
        if self.no_room() {
            return Err(Trouble::Fault(Fault::StorageFull));
        }
        let firing = Firing { schedule: view.id, due: now };
        self.fire(now, firing, true, (view.input, view.queue)).map(|job| (firing, job))
    }

    fn fire(
        &mut self,
        now: Time,
        firing: Firing,
        asked: bool,
        (template, queue): (RecordRef, QueueNumber),
    ) -> Result<JobId, Trouble> {
        let job = firing.job(digest::sha256);
        let input = self.template(template)?;
        let fire = Fire { firing, job, asked, readable: input.is_some() };
        for event in self.decide(now, &Command::Fire(fire))? {
            let input = input.as_ref().filter(|_| matches!(event, Event::JobEnqueued(_)));
            self.append(event, input.map(|input| CallerData::Job { queue, input }))?;
        }
        Ok(job)
    }

    /// A schedule's template; nothing where its record does not open. Damage of the disk ends the engine.
    fn template(&self, record: RecordRef) -> Result<Option<Arc<JobInput>>, Trouble> {
        match self.records.read_job(record) {
            Ok(input) => Ok(Some(input)),
            Err(error) if error.holds_the_job() => {
                tracing::error!(error = %error, "a schedule's template cannot be opened: its firing is left out");
                Ok(None)
            }
            Err(error) => {
                tracing::error!(error = %error, "a schedule's template is damaged: the server stops");
                Err(Trouble::Journal(JournalError::Poisoned))
            }
        }
    }
}

#[cfg(test)]
impl Engine {
    /// So many schedules that are first due at second 1.
    pub(super) fn put_each_second(&mut self, count: usize) {
        use sealane_core::cadence::Cadence;
        use sealane_core::control::{QueuePattern, Role};
        use sealane_core::job::Priority;
        use sealane_core::name::{KeyId, Kind};
        use sealane_core::queue::{MissedPolicy, OverlapPolicy, QueueSettings, SealingPolicy};
        use sealane_core::time::Millis;

        let (now, queue) = (Time::default(), QueueName::parse("q").unwrap());
        let settings = QueueSettings { sealing: SealingPolicy::Allowed, ..QueueSettings::default() };
        for event in self.decide(now, &Command::PutQueue { queue: &queue, settings }).ok().unwrap() {
            assert!(self.append(event, None).is_ok());
        }
        let key = AccessKey {
            id: KeyId::parse("aaaaaaaaaaaaaaaa").unwrap(),
            principal: Principal::parse("p").unwrap(),
            role: Role::Admin,
            queues: vec![QueuePattern::parse("**").unwrap()],
            hash: [0; 32],
            created_at: now,
            expires_at: now,
            revoked_at: None,
        };
        let input = Arc::new(JobInput {
            kind: Kind::parse("k").unwrap(),
            body: Vec::new(),
            content_type: None,
            attributes: Default::default(),
            session_id: None,
            correlation_id: None,
            subject: None,
            tags: Vec::new(),
        });
        for number in 0..count {
            let every = Millis::new(1_000);
            let new = NewSchedule {
                id: ScheduleId::from_bytes(u128::try_from(number).unwrap().to_be_bytes()),
                name: ScheduleName::parse(&format!("s{number}")).unwrap(),
                queue: queue.clone(),
                owner: Principal::parse("p").unwrap(),
                settings: ScheduleSettings {
                    cadence: Cadence::Every { every, from: now.plus(every) },
                    begins_at: None,
                    ends_at: None,
                    missed: MissedPolicy::Skip,
                    overlap: OverlapPolicy::Allow,
                    jitter: Millis::default(),
                    priority: Priority::Normal,
                    ttl: None,
                    max_attempts: None,
                    options: None,
                },
                input: Arc::clone(&input),
                own_only: false,
                key: key.clone(),
                digest: [0; 16],
            };
            assert!(self.put_schedule(now, &new).is_ok());
        }
        self.finish_turn().unwrap();
    }

    pub(super) fn waiting_jobs(&self) -> usize {
        self.shard().live_jobs()
    }
}
