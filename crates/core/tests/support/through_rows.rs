//! A shard written down as rows and made anew of them, as a restart from a snapshot does.

use sealane_core::queue::state::{Phase, Rebuild, Row, RowError};
use sealane_core::queue::{QueueNumber, Shard, invariants};

/// The same shard, made of its rows.
pub fn through_rows(shard: &Shard) -> Shard {
    let again = rebuilt(shard.rows()).unwrap_or_else(|error| panic!("its own rows are refused: {error}"));
    assert!(again == *shard, "its rows make another shard");
    invariants::check(&again).unwrap_or_else(|error| panic!("{error} when made of rows"));
    again
}

fn rebuilt(rows: impl Iterator<Item = Row>) -> Result<Shard, RowError> {
    let mut rebuild = Rebuild::default();
    for row in rows {
        rebuild.take(row)?;
    }
    rebuild.finish()
}

/// Rows that something happened to: whatever it was, what comes of them is refused or whole. Says whether it
/// was refused.
#[allow(dead_code, reason = "not everybody who restarts spoils")]
pub fn spoilt(shard: &Shard, draw: &mut dyn FnMut(usize) -> usize) -> bool {
    let mut rows: Vec<Row> = shard.rows().collect();
    let at = draw(rows.len());
    match draw(5) {
        0 => {
            rows.remove(at);
        }
        1 => rows.insert(draw(rows.len()), rows[at].clone()),
        2 => {
            let other = draw(rows.len());
            rows.swap(at, other);
        }
        _ => change(&mut rows[at], draw),
    }
    match rebuilt(rows.into_iter()) {
        Err(_) => true,
        Ok(made) => {
            invariants::check(&made).unwrap_or_else(|error| panic!("taken for a shard, and {error}"));
            false
        }
    }
}

#[allow(dead_code, reason = "not everybody who restarts spoils")]
fn change(row: &mut Row, draw: &mut dyn FnMut(usize) -> usize) {
    let number = u32::try_from(draw(5)).expect("a small number");
    match row {
        Row::Shard(row) => row.next_sequence = u64::from(number),
        Row::Queue(row) => match number {
            0 => row.next_turn = 0,
            1 => row.cancelled = 0,
            2 => row.settings.sessions.mode = sealane_core::queue::SessionMode::Off,
            _ => row.settings.limit_per_key.concurrency = Some(1),
        },
        Row::FairKey(row) => row.turns[draw(5)] = [None, Some(0)][draw(2)],
        Row::Session(row) => match number {
            0 => row.queue = QueueNumber(number),
            1 => row.state = None,
            _ => row.hold = None,
        },
        Row::Job(row) => match draw(8) {
            0 => row.queue = QueueNumber(number),
            1 => row.sequence = u64::from(number),
            2 => row.phase = [Phase::Blocked, Phase::Ready, Phase::Delayed][draw(3)].clone(),
            3 => row.blocked_by.clear(),
            4 => row.attempt = number,
            5 => row.options = None,
            6 => row.past = None,
            _ => row.max_attempts = 0,
        },
        Row::Finished(row) => row.job.phase = Phase::Ready,
        Row::Schedule(row) => row.queue = QueueNumber(number),
        Row::Sweep(row) => row.turn = u64::from(number),
        Row::End(end) => end.job = sealane_core::id::JobId::from_bytes([7; 16]),
        Row::FinishedPlace { .. } | Row::LogPlace { .. } | Row::Idempotency(_) => {}
    }
}
