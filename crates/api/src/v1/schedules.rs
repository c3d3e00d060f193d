//! Schedules: jobs that are sent by time.

use sealane_core::cadence::Cadence;
use sealane_core::id::ScheduleId;
use sealane_core::job::JobInput;
use sealane_core::limits;
use sealane_core::name::{CronPattern, Principal, QueueName, ScheduleName, ZoneName};
use sealane_core::queue::{
    Firing, JobOptions, Lifetime, MissedPolicy, OverlapPolicy, ScheduleSettings, ScheduleView, Start,
};
use sealane_core::time::{Millis, Time};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use super::jobs::{JobIn, JobParts};
use super::keys::MakeToken;
use crate::problem::Problem;
use crate::wire::{Text, Timestamp};

/// How many of the coming firings a schedule shows.
const COMING: usize = 5;

/// A schedule, as wished. What is absent takes its default.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleIn {
    /// A UUID. Required for a sealed body, which is a template bound to it; made by the server where absent.
    /// Stays the same for as long as the schedule is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The queue that its jobs are sent to.
    #[serde(serialize_with = "as_text", deserialize_with = "queue_name")]
    #[schema(value_type = String)]
    pub queue: QueueName,
    /// When it fires, by the clock: five fields (minute to day of week), six with seconds in front, seven
    /// with the year at the end. This or `every_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<Text>,
    /// The time zone of that clock, by its IANA name; `UTC` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Text>,
    /// The interval at which it fires, in milliseconds, 1000 and more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<u64>,
    /// The first firing of an interval, from which all others are counted; one interval from now where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_at: Option<Timestamp>,
    /// No firing before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins_at: Option<Timestamp>,
    /// No firing after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// Firings more than a minute late are missed: `skip` (the default) leaves them out, `once` makes one job
    /// of them, `all` a job of each, as far back as a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<String>,
    /// While the job of an earlier firing is not finished: `allow` (the default) fires all the same, `skip`
    /// leaves the firing out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<String>,
    /// Each job begins up to so much later than it is due, by chance, in milliseconds; 0 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<u64>,
    /// What each of its jobs is. No `id`, `delay_ms`, `run_at` and `expires_at`: those follow from the firing. A sealed body
    /// is a template, sealed once for the schedule's id.
    pub job: JobIn,
}

fn as_text<S: Serializer>(queue: &QueueName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(queue.as_str())
}

fn queue_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<QueueName, D::Error> {
    let text = String::deserialize(deserializer)?;
    QueueName::parse(&text).map_err(serde::de::Error::custom)
}

/// A schedule, every part checked but for what its queue has to say.
#[derive(Clone, Debug)]
pub struct ScheduleParts {
    /// The id, where one was given.
    pub id: Option<ScheduleId>,
    /// What it is told.
    pub settings: ScheduleSettings,
    /// What each of its jobs is.
    pub job: JobParts,
}

impl ScheduleIn {
    /// Reads it. `before`: when the schedule of this name fires now, where there is one; an interval that
    /// stays the same goes on as it was counted. Looks for the first firing, which takes its time for a
    /// pattern that has none.
    ///
    /// # Errors
    /// Where a rule is broken.
    pub fn parts(self, now: Time, before: Option<&Cadence>) -> Result<ScheduleParts, Problem> {
        if self.job.id.is_some() {
            return Err(Problem::invalid("a schedule's jobs have ids that follow from it: leave job.id out"));
        }
        let id = self.id.as_deref().map(ScheduleId::parse).transpose().map_err(Problem::invalid)?;
        let cadence = cadence(self.cron, self.time_zone, self.every_ms, self.first_at, (now, before))?;
        let word = |what: &str, words: &str| Problem::invalid(format!("{what} must be one of {words}"));
        let missed = self.missed.as_deref().map_or(Ok(MissedPolicy::Skip), |text| {
            MissedPolicy::parse(text).ok_or_else(|| word("missed", "skip, once, all"))
        })?;
        let overlap = self.overlap.as_deref().map_or(Ok(OverlapPolicy::Allow), |text| {
            OverlapPolicy::parse(text).ok_or_else(|| word("overlap", "allow, skip"))
        })?;
        let delayed = self.job.delay_ms.is_some() || self.job.run_at.is_some();
        let mut job = JobParts::try_from(self.job)?;
        if delayed || job.start != Start::After(Millis::default()) {
            return Err(Problem::invalid(
                "a schedule's jobs are sent when they are due: leave job.delay_ms and job.run_at out",
            ));
        }
        if job.idempotency.is_some() || job.unique.is_some() {
            return Err(Problem::invalid(
                "a schedule's jobs are told apart by their due times: leave job.idempotency_key and job.unique out, and see overlap",
            ));
        }
        if job.options.clone_of.is_some() {
            return Err(Problem::invalid("a schedule's jobs repeat no other job: leave job.clone_of out"));
        }
        if job.options.links.is_some() {
            return Err(Problem::invalid(
                "a schedule's jobs wait for no others: leave job.after and job.after_any out",
            ));
        }
        let ttl = match job.ttl {
            None => None,
            Some(Lifetime::For(ttl)) => Some(ttl),
            Some(Lifetime::Until(_)) => {
                return Err(Problem::invalid(
                    "a schedule's jobs expire so long after they are due: give job.ttl_ms in place of job.expires_at",
                ));
            }
        };
        let settings = ScheduleSettings {
            cadence,
            begins_at: self.begins_at.map(|time| time.0),
            ends_at: self.ends_at.map(|time| time.0),
            missed,
            overlap,
            jitter: Millis::new(self.jitter_ms.unwrap_or(0)),
            priority: job.priority,
            ttl,
            max_attempts: job.max_attempts,
            options: std::mem::take(&mut job.options).boxed(),
        };
        settings.check(now).map_err(Problem::invalid)?;
        Ok(ScheduleParts { id, settings, job })
    }
}

