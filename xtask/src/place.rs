//! Owns where things are: the checkout, the cache beside it, the build output.
//!
//! Read when the program runs, never when it is compiled: a path baked into the binary would
//! send a second checkout's commands into the first.

use crate::command::Line;
use crate::failure::Failure;
use std::env;
use std::path::{Path, PathBuf};

/// The directories every step works in.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The root of the checkout.
    pub(crate) root: PathBuf,
    /// Downloads and tools that survive a fresh checkout.
    pub(crate) cache: PathBuf,
    /// Build output of the steps.
    pub(crate) target: PathBuf,
}

impl Place {
    /// Finds the checkout around the current directory and the cache of this user.
    pub(crate) fn discover() -> Result<Self, Failure> {
        let here = env::current_dir().map_err(|cause| Failure::file("read", Path::new("."), &cause))?;
        let root = checkout_around(&here).ok_or_else(|| {
            Failure::new(format!("{} is not inside a checkout, go to one and repeat", here.display()))
        })?;
        let cache = cache_directory(env::var_os("XDG_CACHE_HOME").as_deref(), env::var_os("HOME").as_deref())
            .ok_or_else(|| {
                Failure::new("no place for the cache, set HOME or XDG_CACHE_HOME to a full path")
            })?;
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(chosen) => here.join(chosen),
            None => cache.join("target"),
        };
        Ok(Self { root, cache, target })
    }

    /// A cargo command in the checkout, writing to the build output of the steps.
    pub(crate) fn cargo<const N: usize>(&self, arguments: [&str; N]) -> Line {
        Line::new("cargo").args(arguments).env("CARGO_TARGET_DIR", &self.target).within(&self.root)
    }
}

fn checkout_around(start: &Path) -> Option<PathBuf> {
    start
        .ancestors()
        .find(|directory| {
            directory.join("Cargo.lock").is_file() && directory.join("xtask/Cargo.toml").is_file()
        })
        .map(Path::to_path_buf)
}

fn cache_directory(cache_home: Option<&std::ffi::OsStr>, home: Option<&std::ffi::OsStr>) -> Option<PathBuf> {
    // Why the filter: a relative XDG_CACHE_HOME is to be ignored, says its own specification.
    let absolute = |path: &std::ffi::OsStr| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let base = match cache_home.and_then(absolute) {
        Some(base) => base,
        None => home.and_then(absolute)?.join(".cache"),
    };
    Some(base.join("sealane"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn the_cache_follows_xdg_and_then_home() {
        let of = |xdg: Option<&str>, home: Option<&str>| {
            cache_directory(xdg.map(OsStr::new), home.map(OsStr::new))
        };
        assert_eq!(of(Some("/c"), Some("/h")), Some(PathBuf::from("/c/sealane")));
        assert_eq!(of(Some("relative"), Some("/h")), Some(PathBuf::from("/h/.cache/sealane")));
        assert_eq!(of(Some(""), Some("/h")), Some(PathBuf::from("/h/.cache/sealane")));
        assert_eq!(of(None, None), None);
    }

    #[test]
    fn the_checkout_is_found_from_below_and_not_from_outside() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = checkout_around(&manifest.join("src")).expect("the tests run from a checkout");
        assert!(root.join("xtask/src").is_dir());
        assert_eq!(checkout_around(Path::new("/")), None);
    }
}
