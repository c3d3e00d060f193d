//! Which jobs of a dead-letter are meant, on the command line.

use clap::Args;
use sealane::DeadFilterIn;
use sealane_api::wire::{Bytes, Timestamp, from_rfc3339};

/// Which jobs: those that everything said is true of; all where nothing is said.
#[derive(Args, Clone, Debug)]
pub(crate) struct DeadFilterArgs {
    /// Only those whose last attempt failed like this
    #[arg(long, value_parser = ["temporary", "permanent", "timeout", "cancelled", "system"])]
    category: Option<String>,
    /// Only those whose worker calls the error so
    #[arg(long)]
    code: Option<String>,
    /// Only those with this error, by its fingerprint as `dlq list` shows it
    #[arg(long, value_name = "BASE64", value_parser = fingerprint)]
    fingerprint: Option<Bytes>,
    /// Only those of a kind
    #[arg(long)]
    kind: Option<String>,
    /// Only those with a tag
    #[arg(long)]
    tag: Option<String>,
    /// Only those that a principal sent
    #[arg(long, value_name = "PRINCIPAL")]
    owner: Option<String>,
    /// Only those that died at this time or later, as 2026-01-31T09:30:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    died_from: Option<Timestamp>,
    /// Only those that died before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    died_before: Option<Timestamp>,
}

impl DeadFilterArgs {
    /// The filter; none where nothing is said.
    pub(super) fn filter(&self) -> Option<DeadFilterIn> {
        let Self { category, code, fingerprint, kind, tag, owner, died_from, died_before } = self.clone();
        let filter = DeadFilterIn { category, code, fingerprint, kind, tag, owner, died_from, died_before };
        (filter != DeadFilterIn::default()).then_some(filter)
    }
}

fn fingerprint(text: &str) -> Result<Bytes, &'static str> {
    Bytes::from_base64(text).ok_or("a fingerprint is 16 bytes in base64")
}

pub(super) fn time(text: &str) -> Result<Timestamp, &'static str> {
    from_rfc3339(text).map(Timestamp).ok_or("a time is written as 2026-01-31T09:30:00Z")
}