impl ScheduleParts {
    /// Has tokens in the place of the texts that its jobs are told apart by.
    pub fn tokenise(&mut self, queue: &QueueName, owner: &Principal, token: MakeToken<'_>) {
        let sent = self.job.tokenised(queue, owner, token);
        let options = self.settings.options.take().map_or_else(JobOptions::default, |options| *options);
        self.settings.options =
            JobOptions { session: sent.session, fair_key: sent.fair_key, ..options }.boxed();
    }
}

fn cadence(
    cron: Option<Text>,
    time_zone: Option<Text>,
    every_ms: Option<u64>,
    first_at: Option<Timestamp>,
    (now, before): (Time, Option<&Cadence>),
) -> Result<Cadence, Problem> {
    match (cron, every_ms) {
        (Some(pattern), None) => {
            if first_at.is_some() {
                return Err(Problem::invalid("first_at belongs to every_ms: for cron give begins_at"));
            }
            let zone = time_zone.map_or_else(|| ZoneName::parse("UTC"), |zone| ZoneName::take(zone.0));
            Ok(Cadence::Cron {
                pattern: CronPattern::take(pattern.0).map_err(Problem::invalid)?,
                zone: zone.map_err(Problem::invalid)?,
            })
        }
        (None, Some(ms)) => {
            if time_zone.is_some() {
                return Err(Problem::invalid(
                    "time_zone belongs to cron: an interval is the same everywhere",
                ));
            }
            let every = Millis::new(ms);
            let from = match (first_at, before) {
                (Some(time), _) => time.0,
                (None, Some(Cadence::Every { every: same, from })) if *same == every => *from,
                (None, _) => now.plus(every),
            };
            Ok(Cadence::Every { every, from })
        }
        _ => Err(Problem::invalid("give cron or every_ms, one of them")),
    }
}

/// Which firing of which schedule a job is. A sealed body is then the schedule's template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FiringOut {
    /// The schedule's id.
    pub schedule_id: String,
    /// When it was due.
    pub due_at: Timestamp,
}

impl From<&Firing> for FiringOut {
    fn from(firing: &Firing) -> Self {
        Self { schedule_id: firing.schedule.to_string(), due_at: Timestamp(firing.due) }
    }
}

/// A firing that became a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FiredOut {
    /// When it was due.
    pub due_at: Timestamp,
    /// The job.
    pub job_id: String,
    /// When it fired.
    pub at: Timestamp,
}

/// A firing that was left out, or a row of missed ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SkippedOut {
    /// When the first of them was due.
    pub due_at: Timestamp,
    /// `missed`, `overlap`, `queue_full`, `queue_draining`, `too_many_jobs`, `sealing`, `unreadable`,
    /// `repeated`, `too_many_keys` or `session_required`.
    pub because: String,
    /// When that was found.
    pub at: Timestamp,
}

