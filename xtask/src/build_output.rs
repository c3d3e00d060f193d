//! Owns the shared build directory: one run at a time, and never another checkout's code.
//!
//! Cargo recognises a workspace crate by its path inside the workspace and believes modification
//! times. Two checkouts that share one directory can therefore be handed each other's binaries:
//! the later build is newer than the earlier checkout's files. So the directory carries the path
//! it was last used for, and a change of path throws the workspace crates out; what comes from a
//! registry cannot differ and stays.

use crate::failure::Failure;
use crate::place::Place;
use serde_json::Value;
use std::fs::{self, File, TryLockError};

const LOCK_FILE: &str = "sealane.lock";
const USED_FOR_FILE: &str = "sealane-checkout";

/// Held while steps run; another run waits for it.
#[derive(Debug)]
pub(crate) struct Claim {
    _lock: File,
}

/// Takes the build directory for this checkout.
pub(crate) fn claim(place: &Place) -> Result<Claim, Failure> {
    fs::create_dir_all(&place.target).map_err(|cause| Failure::file("create", &place.target, &cause))?;
    let lock = wait_for_lock(place)?;
    let used_for = place.target.join(USED_FOR_FILE);
    let root = place.root.display().to_string();
    let before = fs::read_to_string(&used_for).unwrap_or_default();
    if before != root {
        if !before.is_empty() {
            println!("build output was used by another checkout, removing its workspace crates");
        }
        remove_workspace_crates(place)?;
        fs::write(&used_for, &root).map_err(|cause| Failure::file("write", &used_for, &cause))?;
    }
    Ok(Claim { _lock: lock })
}

fn wait_for_lock(place: &Place) -> Result<File, Failure> {
    let path = place.target.join(LOCK_FILE);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|cause| Failure::file("open", &path, &cause))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            println!("another run holds {}, waiting for it", place.target.display());
            file.lock().map_err(|cause| Failure::file("lock", &path, &cause))?;
            Ok(file)
        }
        Err(TryLockError::Error(cause)) => Err(Failure::file("lock", &path, &cause)),
    }
}

fn remove_workspace_crates(place: &Place) -> Result<(), Failure> {
    for name in package_names(place)? {
        // Why only release: the steps build nothing else, and this program itself may have been
        // built to the same place without it.
        place.cargo(["clean", "--quiet", "--release", "--package", &name]).run()?;
    }
    Ok(())
}

fn package_names(place: &Place) -> Result<Vec<String>, Failure> {
    let text = place.cargo(["metadata", "--no-deps", "--format-version", "1"]).answer()?;
    let metadata: Value = serde_json::from_str(&text)
        .map_err(|cause| Failure::new(format!("cargo metadata did not answer in JSON: {cause}")))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    Ok(packages.filter_map(|package| package["name"].as_str()).map(str::to_owned).collect())
}
