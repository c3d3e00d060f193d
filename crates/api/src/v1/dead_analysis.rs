//! What the jobs of a dead-letter have in common.

use std::collections::BTreeMap;

use sealane_core::queue::{Analysis, Counted};
use sealane_core::token::Token;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dead_filter::show_fingerprint;
use crate::wire::{Bytes, Timestamp};

/// What the jobs of a dead-letter have in common. At most 100 values of each sort are shown, the most
/// frequent ones first; jobs with any other value are counted together as `other`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadAnalysisOut {
    /// The queue.
    pub queue: String,
    /// Its dead jobs.
    pub jobs: u64,
    /// Jobs that died in the last hour, to the minute, whatever became of them since.
    pub died_last_hour: u64,
    /// By why the last attempt failed.
    pub categories: Vec<WordCount>,
    /// By what their workers call the error.
    pub codes: Values,
    /// By error, as their workers' fingerprints tell them apart.
    pub fingerprints: Values,
    /// By what sort of job they are.
    pub kinds: Values,
    /// By the hour in which they died, the last 168 of them, the latest first.
    pub hours: Vec<HourCount>,
    /// Jobs that died in an earlier hour than those shown.
    pub earlier: u64,
    /// By all of that but the hour: what fails in the same way again and again.
    pub patterns: Vec<PatternCount>,
    /// Jobs with any other pattern.
    pub other_patterns: u64,
}

/// How many jobs have which value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Values {
    /// The most frequent values.
    pub top: Vec<WordCount>,
    /// Jobs with any other value.
    pub other: u64,
    /// Jobs without one, or whose record was not read yet.
    pub none: u64,
}

/// How many jobs have a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WordCount {
    /// The value; a fingerprint in base64, and a kind whose name cannot be read as `?` and a few digits.
    pub value: String,
    /// How many jobs.
    pub jobs: u64,
}

/// How many jobs died in an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HourCount {
    /// When the hour began.
    pub hour: Timestamp,
    /// How many jobs.
    pub jobs: u64,
}

/// How many jobs died alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PatternCount {
    /// Why the last attempt failed.
    pub category: String,
    /// What their workers call the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Which error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Bytes>,
    /// What sort of job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// How many jobs.
    pub jobs: u64,
}

impl DeadAnalysisOut {
    /// An analysis, with the names of those kinds that a job's record told.
    pub fn show(
        queue: &str,
        analysis: &Analysis,
        died_last_hour: u64,
        names: &BTreeMap<Token, String>,
    ) -> Self {
        let kind = |token: &Token| {
            let [first, second, third, ..] = *token.as_bytes();
            names.get(token).cloned().unwrap_or_else(|| format!("?{first:02x}{second:02x}{third:02x}"))
        };
        let base64 = |token: &Token| show_fingerprint(token).to_base64();
        Self {
            queue: queue.to_owned(),
            jobs: analysis.jobs,
            died_last_hour,
            categories: words(&analysis.categories, ToString::to_string),
            codes: values(&analysis.codes, ToString::to_string),
            fingerprints: values(&analysis.fingerprints, base64),
            kinds: values(&analysis.kinds, kind),
            hours: analysis
                .hours
                .top
                .iter()
                .map(|(hour, jobs)| HourCount { hour: Timestamp(*hour), jobs: *jobs })
                .collect(),
            earlier: analysis.hours.other,
            patterns: analysis
                .patterns
                .top
                .iter()
                .map(|(pattern, jobs)| PatternCount {
                    category: pattern.category.to_string(),
                    code: pattern.code.as_ref().map(ToString::to_string),
                    fingerprint: pattern.fingerprint.as_ref().map(show_fingerprint),
                    kind: pattern.kind.as_ref().map(kind),
                    jobs: *jobs,
                })
                .collect(),
            other_patterns: analysis.patterns.other,
        }
    }
}

fn values<K>(counted: &Counted<K>, show: impl Fn(&K) -> String) -> Values {
    Values { top: words(counted, show), other: counted.other, none: counted.none }
}

fn words<K>(counted: &Counted<K>, show: impl Fn(&K) -> String) -> Vec<WordCount> {
    counted.top.iter().map(|(value, jobs)| WordCount { value: show(value), jobs: *jobs }).collect()
}
