//! Schedules as people write them, and what a client does with them.

use std::time::Duration;

use sealane_api::problem::Code;
use sealane_api::v1::{FireOut, ScheduleIn, ScheduleListIn, ScheduleListOut, ScheduleOut};
use sealane_api::wire::{Text, Timestamp, from_rfc3339};
use sealane_core::id::ScheduleId;
use sealane_core::name::{QueueName, ScheduleName};
use sealane_core::queue::{MissedPolicy, OverlapPolicy, ScheduleAct};

use crate::client::Client;
use crate::error::Error;
use crate::job::Job;

/// When a job is sent, again and again, and what job.
///
/// With keys its body is sealed once, as a template for this schedule: it opens in this schedule's firings
/// and nowhere else. A server that means harm can let a schedule fire too often or not at all.
#[derive(Clone, Debug)]
#[must_use]
pub struct Schedule {
    cron: Option<(String, Option<String>)>,
    every: Option<(Duration, Option<String>)>,
    begins_at: Option<String>,
    ends_at: Option<String>,
    missed: Option<MissedPolicy>,
    overlap: Option<OverlapPolicy>,
    jitter: Option<Duration>,
    job: Job,
}

impl Schedule {
    /// By the clock in UTC: five fields (minute to day of week), six with seconds in front, seven with the
    /// year at the end.
    pub fn cron(pattern: impl Into<String>, job: Job) -> Self {
        Self { cron: Some((pattern.into(), None)), ..Self::of(job) }
    }

    /// By the clock of a place, called by its IANA name.
    pub fn cron_in(zone: impl Into<String>, pattern: impl Into<String>, job: Job) -> Self {
        Self { cron: Some((pattern.into(), Some(zone.into()))), ..Self::of(job) }
    }

    /// Each so long, first that long from now; a second or more.
    pub fn every(interval: Duration, job: Job) -> Self {
        Self { every: Some((interval, None)), ..Self::of(job) }
    }

    /// Each so long, counted from a first time (RFC 3339).
    pub fn every_from(interval: Duration, first: impl Into<String>, job: Job) -> Self {
        Self { every: Some((interval, Some(first.into()))), ..Self::of(job) }
    }

    fn of(job: Job) -> Self {
        Self {
            cron: None,
            every: None,
            begins_at: None,
            ends_at: None,
            missed: None,
            overlap: None,
            jitter: None,
            job,
        }
    }

    /// No firing before this time (RFC 3339).
    pub fn begins_at(mut self, time: impl Into<String>) -> Self {
        self.begins_at = Some(time.into());
        self
    }

    /// No firing after this time (RFC 3339).
    pub fn ends_at(mut self, time: impl Into<String>) -> Self {
        self.ends_at = Some(time.into());
        self
    }

    /// What becomes of firings that are more than a minute late; left out otherwise.
    pub fn missed(mut self, policy: MissedPolicy) -> Self {
        self.missed = Some(policy);
        self
    }

    /// What becomes of a firing while the job of an earlier one is not finished; it fires all the same
    /// otherwise.
    pub fn overlap(mut self, policy: OverlapPolicy) -> Self {
        self.overlap = Some(policy);
        self
    }

    /// Jobs begin up to so much later than they are due, by chance.
    pub fn jitter(mut self, at_most: Duration) -> Self {
        self.jitter = Some(at_most);
        self
    }
}

