//! What the program can do: one file per noun.

mod access;
mod acts;
mod bench;
mod bulk;
mod dead_filter;
mod dlq;
mod doctor;
mod envelope;
mod events;
mod flow;
mod held_filter;
mod job;
mod job_batch;
mod job_clone;
mod job_list;
mod job_reports;
mod journal;
mod keyring;
mod queue;
mod schedule;
mod serve;
mod server;
mod session;
mod work;

use clap::Subcommand;
use tracing::level_filters::LevelFilter;

use crate::failure::Failure;
use crate::options::{Global, Options};
use crate::output::Output;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say who may use the server
    #[command(subcommand)]
    Access(access::Access),
    /// Measure a server: sealed jobs per second, with its settings and the disk beside the figures
    Bench(bench::Bench),
    /// Look at a queue's dead-letter, send it through once more, or end it
    #[command(subcommand)]
    Dlq(dlq::Dlq),
    /// Look for what keeps a server from starting or going on, and say what to do
    Doctor(doctor::Doctor),
    /// Look at sealed bodies
    #[command(subcommand)]
    Envelope(envelope::Envelope),
    /// Follow the life of jobs as it happens, until told to stop
    Events(events::Events),
    /// Send jobs that wait for each other, look at them, end them
    #[command(subcommand)]
    Flow(flow::Flow),
    /// Send jobs and look at them
    #[command(subcommand)]
    Job(job::Job),
    /// Check what a stopped server stored
    #[command(subcommand)]
    Journal(journal::Journal),
    /// Make and turn sealing keys
    #[command(subcommand)]
    Keyring(keyring::Keyring),
    /// Create queues and look at them
    #[command(subcommand)]
    Queue(queue::Queue),
    /// Send jobs by time
    #[command(subcommand)]
    Schedule(schedule::Schedule),
    /// Look at a running server, and decide about it
    #[command(subcommand)]
    Server(server::Server),
    /// Run the server
    Serve(serve::Serve),
    /// Look at sessions, take them away from their holders, see what they remember
    #[command(subcommand)]
    Session(session::Session),
    /// Run a command for each job of a queue
    Work(work::Work),
}

impl Command {
    /// How much the command logs where nobody says: what runs for long tells what it does.
    pub(crate) const fn log_level(&self) -> LevelFilter {
        match self {
            Self::Bench(_) | Self::Serve(_) | Self::Work(_) => LevelFilter::INFO,
            _ => LevelFilter::WARN,
        }
    }
}

/// What every command gets.
pub(crate) struct Surroundings {
    pub(crate) global: Global,
    pub(crate) output: Output,
}

/// Does what was asked.
pub(crate) fn run(options: Options) -> Result<(), Failure> {
    let surroundings = Surroundings { output: Output::new(&options.global), global: options.global };
    let at = &surroundings;
    match options.command {
        Command::Access(command) => wait(access::run(at, command)),
        Command::Bench(command) => wait(bench::run(at, command)),
        Command::Dlq(command) => wait(dlq::run(at, command)),
        Command::Doctor(command) => wait(doctor::run(at, command)),
        Command::Envelope(command) => envelope::run(at, &command),
        Command::Events(command) => wait(events::run(at, command)),
        Command::Flow(command) => wait(flow::run(at, command)),
        Command::Job(command) => wait(job::run(at, command)),
        Command::Journal(command) => journal::run(at, &command),
        Command::Keyring(command) => keyring::run(at, command),
        Command::Queue(command) => wait(queue::run(at, command)),
        Command::Schedule(command) => wait(schedule::run(at, command)),
        Command::Serve(command) => wait(serve::run(command)),
        Command::Server(command) => wait(server::run(at, &command)),
        Command::Session(command) => wait(session::run(at, command)),
        Command::Work(command) => wait(work::run(at, command)),
    }
}

fn wait(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::stream("the runtime", &error))?;
    let ended = runtime.block_on(work);
    runtime.shutdown_background();
    ended
}
