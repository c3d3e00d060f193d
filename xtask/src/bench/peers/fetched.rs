//! Owns where the other servers' programs lie once `bench/fetch.sh` has brought them.

use super::list::Candidate;
use crate::command::Line;
use crate::failure::Failure;
use crate::place::Place;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// A directory for each.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) directory: PathBuf,
}

impl Fetched {
    /// Fetches what is not there yet.
    pub(crate) fn of(place: &Place, candidates: &[&Candidate]) -> Result<Self, Failure> {
        let directory = place.cache.join("peers");
        let mut names: Vec<&str> = candidates.iter().map(|candidate| candidate.fetch).collect();
        names.dedup();
        Line::new("bash").args([place.root.join("bench/fetch.sh"), directory.clone()]).args(names).run()?;
        Ok(Self { directory })
    }

    /// A file of a peer, by its path in there.
    pub(crate) fn path(&self, peer: &str, path: &str) -> PathBuf {
        self.directory.join(peer).join(path)
    }

    /// The one directory in this one of a peer, whatever version it is named after.
    pub(crate) fn only(&self, peer: &str, parent: &str) -> Result<PathBuf, Failure> {
        let parent = self.path(peer, parent);
        let entries = fs::read_dir(&parent).map_err(|cause| Failure::file("read", &parent, &cause))?;
        let mut found: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        found.retain(|path| path.is_dir());
        match found.as_slice() {
            [one] => Ok(one.clone()),
            _ => Err(Failure::with_line(
                format!("{} should hold one version; remove what was fetched and repeat:", parent.display()),
                format!("rm -r {}", self.directory.join(peer).display()),
            )),
        }
    }

    /// Where a peer's own libraries are looked for first.
    pub(crate) fn libraries(&self, peer: &str) -> (&'static str, OsString) {
        let architecture = std::env::consts::ARCH;
        let of =
            |base: &str| self.path(peer, base).join(format!("{architecture}-linux-gnu")).into_os_string();
        let mut path = of("usr/lib");
        path.push(":");
        path.push(of("lib"));
        ("LD_LIBRARY_PATH", path)
    }

    /// What a program says of its version: the first word with a point between digits.
    pub(crate) fn version(&self, peer: &str, program: &Path, flag: &str) -> Result<String, Failure> {
        let (name, value) = self.libraries(peer);
        let said = Line::new(program).args([flag]).env(name, value).answer()?;
        version_in(&said).ok_or_else(|| Failure::new(format!("{} told no version", program.display())))
    }
}

fn version_in(said: &str) -> Option<String> {
    let words = said.split_whitespace().map(|word| word.trim_start_matches("v=").trim_start_matches('v'));
    let is_version = |word: &&str| {
        word.starts_with(|letter: char| letter.is_ascii_digit())
            && word.contains('.')
            && word.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-+".contains(letter))
    };
    words.into_iter().find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_each_program_says() {
        let of = |text| version_in(text).expect("there is one");
        assert_eq!(of("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"), "7.0.15");
        assert_eq!(of("nats-server: v2.10.27"), "2.10.27");
        assert_eq!(of("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)"), "15.20");
        assert_eq!(of("beanstalkd 1.12"), "1.12");
        assert_eq!(version_in("no version"), None);
    }
}
