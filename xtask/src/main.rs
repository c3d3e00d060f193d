//! `cargo xtask …`: continuous integration and the commands developers repeat by hand.
//!
//! Every step of `cargo xtask ci` is also a command of its own under the same name, so what
//! fails there can be repeated here. The list of steps is in [`ci`]; this file only finds the
//! one that was asked for.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a developer tool talks to its terminal")]

mod arrows;
mod audit;
mod bench;
mod build_output;
mod checks;
mod ci;
mod command;
mod deny;
mod docs;
mod failure;
mod fixtures;
mod packages;
mod place;
mod sim;
mod step;
mod toolchain;
mod tools;

use failure::Failure;
use place::Place;
use std::process::ExitCode;
use step::Outcome;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<(), Failure> {
    let Some((name, rest)) = arguments.split_first() else {
        print_usage();
        return Err(Failure::new("a command is missing"));
    };
    match name.as_str() {
        "bench" => bench::run(rest),
        "ci" => ci::run(rest),
        "help" | "--help" | "-h" => {
            print_usage();
            Ok(())
        }
        "sim" => sim::run(rest),
        name => run_one_step(name, rest),
    }
}

fn run_one_step(name: &str, rest: &[String]) -> Result<(), Failure> {
    let step = ci::find(name)?;
    if let Some(extra) = rest.first() {
        return Err(Failure::new(format!("`{name}` takes no arguments, remove `{extra}`")));
    }
    let place = Place::discover()?;
    let _claim = build_output::claim(&place)?;
    match (step.run)(&place)? {
        Outcome::Passed => println!("{name}: passed"),
        Outcome::NotChecked(why) => println!("{name}: not checked ({why})"),
    }
    Ok(())
}

fn print_usage() {
    println!("usage: cargo xtask ci [--list] [--only STEP,STEP] [--from STEP]");
    println!("       cargo xtask STEP");
    println!("       cargo xtask bench [--seconds N] [--rounds N] [--peers NAME,NAME] [--out FILE]");
    println!("       cargo xtask bench --check");
    println!("       cargo xtask sim [--seconds N] [--seeds N] [--seed 0x…]");
    println!();
    ci::print_steps();
}
