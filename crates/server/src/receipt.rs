//! Receipts as workers carry them: which attempt of which job, and a MAC over that and the principal
//! it was given to. Nobody can make one, and nobody else can use one. The MAC's key comes from the
//! master key, so receipts survive a restart.
//!
//! | bytes | field |
//! |---|---|
//! | 1 | version, 1 |
//! | 16 | job id |
//! | 4 | attempt, big-endian |
//! | 16 | lease id |
//! | 16 | first half of HMAC-SHA-256 over namespace, principal and the bytes before |
//!
//! Written in base64 for URLs without padding (RFC 4648, section 5).

use data_encoding::BASE64URL_NOPAD;
use sealane_core::id::{JobId, LeaseId};
use sealane_core::name::{Namespace, Principal};
use sealane_core::queue::Receipt;
use sealane_crypto::secret::Key;
use sealane_crypto::token::{self, TagKey};

const VERSION: u8 = 1;
const BOUND: usize = 37;
const LENGTH: usize = BOUND + 16;

/// Makes and checks receipts.
pub struct Receipts {
    key: TagKey,
}

impl Receipts {
    /// With the key that MACs are made under.
    pub fn new(key: &Key) -> Self {
        Self { key: TagKey::new(key) }
    }

    /// Writes a receipt for one principal.
    pub fn write(&self, namespace: &Namespace, principal: &Principal, receipt: &Receipt) -> String {
        let mut bytes = [0; LENGTH];
        bytes[0] = VERSION;
        bytes[1..17].copy_from_slice(receipt.job.as_bytes());
        bytes[17..21].copy_from_slice(&receipt.attempt.to_be_bytes());
        bytes[21..BOUND].copy_from_slice(receipt.lease.as_bytes());
        let tag = self.tag(namespace, principal, &bytes[..BOUND]);
        bytes[BOUND..].copy_from_slice(&tag[..16]);
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// Reads a receipt that was written for this principal. Whatever else it is, it holds no job.
    pub fn read(&self, namespace: &Namespace, principal: &Principal, text: &str) -> Option<Receipt> {
        let mut bytes = [0; LENGTH];
        if BASE64URL_NOPAD.decode_len(text.len()) != Ok(LENGTH) {
            return None;
        }
        BASE64URL_NOPAD.decode_mut(text.as_bytes(), &mut bytes).ok()?;
        let tag = self.tag(namespace, principal, &bytes[..BOUND]);
        if bytes[0] != VERSION || !token::equal(&tag[..16], &bytes[BOUND..]) {
            return None;
        }
        let (mut job, mut attempt, mut lease) = ([0; 16], [0; 4], [0; 16]);
        job.copy_from_slice(&bytes[1..17]);
        attempt.copy_from_slice(&bytes[17..21]);
        lease.copy_from_slice(&bytes[21..BOUND]);
        Some(Receipt {
            job: JobId::from_bytes(job),
            attempt: u32::from_be_bytes(attempt),
            lease: LeaseId::from_bytes(lease),
        })
    }

    fn tag(&self, namespace: &Namespace, principal: &Principal, bound: &[u8]) -> [u8; 32] {
        self.key.tag([namespace.as_str().as_bytes(), principal.as_str().as_bytes(), bound])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers JOB-5 (unforgeable receipts)
    // attack 47
    #[test]
    fn a_receipt_is_good_for_its_principal_only_and_no_bit_of_it_can_change() {
        let receipts = Receipts::new(&Key::new([7; 32]));
        let namespace = Namespace::parse("default").unwrap();
        let (one, other) = (Principal::parse("w1").unwrap(), Principal::parse("w2").unwrap());
        let receipt =
            Receipt { job: JobId::from_bytes([1; 16]), attempt: 3, lease: LeaseId::from_bytes([2; 16]) };
        let text = receipts.write(&namespace, &one, &receipt);
        assert_eq!(receipts.read(&namespace, &one, &text), Some(receipt));
        assert_eq!(receipts.read(&namespace, &other, &text), None);
        assert_eq!(receipts.read(&Namespace::parse("acme").unwrap(), &one, &text), None);
        assert_eq!(Receipts::new(&Key::new([8; 32])).read(&namespace, &one, &text), None);
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(receipts.read(&namespace, &one, &BASE64URL_NOPAD.encode(&flipped)), None, "bit {bit}");
        }
        for bad in ["", "A", &text[1..], &format!("{text}A"), "💥"] {
            assert_eq!(receipts.read(&namespace, &one, bad), None, "{bad}");
        }
    }
}
