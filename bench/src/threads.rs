//! Lanes of clients that block: a thread each.

use crate::arguments::Arguments;
use crate::body::Ledger;
use crate::cpu;
use crate::failure::Failure;
use crate::figures::{Figures, Steps};
use std::net::SocketAddr;
use std::sync::Barrier;
use std::time::Instant;

/// A client of one connection.
pub(crate) trait Client: Sized + Send {
    /// Connects, and makes the queue where it is not there.
    fn open(address: SocketAddr, lane: u32) -> Result<Self, Failure>;
    /// Produces so many, takes as many, acknowledges them.
    fn step(&mut self, batch: u32, ledger: &mut Ledger) -> Result<(), Failure>;
    /// Jobs that the server still has; leaves it as it was found.
    fn left(&mut self) -> Result<u64, Failure>;
}

pub(crate) fn run<C: Client>(arguments: &Arguments) -> Result<Figures, Failure> {
    let mut lanes = Vec::new();
    for lane in 0..arguments.connections {
        lanes.push((C::open(arguments.address, lane)?, Ledger::of_lane(lane)));
    }
    // Also the check that the server does what it should at all.
    for (client, ledger) in &mut lanes {
        client.step(arguments.batch, ledger)?;
    }
    let before = cpu::used()?;
    let begin = Barrier::new(lanes.len());
    let run = |(client, ledger): &mut (C, Ledger)| {
        begin.wait();
        let mut steps = Steps::begin();
        while steps.goes_on(arguments.time) {
            let start = Instant::now();
            client.step(arguments.batch, ledger)?;
            steps.record(start.elapsed());
        }
        Ok(steps)
    };
    let steps: Result<Vec<Steps>, Failure> = std::thread::scope(|scope| {
        let running: Vec<_> = lanes.iter_mut().map(|lane| scope.spawn(|| run(lane))).collect();
        let lost = || Err(Failure::new("a lane's thread broke off"));
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| lost())).collect()
    });
    let steps = steps?;
    let cpu = cpu::used()?.saturating_sub(before);
    Ledger::balance(lanes.iter().map(|(_, ledger)| ledger))?;
    let left = lanes.first_mut().map_or(Ok(0), |(client, _)| client.left())?;
    if left > 0 {
        return Err(Failure::new(format!("the server still has {left} jobs that were acknowledged")));
    }
    Figures::of(&steps, arguments.batch, cpu)
}
