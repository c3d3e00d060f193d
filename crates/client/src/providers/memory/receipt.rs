//! Receipts in their text form: job, attempt and lease in hexadecimal. The random lease id makes
//! them unguessable; inside one process nobody forges them.

use std::fmt::Write as _;

use sealane_core::id::{JobId, LeaseId};
use sealane_core::queue::Receipt;

const BYTES: usize = 16 + 4 + 16;

pub(super) fn write(receipt: &Receipt) -> String {
    let mut text = String::with_capacity(2 * BYTES);
    let parts: [&[u8]; 3] =
        [receipt.job.as_bytes(), &receipt.attempt.to_be_bytes(), receipt.lease.as_bytes()];
    for byte in parts.into_iter().flatten() {
        write!(text, "{byte:02x}").expect("a String takes any text");
    }
    text
}

pub(super) fn read(text: &str) -> Option<Receipt> {
    if text.len() != 2 * BYTES || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0u8; BYTES];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    let (job, rest) = bytes.split_first_chunk::<16>()?;
    let (attempt, rest) = rest.split_first_chunk::<4>()?;
    let (lease, _) = rest.split_first_chunk::<16>()?;
    Some(Receipt {
        job: JobId::from_bytes(*job),
        attempt: u32::from_be_bytes(*attempt),
        lease: LeaseId::from_bytes(*lease),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_reads_back_and_nothing_else_does() {
        let receipt =
            Receipt { job: JobId::from_bytes([1; 16]), attempt: 7, lease: LeaseId::from_bytes([0xfe; 16]) };
        let text = write(&receipt);
        assert_eq!(read(&text), Some(receipt));
        for bad in
            ["", "zz", &text[1..], &format!("{text}00"), &text.replace('f', "é"), &text.replace("fe", "+e")]
        {
            assert_ne!(read(bad), Some(receipt), "{bad}");
        }
    }
}
