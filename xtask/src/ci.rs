//! Owns the order of the steps and the report about them; refuses to know what a step does.

use crate::failure::Failure;
use crate::place::Place;
use crate::step::{Outcome, Step};
use crate::{arrows, audit, build_output, checks, deny, docs, fixtures, packages, sim, toolchain, tools};
use std::time::{Duration, Instant};

/// Everything that must hold before a change goes in, cheap things first. A new step is one line.
const STEPS: &[Step] = &[
    Step {
        name: "toolchain",
        about: "the compiler is new enough, all packages ask for the same",
        run: toolchain::step,
    },
    Step { name: "packages", about: "system programs the tests start are installed", run: packages::step },
    Step {
        name: "fixtures",
        about: "the webhook examples are downloaded and unchanged",
        run: fixtures::step,
    },
    Step { name: "format", about: "rustfmt would change nothing", run: checks::format },
    Step { name: "arrows", about: "the picture in ARCHITECTURE.md is the code's", run: arrows::step },
    Step { name: "tools", about: "cargo-deny and cargo-audit are installed", run: tools::step },
    Step { name: "deny", about: "licences, bans and sources of dependencies", run: deny::step },
    Step { name: "audit", about: "no dependency has a known vulnerability", run: audit::step },
    Step { name: "clippy", about: "no warnings", run: checks::clippy },
    Step {
        name: "minimum",
        about: "the oldest promised compiler accepts the workspace",
        run: toolchain::minimum,
    },
    Step { name: "tests", about: "all tests and doc tests", run: checks::tests },
    Step {
        name: "sim",
        about: "200 fresh worlds keep their promises, a seed tells one story",
        run: sim::step,
    },
    Step { name: "rustdoc", about: "the API documentation has no warnings", run: checks::rustdoc },
    Step { name: "docs", about: "the commands in README.md and docs/ do what they say", run: docs::step },
];

struct Report {
    name: &'static str,
    took: Duration,
    verdict: String,
}

/// Runs the steps that were asked for, all of them by default, and stops at the first failure.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let chosen = match choose(arguments)? {
        Choice::List => {
            print_steps();
            return Ok(());
        }
        Choice::Run(chosen) => chosen,
    };
    let place = Place::discover()?;
    let _claim = build_output::claim(&place)?;
    let mut reports = Vec::new();
    for step in chosen {
        println!("== {}: {}", step.name, step.about);
        let start = Instant::now();
        let result = (step.run)(&place);
        let took = start.elapsed();
        println!("-- {} took {}", step.name, seconds(took));
        match result {
            Ok(Outcome::Passed) => {
                reports.push(Report { name: step.name, took, verdict: "passed".to_owned() })
            }
            Ok(Outcome::NotChecked(why)) => {
                reports.push(Report { name: step.name, took, verdict: format!("not checked ({why})") });
            }
            Err(failure) => {
                reports.push(Report { name: step.name, took, verdict: "failed".to_owned() });
                print_reports(&reports);
                return Err(Failure::with_line(
                    format!("step {} failed: {failure}\nto repeat it:", step.name),
                    format!("cargo xtask {}", step.name),
                ));
            }
        }
    }
    print_reports(&reports);
    Ok(())
}

/// The step of that name.
pub(crate) fn find(name: &str) -> Result<&'static Step, Failure> {
    STEPS.iter().find(|step| step.name == name).ok_or_else(|| {
        let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        Failure::new(format!("there is no step `{name}`, there are: {}", known.join(", ")))
    })
}

/// Prints the names of the steps in their order.
pub(crate) fn print_steps() {
    for step in STEPS {
        println!("{:<10} {}", step.name, step.about);
    }
}

enum Choice {
    List,
    Run(Vec<&'static Step>),
}

fn choose(arguments: &[String]) -> Result<Choice, Failure> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Ok(Choice::Run(STEPS.iter().collect())),
        ["--list"] => Ok(Choice::List),
        ["--only", names] => Ok(Choice::Run(names.split(',').map(find).collect::<Result<_, _>>()?)),
        ["--from", name] => {
            let first = find(name)?.name;
            Ok(Choice::Run(STEPS.iter().skip_while(|step| step.name != first).collect()))
        }
        _ => Err(Failure::new("`ci` takes --list, --only STEP,STEP or --from STEP, one of them")),
    }
}

fn print_reports(reports: &[Report]) {
    println!();
    println!("== summary");
    for report in reports {
        println!("{:<10} {:>10}  {}", report.name, seconds(report.took), report.verdict);
    }
    println!("{:<10} {:>10}", "total", seconds(reports.iter().map(|report| report.took).sum()));
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(arguments: &[&str]) -> Result<Vec<&'static str>, Failure> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        match choose(&arguments)? {
            Choice::Run(steps) => Ok(steps.iter().map(|step| step.name).collect()),
            Choice::List => Ok(vec!["list"]),
        }
    }

    #[test]
    fn without_arguments_every_step_runs_once() {
        let names = chosen(&[]).expect("no arguments are fine");
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len());
        assert_eq!(names.len(), STEPS.len());
    }

    #[test]
    fn only_keeps_the_order_that_was_typed_and_from_the_order_of_the_list() {
        assert_eq!(chosen(&["--only", "tests,format"]).expect("both exist"), ["tests", "format"]);
        let from = chosen(&["--from", "rustdoc"]).expect("it exists");
        assert_eq!(from, ["rustdoc", "docs"]);
    }

    #[test]
    fn an_unknown_step_or_flag_is_refused_and_not_skipped() {
        let unknown = chosen(&["--only", "format,fromat"]).expect_err("a typing error");
        assert!(unknown.to_string().contains("no step `fromat`"), "{unknown}");
        assert!(chosen(&["--from", ""]).is_err());
        assert!(chosen(&["--onyl", "format"]).is_err());
        assert!(chosen(&["--only"]).is_err());
    }
}
