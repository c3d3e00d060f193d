//! Lanes of clients that do not block: a task each, on as many threads as there are processors.

use crate::arguments::Arguments;
use crate::body::Ledger;
use crate::cpu;
use crate::failure::{Failure, Tried as _};
use crate::figures::{Figures, Steps};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// A step that takes longer has met a server that does not answer any more.
const STEP_TIME_MAX: Duration = Duration::from_secs(60);

/// A client of one connection.
pub(crate) trait Client: Sized + Send + 'static {
    /// Connects, and makes the queue where it is not there.
    fn open(address: SocketAddr, batch: u32) -> impl Future<Output = Result<Self, Failure>> + Send;
    /// Produces so many, takes as many, acknowledges them.
    fn step(&mut self, batch: u32, ledger: &mut Ledger) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Holds no jobs while it waits for the other lanes: they would wait for it.
    fn rest(&mut self) -> impl Future<Output = Result<(), Failure>> + Send {
        std::future::ready(Ok(()))
    }
    /// Goes on after a rest.
    fn wake(&mut self, _batch: u32) -> impl Future<Output = Result<(), Failure>> + Send {
        std::future::ready(Ok(()))
    }
    /// Gives back what it holds and has not worked.
    fn close(self) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Jobs that the server still has once every lane is closed.
    fn left(address: SocketAddr) -> impl Future<Output = Result<u64, Failure>> + Send;
}

pub(crate) fn run<C: Client>(arguments: &Arguments) -> Result<Figures, Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().tried("start a runtime")?;
    runtime.block_on(all::<C>(*arguments))
}

async fn all<C: Client>(arguments: Arguments) -> Result<Figures, Failure> {
    let lanes = usize::try_from(arguments.connections).tried("count the lanes")?;
    // Two meetings: when all are warm, and when all are ready for the clock.
    let begin = Arc::new(Barrier::new(lanes + 1));
    let mut running = JoinSet::new();
    for number in 0..arguments.connections {
        let begin = Arc::clone(&begin);
        running.spawn(async move { lane::<C>(arguments, number, &begin).await });
    }
    let warm = async {
        begin.wait().await;
        begin.wait().await;
        cpu::used()
    };
    // Why both at once: a lane that fails never comes to the meeting.
    let before = tokio::select! {
        before = warm => before?,
        Some(ended) = running.join_next() => {
            ended.tried("run a lane")??;
            return Err(Failure::new("a lane ended before it began"));
        }
    };
    let (mut steps, mut ledgers) = (Vec::new(), Vec::new());
    while let Some(ended) = running.join_next().await {
        let (lane, ledger) = ended.tried("run a lane")??;
        steps.push(lane);
        ledgers.push(ledger);
    }
    let cpu = cpu::used()?.saturating_sub(before);
    Ledger::balance(ledgers.iter())?;
    match C::left(arguments.address).await? {
        0 => Figures::of(&steps, arguments.batch, cpu),
        left => Err(Failure::new(format!("the server still has {left} jobs that were acknowledged"))),
    }
}

async fn lane<C: Client>(
    arguments: Arguments,
    number: u32,
    begin: &Barrier,
) -> Result<(Steps, Ledger), Failure> {
    let mut client = C::open(arguments.address, arguments.batch).await?;
    let mut ledger = Ledger::of_lane(number);
    step(&mut client, arguments.batch, &mut ledger).await?;
    client.rest().await?;
    begin.wait().await;
    client.wake(arguments.batch).await?;
    begin.wait().await;
    let mut steps = Steps::begin();
    while steps.goes_on(arguments.time) {
        let start = Instant::now();
        step(&mut client, arguments.batch, &mut ledger).await?;
        steps.record(start.elapsed());
    }
    client.close().await?;
    Ok((steps, ledger))
}

async fn step<C: Client>(client: &mut C, batch: u32, ledger: &mut Ledger) -> Result<(), Failure> {
    let step = tokio::time::timeout(STEP_TIME_MAX, client.step(batch, ledger));
    step.await.map_err(|_| Failure::new("a batch did not come back within a minute"))?
}
