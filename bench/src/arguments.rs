//! Owns what can be asked for.

use crate::failure::Failure;
use std::net::SocketAddr;
use std::time::Duration;

/// The typed line, understood.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arguments {
    pub(crate) peer: Peer,
    pub(crate) address: SocketAddr,
    pub(crate) connections: u32,
    pub(crate) batch: u32,
    pub(crate) time: Duration,
}

/// Whom to drive, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Beanstalkd,
    Nats,
    Postgres,
    Rabbitmq,
    RedisLists,
    RedisStreams,
}

const PEERS: [(&str, Peer); 6] = [
    ("beanstalkd", Peer::Beanstalkd),
    ("nats", Peer::Nats),
    ("postgres", Peer::Postgres),
    ("rabbitmq", Peer::Rabbitmq),
    ("redis-lists", Peer::RedisLists),
    ("redis-streams", Peer::RedisStreams),
];

impl Arguments {
    pub(crate) fn read(words: &[String]) -> Result<Self, Failure> {
        let [peer, address, connections, batch, milliseconds] = words else {
            return Err(Failure::new("usage: sealane-peers PEER ADDRESS CONNECTIONS BATCH MILLISECONDS"));
        };
        let found = PEERS.iter().find(|(name, _)| name == peer);
        let known = || PEERS.map(|(name, _)| name).join(", ");
        Ok(Self {
            peer: found.ok_or_else(|| Failure::new(format!("`{peer}` must be one of {}", known())))?.1,
            address: address
                .parse()
                .map_err(|_| Failure::new(format!("`{address}` must be an address like 127.0.0.1:6379")))?,
            connections: number(connections, 1, 256)?,
            batch: number(batch, 1, 1_000)?,
            time: Duration::from_millis(number(milliseconds, 0, 60_000)?.into()),
        })
    }
}

fn number(text: &str, least: u32, most: u32) -> Result<u32, Failure> {
    let number: Option<u32> = text.parse().ok();
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| Failure::new(format!("`{text}` must be a number from {least} to {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, Failure> {
        Arguments::read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn everything_is_said_and_bounded() {
        let arguments = read("nats 127.0.0.1:1 8 100 3000").expect("all is in bounds");
        assert_eq!((arguments.peer, arguments.time), (Peer::Nats, Duration::from_secs(3)));
        for bad in [
            "",
            "nats 127.0.0.1:1 8 100",
            "gnats 127.0.0.1:1 8 100 1",
            "nats localhost:1 8 100 1",
            "nats 127.0.0.1:1 0 100 1",
            "nats 127.0.0.1:1 257 100 1",
            "nats 127.0.0.1:1 8 1001 1",
            "nats 127.0.0.1:1 8 100 60001",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
