//! Owns who stands beside us, and with which promise about what was answered.

use super::fetched::Fetched;
use super::{beanstalkd, nats, postgres, rabbitmq, redis};
use crate::bench::child::Child;
use crate::bench::load::Load;
use crate::failure::Failure;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

/// A server that could be started.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// What is typed; several may have the same.
    pub(crate) name: &'static str,
    /// What is shown.
    pub(crate) title: &'static str,
    /// The same with its durability, for a picture.
    pub(crate) label: &'static str,
    /// When a change is on the disk.
    pub(crate) durability: &'static str,
    /// What `bench/fetch.sh` calls it.
    pub(crate) fetch: &'static str,
    pub(crate) load: Load,
    pub(crate) start: fn(&Fetched, &Path) -> Result<Server, Failure>,
}

/// One that runs.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) version: String,
    /// The last one started is the first to be stopped.
    pub(crate) children: Vec<Child>,
}

/// One that runs, and what it is.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) candidate: &'static Candidate,
    pub(crate) server: Server,
}

const ALWAYS: &str = "`appendfsync always`: a sync before each answer";
const EVERY_SECOND: &str = "`appendfsync everysec`: up to a second of answers lost with the power";

/// Everybody, in the order of the table.
pub(crate) const ALL: &[Candidate] = &[
    Candidate {
        name: "redis-lists",
        title: "Redis lists",
        label: "Redis lists, always",
        durability: ALWAYS,
        fetch: "redis",
        load: Load::Clients("redis-lists"),
        start: redis::always,
    },
    Candidate {
        name: "redis-lists",
        title: "Redis lists",
        label: "Redis lists, everysec",
        durability: EVERY_SECOND,
        fetch: "redis",
        load: Load::Clients("redis-lists"),
        start: redis::every_second,
    },
    Candidate {
        name: "redis-streams",
        title: "Redis streams",
        label: "Redis streams, always",
        durability: ALWAYS,
        fetch: "redis",
        load: Load::Clients("redis-streams"),
        start: redis::always,
    },
    Candidate {
        name: "redis-streams",
        title: "Redis streams",
        label: "Redis streams, everysec",
        durability: EVERY_SECOND,
        fetch: "redis",
        load: Load::Clients("redis-streams"),
        start: redis::every_second,
    },
    Candidate {
        name: "bullmq",
        title: "BullMQ",
        label: "BullMQ, always",
        durability: ALWAYS,
        fetch: "bullmq",
        load: Load::BullMq,
        start: redis::always_bullmq,
    },
    Candidate {
        name: "bullmq",
        title: "BullMQ",
        label: "BullMQ, everysec",
        durability: EVERY_SECOND,
        fetch: "bullmq",
        load: Load::BullMq,
        start: redis::every_second_bullmq,
    },
    Candidate {
        name: "rabbitmq",
        title: "RabbitMQ quorum queue",
        label: "RabbitMQ quorum queue",
        durability: "one node; a sync before each confirm, acknowledgements are not answered",
        fetch: "rabbitmq",
        load: Load::Clients("rabbitmq"),
        start: rabbitmq::start,
    },
    Candidate {
        name: "nats",
        title: "NATS JetStream",
        label: "NATS JetStream, sync always",
        durability: "`sync_interval: always`: a sync for each message",
        fetch: "nats",
        load: Load::Clients("nats"),
        start: nats::always,
    },
    Candidate {
        name: "nats",
        title: "NATS JetStream",
        label: "NATS JetStream, default",
        durability: "as it comes: a sync every two minutes",
        fetch: "nats",
        load: Load::Clients("nats"),
        start: nats::default,
    },
    Candidate {
        name: "postgres",
        title: "PostgreSQL table, `SKIP LOCKED`",
        label: "PostgreSQL, SKIP LOCKED",
        durability: "`synchronous_commit = on`: a sync before each commit is answered",
        fetch: "postgres",
        load: Load::Clients("postgres"),
        start: postgres::start,
    },
    Candidate {
        name: "beanstalkd",
        title: "beanstalkd",
        label: "beanstalkd, sync each",
        durability: "`-f 0`: a sync for each write; a reservation is not written",
        fetch: "beanstalkd",
        load: Load::Clients("beanstalkd"),
        start: beanstalkd::start,
    },
];

impl Drop for Server {
    fn drop(&mut self) {
        while self.children.pop().is_some() {}
    }
}

/// A port of loopback that nobody has.
pub(super) fn free_address() -> Result<SocketAddr, Failure> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(|cause| Failure::new(format!("no free port could be had: {cause}")))
}
