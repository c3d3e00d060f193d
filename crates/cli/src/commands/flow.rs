//! `sealane flow`: send jobs that wait for each other, look at them, end them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use sealane::{Flow as NewFlow, FlowId, FlowOut, Job as NewJob, JobId, OnFailure, Priority};
use sealane_api::wire::Bytes;
use sealane_core::limits;
use serde::{Deserialize, Serialize};

use super::Surroundings;
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
    nodes: Vec<Node>,
}

/// One of its jobs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Node {
    name: String,
    queue: Option<String>,
    kind: String,
    body: Option<String>,
    body_base64: Option<Bytes>,
    content_type: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    session_id: Option<String>,
    correlation_id: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    priority: Option<String>,
    delay_ms: Option<u64>,
    ttl_ms: Option<u64>,
    expires_at: Option<String>,
    max_attempts: Option<u32>,
    id: Option<String>,
    #[serde(default)]
    after: Vec<String>,
    #[serde(default)]
    after_any: Vec<String>,
    #[serde(default)]
    children: Vec<String>,
    #[serde(default)]
    after_jobs: Vec<String>,
    on_failure: Option<String>,
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
    for node in file.nodes {
        let at = |problem: String| format!("node {}: {problem}", node.name);
        if node.queue.is_none() && file.queue.is_none() {
            return Err(at("it has no queue, and the flow names none".to_owned()));
        }
        flow = flow.job(node.name.clone(), job(&node).map_err(at)?);
        if let Some(queue) = node.queue {
            flow = flow.in_queue(queue);
        }
        flow = node.after.into_iter().fold(flow, NewFlow::after);
        flow = node.after_any.into_iter().fold(flow, NewFlow::after_any);
        flow = node.children.into_iter().fold(flow, NewFlow::child);
    }
    Ok(flow)
}

fn job(node: &Node) -> Result<NewJob, String> {
    let body = match (&node.body, &node.body_base64) {
        (Some(_), Some(_)) => return Err("give body or body_base64, not both".to_owned()),
        (Some(text), None) => text.clone().into_bytes(),
        (None, bytes) => bytes.clone().map(Vec::from).unwrap_or_default(),
    };
    let id = |text: &String| JobId::parse(text).map_err(|error| error.to_string());
    let mut job = NewJob::new(node.kind.clone(), body);
    for (name, value) in &node.attributes {
        job = job.attribute(name, value);
    }
    job = node.tags.iter().fold(job, |job, tag| job.tag(tag));
    for after in &node.after_jobs {
        job = job.after(id(after)?);
    }
    if let Some(content_type) = &node.content_type {
        job = job.content_type(content_type);
    }
    if let Some(session) = &node.session_id {
        job = job.session(session);
    }
    if let Some(correlation_id) = &node.correlation_id {
        job = job.correlation_id(correlation_id);
    }
    if let Some(word) = &node.priority {
        let priority = Priority::parse(word).ok_or("priority must be critical, high, normal, low or bulk")?;
        job = job.priority(priority);
    }
    if let Some(ms) = node.delay_ms {
        job = job.delay(Duration::from_millis(ms));
    }
    if let Some(ms) = node.ttl_ms {
        job = job.ttl(Duration::from_millis(ms));
    }
    if let Some(time) = &node.expires_at {
        job = job.expires_at(time);
    }
    if let Some(attempts) = node.max_attempts {
        job = job.max_attempts(attempts);
    }
    if let Some(own) = &node.id {
        job = job.id(id(own)?);
    }
    if let Some(word) = &node.on_failure {
        job = job.on_failure(policy(word).map_err(|rule| format!("on_failure {rule}"))?);
    }
    Ok(job)
}