/// A schedule as it stands. The body of its jobs is not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleOut {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The queue that its jobs are sent to.
    pub queue: String,
    /// Who put it, and owns its jobs.
    pub owner: String,
    /// The pattern by which it fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The time zone of the pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The interval at which it fires, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<u64>,
    /// The firing that an interval is counted from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_at: Option<Timestamp>,
    /// No firing before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins_at: Option<Timestamp>,
    /// No firing after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// What becomes of missed firings.
    pub missed: String,
    /// What becomes of a firing while an earlier job is not finished.
    pub overlap: String,
    /// Up to so much later than due each job begins, in milliseconds.
    pub jitter_ms: u64,
    /// Whether it is paused.
    pub paused: bool,
    /// The coming firings, as many as five. None: it is paused or over.
    pub next: Vec<Timestamp>,
    /// Firings that became jobs.
    pub fired: u64,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<FiredOut>,
    /// Times that something was left out; a row of missed firings is one.
    pub skips: u64,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_skip: Option<SkippedOut>,
    /// How urgent its jobs are.
    pub priority: String,
    /// What sort of jobs they are; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// When it was put first.
    pub created_at: Timestamp,
    /// When it was put last.
    pub changed_at: Timestamp,
}

impl ScheduleOut {
    /// A schedule as it stands; `template` where it was read.
    pub fn show(view: &ScheduleView, queue: &QueueName, template: Option<&JobInput>) -> Self {
        let settings = &view.settings;
        let (mut cron, mut time_zone, mut every_ms, mut first_at) = (None, None, None, None);
        match &settings.cadence {
            Cadence::Cron { pattern, zone } => {
                cron = Some(pattern.to_string());
                time_zone = Some(zone.to_string());
            }
            Cadence::Every { every, from } => {
                every_ms = Some(every.get());
                first_at = Some(Timestamp(*from));
            }
        }
        let coming = std::iter::successors(view.next, |time| settings.next_after(*time));
        Self {
            id: view.id.to_string(),
            name: view.name.to_string(),
            queue: queue.to_string(),
            owner: view.owner.to_string(),
            cron,
            time_zone,
            every_ms,
            first_at,
            begins_at: settings.begins_at.map(Timestamp),
            ends_at: settings.ends_at.map(Timestamp),
            missed: settings.missed.to_string(),
            overlap: settings.overlap.to_string(),
            jitter_ms: settings.jitter.get(),
            paused: view.paused,
            next: coming.take(if template.is_some() { COMING } else { 1 }).map(Timestamp).collect(),
            fired: view.fired,
            last: view.last.map(|last| FiredOut {
                due_at: Timestamp(last.due),
                job_id: last.job.to_string(),
                at: Timestamp(last.at),
            }),
            skips: view.skips,
            last_skip: view.last_skip.map(|skip| SkippedOut {
                due_at: Timestamp(skip.due),
                because: skip.reason.to_string(),
                at: Timestamp(skip.at),
            }),
            priority: settings.priority.to_string(),
            kind: template.map(|input| input.kind.to_string()),
            created_at: Timestamp(view.created_at),
            changed_at: Timestamp(view.changed_at),
        }
    }
}

/// A page of schedules, as wished.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleListIn {
    /// At most so many, 1 to 1000; 100 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// The name that the page before ended with, as its `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl ScheduleListIn {
    /// How many, within their limit.
    ///
    /// # Errors
    /// Beyond it.
    pub fn max(&self) -> Result<usize, Problem> {
        let max = usize::try_from(self.max.unwrap_or(100)).unwrap_or(usize::MAX);
        if (1..=limits::BATCH_ITEMS_MAX).contains(&max) {
            return Ok(max);
        }
        Err(Problem::invalid(format!("max must be 1 to {}", limits::BATCH_ITEMS_MAX)))
    }

    /// Behind which name.
    ///
    /// # Errors
    /// Where it is none.
    pub fn after(&self) -> Result<Option<ScheduleName>, Problem> {
        self.after.as_deref().map(ScheduleName::parse).transpose().map_err(Problem::invalid)
    }
}

/// A page of schedules, in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleListOut {
    /// The schedules, each with its next firing only.
    pub schedules: Vec<ScheduleOut>,
    /// What to ask for the page behind this one with; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A job that a schedule sent out of turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FireOut {
    /// The job.
    pub job_id: String,
    /// The time it stands for.
    pub due_at: Timestamp,
}

/// A schedule that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleGone {
    /// Its name.
    pub name: String,
}
