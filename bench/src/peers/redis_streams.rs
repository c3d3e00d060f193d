//! A work queue on a Redis stream with a consumer group. Each job is added, read by one consumer, and
//! when done acknowledged and deleted, or the stream would grow for ever.
//!
//! In favour of Redis: additions are one write, a batch is read, acknowledged and deleted by one
//! command each, and the last two are sent together.

use super::resp::{Connection, Reply};
use crate::body::Ledger;
use crate::failure::{Failure, Tried as _};
use crate::threads::Client;
use std::net::SocketAddr;

const STREAM: &[u8] = b"stream";
const GROUP: &[u8] = b"workers";
/// An addition of another lane may be read first; this lane's are then read by that one.
const EMPTY_READS_MAX: u32 = 100;

/// An id and a body.
type Entry = (Vec<u8>, Vec<u8>);

/// One connection, one consumer.
pub(crate) struct RedisStreams {
    connection: Connection,
    consumer: Vec<u8>,
}

impl Client for RedisStreams {
    fn open(address: SocketAddr, lane: u32) -> Result<Self, Failure> {
        let mut connection = Connection::open(address).tried("connect to Redis")?;
        if lane == 0 {
            connection.push(&[b"DEL", STREAM]);
            connection.push(&[b"XGROUP", b"CREATE", STREAM, GROUP, b"0", b"MKSTREAM"]);
            connection.send().tried("create the stream")?;
            connection.reply()?;
            connection.reply()?;
        }
        Ok(Self { connection, consumer: format!("c{lane}").into_bytes() })
    }

    fn step(&mut self, batch: u32, ledger: &mut Ledger) -> Result<(), Failure> {
        for _ in 0..batch {
            self.connection.push(&[b"XADD", STREAM, b"*", b"b", &ledger.produce()]);
        }
        self.connection.send().tried("add jobs")?;
        for _ in 0..batch {
            if !matches!(self.connection.reply()?, Reply::Text(_)) {
                return Err(Failure::new("Redis did not add a job"));
            }
        }
        let mut left = batch;
        for _ in 0..EMPTY_READS_MAX {
            left = left.saturating_sub(self.read(left, ledger)?);
            if left == 0 {
                return Ok(());
            }
        }
        Err(Failure::new("Redis does not hand out the jobs that were added"))
    }

    fn left(&mut self) -> Result<u64, Failure> {
        let left = self.connection.number(&[b"XLEN", STREAM])?;
        self.connection.rewrite_log()?;
        Ok(left)
    }
}

impl RedisStreams {
    /// Reads, acknowledges and deletes at most so many.
    fn read(&mut self, most: u32, ledger: &mut Ledger) -> Result<u32, Failure> {
        let Self { connection, consumer } = self;
        let count = most.to_string();
        let count = count.as_bytes();
        let words: [&[u8]; 9] =
            [b"XREADGROUP", b"GROUP", GROUP, consumer, b"COUNT", count, b"STREAMS", STREAM, b">"];
        connection.push(&words);
        connection.send().tried("read jobs")?;
        let jobs = entries(connection.reply()?)?;
        let (mut acknowledge, mut delete): (Vec<&[u8]>, Vec<&[u8]>) =
            (vec![b"XACK", STREAM, GROUP], vec![b"XDEL", STREAM]);
        for (id, body) in &jobs {
            ledger.take(body)?;
            acknowledge.push(id);
            delete.push(id);
        }
        if jobs.is_empty() {
            return Ok(0);
        }
        connection.push(&acknowledge);
        connection.push(&delete);
        connection.send().tried("acknowledge jobs")?;
        let all = i64::try_from(jobs.len()).tried("count the jobs")?;
        for _ in 0..2 {
            if connection.reply()? != Reply::Number(all) {
                return Err(Failure::new("Redis did not acknowledge and delete what was done"));
            }
        }
        u32::try_from(jobs.len()).tried("count the jobs")
    }
}

/// The ids and bodies in what a read of one stream answers: `[[stream, [[id, [field, body]], …]]]`.
fn entries(reply: Reply) -> Result<Vec<Entry>, Failure> {
    let odd = || Failure::new("Redis answered a read in another form");
    let list = |reply: Option<Reply>| match reply {
        Some(Reply::List(list)) => Ok(list.into_iter()),
        _ => Err(odd()),
    };
    let text = |reply: Option<Reply>| match reply {
        Some(Reply::Text(text)) => Ok(text),
        _ => Err(odd()),
    };
    if reply == Reply::Nothing {
        return Ok(Vec::new());
    }
    let mut streams = list(Some(reply))?;
    let mut stream = list(streams.next())?;
    let mut found = Vec::new();
    for entry in list(stream.nth(1))? {
        let mut entry = list(Some(entry))?;
        let id = text(entry.next())?;
        found.push((id, text(list(entry.next())?.nth(1))?));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_in_the_lists_within_lists() {
        let text = |text: &str| Reply::Text(text.as_bytes().to_vec());
        let entry = |id, body| Reply::List(vec![text(id), Reply::List(vec![text("b"), text(body)])]);
        let entries_of = Reply::List(vec![entry("1-0", "x"), entry("1-1", "y")]);
        let reply = Reply::List(vec![Reply::List(vec![text("stream"), entries_of])]);
        let found = entries(reply).expect("the form of an answer");
        assert_eq!(found[1], (b"1-1".to_vec(), b"y".to_vec()));
        assert!(entries(Reply::Nothing).expect("nothing there").is_empty());
        assert!(entries(Reply::Number(1)).is_err());
    }
}
