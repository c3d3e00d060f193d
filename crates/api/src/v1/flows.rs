//! Flows: jobs that wait for each other, submitted whole.
//!
//! Nodes name each other; what is stored are the ids of their jobs. Names live in the request and its
//! answer only: they are the caller's data, and nothing here needs them later.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use sealane_core::flow::{Cycle, in_order};
use sealane_core::id::{FlowId, JobId};
use sealane_core::limits;
use sealane_core::name::QueueName;
use sealane_core::queue::{Acceptance, JobView, Links, OnConflict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::jobs::{JobIn, JobParts};
use super::links::policy;
use crate::problem::Problem;
use crate::wire::{Id, Text, Timestamp, at_most};

/// A flow to submit. All of its jobs are accepted, or none.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FlowIn {
    /// A UUID. Submitting the same flow again under the same id is harmless.
    pub id: String,
    /// 1 to 1000 nodes.
    #[serde(deserialize_with = "at_most::<_, _, { limits::FLOW_NODES_MAX }>")]
    pub nodes: Vec<FlowNodeIn>,
}

/// One job of a flow.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FlowNodeIn {
    /// What the other nodes call it, 1 to 64 bytes. Not kept.
    pub name: Text,
    /// Its queue.
    pub queue: Text,
    /// It runs after all of these nodes.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "at_most::<_, _, { limits::FLOW_BREADTH_MAX }>"
    )]
    pub after: Vec<Text>,
    /// It runs after at least one of these nodes.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "at_most::<_, _, { limits::FLOW_BREADTH_MAX }>"
    )]
    pub after_any: Vec<Text>,
    /// It waits for its children, which is the same as to run after them.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "at_most::<_, _, { limits::FLOW_BREADTH_MAX }>"
    )]
    pub children: Vec<Text>,
    /// The job, with an id. Its own `after` and `after_any` name jobs that were sent before.
    pub job: JobIn,
}

/// A flow to submit, every part checked. The nodes stand in an order in which each comes behind those
/// that it waits for.
#[derive(Clone, Debug)]
pub struct FlowParts {
    /// The flow's id.
    pub id: FlowId,
    /// The nodes.
    pub nodes: Vec<FlowNode>,
}

/// One job of a flow, every part checked.
#[derive(Clone, Debug)]
pub struct FlowNode {
    /// What the other nodes call it.
    pub name: Text,
    /// Its place in the request.
    pub place: usize,
    /// Its queue.
    pub queue: QueueName,
    /// Its id.
    pub id: JobId,
    /// The job.
    pub parts: JobParts,
}

impl TryFrom<FlowIn> for FlowParts {
    type Error = Problem;

    fn try_from(flow: FlowIn) -> Result<Self, Problem> {
        let id = FlowId::parse(&flow.id).map_err(Problem::invalid)?;
        if !(1..=limits::FLOW_NODES_MAX).contains(&flow.nodes.len()) {
            return Err(Problem::invalid(format!("a flow has 1 to {} nodes", limits::FLOW_NODES_MAX)));
        }
        let ids = ids(&flow.nodes)?;
        let names = names(&flow.nodes)?;
        let waits_for: Vec<Vec<usize>> =
            flow.nodes.iter().map(|node| waits_for(node, &names)).collect::<Result<_, _>>()?;
        let order = in_order(&waits_for).map_err(|Cycle(circle)| {
            let names: Vec<&str> =
                circle.iter().chain(circle.first()).map(|node| &*flow.nodes[*node].name).collect();
            Problem::invalid(format!("these nodes wait for each other in a circle: {}", names.join(" → ")))
        })?;
        let mut nodes: Vec<Option<FlowNode>> = Vec::with_capacity(flow.nodes.len());
        for (place, node) in flow.nodes.into_iter().enumerate() {
            let name = node.name.clone();
            let read = read_node(id, place, node, &names, &ids);
            nodes.push(Some(read.map_err(|problem| at_node(&name, problem))?));
        }
        let nodes = order.into_iter().filter_map(|node| nodes[node].take()).collect();
        Ok(Self { id, nodes })
    }
}

impl FlowParts {
    /// A refusal of one of the nodes, in their order here.
    pub fn refused(&self, place: usize, problem: Problem) -> Problem {
        match self.nodes.get(place) {
            Some(node) => at_node(&node.name, problem),
            None => problem,
        }
    }
}

fn at_node(name: &str, mut problem: Problem) -> Problem {
    problem.detail = format!("node {name}: {}", problem.detail);
    problem
}

fn ids(nodes: &[FlowNodeIn]) -> Result<Vec<JobId>, Problem> {
    let mut seen = BTreeSet::new();
    let mut read = |node: &FlowNodeIn| {
        let id = node.job.id.as_deref().ok_or_else(|| {
            Problem::invalid("a job of a flow needs an id, so that submitting it again is harmless")
        })?;
        let id = JobId::parse(id).map_err(Problem::invalid)?;
        if !seen.insert(id) {
            return Err(Problem::invalid("another node has the same job id"));
        }
        Ok(id)
    };
    nodes.iter().map(|node| read(node).map_err(|problem| at_node(&node.name, problem))).collect()
}

