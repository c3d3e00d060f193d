//! A work queue on Redis lists, as its own manual builds a reliable one. Each job is pushed, moved to
//! the list of whoever works it, and removed from there when done; each of the three is answered
//! before the next is asked, as with us.
//!
//! Everything that could be chosen is chosen in favour of Redis: each connection has a working
//! list of its own, so a removal finds its job at once, and a batch is one write.

use super::resp::{Connection, Reply};
use crate::body::{BODY_BYTES, Ledger};
use crate::failure::{Failure, Tried as _};
use crate::threads::Client;
use std::net::SocketAddr;

const QUEUE: &[u8] = b"jobs";

/// One connection with its working list.
pub(crate) struct RedisLists {
    connection: Connection,
    working: Vec<u8>,
}

impl Client for RedisLists {
    fn open(address: SocketAddr, lane: u32) -> Result<Self, Failure> {
        let connection = Connection::open(address).tried("connect to Redis")?;
        Ok(Self { connection, working: format!("working:{lane}").into_bytes() })
    }

    fn step(&mut self, batch: u32, ledger: &mut Ledger) -> Result<(), Failure> {
        let Self { connection, working } = self;
        for _ in 0..batch {
            connection.push(&[b"LPUSH", QUEUE, &ledger.produce()]);
        }
        connection.send().tried("push jobs")?;
        for _ in 0..batch {
            expect(matches!(connection.reply()?, Reply::Number(1..)), "push a job")?;
        }
        for _ in 0..batch {
            connection.push(&[b"LMOVE", QUEUE, working, b"RIGHT", b"LEFT"]);
        }
        connection.send().tried("take jobs")?;
        let mut taken = Vec::new();
        for _ in 0..batch {
            match connection.reply()? {
                Reply::Text(body) if body.len() == BODY_BYTES => taken.push(body),
                _ => return expect(false, "hand out a job that was pushed"),
            }
        }
        for body in &taken {
            ledger.take(body)?;
            // From the tail, where the job that was taken first stands.
            connection.push(&[b"LREM", working, b"-1", body]);
        }
        connection.send().tried("remove jobs")?;
        for _ in &taken {
            expect(connection.reply()? == Reply::Number(1), "remove a job that is done")?;
        }
        Ok(())
    }

    fn left(&mut self) -> Result<u64, Failure> {
        let left = self.connection.number(&[b"LLEN", QUEUE])?;
        self.connection.rewrite_log()?;
        Ok(left)
    }
}

fn expect(happened: bool, what: &str) -> Result<(), Failure> {
    if happened { Ok(()) } else { Err(Failure::new(format!("Redis did not {what}"))) }
}
