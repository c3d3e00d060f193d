//! `sealane events`: the life of jobs, line by line as it happens.

use clap::Args;
use sealane::{EventFilter, EventReset, Events as Stream, JobEvent, JobId, JobOut, State, StepKind, Told};
use sealane_api::wire::Id;
use serde::Serialize;

use super::Surroundings;
use super::job::job_id;
use crate::failure::{Failure, chain};
use crate::session;

#[derive(Args, Debug)]
pub(crate) struct Events {
    /// Of queues with names like this, as orders.* or orders.**; may be given again
    #[arg(long, value_name = "PATTERN")]
    queue: Vec<String>,
    /// Of this job
    #[arg(long, value_name = "ID", value_parser = job_id)]
    job: Option<JobId>,
    /// What happened, as completed or dead; may be given again
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
    kind: Vec<StepKind>,
    /// Where the job stands then, as ready or held; may be given again
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Vec<State>,
    /// Go on behind the event with this id, and not from now
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// Stop after so many events
    #[arg(long, value_name = "N")]
    max_events: Option<u64>,
}

fn kind(word: &str) -> Result<StepKind, String> {
    StepKind::parse(word).ok_or_else(|| one_of(StepKind::ALL.iter().map(|kind| kind.as_str())))
}

fn state(word: &str) -> Result<State, String> {
    State::parse(word).ok_or_else(|| one_of(State::ALL.iter().map(|state| state.as_str())))
}

fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    format!("give one of {}", words.collect::<Vec<_>>().join(", "))
}

pub(crate) async fn run(at: &Surroundings, wish: Events) -> Result<(), Failure> {
    let client = session::follower(&at.global)?;
    let mut filter = wish.queue.into_iter().fold(EventFilter::all(), EventFilter::queue);
    filter = wish.kind.into_iter().fold(filter, EventFilter::kind);
    filter = wish.state.into_iter().fold(filter, EventFilter::state);
    filter = wish.job.into_iter().fold(filter, EventFilter::job);
    filter = wish.after.into_iter().fold(filter, EventFilter::after);
    let mut events = client.events(filter).await?;
    let mut told = 0;
    while wish.max_events.is_none_or(|max| told < max) {
        match next(&mut events).await? {
            Told::Event(event) => {
                tell(at, &event)?;
                told += 1;
            }
            Told::Reset(reset) => tell_reset(at, reset)?,
        }
    }
    Ok(())
}

/// The next event, however long the server is away. Why it was there when the stream was opened: an address
/// where nobody is should be told at once.
pub(crate) async fn next(events: &mut Stream) -> Result<Told, Failure> {
    let mut told = false;
    loop {
        match events.next().await {
            Err(error) if error.is_transient() => {
                if !told {
                    tracing::warn!(error = %chain(&error), "no events come; it is tried again until they do");
                }
                told = true;
            }
            heard => return Ok(heard?),
        }
    }
}

/// Prints one event.
pub(crate) fn tell(at: &Surroundings, event: &JobEvent) -> Result<(), Failure> {
    let percent = event.percent.map(|percent| format!("{percent} %"));
    let more = [&event.category, &event.reason, &percent, &event.priority];
    let more: Vec<&str> = more.into_iter().flatten().map(String::as_str).collect();
    let JobEvent { at: when, kind, state, attempt, job, queue, .. } = event;
    let line = format!("{when}  {kind:<16}  {state:<9}  {attempt:>3}  {job}  {queue}  {}", more.join(" "));
    at.output.line(event, line.trim_end())
}

/// A job as it stands, in the shape of an event.
pub(crate) fn standing(id: JobId, job: &JobOut, place: Option<&str>) -> JobEvent {
    JobEvent {
        id: place.unwrap_or_default().to_owned(),
        kind: "standing".to_owned(),
        at: job.finished_at.unwrap_or(job.created_at),
        job: Id(id),
        queue: job.queue.as_str().into(),
        owner: job.owner.as_str().into(),
        state: job.state.clone(),
        attempt: job.attempt,
        category: None,
        reason: None,
        percent: None,
        priority: None,
    }
}

#[derive(Serialize)]
struct ResetLine {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    reset: EventReset,
}

fn tell_reset(at: &Surroundings, reset: EventReset) -> Result<(), Failure> {
    let line = format!("reset: {}", reset.detail);
    at.output.line(&ResetLine { kind: "reset", reset }, &line)
}
