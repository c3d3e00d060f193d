//! The life of jobs as it is told: what is wished, and each event.

use std::collections::BTreeSet;

use sealane_core::control::QueuePattern;
use sealane_core::id::JobId;
use sealane_core::job::State;
use sealane_core::limits;
use sealane_core::queue::feed::{Place, Step, StepKind, What};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::operation::{QueryField, RequestQuery};
use crate::problem::{Code, Problem};
use crate::wire::{Id, Text, Timestamp};

/// Which events are wished. Of several values of one filter any will do; every filter that is given must
/// let an event through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventsIn {
    /// Patterns over queue names, as access keys have them.
    pub queues: Vec<String>,
    /// Of this job only.
    pub job: Option<String>,
    /// What happened.
    pub types: Vec<String>,
    /// Where the job stands then.
    pub states: Vec<String>,
    /// Behind this event.
    pub after: Option<String>,
    /// Behind this event, as a client says that begins anew by itself: it cannot be told off for it.
    pub last_event_id: Option<String>,
}

impl EventsIn {
    /// As it stands behind the path. What comes in a header does not.
    pub fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.queues.iter().map(|pattern| ("queue", pattern)));
        query.extend_pairs(self.job.iter().map(|job| ("job", job)));
        query.extend_pairs(self.types.iter().map(|kind| ("type", kind)));
        query.extend_pairs(self.states.iter().map(|state| ("state", state)));
        query.extend_pairs(self.after.iter().map(|id| ("after", id)));
        query.finish()
    }
}

impl RequestQuery for EventsIn {
    const FIELDS: &'static [QueryField] = &[
        QueryField { name: "queue", says: "A pattern over queue names.", repeats: true },
        QueryField { name: "job", says: "The id of a job.", repeats: false },
        QueryField { name: "type", says: "What happened.", repeats: true },
        QueryField { name: "state", says: "Where the job stands then.", repeats: true },
        QueryField { name: "after", says: "The id of the last event that was seen.", repeats: false },
    ];

    fn read(query: &str, last_event_id: Option<&str>) -> Result<Self, Problem> {
        let mut wish = Self { last_event_id: last_event_id.map(str::to_owned), ..Self::default() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "queue" => add(&mut wish.queues, &name, &value)?,
                "type" => add(&mut wish.types, &name, &value)?,
                "state" => add(&mut wish.states, &name, &value)?,
                "job" => put(&mut wish.job, &name, &value)?,
                "after" => put(&mut wish.after, &name, &value)?,
                _ => {
                    let names: Vec<&str> = Self::FIELDS.iter().map(|field| field.name).collect();
                    let detail = format!("the filters of events are {}", names.join(", "));
                    return Err(Problem::new(Code::UnknownField, detail));
                }
            }
        }
        Ok(wish)
    }
}

fn add(values: &mut Vec<String>, name: &str, value: &str) -> Result<(), Problem> {
    if values.len() >= limits::EVENT_FILTERS_MAX {
        let most = limits::EVENT_FILTERS_MAX;
        return Err(Problem::invalid(format!("{name} may be given {most} times at most")));
    }
    values.push(value.to_owned());
    Ok(())
}

fn put(place: &mut Option<String>, name: &str, value: &str) -> Result<(), Problem> {
    match place.replace(value.to_owned()) {
        None => Ok(()),
        Some(_) => Err(Problem::invalid(format!("give {name} once"))),
    }
}

/// Where a stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With what happens from now on.
    Now,
    /// Behind an event.
    Behind(Place),
    /// Behind an event that nobody here can know.
    Unknown,
}

/// The same, every part checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventWish {
    /// Where to begin.
    pub begin: Begin,
    queues: Vec<QueuePattern>,
    job: Option<JobId>,
    kinds: BTreeSet<StepKind>,
    states: BTreeSet<State>,
}

impl TryFrom<&EventsIn> for EventWish {
    type Error = Problem;

