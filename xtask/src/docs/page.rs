//! Owns the run of one page, fence by fence, and the report when one of them lies.

use super::expected;
use super::fences::Fence;
use super::shell::{Shell, Trouble};
use crate::failure::Failure;
use std::path::Path;
use std::time::{Duration, Instant};

/// Long enough for a first build on a slow machine; a page that hangs still ends.
const FENCE_TIME_MAX: Duration = Duration::from_secs(15 * 60);
/// Twice the time the server gives itself to finish what is under way.
const STOP_TIME_MAX: Duration = Duration::from_secs(60);
/// How much of what a failed fence printed is worth reading.
const REPORT_LINES_MAX: usize = 60;

/// Runs the page's fences in one shell in `directory`; `records` takes what they print.
pub(crate) fn run(
    name: &str,
    fences: &[Fence],
    directory: &Path,
    records: &Path,
    target: &Path,
) -> Result<(), Failure> {
    run_within(name, fences, directory, records, target, FENCE_TIME_MAX)
}

fn run_within(
    name: &str,
    fences: &[Fence],
    directory: &Path,
    records: &Path,
    target: &Path,
    time_max: Duration,
) -> Result<(), Failure> {
    let mut shell = Shell::start(directory, records, target)?;
    let mut printed = String::new();
    for fence in fences {
        let start = Instant::now();
        match fence {
            Fence::Run { line, code } => {
                printed = shell.run(code, time_max).map_err(|trouble| report(name, *line, code, &trouble))?;
                println!("{name}:{line} took {:.1} s", start.elapsed().as_secs_f64());
            }
            Fence::Background { line, code, until } => {
                printed = shell
                    .start_background(*line, code, until, time_max)
                    .map_err(|trouble| report(name, *line, code, &trouble))?;
                println!("{name}:{line} said {until} after {:.1} s", start.elapsed().as_secs_f64());
            }
            Fence::Output { line, text } if !expected::matches(text, &printed) => {
                return Err(Failure::new(format!(
                    "{name}:{line}: the command above printed something else\n--- the page says\n{text}--- it printed\n{}",
                    last_lines(&printed)
                )));
            }
            Fence::Output { .. } | Fence::Shown | Fence::Other => {}
        }
    }
    shell
        .stop(STOP_TIME_MAX)
        .map_err(|(line, trouble)| report(name, line, "(stopped at the end of the page)\n", &trouble))
}

fn report(name: &str, line: usize, code: &str, trouble: &Trouble) -> Failure {
    Failure::new(format!(
        "{name}:{line}: {}\n--- command\n{code}--- output\n{}\n--- messages\n{}",
        trouble.sentence,
        last_lines(&trouble.stdout),
        last_lines(&trouble.stderr)
    ))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(REPORT_LINES_MAX)..].join("\n")
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
