//! `sealane journal`: what a stopped server stored.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use sealane_crypto::SystemRandom;
use sealane_server::inspection::verify_journal;

use super::Surroundings;
use crate::failure::{DATA, FAILED, Failure, chain};

/// What to do with it.
#[derive(Debug, Subcommand)]
pub(crate) enum Journal {
    /// Read every record and open what came with it; changes nothing, and says where damage is
    Verify(Verify),
}

#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// The data directory of a server that is not running, or a copy of one
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

pub(super) fn run(at: &Surroundings, command: &Journal) -> Result<(), Failure> {
    let Journal::Verify(Verify { data_dir }) = command;
    let report = verify_journal(data_dir, Arc::new(SystemRandom)).map_err(|error| {
        let exit = if error.is_about_data() { DATA } else { FAILED };
        Failure::new(exit, "journal_not_whole", "the journal is not whole or cannot be read", chain(&error))
    })?;
    let rows = [
        ("segments", report.segments.to_string()),
        ("bytes", report.bytes.to_string()),
        ("records", report.records.to_string()),
        ("end_lsn", report.end_lsn.to_string()),
        ("last_stop", report.last_stop.to_owned()),
        ("cut_bytes", report.cut_bytes.to_string()),
        ("unopenable", report.unopenable.to_string()),
        ("snapshots", report.snapshots.to_string()),
        ("damaged_snapshots", report.damaged_snapshots.to_string()),
        ("queues", report.queues.to_string()),
        ("jobs", report.jobs.to_string()),
    ];
    at.output.one(&report, &rows)
}