impl Client {
    /// Makes a schedule, or replaces what it was told.
    ///
    /// # Errors
    /// `schedule_state` when somebody else has a schedule of this name; when a rule is broken, when sealing
    /// failed or no answer came.
    pub async fn put_schedule(
        &self,
        name: &str,
        queue: &str,
        schedule: Schedule,
    ) -> Result<ScheduleOut, Error> {
        let name = ScheduleName::parse(name).map_err(Error::invalid)?;
        let queue = QueueName::parse(queue).map_err(Error::invalid)?;
        let id = match self.retry("schedule.get", || self.provider().schedule(&name)).await {
            Ok(present) => ScheduleId::parse(&present.id).map_err(Error::invalid)?,
            Err(error) if error.code() == Some(Code::NotFound) => {
                ScheduleId::from_bytes(*self.sealing().ids.next()?.as_bytes())
            }
            Err(error) => return Err(error),
        };
        let wish = ScheduleIn {
            id: Some(id.to_string()),
            job: self.sealing().prepare_template(&queue, id, schedule.job).await?,
            queue,
            cron: schedule.cron.as_ref().map(|(pattern, _)| Text::from(pattern.as_str())),
            time_zone: schedule.cron.as_ref().and_then(|(_, zone)| zone.as_deref().map(Text::from)),
            every_ms: schedule.every.as_ref().map(|(interval, _)| millis(*interval)),
            first_at: schedule.every.and_then(|(_, first)| first).as_deref().map(time).transpose()?,
            begins_at: schedule.begins_at.as_deref().map(time).transpose()?,
            ends_at: schedule.ends_at.as_deref().map(time).transpose()?,
            missed: schedule.missed.map(|policy| policy.to_string()),
            overlap: schedule.overlap.map(|policy| policy.to_string()),
            jitter_ms: schedule.jitter.map(millis),
        };
        self.retry("schedule.put", || self.provider().put_schedule(&name, &wish)).await
    }

    /// A schedule and its coming firings.
    ///
    /// # Errors
    /// When there is none to be seen or no answer came.
    pub async fn schedule(&self, name: &str) -> Result<ScheduleOut, Error> {
        let name = ScheduleName::parse(name).map_err(Error::invalid)?;
        self.retry("schedule.get", || self.provider().schedule(&name)).await
    }

    /// A page of the schedules that may be seen, by name.
    ///
    /// # Errors
    /// When it was refused or no answer came.
    pub async fn schedules(&self, page: &ScheduleListIn) -> Result<ScheduleListOut, Error> {
        self.retry("schedule.list", || self.provider().schedules(page)).await
    }

    /// Lets a schedule not fire until it is resumed.
    ///
    /// # Errors
    /// As [`Client::schedule`].
    pub async fn pause_schedule(&self, name: &str) -> Result<ScheduleOut, Error> {
        self.act_on_schedule(name, ScheduleAct::Pause).await
    }

    /// Lets a paused schedule fire again, from now on.
    ///
    /// # Errors
    /// As [`Client::schedule`].
    pub async fn resume_schedule(&self, name: &str) -> Result<ScheduleOut, Error> {
        self.act_on_schedule(name, ScheduleAct::Resume).await
    }

    async fn act_on_schedule(&self, name: &str, act: ScheduleAct) -> Result<ScheduleOut, Error> {
        let name = ScheduleName::parse(name).map_err(Error::invalid)?;
        self.retry("schedule.act", || self.provider().act_on_schedule(&name, act)).await
    }

    /// Sends one of a schedule's jobs now, beside the regular ones. Asks once: a second try could send a
    /// second job.
    ///
    /// # Errors
    /// `schedule_state` when its queue takes no job now; otherwise as [`Client::schedule`].
    pub async fn fire_schedule(&self, name: &str) -> Result<FireOut, Error> {
        let name = ScheduleName::parse(name).map_err(Error::invalid)?;
        self.reach().begin(self.provider().fire_schedule(&name)).await
    }

    /// Removes a schedule. Its jobs stay.
    ///
    /// # Errors
    /// As [`Client::schedule`].
    pub async fn remove_schedule(&self, name: &str) -> Result<(), Error> {
        let name = ScheduleName::parse(name).map_err(Error::invalid)?;
        self.reach().begin(self.provider().remove_schedule(&name)).await
    }
}

fn millis(length: Duration) -> u64 {
    // Why the upper end: the limits refuse it, where a wrapped number might pass.
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

fn time(text: &str) -> Result<Timestamp, Error> {
    let time = from_rfc3339(text).map(Timestamp);
    time.ok_or_else(|| Error::invalid("a time is written as in 2026-01-31T09:30:00Z"))
}
