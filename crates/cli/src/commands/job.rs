//! `sealane job`: send a job, look at one, say what is to become of one.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use sealane::{
    AttemptOut, Client, DependenciesOut, Error, Job as NewJob, JobId, JobOut, OnConflict, OnFailure,
    Priority, RetryIn, Unopenable,
};
use sealane_api::problem::Code;
use sealane_api::wire::Bytes;
use sealane_core::limits;
use sealane_core::sealed::CONTENT_TYPE;
use serde::Serialize;

use super::Surroundings;
use super::acts::{self, Act};
use super::flow::policy;
use super::job_batch::{self, Batch};
use super::job_clone;
use super::job_list;
use super::job_reports::{self, Reports};
use crate::duration::{millis, parse};
use crate::failure::Failure;
use crate::session;

#[derive(Debug, Subcommand)]
pub(crate) enum Job {
    /// Send a job, sealed where there is a keyring
    Enqueue(Box<Send>),
    /// Show a job; with a keyring also what it came to
    Get {
        /// Its id
        #[arg(value_parser = job_id)]
        id: JobId,
    },
    /// List jobs by their ids
    List(job_list::List),
    /// Send what an ended job was sent with once more, as a new job: opened and sealed anew here
    Clone(job_clone::Clone),
    #[command(flatten)]
    Act(Act),
    #[command(flatten)]
    Reports(Reports),
}

/// One job by its options, or many by a file.
#[derive(Args, Debug)]
// Why not of the struct: the job of a schedule is one by its options always.
#[command(mut_args(|arg| match arg.get_id().as_str() {
    "kind" | "body" => arg.required(false).required_unless_present("batch"),
    _ => arg,
}))]
pub(crate) struct Send {
    #[command(flatten)]
    job: Enqueue,
    /// Send a job for each line of this file instead, `-` for standard input; docs/batches.md shows what
    /// stands in a line
    #[arg(long, value_name = "FILE|-", conflicts_with_all = OF_ONE_JOB)]
    batch: Option<PathBuf>,
    /// All jobs of the file or none; at most 1000
    #[arg(long)]
    atomic: bool,
}

/// The options that say something about one job.
const OF_ONE_JOB: [&str; 26] = [
    "kind",
    "body",
    "content_type",
    "attr",
    "clear_attr",
    "session",
    "correlation_id",
    "subject",
    "fair_key",
    "tag",
    "priority",
    "delay",
    "run_at",
    "ttl",
    "expires_at",
    "max_attempts",
    "retry_backoff",
    "retry_base",
    "retry_cap",
    "retry_jitter",
    "after",
    "after_any",
    "on_failure",
    "idempotency_key",
    "unique",
    "id",
];

