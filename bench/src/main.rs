//! `sealane-peers PEER ADDRESS CONNECTIONS BATCH MILLISECONDS`: full cycles against one server, for a
//! time, counted and checked; prints one line of JSON.
//!
//! Every lane repeats: produce a batch of 1 KiB jobs and wait until the server has confirmed them, take
//! as many, acknowledge them. The clients are the ones that the servers' users have, or thinner; none
//! may be what slows its server down, so the report says how much processor time they took.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports to its terminal")]

mod arguments;
mod body;
mod cpu;
mod failure;
mod figures;
mod peers;
mod tasks;
mod threads;

use arguments::{Arguments, Peer};
use failure::Failure;
use figures::Figures;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match Arguments::read(&words).and_then(|arguments| measure(&arguments)) {
        Ok(figures) => {
            println!("{}", figures.line());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<Figures, Failure> {
    match arguments.peer {
        Peer::Beanstalkd => threads::run::<peers::beanstalkd::Beanstalkd>(arguments),
        Peer::Nats => tasks::run::<peers::nats::Nats>(arguments),
        Peer::Postgres => tasks::run::<peers::postgres::Postgres>(arguments),
        Peer::Rabbitmq => tasks::run::<peers::rabbitmq::Rabbitmq>(arguments),
        Peer::RedisLists => threads::run::<peers::redis_lists::RedisLists>(arguments),
        Peer::RedisStreams => threads::run::<peers::redis_streams::RedisStreams>(arguments),
    }
}
