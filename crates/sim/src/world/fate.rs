//! What happens to the server and to the clients' links, and when: power cuts, crashes, stops, disks that
//! fail or are full, clients that are cut off.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sealane_storage::testing::lossy_disk::{Call, Fault, LossyDisk};
use tokio::time::{sleep, timeout};

use super::host::{Host, Loss};
use super::network::Links;
use crate::dice::Dice;
use crate::trace::Trace;

#[derive(Clone, Copy)]
enum Misfortune {
    Crash,
    CutOff,
    DiskFault,
    DiskFull,
    PowerCut,
    Stop,
}

const WEIGHTS: &[(u64, Misfortune)] = &[
    (3, Misfortune::Crash),
    (3, Misfortune::CutOff),
    (4, Misfortune::DiskFault),
    (2, Misfortune::DiskFull),
    (4, Misfortune::PowerCut),
    (2, Misfortune::Stop),
];

/// What misfortunes happen to.
#[derive(Clone)]
pub(crate) struct Wind {
    pub(crate) host: Arc<Host>,
    pub(crate) links: Arc<Links>,
    pub(crate) trace: Arc<Trace>,
}

/// Lets misfortunes happen, `between` so many milliseconds apart, until it is dropped. A server that ended
/// is started again after a while. Without `between`, the server is only started again.
pub(crate) async fn tempt(wind: Wind, clients: Vec<String>, mut dice: Dice, between: Option<(u64, u64)>) {
    let Wind { host, links, trace } = wind;
    loop {
        let wait = match between {
            Some((least, most)) => dice.millis(least, most),
            None => Duration::from_secs(3_600),
        };
        let ended = timeout(wait, host.ended.notified()).await.is_ok();
        if ended {
            // The handlers that got their answers before the end may still send them.
            tokio::task::yield_now().await;
            host.kill(&loss(&mut dice));
        } else {
            misfortune(&host, &links, &trace, &clients, &mut dice).await;
        }
        if !host.is_up() {
            sleep(dice.millis(0, 3_000)).await;
            host.journal().set_capacity(None);
            host.start().await;
        }
    }
}

async fn misfortune(host: &Host, links: &Links, trace: &Trace, clients: &[String], dice: &mut Dice) {
    match dice.weighted(WEIGHTS) {
        Misfortune::Crash => host.kill(&Loss::Nothing),
        Misfortune::PowerCut => host.kill(&loss(dice)),
        Misfortune::Stop => host.stop().await,
        Misfortune::CutOff => {
            let client = dice.pick(clients);
            trace.note(format_args!("network: {client} is cut off"));
            links.set_apart(client, true);
            sleep(dice.millis(100, 8_000)).await;
            links.set_apart(client, false);
            trace.note(format_args!("network: {client} is back"));
        }
        Misfortune::DiskFault => {
            let call = *dice.pick(&[Call::Sync, Call::Write]);
            let fault = *dice.pick(&[
                Fault::Error(io::ErrorKind::Other),
                Fault::PowerOffAfter,
                Fault::PowerOffBefore,
            ]);
            let nth = dice.between(1, 12);
            trace.note(format_args!("disk: {call:?} {nth} will end in {fault:?}"));
            host.journal().fail(call, nth, fault);
        }
        Misfortune::DiskFull => {
            let disk = host.journal();
            let room = usize::try_from(dice.between(0, 200_000)).unwrap_or(0);
            let capacity = used(&disk) + room;
            trace.note(format_args!("disk: full at {capacity}"));
            disk.set_capacity(Some(capacity));
            sleep(dice.millis(200, 6_000)).await;
            disk.set_capacity(None);
            trace.note(format_args!("disk: room again"));
        }
    }
}

fn loss(dice: &mut Dice) -> Loss {
    match dice.between(0, 2) {
        0 => Loss::Everything,
        _ => Loss::Seeded(dice.draw()),
    }
}

fn used(disk: &LossyDisk) -> usize {
    disk.names().iter().filter_map(|name| disk.contents(name)).map(|bytes| bytes.len()).sum()
}
