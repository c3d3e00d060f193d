//! Owns the webhook examples the tests send through the queue: fetched by name and version, kept
//! in the cache, never committed.

use crate::command::Line;
use crate::failure::Failure;
use crate::place::Place;
use crate::step::Outcome;
use std::fs;
use std::path::{Path, PathBuf};

/// Tells tests where the unpacked package is; its `api.github.com/index.json` holds the payloads.
pub(crate) const EXAMPLES_VARIABLE: &str = "SEALANE_WEBHOOK_EXAMPLES";

const PACKAGE: &str = "@octokit/webhooks-examples@7.6.1";
const ARCHIVE: &str = "octokit-webhooks-examples-7.6.1.tgz";
const ARCHIVE_SHA256: &str = "89e6cb1c6345d32e3dd775617fa54effbdc26c859e514898d7728e95e9738280";

pub(crate) fn step(place: &Place) -> Result<Outcome, Failure> {
    let examples = webhook_examples(place)?;
    println!("{EXAMPLES_VARIABLE}={}", examples.display());
    Ok(Outcome::Passed)
}

/// The directory of the unpacked package, fetched first where it is missing.
pub(crate) fn webhook_examples(place: &Place) -> Result<PathBuf, Failure> {
    let home = place.cache.join("fixtures");
    let unpacked = home.join("webhooks-examples-7.6.1");
    if unpacked.join("api.github.com/index.json").is_file() {
        return Ok(unpacked);
    }
    let arriving = home.join("arriving");
    make_empty(&arriving)?;
    Line::new("npm")
        .args(["pack", "--silent", PACKAGE, "--pack-destination"])
        .args([&arriving])
        .within(&arriving)
        .run()?;
    let archive = arriving.join(ARCHIVE);
    require_digest(&archive, ARCHIVE_SHA256)?;
    Line::new("tar").args(["-xzf"]).args([&archive]).within(&arriving).run()?;
    // The rename is what makes it exist: an interrupted download is never taken for a whole one.
    fs::rename(arriving.join("package"), &unpacked)
        .map_err(|cause| Failure::file("move the examples to", &unpacked, &cause))?;
    Ok(unpacked)
}

fn make_empty(directory: &Path) -> Result<(), Failure> {
    if directory.exists() {
        fs::remove_dir_all(directory).map_err(|cause| Failure::file("remove", directory, &cause))?;
    }
    fs::create_dir_all(directory).map_err(|cause| Failure::file("create", directory, &cause))
}

fn require_digest(file: &Path, expected: &str) -> Result<(), Failure> {
    let answer = Line::new("sha256sum").args([file]).answer()?;
    let digest = answer.split_whitespace().next().unwrap_or_default();
    if digest == expected {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} has the digest `{digest}` and should have {expected}, do not trust it",
        file.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_with_other_bytes_is_refused() {
        let path = std::env::temp_dir().join(format!("xtask-digest-{}", std::process::id()));
        fs::write(&path, b"abc").expect("the temporary directory is writable");
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(require_digest(&path, of_abc).is_ok());
        fs::write(&path, b"abd").expect("the temporary directory is writable");
        let refused = require_digest(&path, of_abc).expect_err("the bytes differ");
        assert!(refused.to_string().contains("do not trust it"), "{refused}");
        fs::remove_file(&path).expect("it was written above");
    }
}
