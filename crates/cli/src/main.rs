//! The command line. This file starts and ends the program; what it can do is in `commands`, what
//! it says when it cannot is in `failure`.

mod commands;
mod duration;
mod failure;
mod logging;
mod options;
mod output;
mod rate;
mod session;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use failure::Failure;
use options::Options;

/// Bodies and texts are made by one thread and dropped by another, which the system's allocator is
/// slow at: with this one a full cycle costs an eighth less of the processor.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match Options::try_parse() {
        Ok(options) => {
            logging::start(options.command.log_level());
            let json = options.global.asks_for_json();
            commands::run(options).map_or_else(|failure| failure.tell(json), |()| ExitCode::SUCCESS)
        }
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // Why ignored: nobody is left to tell when the help cannot be written.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        Err(error) if options::asks_for_json(std::env::args_os()) => {
            Failure::usage(error.render().to_string()).tell(true)
        }
        Err(error) => {
            let _ = error.print();
            ExitCode::from(failure::USAGE)
        }
    }
}