#[derive(Args, Debug)]
pub(crate) struct Enqueue {
    /// The queue
    queue: String,
    /// What sort of job it is
    #[arg(long, required = true)]
    kind: Option<String>,
    /// The file with the body, `-` for standard input
    #[arg(long, value_name = "FILE|-", required = true)]
    body: Option<PathBuf>,
    /// Media type of the body
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// An attribute, sealed with the body; may be given again
    #[arg(long, value_name = "K=V", value_parser = pair)]
    attr: Vec<(String, String)>,
    /// An attribute that stays readable; may be given again
    #[arg(long, value_name = "K=V", value_parser = pair)]
    clear_attr: Vec<(String, String)>,
    /// The ordering key
    #[arg(long)]
    session: Option<String>,
    /// Ties jobs of one business event together
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// Whose data it is: an opaque name
    #[arg(long)]
    subject: Option<String>,
    /// What its turns are taken under, as a tenant: the keys of a queue take turns
    #[arg(long, value_name = "KEY")]
    fair_key: Option<String>,
    /// A search word; may be given again
    #[arg(long)]
    tag: Vec<String>,
    /// How urgent: critical, high, normal, low or bulk
    #[arg(long, value_parser = priority)]
    priority: Option<Priority>,
    /// Wait before the first attempt
    #[arg(long, value_parser = parse, value_name = "TIME")]
    delay: Option<Duration>,
    /// Not before this time, as in 2026-01-31T09:30:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "delay")]
    run_at: Option<String>,
    /// How long the job is worth anything
    #[arg(long, value_parser = parse, value_name = "TIME")]
    ttl: Option<Duration>,
    /// Up to when the job is worth anything, as in 2026-01-31T09:30:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "ttl")]
    expires_at: Option<String>,
    /// Attempts before dead-letter
    #[arg(long, value_name = "N")]
    max_attempts: Option<u32>,
    /// How waits between attempts grow, where not as the queue says: constant, linear or exponential
    #[arg(long, value_parser = ["constant", "linear", "exponential"], value_name = "SHAPE")]
    retry_backoff: Option<String>,
    /// Wait after the first failed attempt, where not as the queue says
    #[arg(long, value_parser = parse, value_name = "TIME")]
    retry_base: Option<Duration>,
    /// Longest wait between attempts, where not as the queue says
    #[arg(long, value_parser = parse, value_name = "TIME")]
    retry_cap: Option<Duration>,
    /// How far a wait is moved either way, in percent of it
    #[arg(long, value_name = "PERCENT")]
    retry_jitter: Option<u8>,
    /// Run after this job; may be given again
    #[arg(long, value_parser = job_id, value_name = "ID")]
    after: Vec<JobId>,
    /// Run after one of the jobs given like this; may be given again
    #[arg(long, value_parser = job_id, value_name = "ID")]
    after_any: Vec<JobId>,
    /// What happens when such a job ends otherwise than completed: fail, cancel or run
    #[arg(long, value_parser = policy, value_name = "WHAT")]
    on_failure: Option<OnFailure>,
    /// A repeat under the same key is answered as the first send was, for the queue's window
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Refuse it while another job of the queue with this key is on its way, or with `:merge` behind the
    /// key let that one stand in for it
    #[arg(long, value_name = "KEY[:merge]", value_parser = unique)]
    unique: Option<(String, OnConflict)>,
    /// An id made before, to repeat a send; a UUIDv7
    #[arg(long, value_parser = job_id)]
    id: Option<JobId>,
    /// Send the body as it is although there is a keyring
    #[arg(long)]
    plaintext: bool,
}

/// The key and, behind its last colon, what becomes of a job whose key another one has.
fn unique(text: &str) -> Result<(String, OnConflict), String> {
    let named = text.rsplit_once(':').and_then(|(key, word)| Some((key, OnConflict::parse(word)?)));
    let (key, on_conflict) = named.unwrap_or((text, OnConflict::Refuse));
    Ok((key.to_owned(), on_conflict))
}

pub(super) fn job_id(text: &str) -> Result<JobId, String> {
    JobId::parse(text).map_err(|error| error.to_string())
}

