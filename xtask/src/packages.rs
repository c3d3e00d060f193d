//! Owns the list of system programs the steps start, and how they come onto a Debian machine.
//!
//! A program is looked for by its command, so one that came some other way is left alone.

use crate::command::{Line, is_installed};
use crate::failure::Failure;
use crate::place::Place;
use crate::step::Outcome;
use std::os::unix::fs::MetadataExt;

struct Program {
    command: &'static str,
    package: &'static str,
    /// Who needs it; shown when it is missing.
    needed_by: &'static str,
}

const PROGRAMS: &[Program] = &[
    Program { command: "cc", package: "gcc", needed_by: "the C part of the cipher library" },
    Program { command: "curl", package: "curl", needed_by: "tests that ask as a person would" },
    Program { command: "faketime", package: "faketime", needed_by: "tests of a wall clock that steps" },
    Program { command: "gcore", package: "gdb", needed_by: "tests that search a process's memory" },
    Program { command: "git", package: "git", needed_by: "the list of files the docs step copies" },
    Program { command: "mount", package: "mount", needed_by: "the test of a full file system" },
    Program { command: "node", package: "nodejs", needed_by: "npm" },
    Program { command: "npm", package: "npm", needed_by: "the download of the webhook examples" },
    Program { command: "strace", package: "strace", needed_by: "tests of the order of system calls" },
    Program { command: "tar", package: "tar", needed_by: "unpacking the webhook examples" },
    Program { command: "unshare", package: "util-linux", needed_by: "the test of a full file system" },
];

pub(crate) fn step(_place: &Place) -> Result<Outcome, Failure> {
    let missing = missing_programs(is_installed);
    if missing.is_empty() {
        println!("all {} programs are installed", PROGRAMS.len());
        return Ok(Outcome::Passed);
    }
    for program in &missing {
        println!("{} is missing, needed by {}", program.command, program.needed_by);
    }
    let names: Vec<&str> = missing.iter().map(|program| program.package).collect();
    if !is_root() || !is_installed("apt-get") {
        return Err(Failure::with_line(
            "system packages are missing, install them and repeat:",
            install_line(&names),
        ));
    }
    Line::new("apt-get").args(["update"]).run()?;
    Line::new("apt-get")
        .args(["install", "-y", "--no-install-recommends"])
        .args(&names)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()?;
    match missing_programs(is_installed).first() {
        None => Ok(Outcome::Passed),
        Some(program) => Err(Failure::new(format!(
            "{} was installed and still there is no {}, install it by hand",
            program.package, program.command
        ))),
    }
}

fn missing_programs(installed: impl Fn(&str) -> bool) -> Vec<&'static Program> {
    PROGRAMS.iter().filter(|program| !installed(program.command)).collect()
}

fn install_line(packages: &[&str]) -> String {
    format!("sudo apt-get install -y --no-install-recommends {}", packages.join(" "))
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_asked_for() {
        let missing = missing_programs(|command| command != "gcore" && command != "npm");
        let names: Vec<&str> = missing.iter().map(|program| program.package).collect();
        assert_eq!(install_line(&names), "sudo apt-get install -y --no-install-recommends gdb npm");
        assert!(missing_programs(|_| true).is_empty());
    }
}
