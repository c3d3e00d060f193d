//! A job in a file, as a line of a batch or a node of a flow: JSON with the fields that it has over HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use sealane::{Job, JobId, OnConflict, OnFailure, RetryIn};
use sealane_api::v1::UniqueIn;
use sealane_api::wire::Bytes;
use serde::Deserialize;

use crate::commands::job::{job_id, priority};

/// A job as it stands in a file. The body is base64 in `body` or text in `text`; what is in `attributes`
/// is sealed with it, what is in `clear_attributes` stays readable.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct Fields {
    id: Option<String>,
    kind: String,
    body: Option<Bytes>,
    text: Option<String>,
    content_type: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    clear_attributes: BTreeMap<String, String>,
    session_id: Option<String>,
    correlation_id: Option<String>,
    subject: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    priority: Option<String>,
    delay_ms: Option<u64>,
    run_at: Option<String>,
    ttl_ms: Option<u64>,
    expires_at: Option<String>,
    max_attempts: Option<u32>,
    retry: Option<RetryIn>,
    fair_key: Option<String>,
    idempotency_key: Option<String>,
    unique: Option<UniqueIn>,
    #[serde(default)]
    after: Vec<String>,
    #[serde(default)]
    after_any: Vec<String>,
    on_failure: Option<String>,
}

impl Fields {
    /// The job under its own id, where it has one.
    pub(in crate::commands) fn into_job(self) -> Result<Job, String> {
        let id = self.id.as_deref().map(job_id).transpose()?;
        let job = job(self)?;
        Ok(match id {
            Some(id) => job.id(id),
            None => job,
        })
    }
}

/// Reads a line: the job, and the id where the line has one.
pub(super) fn read(text: &[u8]) -> Result<(Option<JobId>, Job), String> {
    // Why by its place only: the words of a JSON library quote what they read, and that is to be sealed.
    let fields: Fields = serde_json::from_slice(text).map_err(|error| {
        let what = if error.is_data() { "no job" } else { "no JSON" };
        format!("this is {what} at column {}: docs/batches.md shows what stands in a line", error.column())
    })?;
    let id = fields.id.as_deref().map(job_id).transpose()?;
    Ok((id, job(fields)?))
}

/// Makes the job, without its id.
fn job(fields: Fields) -> Result<Job, String> {
    let body = match (fields.body, fields.text) {
        (Some(_), Some(_)) => return Err("give body (base64) or text, not both".to_owned()),
        (Some(bytes), None) => Vec::from(bytes),
        (None, text) => text.unwrap_or_default().into_bytes(),
    };
    let mut job = Job::new(fields.kind, body);
    for (name, value) in fields.attributes {
        job = job.attribute(name, value);
    }
    for (name, value) in fields.clear_attributes {
        job = job.clear_attribute(name, value);
    }
    job = fields.tags.into_iter().fold(job, Job::tag);
    let with = |job: Job, text: Option<String>, set: fn(Job, String) -> Job| match text {
        Some(text) => set(job, text),
        None => job,
    };
    job = with(job, fields.content_type, Job::content_type);
    job = with(job, fields.session_id, Job::session);
    job = with(job, fields.correlation_id, Job::correlation_id);
    job = with(job, fields.subject, Job::subject);
    job = with(job, fields.fair_key, Job::fair_key);
    job = with(job, fields.run_at, Job::run_at);
    job = with(job, fields.expires_at, Job::expires_at);
    job = with(job, fields.idempotency_key, Job::idempotency_key);
    if let Some(word) = fields.priority {
        job = job.priority(priority(&word).map_err(|rule| format!("priority {rule}"))?);
    }
    if let Some(ms) = fields.delay_ms {
        job = job.delay(Duration::from_millis(ms));
    }
    if let Some(ms) = fields.ttl_ms {
        job = job.ttl(Duration::from_millis(ms));
    }
    if let Some(attempts) = fields.max_attempts {
        job = job.max_attempts(attempts);
    }
    if let Some(retry) = fields.retry {
        job = job.retry(retry);
    }
    if let Some(unique) = fields.unique {
        let on_conflict = match unique.on_conflict.as_deref() {
            None => OnConflict::Refuse,
            Some(word) => OnConflict::parse(word).ok_or("on_conflict must be refuse or merge")?,
        };
        job = job.unique(&*unique.key, on_conflict);
    }
    for id in fields.after {
        job = job.after(job_id(&id)?);
    }
    for id in fields.after_any {
        job = job.after_any(job_id(&id)?);
    }
    if let Some(word) = fields.on_failure {
        let policy = OnFailure::parse(&word).ok_or("on_failure must be fail, cancel or run")?;
        job = job.on_failure(policy);
    }
    Ok(job)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_line_is_said_without_quoting_it() {
        for (line, said) in [
            ("{\"kind\":\"k\",\"text\":\"canary\"", "this is no JSON"),
            ("{\"kind\":\"k\",\"canary\":1}", "this is no job"),
            ("[\"canary\"]", "this is no job"),
            ("{\"text\":\"canary\"}", "this is no job"),
            ("{\"kind\":\"k\",\"body\":\"canary!\"}", "this is no job"),
            ("{\"kind\":\"k\",\"body\":\"\",\"text\":\"canary\"}", "not both"),
            ("{\"kind\":\"k\",\"priority\":\"canary\"}", "priority must be"),
            ("{\"kind\":\"k\",\"on_failure\":\"canary\"}", "on_failure must be"),
            ("{\"kind\":\"k\",\"unique\":{\"key\":\"u\",\"on_conflict\":\"canary\"}}", "on_conflict must be"),
        ] {
            let problem = read(line.as_bytes()).expect_err(line);
            assert!(problem.contains(said) && !problem.contains("canary"), "{line}: {problem}");
        }
    }

    #[test]
    fn a_line_may_have_an_id_and_all_else_that_a_job_has() {
        let id = "019b7400-0000-7000-8000-000000000001";
        let line = format!(
            r#"{{"id":"{id}","kind":"k","body":"AP8=","content_type":"x/y","attributes":{{"a":"b"}},
            "clear_attributes":{{"c":"d"}},"session_id":"s","correlation_id":"c","subject":"u","tags":["t"],
            "priority":"high","delay_ms":1,"expires_at":"2035-01-31T09:30:00Z","max_attempts":3,"retry":{{"base_ms":4}},"fair_key":"f",
            "idempotency_key":"i","unique":{{"key":"q"}},"after":["{id}"],"after_any":["{id}"],"on_failure":"run"}}"#
        );
        let (read_id, job) = read(line.as_bytes()).expect("a job");
        assert_eq!(read_id.map(|id| id.to_string()).as_deref(), Some(id));
        assert_eq!(job.kind(), "k");
        assert!(format!("{job:?}").contains("body_bytes: 2"), "{job:?}");
        assert_eq!(read(br#"{"kind":"k"}"#).expect("a job without anything else").0, None);
    }
}