    fn try_from(wish: &EventsIn) -> Result<Self, Problem> {
        let begin = match (&wish.last_event_id, &wish.after) {
            (Some(id), _) => Place::parse(id).map_or(Begin::Unknown, Begin::Behind),
            (None, Some(id)) => Begin::Behind(
                Place::parse(id).ok_or_else(|| Problem::invalid("after must be the id of an event"))?,
            ),
            (None, None) => Begin::Now,
        };
        let queues = wish.queues.iter().map(|pattern| QueuePattern::parse(pattern));
        Ok(Self {
            begin,
            queues: queues.collect::<Result<_, _>>().map_err(Problem::invalid)?,
            job: wish.job.as_deref().map(JobId::parse).transpose().map_err(Problem::invalid)?,
            kinds: words("type", &wish.types, StepKind::parse, StepKind::ALL, StepKind::as_str)?,
            states: words("state", &wish.states, State::parse, State::ALL, State::as_str)?,
        })
    }
}

fn words<T: Copy + Ord>(
    name: &str,
    given: &[String],
    parse: fn(&str) -> Option<T>,
    all: &[T],
    word: fn(T) -> &'static str,
) -> Result<BTreeSet<T>, Problem> {
    given.iter().map(|text| parse(text)).collect::<Option<_>>().ok_or_else(|| {
        let all: Vec<&str> = all.iter().copied().map(word).collect();
        Problem::invalid(format!("{name} must be one of {}", all.join(", ")))
    })
}

impl EventWish {
    /// The one job that it is about, where it is.
    pub fn job(&self) -> Option<JobId> {
        self.job
    }

    /// Whether an event is among those that are wished.
    pub fn wants(&self, step: &Step) -> bool {
        self.job.is_none_or(|job| job == step.job)
            && (self.kinds.is_empty() || self.kinds.contains(&step.what.kind()))
            && (self.states.is_empty() || self.states.contains(&step.state))
            && (self.queues.is_empty() || self.queues.iter().any(|pattern| pattern.matches(&step.queue)))
    }
}

/// Something that happened to a job. Never a body, and nothing that a caller supplied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobEvent {
    /// Names the event: what a stream is taken up again with.
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// Which job.
    pub job: Id,
    /// In which queue.
    pub queue: Text,
    /// Who sent the job.
    pub owner: Text,
    /// Where it stands then.
    pub state: String,
    /// The running attempt, or the last one that counted; 0 before the first.
    pub attempt: u32,
    /// Why the attempt failed: with `failed` and `dead`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Why: with `dead`, `held` and, where there is one, `cancelled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How far the worker is: with `progress`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// How urgent it is from now on: with `reprioritised`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
}

impl JobEvent {
    /// A step as it travels.
    pub fn show(step: &Step, place: Place) -> Self {
        let mut event = Self {
            id: place.to_string(),
            kind: step.what.kind().to_string(),
            at: Timestamp(step.at),
            job: Id(step.job),
            queue: Text((&step.queue).into()),
            owner: Text((&*step.owner).into()),
            state: step.state.to_string(),
            attempt: step.attempt,
            category: None,
            reason: None,
            percent: None,
            priority: None,
        };
        match step.what {
            What::Failed(category) => event.category = Some(category.to_string()),
            What::Dead(reason, category) => {
                event.category = Some(category.to_string());
                event.reason = Some(reason.to_string());
            }
            What::Held(reason) => event.reason = Some(reason.to_string()),
            What::Cancelled(reason) => event.reason = reason.map(|reason| reason.to_string()),
            What::Progress { percent } => event.percent = Some(percent),
            What::Reprioritised(priority) => event.priority = Some(priority.to_string()),
            _ => {}
        }
        event
    }
}

/// Events are missing: what a stream says instead of them before it goes on from now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventReset {
    /// The place that the stream goes on from.
    pub id: String,
    /// What to do.
    pub detail: String,
}

impl EventReset {
    /// Goes on from there.
    pub fn to(place: Place) -> Self {
        Self {
            id: place.to_string(),
            detail: "events are missing: the id is from before a restart, or what followed it has left; \
                     look at the jobs that matter anew, events go on from here"
                .to_owned(),
        }
    }
}

/// The server ends the stream: its last event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventEnd {
    /// Why, in one word.
    pub reason: String,
    /// What to do.
    pub detail: String,
}

impl EventEnd {
    /// The reason where the one job that a stream is about is not to be seen any more with its key. Whoever
    /// begins anew hears the same.
    pub const OUT_OF_SIGHT: &'static str = "out_of_sight";
}
