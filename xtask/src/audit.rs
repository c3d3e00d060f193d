//! Owns the look-up of known vulnerabilities: from a folder somebody brought, or from the network.
//!
//! When neither is to be had the step passes with the words "not checked". When advisories could
//! be read, a match fails.

use crate::command::{Line, Said};
use crate::failure::Failure;
use crate::place::Place;
use crate::step::Outcome;
use crate::tools;
use std::env;
use std::path::{Path, PathBuf};

/// Names a folder with a copy of the advisory database.
const DATABASE_VARIABLE: &str = "SEALANE_ADVISORY_DB";

pub(crate) fn step(place: &Place) -> Result<Outcome, Failure> {
    let program = tools::AUDIT.installed(place)?;
    match env::var_os(DATABASE_VARIABLE).filter(|folder| !folder.is_empty()) {
        Some(folder) => from_folder(place, &program, &PathBuf::from(folder)),
        None => from_network(place, &program),
    }
}

fn from_folder(place: &Place, program: &Path, folder: &Path) -> Result<Outcome, Failure> {
    if !folder.join("crates").is_dir() {
        return Err(Failure::new(format!(
            "{DATABASE_VARIABLE} is {}, which holds no advisories, correct or unset it",
            folder.display()
        )));
    }
    audit(place, program).args(["--no-fetch", "--stale", "--db"]).args([folder]).run()?;
    Ok(Outcome::Passed)
}

fn from_network(place: &Place, program: &Path) -> Result<Outcome, Failure> {
    let line = audit(place, program).args(["--db"]).args([place.cache.join("advisory-db")]);
    let said = line.capture()?;
    print!("{}", said.stdout);
    eprint!("{}", said.stderr);
    if said.succeeded {
        return Ok(Outcome::Passed);
    }
    if is_unreachable(&said) {
        return Ok(Outcome::NotChecked("the advisory database could not be fetched".to_owned()));
    }
    Err(Failure::with_line(
        "a dependency has an advisory, or the check itself broke; see above",
        line.shown(),
    ))
}

fn audit(place: &Place, program: &Path) -> Line {
    // Why unsound as well: in a library that holds keys, undefined behaviour is a vulnerability
    // nobody has demonstrated yet.
    Line::new(program).args(["audit", "--deny", "unsound"]).within(&place.root)
}

/// Whether the failure is the download's. The exit status is the same as for a found
/// vulnerability, so the message decides; it belongs to the version pinned in `tools.rs`.
fn is_unreachable(said: &Said) -> bool {
    said.stderr.contains("couldn't fetch advisory database") && said.stdout.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(stdout: &str, stderr: &str) -> Said {
        Said { succeeded: false, stdout: stdout.to_owned(), stderr: stderr.to_owned() }
    }

    #[test]
    fn a_failed_download_is_not_taken_for_a_clean_bill() {
        assert!(is_unreachable(&failed("", "error: couldn't fetch advisory database: git operation failed")));
    }

    #[test]
    fn a_found_vulnerability_is_not_taken_for_a_failed_download() {
        assert!(!is_unreachable(&failed("ID: RUSTSEC-2020-0071", "error: 1 vulnerability found!")));
        assert!(!is_unreachable(&failed("ID: RUSTSEC-2020-0071", "couldn't fetch advisory database")));
        assert!(!is_unreachable(&failed("", "error: not a lock file")));
    }
}