pub(super) fn priority(word: &str) -> Result<Priority, String> {
    Priority::parse(word).ok_or_else(|| "must be critical, high, normal, low or bulk".to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be a name, '=' and a value")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(crate) async fn run(at: &Surroundings, command: Job) -> Result<(), Failure> {
    match command {
        Job::Enqueue(wish) => send(at, *wish).await,
        Job::List(list) => job_list::run(at, list).await,
        Job::Get { id } => get(at, id).await,
        Job::Clone(clone) => job_clone::run(at, clone).await,
        Job::Act(act) => acts::run(at, act).await,
        Job::Reports(reports) => job_reports::run(at, reports).await,
    }
}

#[derive(Serialize)]
struct Sent {
    id: String,
    queue: String,
    state: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    merged: bool,
}

async fn send(at: &Surroundings, send: Send) -> Result<(), Failure> {
    let Send { job: enqueue, batch, atomic } = send;
    // Why not by its option: what one job needs bars `--batch`, and a barred option is not asked for.
    if atomic && batch.is_none() {
        return Err(Failure::usage("--atomic is about the jobs of a file: give it as --batch FILE"));
    }
    let plaintext = enqueue.plaintext;
    let mut builder = session::client(&at.global)?;
    if plaintext {
        builder = builder.danger_send_plaintext();
    }
    let client = builder.build();
    if let Some(file) = batch {
        return job_batch::run(at, &client, Batch { queue: enqueue.queue, file, atomic, plaintext }).await;
    }
    let (queue, job) = enqueue.into_queue_and_job()?;
    let sent = client.producer().send(&queue, job).await.map_err(|error| advised(error, plaintext))?;
    let rows = [("id", sent.id.to_string()), ("queue", sent.queue.clone()), ("state", sent.state.clone())];
    at.output.one(
        &Sent { id: sent.id.to_string(), queue: sent.queue, state: sent.state, merged: sent.merged },
        &rows,
    )
}

/// Why a job was not sent, and what helps where a body was to be sealed.
pub(super) fn advised(error: Error, plaintext: bool) -> Failure {
    let failure = Failure::from(error);
    match (failure.is(Code::SealingRequired), plaintext) {
        (true, true) => failure.with_advice("leave out --plaintext"),
        (true, false) => failure.with_advice(
            "make a keyring with `sealane keyring init FILE` and give it as --keyring FILE or SEALANE_KEYRING",
        ),
        (false, _) => failure,
    }
}

impl Enqueue {
    /// Whether the body is sent as it is.
    pub(super) const fn plaintext(&self) -> bool {
        self.plaintext
    }

    /// Where to, and what.
    pub(super) fn into_queue_and_job(mut self) -> Result<(String, NewJob), Failure> {
        let queue = std::mem::take(&mut self.queue);
        Ok((queue, self.into_job()?))
    }

    fn into_job(self) -> Result<NewJob, Failure> {
        let (Some(kind), Some(body)) = (self.kind, self.body) else {
            return Err(Failure::usage("a job has --kind and --body"));
        };
        let mut job = NewJob::new(kind, read_body(&body)?);
        for (name, value) in self.attr {
            job = job.attribute(name, value);
        }
        for (name, value) in self.clear_attr {
            job = job.clear_attribute(name, value);
        }
        for tag in self.tag {
            job = job.tag(tag);
        }
        // Each setter takes what it sets; `None` leaves the job as it is.
        let with = |job: NewJob, text: Option<String>, set: fn(NewJob, String) -> NewJob| match text {
            Some(text) => set(job, text),
            None => job,
        };
        job = with(job, self.content_type, NewJob::content_type);
        job = with(job, self.session, NewJob::session);
        job = with(job, self.correlation_id, NewJob::correlation_id);
        job = with(job, self.subject, NewJob::subject);
        job = with(job, self.fair_key, NewJob::fair_key);
        job = with(job, self.run_at, NewJob::run_at);
        job = with(job, self.expires_at, NewJob::expires_at);
        job = with(job, self.idempotency_key, NewJob::idempotency_key);
        if let Some((key, on_conflict)) = self.unique {
            job = job.unique(key, on_conflict);
        }
        if let Some(priority) = self.priority {
            job = job.priority(priority);
        }
        if let Some(delay) = self.delay {
            job = job.delay(delay);
        }
        if let Some(ttl) = self.ttl {
            job = job.ttl(ttl);
        }
        if let Some(attempts) = self.max_attempts {
            job = job.max_attempts(attempts);
        }
        let waits = [self.retry_base, self.retry_cap];
        if self.retry_backoff.is_some() || self.retry_jitter.is_some() || waits.iter().any(Option::is_some) {
            job = job.retry(RetryIn {
                backoff: self.retry_backoff,
                base_ms: self.retry_base.map(millis),
                cap_ms: self.retry_cap.map(millis),
                jitter_percent: self.retry_jitter,
            });
        }
        job = self.after.into_iter().fold(job, NewJob::after);
        job = self.after_any.into_iter().fold(job, NewJob::after_any);
        if let Some(policy) = self.on_failure {
            job = job.on_failure(policy);
        }
        if let Some(id) = self.id {
            job = job.id(id);
        }
        Ok(job)
    }
}

/// Reads no more than a body may have and one byte, which is enough to refuse it.
pub(super) fn read_body(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    let name = path.display().to_string();
    let failed = |error: std::io::Error| Failure::stream(&name, &error);
    let source: Box<dyn Read> = match name.as_str() {
        "-" => Box::new(std::io::stdin()),
        _ => Box::new(File::open(path).map_err(failed)?),
    };
    let most = u64::try_from(limits::BODY_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut body = Vec::new();
    source.take(most).read_to_end(&mut body).map_err(failed)?;
    Ok(body)
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    job: &'a JobOut,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_progress: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_result_base64: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_error_base64: Option<Bytes>,
}

pub(super) async fn get(at: &Surroundings, id: JobId) -> Result<(), Failure> {
    let client = session::client(&at.global)?.build();
    let job = client.job(id).await?;
    show(at, &client, &job).await
}

/// Shows a job, opened where this side has the keys.
pub(super) async fn show(at: &Surroundings, client: &Client, job: &JobOut) -> Result<(), Failure> {
    let Opened { result, error, progress } = opened(client, job, at.global.keyring.is_some()).await;
    let (opened_result, opened_result_base64) = text_or_bytes(result);
    let (opened_error, opened_error_base64) = text_or_bytes(error);
    let opened_progress = progress.map(|text| String::from_utf8_lossy(&text).into_owned());
    let rows = rows(job, opened_result.as_deref(), opened_error.as_deref(), opened_progress.as_deref());
    let shown = Shown {
        job,
        opened_progress,
        opened_result,
        opened_result_base64,
        opened_error,
        opened_error_base64,
    };
    at.output.one(&shown, &rows)
}

/// What workers said of a job, in the clear.
#[derive(Default)]
struct Opened {
    result: Option<Vec<u8>>,
    error: Option<Vec<u8>>,
    progress: Option<Vec<u8>>,
}

/// What the job came to, where this side can say so: it has the keys, or nothing was sealed.
async fn opened(client: &Client, job: &JobOut, has_keys: bool) -> Opened {
    if !has_keys && job.content_type.as_deref() == Some(CONTENT_TYPE) {
        return Opened::default();
    }
    let told = |what: &str, opened: Result<Option<Vec<u8>>, Unopenable>| {
        opened.unwrap_or_else(|reason| {
            tracing::warn!(job = job.id, "the {what} is not shown: {reason}");
            None
        })
    };
    Opened {
        result: told("result", client.open_result(job).await),
        error: told("error", client.open_error(job).await),
        progress: told("progress", client.open_progress(job).await),
    }
}

pub(super) fn text_or_bytes(bytes: Option<Vec<u8>>) -> (Option<String>, Option<Bytes>) {
    match bytes.map(String::from_utf8) {
        None => (None, None),
        Some(Ok(text)) => (Some(text), None),
        Some(Err(error)) => (None, Some(Bytes::from(error.into_bytes()))),
    }
}

fn rows(
    job: &JobOut,
    result: Option<&str>,
    error: Option<&str>,
    words: Option<&str>,
) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("id", job.id.clone()),
        ("queue", job.queue.clone()),
        ("state", job.state.clone()),
        ("kind", job.kind.clone()),
        ("priority", job.priority.clone()),
        ("attempt", format!("{} of {}", job.attempt, job.max_attempts)),
        ("owner", job.owner.clone()),
        ("created", job.created_at.to_string()),
        ("run at", job.run_at.to_string()),
    ];
    let optional = [
        ("sent to", job.origin_queue.clone()),
        ("clone of", job.clone_of.clone()),
        ("re-driven", (job.redrives > 0).then(|| format!("{} times", job.redrives))),
        ("asked to stop", job.cancel_requested.then(|| "yes".to_owned())),
        ("content type", job.content_type.clone()),
        ("session", job.session_id.clone()),
        ("correlation id", job.correlation_id.clone()),
        ("subject", job.subject.clone()),
        ("expires", job.expires_at.map(|at| at.to_string())),
        ("finished", job.finished_at.map(|at| at.to_string())),
        ("waits for", job.dependencies.as_ref().and_then(waits_for)),
        ("held because", job.held_because.clone()),
        ("dead because", job.dead_because.clone()),
        (
            "progress",
            job.progress.as_ref().map(|progress| {
                let words = words.map(|words| format!(": {words}")).unwrap_or_default();
                format!("{} % in attempt {} at {}{words}", progress.percent, progress.attempt, progress.at)
            }),
        ),
        (
            "checkpoint",
            job.checkpoint.as_ref().map(|left| format!("of attempt {} at {}", left.attempt, left.at)),
        ),
        ("log", job.log.map(|log| format!("{} entries, {} dropped", log.entries, log.dropped))),
        ("first failed", job.first_failed_at.as_ref().map(ToString::to_string)),
        (
            "last failed",
            job.last_error.as_ref().map(|failure| format!("{} at {}", failure.category, failure.at)),
        ),
        ("error", error.map(str::to_owned)),
        ("result", result.map(str::to_owned)),
    ];
    rows.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    rows.extend(job.attempts.iter().map(|attempt| ("attempt", attempt_line(attempt))));
    rows
}

