//! Owns the copy of the checkout a page runs in, so that what a page writes is gone afterwards.

use crate::command::Line;
use crate::failure::Failure;
use crate::place::Place;
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A directory that is removed on drop: `checkout/` for the page, `records/` for what it prints.
#[derive(Debug)]
pub(crate) struct Scratch {
    home: PathBuf,
}

/// The files of the checkout that are not ignored, by their path inside it.
pub(crate) fn checkout_files(root: &Path) -> Result<Vec<String>, Failure> {
    let listed = Line::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .within(root)
        .answer()?;
    let mut files: Vec<String> =
        listed.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    // A file deleted but not yet committed is still listed.
    files.retain(|name| root.join(name).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}

impl Scratch {
    /// Copies the files and lets `target` lead to the build output that is already there.
    pub(crate) fn fill(place: &Place, files: &[String]) -> Result<Self, Failure> {
        let home = std::env::temp_dir().join(format!("sealane-docs-{}", std::process::id()));
        if home.exists() {
            fs::remove_dir_all(&home).map_err(|cause| Failure::file("remove", &home, &cause))?;
        }
        let scratch = Self { home };
        for directory in [scratch.checkout(), scratch.records()] {
            fs::create_dir_all(&directory).map_err(|cause| Failure::file("create", &directory, &cause))?;
        }
        for name in files {
            let copy = scratch.checkout().join(name);
            copy_with_time(&place.root.join(name), &copy)
                .map_err(|cause| Failure::file("copy to", &copy, &cause))?;
        }
        let target = scratch.checkout().join("target");
        symlink(&place.target, &target).map_err(|cause| Failure::file("link", &target, &cause))?;
        Ok(scratch)
    }

    pub(crate) fn checkout(&self) -> PathBuf {
        self.home.join("checkout")
    }

    pub(crate) fn records(&self) -> PathBuf {
        self.home.join("records")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A directory that stays behind is the next run's to remove, and no reason to fail.
        let _ = fs::remove_dir_all(&self.home);
    }
}

/// The time of change goes along: cargo compares it, and would build everything again.
fn copy_with_time(source: &Path, target: &Path) -> std::io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::copy(source, target)?;
    let changed = fs::metadata(source)?.modified()?;
    File::options().append(true).open(target)?.set_times(FileTimes::new().set_modified(changed))
}
