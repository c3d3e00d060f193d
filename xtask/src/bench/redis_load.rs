//! Owns what Redis is asked to do: a work queue on lists, as its own manual builds a reliable one.
//! Each job is pushed, moved to the list of whoever works it, and removed from there when done;
//! each of the three is answered before the next is asked, as with us.
//!
//! Everything that could be chosen is chosen in favour of Redis: each connection has a working
//! list of its own, so a removal finds its job at once, and a batch is one write.

use super::resp::{Connection, Reply};
use super::run::Setting;
use std::io;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::time::{Duration, Instant};

const BODY_BYTES: usize = 1_024;
const QUEUE: &[u8] = b"jobs";

/// Jobs per second over all connections.
pub(crate) fn measure(address: SocketAddr, setting: Setting, time: Duration) -> io::Result<f64> {
    let mut lanes: Vec<Lane> = (0..setting.connections)
        .map(|number| Lane::open(address, number, setting.batch))
        .collect::<io::Result<_>>()?;
    for lane in &mut lanes {
        lane.step()?;
    }
    let begin = Barrier::new(lanes.len());
    let ended: Vec<io::Result<(u64, Instant, Instant)>> = std::thread::scope(|scope| {
        let running: Vec<_> = lanes.iter_mut().map(|lane| scope.spawn(|| lane.run(&begin, time))).collect();
        let lost = || Err(io::Error::other("a connection's thread broke off"));
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| lost())).collect()
    });
    let ended = ended.into_iter().collect::<io::Result<Vec<_>>>()?;
    let steps: u64 = ended.iter().map(|(steps, ..)| steps).sum();
    let first = ended.iter().map(|(_, start, _)| *start).min();
    let last = ended.iter().map(|(_, _, end)| *end).max();
    let took = last.zip(first).map_or(time, |(last, first)| last - first);
    let jobs = steps * u64::from(setting.batch);
    Ok(jobs as f64 / took.as_secs_f64())
}

struct Lane {
    connection: Connection,
    working: Vec<u8>,
    bodies: Vec<Vec<u8>>,
    sent: u64,
    number: u32,
}

impl Lane {
    fn open(address: SocketAddr, number: u32, batch: u32) -> io::Result<Self> {
        Ok(Self {
            connection: Connection::open(address)?,
            working: format!("working:{number}").into_bytes(),
            bodies: (0..batch).map(|_| vec![b'x'; BODY_BYTES]).collect(),
            sent: 0,
            number,
        })
    }

    fn run(&mut self, begin: &Barrier, time: Duration) -> io::Result<(u64, Instant, Instant)> {
        begin.wait();
        let start = Instant::now();
        let mut steps = 0;
        while start.elapsed() < time {
            self.step()?;
            steps += 1;
        }
        Ok((steps, start, Instant::now()))
    }

    /// One batch, all the way.
    fn step(&mut self) -> io::Result<()> {
        let Self { connection, working, bodies, sent, number } = self;
        for body in &mut *bodies {
            // Why: no two bodies alike, or a removal could hit another one.
            let name = format!("{number:08x}{sent:016x}");
            body[..name.len()].copy_from_slice(name.as_bytes());
            *sent += 1;
            connection.push(&[b"LPUSH", QUEUE, body]);
        }
        connection.send()?;
        for _ in &*bodies {
            expect(matches!(connection.reply()?, Reply::Number(1..)), "push a job")?;
        }
        for _ in &*bodies {
            connection.push(&[b"LMOVE", QUEUE, working, b"RIGHT", b"LEFT"]);
        }
        connection.send()?;
        let mut taken = Vec::with_capacity(bodies.len());
        for _ in &*bodies {
            match connection.reply()? {
                Reply::Text(body) if body.len() == BODY_BYTES => taken.push(body),
                _ => return expect(false, "hand out a job that was pushed"),
            }
        }
        for body in &taken {
            // From the tail, where the job that was taken first stands.
            connection.push(&[b"LREM", working, b"-1", body]);
        }
        connection.send()?;
        for _ in &taken {
            expect(connection.reply()? == Reply::Number(1), "remove a job that is done")?;
        }
        Ok(())
    }
}

fn expect(happened: bool, what: &str) -> io::Result<()> {
    if happened { Ok(()) } else { Err(io::Error::other(format!("redis did not {what}"))) }
}
