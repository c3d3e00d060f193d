//! Receipts in their text form: job, attempt, lease and, under the hold of a session, its lock, in
//! hexadecimal; or session, queue and lock, behind an `s`. The random ids make them unguessable; inside
//! one process nobody forges them.

use std::fmt::Write as _;

use sealane_core::id::{JobId, LeaseId, LockId};
use sealane_core::queue::session::SessionReceipt;
use sealane_core::queue::{QueueNumber, Receipt};
use sealane_core::token::Token;

const BYTES_MAX: usize = 16 + 4 + 16 + 16;
/// What a session's receipt begins with; no hexadecimal number does.
const SESSION: &str = "s";

pub(super) fn write(receipt: &Receipt) -> String {
    let lock = receipt.lock.map(|lock| *lock.as_bytes());
    let lock: &[u8] = lock.as_ref().map_or(&[], |lock| lock);
    hex([receipt.job.as_bytes(), &receipt.attempt.to_be_bytes()[..], receipt.lease.as_bytes(), lock])
}

pub(super) fn read(text: &str) -> Option<Receipt> {
    let bytes = unhex(text)?;
    let (job, rest) = bytes.split_first_chunk::<16>()?;
    let (attempt, rest) = rest.split_first_chunk::<4>()?;
    let (lease, rest) = rest.split_first_chunk::<16>()?;
    let lock = match rest {
        [] => None,
        lock => Some(LockId::from_bytes(lock.try_into().ok()?)),
    };
    Some(Receipt {
        job: JobId::from_bytes(*job),
        attempt: u32::from_be_bytes(*attempt),
        lease: LeaseId::from_bytes(*lease),
        lock,
    })
}

pub(super) fn write_session(receipt: &SessionReceipt) -> String {
    let queue = receipt.queue.0.to_be_bytes();
    let text = hex([receipt.session.as_bytes(), &queue[..], receipt.lock.as_bytes(), &[]]);
    format!("{SESSION}{text}")
}

pub(super) fn read_session(text: &str) -> Option<SessionReceipt> {
    let bytes = unhex(text.strip_prefix(SESSION)?)?;
    let (session, rest) = bytes.split_first_chunk::<16>()?;
    let (queue, rest) = rest.split_first_chunk::<4>()?;
    Some(SessionReceipt {
        queue: QueueNumber(u32::from_be_bytes(*queue)),
        session: Token::from_bytes(*session),
        lock: LockId::from_bytes(rest.try_into().ok()?),
    })
}

fn hex(parts: [&[u8]; 4]) -> String {
    let mut text = String::with_capacity(2 * BYTES_MAX);
    for byte in parts.into_iter().flatten() {
        write!(text, "{byte:02x}").expect("a String takes any text");
    }
    text
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !digits || !text.len().is_multiple_of(2) || text.len() > 2 * BYTES_MAX {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_reads_back_and_nothing_else_does() {
        let (job, lease) = (JobId::from_bytes([1; 16]), LeaseId::from_bytes([0xfe; 16]));
        let receipt = Receipt { job, attempt: 7, lease, lock: None };
        let lock = LockId::from_bytes([0xfd; 16]);
        let held = Receipt { lock: Some(lock), ..receipt };
        assert_eq!(read(&write(&held)), Some(held));
        let session = SessionReceipt { queue: QueueNumber(7), session: Token::from_bytes([2; 16]), lock };
        assert_eq!(read_session(&write_session(&session)), Some(session));
        assert_eq!(read(&write_session(&session)), None);
        assert_eq!(read_session(&write(&receipt)), None);
        let text = write(&receipt);
        assert_eq!(read(&text), Some(receipt));
        for bad in
            ["", "zz", &text[1..], &format!("{text}00"), &text.replace('f', "é"), &text.replace("fe", "+e")]
        {
            assert_ne!(read(bad), Some(receipt), "{bad}");
        }
    }
}
