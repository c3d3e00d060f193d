//! `sealane schedule`: jobs that are sent by time.

use std::time::Duration;

use clap::{Args, Subcommand};
use sealane::{MissedPolicy, OverlapPolicy, Schedule as NewSchedule, ScheduleListIn, ScheduleOut};
use sealane_api::wire::{Timestamp, from_rfc3339};
use sealane_core::cadence::Cadence;
use sealane_core::name::{CronPattern, ZoneName};
use sealane_core::time::Time;
use serde::Serialize;

use super::Surroundings;
use super::job::Enqueue;
use crate::duration::parse;
use crate::failure::Failure;
use crate::session;

#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    /// Send one of its jobs now, beside the regular ones
    Fire {
        /// Its name
        name: String,
    },
    /// Show a schedule and its coming firings
    Get {
        /// Its name
        name: String,
    },
    /// List schedules by name
    List {
        /// At most so many
        #[arg(long, default_value_t = 100, value_name = "N")]
        max: u32,
        /// What the page before ended with, as its `next`
        #[arg(long, value_name = "NAME")]
        after: Option<String>,
    },
    /// Let it not fire until it is resumed
    Pause {
        /// Its name
        name: String,
    },
    /// Say when a pattern fires, without any server
    Preview {
        #[command(flatten)]
        pattern: Pattern,
        /// From when on, as in 2026-01-31T09:30:00Z; now where absent
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// How many
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000), value_name = "N")]
        count: u16,
    },
    /// Make a schedule, or replace what it was told; sealed once for all its jobs where there is a keyring
    Put(Box<Put>),
    /// Remove it; its jobs stay
    Remove {
        /// Its name
        name: String,
        /// Show it and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Do it
        #[arg(long)]
        yes: bool,
    },
    /// Let a paused one fire again, from now on
    Resume {
        /// Its name
        name: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Pattern {
    /// When, by the clock: minute, hour, day of month, month, day of week; with seconds in front if six
    #[arg(long, value_name = "PATTERN")]
    cron: Option<String>,
    /// The clock's time zone by its IANA name; UTC where absent
    #[arg(long, requires = "cron", value_name = "ZONE")]
    zone: Option<String>,
    /// Or each so long, a second or more
    #[arg(long, value_parser = parse, value_name = "TIME", conflicts_with = "cron", required_unless_present = "cron")]
    every: Option<Duration>,
    /// The first of these, as in 2026-01-31T09:30:00Z
    #[arg(long, requires = "every", value_name = "TIME")]
    first: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Put {
    /// Its name
    name: String,
    #[command(flatten)]
    pattern: Pattern,
    /// No firing before this time
    #[arg(long, value_name = "TIME")]
    begins: Option<String>,
    /// No firing after this time
    #[arg(long, value_name = "TIME")]
    ends: Option<String>,
    /// Firings more than a minute late: skip (left out, the default), once (one job) or all (each its job)
    #[arg(long, value_parser = missed, value_name = "POLICY")]
    missed: Option<MissedPolicy>,
    /// While an earlier job is not finished: allow (fire, the default) or skip
    #[arg(long, value_parser = overlap, value_name = "POLICY")]
    overlap: Option<OverlapPolicy>,
    /// Jobs begin up to so much later than due, by chance
    #[arg(long, value_parser = parse, value_name = "TIME")]
    jitter: Option<Duration>,
    #[command(flatten)]
    job: Enqueue,
}

fn missed(word: &str) -> Result<MissedPolicy, String> {
    MissedPolicy::parse(word).ok_or_else(|| "must be skip, once or all".to_owned())
}

fn overlap(word: &str) -> Result<OverlapPolicy, String> {
    OverlapPolicy::parse(word).ok_or_else(|| "must be allow or skip".to_owned())
}

pub(crate) async fn run(at: &Surroundings, command: Schedule) -> Result<(), Failure> {
    match command {
        Schedule::Preview { pattern, from, count } => preview(at, pattern, from.as_deref(), count),
        Schedule::Put(put) => self::put(at, *put).await,
        Schedule::Get { name } => show(at, &session::client(&at.global)?.build().schedule(&name).await?),
        Schedule::Pause { name } => {
            show(at, &session::client(&at.global)?.build().pause_schedule(&name).await?)
        }
        Schedule::Resume { name } => {
            show(at, &session::client(&at.global)?.build().resume_schedule(&name).await?)
        }
        Schedule::Fire { name } => {
            let fired = session::client(&at.global)?.build().fire_schedule(&name).await?;
            let rows = [("job", fired.job_id.clone()), ("due", fired.due_at.to_string())];
            at.output.one(&fired, &rows)
        }
        Schedule::List { max, after } => {
            let page = ScheduleListIn { max: Some(max), after };
            let page = session::client(&at.global)?.build().schedules(&page).await?;
            let names = ["name", "queue", "when", "next", "fired", "owner"];
            at.output.many(&page, &names, page.schedules.iter().map(row).collect())
        }
        Schedule::Remove { name, dry_run, yes } => {
            let client = session::client(&at.global)?.build();
            let schedule = client.schedule(&name).await?;
            if dry_run {
                return show(at, &schedule);
            }
            if !yes {
                return Err(Failure::usage(format!(
                    "this removes {name}: say --yes, or --dry-run to look first"
                )));
            }
            client.remove_schedule(&name).await?;
            at.output.one(&Removed { name: &name, removed: true }, &[("removed", name.clone())])
        }
    }
}

#[derive(Serialize)]
struct Removed<'a> {
    name: &'a str,
    removed: bool,
}

async fn put(at: &Surroundings, put: Put) -> Result<(), Failure> {
    let mut builder = session::client(&at.global)?;
    if put.job.plaintext() {
        builder = builder.danger_send_plaintext();
    }
    let (queue, job) = put.job.into_queue_and_job()?;
    let Pattern { cron, zone, every, first } = put.pattern;
    let mut schedule = match (cron, zone, every, first) {
        (Some(pattern), Some(zone), ..) => NewSchedule::cron_in(zone, pattern, job),
        (Some(pattern), None, ..) => NewSchedule::cron(pattern, job),
        (None, _, Some(interval), Some(first)) => NewSchedule::every_from(interval, first, job),
        (None, _, interval, _) => NewSchedule::every(interval.unwrap_or_default(), job),
    };
    if let Some(time) = put.begins {
        schedule = schedule.begins_at(time);
    }
    if let Some(time) = put.ends {
        schedule = schedule.ends_at(time);
    }
    if let Some(policy) = put.missed {
        schedule = schedule.missed(policy);
    }
    if let Some(policy) = put.overlap {
        schedule = schedule.overlap(policy);
    }
    if let Some(most) = put.jitter {
        schedule = schedule.jitter(most);
    }
    show(at, &builder.build().put_schedule(&put.name, &queue, schedule).await?)
}

fn show(at: &Surroundings, schedule: &ScheduleOut) -> Result<(), Failure> {
    let mut rows = vec![
        ("name", schedule.name.clone()),
        ("id", schedule.id.clone()),
        ("queue", schedule.queue.clone()),
        ("when", when(schedule)),
        ("missed", schedule.missed.clone()),
        ("overlap", schedule.overlap.clone()),
        ("paused", if schedule.paused { "yes" } else { "no" }.to_owned()),
        ("owner", schedule.owner.clone()),
        ("fired", schedule.fired.to_string()),
    ];
    if let Some(last) = &schedule.last {
        rows.push(("last", format!("{}, job {}", last.due_at, last.job_id)));
    }
    if let Some(skip) = &schedule.last_skip {
        rows.push((
            "left out",
            format!("{} times, last {} because: {}", schedule.skips, skip.due_at, skip.because),
        ));
    }
    rows.extend(schedule.next.iter().map(|next| ("next", next.to_string())));
    at.output.one(schedule, &rows)
}

fn when(schedule: &ScheduleOut) -> String {
    match (&schedule.cron, &schedule.time_zone, schedule.every_ms) {
        (Some(pattern), Some(zone), _) => format!("{pattern} ({zone})"),
        (_, _, Some(ms)) => format!("every {ms} ms"),
        _ => String::new(),
    }
}

fn row(schedule: &ScheduleOut) -> Vec<String> {
    let next = if schedule.paused { "paused".to_owned() } else { "over".to_owned() };
    vec![
        schedule.name.clone(),
        schedule.queue.clone(),
        when(schedule),
        schedule.next.first().map_or(next, ToString::to_string),
        schedule.fired.to_string(),
        schedule.owner.clone(),
    ]
}

#[derive(Serialize)]
struct Coming {
    firings: Vec<Timestamp>,
}

fn preview(at: &Surroundings, pattern: Pattern, from: Option<&str>, count: u16) -> Result<(), Failure> {
    let read = |text: &str| {
        from_rfc3339(text)
            .ok_or_else(|| Failure::usage(format!("{text} is not a time as in 2026-01-31T09:30:00Z")))
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let from = match from {
        Some(text) => read(text)?,
        None => Time::from_unix_ms(u64::try_from(now.as_millis()).unwrap_or(u64::MAX)),
    };
    let wrong = |error: &dyn std::fmt::Display| Failure::usage(error.to_string());
    let cadence = match (pattern.cron, pattern.every) {
        (Some(text), _) => Cadence::Cron {
            pattern: CronPattern::parse(&text).map_err(|error| wrong(&error))?,
            zone: ZoneName::parse(pattern.zone.as_deref().unwrap_or("UTC")).map_err(|error| wrong(&error))?,
        },
        (None, interval) => {
            let every = sealane_core::time::Millis::new(
                u64::try_from(interval.unwrap_or_default().as_millis()).unwrap_or(u64::MAX),
            );
            let first = pattern.first.as_deref().map(read).transpose()?;
            Cadence::Every { every, from: first.unwrap_or_else(|| from.plus(every)) }
        }
    };
    cadence.check(from).map_err(|error| wrong(&error))?;
    let coming = std::iter::successors(cadence.next_after(from), |time| cadence.next_after(*time));
    let firings: Vec<Timestamp> = coming.take(usize::from(count)).map(Timestamp).collect();
    let rows = firings.iter().map(|time| vec![time.to_string()]).collect();
    at.output.many(&Coming { firings }, &["firing"], rows)
}
