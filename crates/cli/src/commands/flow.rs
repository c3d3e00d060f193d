//! `sealane flow`: send jobs that wait for each other, look at them, end them.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use sealane::{Flow as NewFlow, FlowId, FlowOut, Job as NewJob, OnFailure};
use sealane_core::limits;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Surroundings;
use super::job_batch::Fields;
use crate::failure::Failure;
use crate::session;

#[derive(Debug, Subcommand)]
pub(crate) enum Flow {
    /// Send the jobs of a file, all of them or none, each sealed where there is a keyring
    Submit {
        /// The file, `-` for standard input; docs/flows.md shows what stands in it
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
    },
    /// Show the jobs of a flow
    Get {
        /// Its id
        #[arg(value_parser = flow_id)]
        id: FlowId,
    },
    /// Cancel every job of a flow that has not ended
    Cancel {
        /// Its id
        #[arg(value_parser = flow_id)]
        id: FlowId,
        /// Show its jobs and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Do it
        #[arg(long)]
        yes: bool,
    },
}

fn flow_id(text: &str) -> Result<FlowId, String> {
    FlowId::parse(text).map_err(|error| error.to_string())
}

pub(super) fn policy(word: &str) -> Result<OnFailure, String> {
    OnFailure::parse(word).ok_or_else(|| "must be fail, cancel or run".to_owned())
}

/// A flow as it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: Option<String>,
    queue: Option<String>,
    nodes: Vec<serde_json::Map<String, Value>>,
}

/// One of its jobs: its place in the flow, and the job as in a line of a batch.
struct Node {
    name: String,
    queue: Option<String>,
    after: Vec<String>,
    after_any: Vec<String>,
    children: Vec<String>,
    job: NewJob,
}

pub(crate) async fn run(at: &Surroundings, command: Flow) -> Result<(), Failure> {
    match command {
        Flow::Submit { file } => submit(at, &file).await,
        Flow::Get { id } => show(at, &session::client(&at.global)?.build().flow(id).await?),
        Flow::Cancel { id, dry_run, yes } => {
            let client = session::client(&at.global)?.build();
            match (dry_run, yes) {
                (true, _) => show(at, &client.flow(id).await?),
                (false, true) => show(at, &client.cancel_flow(id).await?),
                (false, false) => Err(Failure::usage(
                    "this touches many jobs at once: look with --dry-run, do it with --yes",
                )),
            }
        }
    }
}

#[derive(Serialize)]
struct Submitted {
    id: String,
    jobs: Vec<SubmittedJob>,
}

#[derive(Serialize)]
struct SubmittedJob {
    name: String,
    id: String,
    queue: String,
    state: String,
}

async fn submit(at: &Surroundings, file: &Path) -> Result<(), Failure> {
    let flow = read(file)?;
    let sent = session::client(&at.global)?.build().producer().submit(flow).await?;
    let jobs: Vec<SubmittedJob> = sent
        .jobs
        .into_iter()
        .map(|(name, sent)| SubmittedJob {
            name,
            id: sent.id.to_string(),
            queue: sent.queue,
            state: sent.state,
        })
        .collect();
    let rows = jobs
        .iter()
        .map(|job| vec![job.name.clone(), job.id.clone(), job.queue.clone(), job.state.clone()])
        .collect();
    let id = sent.id.to_string();
    let facts = [("flow", id.clone())];
    let submitted = Submitted { id, jobs };
    at.output.report(&submitted, &facts, &["name", "id", "queue", "state"], rows)
}

fn show(at: &Surroundings, flow: &FlowOut) -> Result<(), Failure> {
    let rows = flow
        .jobs
        .iter()
        .map(|job| {
            let waits = job.after.len() + job.after_any.len();
            vec![
                job.id.to_string(),
                job.queue.clone(),
                job.state.to_string(),
                job.attempt.to_string(),
                waits.to_string(),
                job.dead_because.clone().unwrap_or_default(),
            ]
        })
        .collect();
    at.output.many(flow, &["id", "queue", "state", "attempt", "after", "because"], rows)
}

/// Reads no more than a request may have and one byte, which is enough to refuse it.
fn read(path: &Path) -> Result<NewFlow, Failure> {
    let name = path.display().to_string();
    let failed = |error: std::io::Error| Failure::stream(&name, &error);
    let source: Box<dyn std::io::Read> = match name.as_str() {
        "-" => Box::new(std::io::stdin()),
        _ => Box::new(std::fs::File::open(path).map_err(failed)?),
    };
    let most = u64::try_from(limits::REQUEST_BYTES_MAX).unwrap_or(u64::MAX);
    let mut text = Vec::new();
    source.take(most.saturating_add(1)).read_to_end(&mut text).map_err(failed)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > most {
        return Err(Failure::usage(format!("{name}: a flow takes at most {most} bytes")));
    }
    // Why by its place only: the words of a JSON library quote what they read, and that is to be sealed.
    let file: File = serde_json::from_slice(&text).map_err(|error| {
        Failure::usage(format!(
            "{name}: this is no flow at line {}, column {}: docs/flows.md shows what stands in one",
            error.line(),
            error.column()
        ))
    })?;
    build(file).map_err(Failure::usage)
}

fn build(file: File) -> Result<NewFlow, String> {
    let mut flow = NewFlow::new(file.queue.clone().unwrap_or_default());
    if let Some(id) = &file.id {
        flow = flow.id(flow_id(id)?);
    }
    for (place, fields) in file.nodes.into_iter().enumerate() {
        let node = node(fields, place)?;
        if node.queue.is_none() && file.queue.is_none() {
            return Err(format!("node {}: it has no queue, and the flow names none", node.name));
        }
        flow = flow.job(node.name, node.job);
        if let Some(queue) = node.queue {
            flow = flow.in_queue(queue);
        }
        flow = node.after.into_iter().fold(flow, NewFlow::after);
        flow = node.after_any.into_iter().fold(flow, NewFlow::after_any);
        flow = node.children.into_iter().fold(flow, NewFlow::child);
    }
    Ok(flow)
}

/// Reads a node: what is its own, and all else as a job.
fn node(mut fields: serde_json::Map<String, Value>, place: usize) -> Result<Node, String> {
    let Some(Value::String(name)) = fields.remove("name") else {
        return Err(format!("node {} of the list has no name", place + 1));
    };
    let wrong = |what: &str| format!("node {name}: {what}");
    let queue = match fields.remove("queue") {
        None => None,
        Some(Value::String(queue)) => Some(queue),
        Some(_) => return Err(wrong("its queue is no text")),
    };
    let mut names = |field: &str| match fields.remove(field) {
        None => Ok(Vec::new()),
        Some(list) => serde_json::from_value(list).map_err(|_| wrong(&format!("{field} is a list of names"))),
    };
    let (after, after_any, children) = (names("after")?, names("after_any")?, names("children")?);
    // In a line, `after` names jobs; here it names nodes, and jobs that were sent before have a field of their own.
    if let Some(sent) = fields.remove("after_jobs") {
        fields.insert("after".to_owned(), sent);
    }
    let job: Fields = serde_json::from_value(Value::Object(fields)).map_err(|_| {
        wrong("a field is unknown or of another kind: docs/flows.md shows what stands in a node")
    })?;
    Ok(Node {
        job: job.into_job().map_err(|problem| wrong(&problem))?,
        name,
        queue,
        after,
        after_any,
        children,
    })
}