fn names(nodes: &[FlowNodeIn]) -> Result<BTreeMap<Text, usize>, Problem> {
    let mut names = BTreeMap::new();
    for (place, node) in nodes.iter().enumerate() {
        let fits = (1..=limits::FLOW_NODE_NAME_BYTES_MAX).contains(&node.name.len());
        if !fits || node.name.chars().any(char::is_control) {
            return Err(Problem::invalid(format!(
                "a node's name has 1 to {} bytes and no control characters",
                limits::FLOW_NODE_NAME_BYTES_MAX
            )));
        }
        if names.insert(node.name.clone(), place).is_some() {
            return Err(Problem::invalid(format!("two nodes are called {}", &*node.name)));
        }
    }
    Ok(names)
}

fn waits_for(node: &FlowNodeIn, names: &BTreeMap<Text, usize>) -> Result<Vec<usize>, Problem> {
    let others = node.after.iter().chain(&node.after_any).chain(&node.children);
    others
        .map(|name| {
            names.get(name).copied().ok_or_else(|| {
                // Why not the name: it broke no rule yet, and may be anything.
                at_node(&node.name, Problem::invalid("it waits for a node that is not in this flow"))
            })
        })
        .collect()
}

fn read_node(
    flow: FlowId,
    place: usize,
    mut node: FlowNodeIn,
    names: &BTreeMap<Text, usize>,
    ids: &[JobId],
) -> Result<FlowNode, Problem> {
    let jobs = |nodes: &[Text], jobs: Vec<Id>| -> Vec<JobId> {
        let nodes = nodes.iter().filter_map(|name| names.get(name)).map(|place| ids[*place]);
        nodes.chain(jobs.into_iter().map(|id| id.0)).collect()
    };
    node.after.append(&mut node.children);
    let all = jobs(&node.after, std::mem::take(&mut node.job.after));
    let any = jobs(&node.after_any, std::mem::take(&mut node.job.after_any));
    let on_failure = policy(node.job.on_failure.take().as_deref())?;
    let mut parts = JobParts::try_from(node.job)?;
    // Why: another job could stand in for it, and those that wait would wait for none.
    if parts.idempotency.is_some()
        || parts.unique.as_ref().is_some_and(|unique| unique.on_conflict == OnConflict::Merge)
    {
        return Err(Problem::invalid(
            "a flow is told from another by its id: leave idempotency_key out, and on_conflict merge",
        ));
    }
    parts.options.links = Some(Box::new(Links::new(Some(flow), all, any, on_failure)?));
    let queue = QueueName::parse(&node.queue).map_err(Problem::invalid)?;
    Ok(FlowNode { name: node.name, place, queue, id: ids[place], parts })
}

/// The answer to a flow that was accepted, now or by an earlier request with the same id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlowAccepted {
    /// The flow's id.
    pub id: String,
    /// Its nodes, in the order in which they came.
    pub nodes: Vec<FlowNodeAccepted>,
    /// Whether this request accepted it. False for a repeat.
    #[serde(skip)]
    pub fresh: bool,
}

/// One job of a flow that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlowNodeAccepted {
    /// What the request called it.
    pub name: Text,
    /// The job's id.
    pub id: Id,
    /// Its queue.
    pub queue: Text,
    /// The state in which it was accepted.
    pub state: Cow<'static, str>,
}

impl FlowAccepted {
    /// The answer, with the jobs in the order of the parts.
    pub fn answer<'a>(
        parts: &FlowParts,
        accepted: impl Iterator<Item = &'a Acceptance>,
        fresh: bool,
    ) -> Self {
        let mut nodes: Vec<(usize, FlowNodeAccepted)> = parts
            .nodes
            .iter()
            .zip(accepted)
            .map(|(node, accepted)| {
                let state = super::shown::first_state(accepted);
                let (name, queue) = (node.name.clone(), (&node.queue).into());
                (node.place, FlowNodeAccepted { name, id: Id(node.id), queue, state: state.as_str().into() })
            })
            .collect();
        nodes.sort_unstable_by_key(|(place, _)| *place);
        Self { id: parts.id.to_string(), nodes: nodes.into_iter().map(|(_, node)| node).collect(), fresh }
    }
}

/// A flow as it stands: those of its jobs that the caller may see and that are live or remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlowOut {
    /// The flow's id.
    pub id: String,
    /// Its jobs, in the order of their ids.
    pub jobs: Vec<FlowJobOut>,
}

/// One job of a flow as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlowJobOut {
    /// The job's id.
    pub id: Id,
    /// Its queue.
    pub queue: String,
    /// Where it stands.
    pub state: Cow<'static, str>,
    /// The running attempt, or the last one that counted.
    pub attempt: u32,
    /// It runs after all of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Id>,
    /// It runs after at least one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_any: Vec<Id>,
    /// Whether its worker is asked to stop.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_requested: bool,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Why it is in dead-letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_because: Option<String>,
}

impl FlowJobOut {
    /// A job as it stands.
    pub fn show(view: &JobView, queue: &QueueName, links: Option<&Links>) -> Self {
        let ids = |jobs: &[JobId]| jobs.iter().copied().map(Id).collect();
        Self {
            id: Id(view.id),
            queue: queue.to_string(),
            state: view.state.as_str().into(),
            attempt: view.attempt,
            after: links.map(|links| ids(links.all())).unwrap_or_default(),
            after_any: links.map(|links| ids(links.any())).unwrap_or_default(),
            cancel_requested: view.cancel_requested,
            finished_at: view.finished_at.map(Timestamp),
            dead_because: view.dead_reason.map(|reason| reason.to_string()),
        }
    }
}
