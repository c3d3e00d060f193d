//! Owns the pinned versions of cargo tools and their place in the cache. A tool of the right
//! version is never built twice; a tool of another version is replaced.

use crate::command::Line;
use crate::failure::Failure;
use crate::place::Place;
use crate::step::Outcome;
use std::path::PathBuf;

/// A cargo tool at the version this checkout expects.
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
}

/// Looks dependencies up in the advisory database.
pub(crate) const AUDIT: Tool = Tool { name: "cargo-audit", version: "0.22.2" };
/// Judges licences, bans and sources.
pub(crate) const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

pub(crate) fn step(place: &Place) -> Result<Outcome, Failure> {
    for tool in [&AUDIT, &DENY] {
        let program = tool.installed(place)?;
        println!("{} {} is {}", tool.name, tool.version, program.display());
    }
    Ok(Outcome::Passed)
}

impl Tool {
    /// The program's path; builds it first where it is missing or of another version.
    pub(crate) fn installed(&self, place: &Place) -> Result<PathBuf, Failure> {
        let root = place.cache.join("tools");
        let program = root.join("bin").join(self.name);
        if self.is_there(&program) {
            return Ok(program);
        }
        // Why --debug and no default features: these run for seconds and are built on every new
        // machine; one shared build directory lets the second reuse the first one's crates.
        Line::new("cargo")
            .args([
                "install",
                "--locked",
                "--debug",
                "--force",
                "--no-default-features",
                "--version",
                self.version,
            ])
            .args(["--root"])
            .args([&root])
            .args([self.name])
            .env("CARGO_TARGET_DIR", root.join("target"))
            .within(&place.root)
            .run()?;
        if self.is_there(&program) {
            return Ok(program);
        }
        Err(Failure::new(format!("{} was installed but does not report {}", program.display(), self.version)))
    }

    fn is_there(&self, program: &std::path::Path) -> bool {
        let said = Line::new(program).args(["--version"]).capture();
        said.is_ok_and(|said| said.succeeded && reports(&said.stdout, self.version))
    }
}

fn reports(answer: &str, version: &str) -> bool {
    answer.split_whitespace().any(|word| word == version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_matches_as_a_whole_word() {
        assert!(reports("cargo-deny 0.20.2\n", "0.20.2"));
        assert!(!reports("cargo-deny 0.20.21\n", "0.20.2"));
        assert!(!reports("", "0.20.2"));
    }
}
