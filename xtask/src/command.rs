//! Owns how other programs are started: visibly, in the checkout, and with the environment a
//! person at the prompt would have.

use crate::failure::Failure;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What `cargo run` adds for the program it starts. Passed on to another cargo they would make it
/// see changed inputs, and a build script might take them for its own.
const LEFT_BY_CARGO_RUN: [&str; 4] = ["CARGO_BIN_", "CARGO_CRATE_", "CARGO_MANIFEST_", "CARGO_PKG_"];

/// One command line, kept in a form that can be shown.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    directory: Option<PathBuf>,
}

/// What a captured command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Line {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: None,
        }
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn within(mut self, directory: &Path) -> Self {
        self.directory = Some(directory.to_path_buf());
        self
    }

    /// Runs it with our own output, and fails with the line itself when it does.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let status = self.command().status().map_err(|cause| self.not_started(&cause))?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::with_line(format!("{} ended with {status}", self.name()), self.shown()))
    }

    /// Runs it and keeps what it says; a failing exit is the caller's to judge.
    pub(crate) fn capture(&self) -> Result<Said, Failure> {
        let output =
            self.command().stdin(Stdio::null()).output().map_err(|cause| self.not_started(&cause))?;
        Ok(Said {
            succeeded: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// What it prints, when it succeeds.
    pub(crate) fn answer(&self) -> Result<String, Failure> {
        let said = self.capture()?;
        if said.succeeded {
            return Ok(said.stdout);
        }
        Err(Failure::with_line(format!("{} failed: {}", self.name(), said.stderr.trim()), self.shown()))
    }

    /// The line as one would type it.
    pub(crate) fn shown(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        for (name, value) in &self.environment {
            words.push(format!("{name}={}", quoted(value)));
        }
        words.push(quoted(&self.program));
        words.extend(self.arguments.iter().map(|argument| quoted(argument)));
        words.join(" ")
    }

    fn name(&self) -> String {
        let file_name = Path::new(&self.program).file_name().unwrap_or(&self.program);
        let mut name = file_name.to_string_lossy().into_owned();
        if let Some(verb) = self.arguments.first() {
            name.push(' ');
            name.push_str(&verb.to_string_lossy());
        }
        name
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        forget_cargo_run(&mut command);
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }

    fn not_started(&self, cause: &std::io::Error) -> Failure {
        Failure::with_line(format!("could not start {}: {cause}", self.name()), self.shown())
    }
}

/// Removes what the surrounding `cargo run` left in the environment.
pub(crate) fn forget_cargo_run(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let left =
            name.to_str().is_some_and(|name| LEFT_BY_CARGO_RUN.iter().any(|start| name.starts_with(start)));
        if left {
            command.env_remove(&name);
        }
    }
}

/// The program of that name in `PATH`, if there is one that can be executed.
pub(crate) fn is_installed(program: &str) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path).any(|directory| {
        let found = std::fs::metadata(directory.join(program));
        found.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    })
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_as_it_would_be_typed() {
        let line = Line::new("cargo").args(["test", "it's here"]).env("DIR", "/a b");
        assert_eq!(line.shown(), r"DIR='/a b' cargo test 'it'\''s here'");
    }

    #[test]
    fn a_failing_command_is_a_failure_that_ends_with_its_line() {
        let failure = Line::new("false").args(["now"]).run().expect_err("false always fails");
        assert_eq!(failure.to_string(), "false now ended with exit status: 1\n    false now");
    }

    #[test]
    fn a_missing_program_is_named() {
        let failure = Line::new("no-such-program-here").run().expect_err("it does not exist");
        assert!(failure.to_string().contains("could not start no-such-program-here"), "{failure}");
        assert!(!is_installed("no-such-program-here"));
        assert!(is_installed("sh"));
    }
}
