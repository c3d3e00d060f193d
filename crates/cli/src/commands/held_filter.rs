//! Which held jobs are meant, on the command line.

use clap::Args;
use sealane::{HeldFilterIn, HeldReleaseIn};
use sealane_api::wire::Timestamp;

use super::dead_filter::time;

/// Which jobs: those that everything said is true of; all where nothing is said.
#[derive(Args, Clone, Debug)]
pub(crate) struct HeldFilterArgs {
    /// Only those that are held for this reason
    #[arg(long, value_parser = ["unopenable", "unreadable", "quarantined"])]
    reason: Option<String>,
    /// Only those of a kind
    #[arg(long)]
    kind: Option<String>,
    /// Only those with a tag
    #[arg(long)]
    tag: Option<String>,
    /// Only those that a principal sent
    #[arg(long, value_name = "PRINCIPAL")]
    owner: Option<String>,
    /// Only those that are held since this time or later, as 2026-01-31T09:30:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    held_from: Option<Timestamp>,
    /// Only those that are held since before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    held_before: Option<Timestamp>,
    /// At most so many in a second, so that the workers are not flooded
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
}

impl HeldFilterArgs {
    /// What is wished for; without a filter where nothing is said.
    pub(super) fn wish(self) -> HeldReleaseIn {
        let Self { reason, kind, tag, owner, held_from, held_before, rate } = self;
        let filter = HeldFilterIn { reason, kind, tag, owner, held_from, held_before };
        HeldReleaseIn { filter: (filter != HeldFilterIn::default()).then_some(filter), rate }
    }
}
