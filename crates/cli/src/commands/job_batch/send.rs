//! Lines become requests, and answers become lines again, each with the number of the line that it is
//! about. What has been answered is printed before the next request goes out.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use sealane::{Client, Error, Job, JobId, Sent};
use sealane_api::problem::{Code, ItemError, Problem};
use sealane_core::limits;
use serde::Serialize;

use super::line;
use super::reader::{Line, Lines};
use crate::commands::Surroundings;
use crate::commands::job::advised;
use crate::failure::{Failure, REFUSED};

/// What is to be sent, and how.
pub(in crate::commands) struct Batch {
    pub(in crate::commands) queue: String,
    pub(in crate::commands) file: PathBuf,
    /// All of it or nothing.
    pub(in crate::commands) atomic: bool,
    /// Whether bodies go as they are.
    pub(in crate::commands) plaintext: bool,
}

/// What became of a line.
#[derive(Serialize)]
struct Answer {
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    merged: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ItemError>,
}

/// How it went so far.
#[derive(Default)]
struct Count {
    accepted: u64,
    refused: u64,
}

/// A line as it was read: the job it asks for, or why there is none.
struct Asked {
    number: u64,
    id: Option<JobId>,
    job: Result<Job, ItemError>,
}

pub(in crate::commands) async fn run(
    at: &Surroundings,
    client: &Client,
    batch: Batch,
) -> Result<(), Failure> {
    let name = batch.file.display().to_string();
    let failed = |error: std::io::Error| Failure::stream(&name, &error);
    let mut lines = Lines::new(open(&batch.file).map_err(failed)?);
    let mut count = Count::default();
    let mut names = Some(&["line", "id", "state", "because"][..]);
    let mut request = lines.next_request().map_err(failed)?;
    if request.is_empty() {
        return Err(Failure::usage(format!("{name}: there is no job in it")));
    }
    while !request.is_empty() {
        let next = lines.next_request().map_err(failed)?;
        if batch.atomic && !next.is_empty() {
            return Err(Failure::usage(format!(
                "{name}: an atomic batch is one request, of at most {} lines and {} bytes: leave out --atomic, or send fewer together",
                limits::BATCH_ITEMS_MAX,
                limits::REQUEST_BYTES_MAX
            )));
        }
        let last = request.last().map_or(0, |line| line.number);
        let asked = request.iter().map(|line| ask(client, line)).collect::<Result<Vec<_>, _>>()?;
        let (answers, stopped) = send(client, &batch, asked).await?;
        count.add(&answers);
        let rows = answers.iter().map(Answer::row).collect();
        at.output.each(&answers, names.take(), rows)?;
        if let Some(failure) = stopped {
            return Err(failure.with_advice(&format!(
                "the lines up to {last} say what became of them, and nothing behind them was sent"
            )));
        }
        request = next;
    }
    count.end()
}

fn open(path: &Path) -> std::io::Result<Box<dyn BufRead>> {
    Ok(match path.to_str() {
        Some("-") => Box::new(BufReader::new(std::io::stdin())),
        _ => Box::new(BufReader::new(File::open(path)?)),
    })
}

/// Why every job has an id before it is sent: where no answer comes, it is what its sender can ask after.
fn ask(client: &Client, line: &Line) -> Result<Asked, Failure> {
    let read = match &line.text {
        Some(text) => line::read(text),
        None => Err(format!("a line has at most {} bytes", limits::REQUEST_BYTES_MAX)),
    };
    Ok(match read {
        Ok((own, job)) => {
            let id = own.map_or_else(|| client.new_job_id(), Ok)?;
            Asked { number: line.number, id: Some(id), job: Ok(job.id(id)) }
        }
        Err(problem) => {
            Asked { number: line.number, id: None, job: Err(ItemError::from(&Problem::invalid(problem))) }
        }
    })
}

/// Sends one request. Beside the answers stands why nobody answered, where nobody did.
async fn send(
    client: &Client,
    batch: &Batch,
    asked: Vec<Asked>,
) -> Result<(Vec<Answer>, Option<Failure>), Failure> {
    let not_done = batch.atomic && asked.iter().any(|asked| asked.job.is_err());
    let mut jobs = Vec::with_capacity(asked.len());
    let mut answers = Vec::with_capacity(asked.len());
    for Asked { number, id, job } in asked {
        let error = match job {
            Ok(_) if not_done => {
                let why =
                    Problem::new(Code::NotDone, "another line of this batch is no job, so none was sent");
                Some(ItemError::from(&why))
            }
            Ok(job) => {
                jobs.push(job);
                None
            }
            Err(error) => Some(error),
        };
        let id = id.map(|id| id.to_string());
        answers.push(Answer { line: number, id, queue: None, state: None, merged: false, error });
    }
    let producer = client.producer();
    let results = match (jobs.is_empty(), batch.atomic) {
        (true, _) => Vec::new(),
        (false, true) => producer.send_batch_atomic(&batch.queue, jobs).await?,
        (false, false) => producer.send_batch(&batch.queue, jobs).await?,
    };
    let mut stopped = None;
    for (answer, result) in answers.iter_mut().filter(|answer| answer.error.is_none()).zip(results) {
        match result {
            Ok(sent) => answer.accept(sent),
            Err(error) => {
                let is_refusal = matches!(error, Error::Refused(_) | Error::Seal(_));
                let failure = advised(error, batch.plaintext);
                answer.error = Some(failure.item());
                if !is_refusal {
                    stopped.get_or_insert(failure);
                }
            }
        }
    }
    Ok((answers, stopped))
}

impl Answer {
    fn accept(&mut self, sent: Sent) {
        // The id of another job, where that one stood in for it.
        self.id = Some(sent.id.to_string());
        self.queue = Some(sent.queue);
        self.state = Some(sent.state);
        self.merged = sent.merged;
    }

    fn row(&self) -> Vec<String> {
        let because = self.error.as_ref().map(|error| format!("{}: {}", error.code, error.detail));
        vec![
            self.line.to_string(),
            self.id.clone().unwrap_or_default(),
            self.state.clone().unwrap_or_else(|| "refused".to_owned()),
            because.unwrap_or_default(),
        ]
    }
}

impl Count {
    fn add(&mut self, answers: &[Answer]) {
        for answer in answers {
            match answer.error {
                None => self.accepted += 1,
                Some(_) => self.refused += 1,
            }
        }
    }

    fn end(&self) -> Result<(), Failure> {
        if self.refused == 0 {
            return Ok(());
        }
        Err(Failure::new(
            REFUSED,
            "lines_refused",
            "lines were refused",
            format!(
                "{} of {} jobs were not accepted: their lines say why",
                self.refused,
                self.accepted + self.refused
            ),
        ))
    }
}