fn waits_for(of: &DependenciesOut) -> Option<String> {
    let names: Vec<String> = of.blocked_by.iter().map(ToString::to_string).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn attempt_line(attempt: &AttemptOut) -> String {
    let mut line = format!("{} by {}", attempt.attempt, attempt.worker);
    for word in [&attempt.instance, &attempt.code_version].into_iter().flatten() {
        line.push_str(&format!(" {word}"));
    }
    line.push_str(&format!(", {} to {}: {}", attempt.started_at, attempt.ended_at, attempt.end));
    for word in [&attempt.category, &attempt.code].into_iter().flatten() {
        line.push_str(&format!(" {word}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn bytes_that_are_no_text_stay_bytes() {
        assert_eq!(text_or_bytes(Some(b"ok".to_vec())), (Some("ok".to_owned()), None));
        assert_eq!(text_or_bytes(Some(vec![0xff])), (None, Some(Bytes::from(vec![0xff]))));
        assert_eq!(text_or_bytes(None), (None, None));
    }

    #[test]
    fn a_unique_key_may_have_colons_of_its_own() {
        let of = |text| unique(text).unwrap();
        assert_eq!(of("a"), ("a".to_owned(), OnConflict::Refuse));
        assert_eq!(of("a:b"), ("a:b".to_owned(), OnConflict::Refuse));
        assert_eq!(of("a:b:merge"), ("a:b".to_owned(), OnConflict::Merge));
        assert_eq!(of("merge:refuse"), ("merge".to_owned(), OnConflict::Refuse));
    }

    #[test]
    fn an_attribute_is_split_at_its_first_sign() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(pair("a").is_err());
    }

    #[test]
    fn no_option_of_one_job_goes_with_a_file_of_many() {
        let options = crate::options::Options::command();
        let job = options.find_subcommand("job").expect("there is one");
        let enqueue = job.find_subcommand("enqueue").expect("there is one");
        let there = enqueue.get_arguments().map(|arg| arg.get_id().as_str());
        let of_one_job = there.filter(|id| !["queue", "plaintext", "batch", "atomic"].contains(id));
        assert_eq!(of_one_job.collect::<Vec<_>>(), OF_ONE_JOB);
    }
}
