//! Receipts as workers carry them: which attempt of which job, or which hold of which session, and a
//! MAC over that and the principal it was given to. Nobody can make one, and nobody else can use one.
//! The MAC's key comes from the master key, so receipts survive a restart.
//!
//! | bytes | of a job | of a session | of a job under a hold |
//! |---|---|---|---|
//! | 1 | version, 1 | 2 | 3 |
//! | 16 | job id | token of the session | job id |
//! | 4 | attempt, big-endian | queue number, big-endian | attempt |
//! | 16 | lease id | lock id | lease id |
//! | 16 | | | lock id |
//! | 16 | first half of HMAC-SHA-256 over namespace, principal and the bytes before | the same | the same |
//!
//! Written in base64 for URLs without padding (RFC 4648, section 5).

use data_encoding::BASE64URL_NOPAD;
use sealane_core::id::{JobId, LeaseId, LockId};
use sealane_core::name::{Namespace, Principal};
use sealane_core::queue::session::SessionReceipt;
use sealane_core::queue::{QueueNumber, Receipt};
use sealane_core::token::Token;
use sealane_crypto::secret::Key;
use sealane_crypto::token::{self, TagKey};

const OF_JOB: u8 = 1;
const OF_SESSION: u8 = 2;
const OF_JOB_UNDER_HOLD: u8 = 3;
const TAG: usize = 16;
const LENGTH_MAX: usize = 1 + 16 + 4 + 16 + 16 + TAG;

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
        let (job, attempt, lease) = (receipt.job.as_bytes(), receipt.attempt, receipt.lease.as_bytes());
        let version = if receipt.lock.is_some() { OF_JOB_UNDER_HOLD } else { OF_JOB };
        let mut bytes = [&[version], &job[..], &attempt.to_be_bytes(), lease].concat();
        receipt.lock.iter().for_each(|lock| bytes.extend_from_slice(lock.as_bytes()));
        self.seal(namespace, principal, bytes)
    }

    /// Reads a receipt that was written for this principal. Whatever else it is, it holds no job.
    pub fn read(&self, namespace: &Namespace, principal: &Principal, text: &str) -> Option<Receipt> {
        let bytes = self.open(namespace, principal, text)?;
        let (version, rest) = bytes.split_first()?;
        let (job, rest) = rest.split_first_chunk::<16>()?;
        let (attempt, rest) = rest.split_first_chunk::<4>()?;
        let (lease, rest) = rest.split_first_chunk::<16>()?;
        let lock = match (*version, rest) {
            (OF_JOB, []) => None,
            (OF_JOB_UNDER_HOLD, lock) => Some(LockId::from_bytes(lock.try_into().ok()?)),
            _ => return None,
        };
        Some(Receipt {
            job: JobId::from_bytes(*job),
            attempt: u32::from_be_bytes(*attempt),
            lease: LeaseId::from_bytes(*lease),
            lock,
        })
    }

    /// Writes a session's receipt for one principal.
    pub fn write_session(
        &self,
        namespace: &Namespace,
        principal: &Principal,
        receipt: &SessionReceipt,
    ) -> String {
        let (session, queue, lock) = (receipt.session.as_bytes(), receipt.queue.0, receipt.lock.as_bytes());
        self.seal(namespace, principal, [&[OF_SESSION], &session[..], &queue.to_be_bytes(), lock].concat())
    }

    /// Reads a session's receipt that was written for this principal. Whatever else it is, it holds none.
    pub fn read_session(
        &self,
        namespace: &Namespace,
        principal: &Principal,
        text: &str,
    ) -> Option<SessionReceipt> {
        let bytes = self.open(namespace, principal, text)?;
        let (version, rest) = bytes.split_first()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let (queue, rest) = rest.split_first_chunk::<4>()?;
        let lock: [u8; 16] = rest.try_into().ok().filter(|_| *version == OF_SESSION)?;
        Some(SessionReceipt {
            queue: QueueNumber(u32::from_be_bytes(*queue)),
            session: Token::from_bytes(*session),
            lock: LockId::from_bytes(lock),
        })
    }

    fn seal(&self, namespace: &Namespace, principal: &Principal, mut bytes: Vec<u8>) -> String {
        let tag = self.tag(namespace, principal, &bytes);
        bytes.extend_from_slice(&tag[..TAG]);
        BASE64URL_NOPAD.encode(&bytes)
    }

    fn open(&self, namespace: &Namespace, principal: &Principal, text: &str) -> Option<Vec<u8>> {
        if text.len() > BASE64URL_NOPAD.encode_len(LENGTH_MAX) {
            return None;
        }
        let mut bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (bound, found) = bytes.split_last_chunk::<TAG>()?;
        let tag = self.tag(namespace, principal, bound);
        if !token::equal(&tag[..TAG], found) {
            return None;
        }
        bytes.truncate(bytes.len() - TAG);
        Some(bytes)
    }

    fn tag(&self, namespace: &Namespace, principal: &Principal, bound: &[u8]) -> [u8; 32] {
        self.key.tag([namespace.as_str().as_bytes(), principal.as_str().as_bytes(), bound])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read back, in one form for both kinds.
    type Read = fn(&Receipts, &Namespace, &Principal, &str) -> Option<String>;

    // covers JOB-5 (unforgeable receipts)
    // covers JOB-13 (unforgeable receipts of sessions)
    // attack 47
    #[test]
    fn a_receipt_is_good_for_its_principal_and_kind_only_and_no_bit_of_it_can_change() {
        let receipts = Receipts::new(&Key::new([7; 32]));
        let namespace = Namespace::parse("default").unwrap();
        let (one, other) = (Principal::parse("w1").unwrap(), Principal::parse("w2").unwrap());
        let lock = LockId::from_bytes([3; 16]);
        let plain = Receipt {
            job: JobId::from_bytes([1; 16]),
            attempt: 3,
            lease: LeaseId::from_bytes([2; 16]),
            lock: None,
        };
        let held = Receipt { lock: Some(lock), ..plain };
        let session = SessionReceipt { queue: QueueNumber(3), session: Token::from_bytes([1; 16]), lock };
        let of_job: Read = |receipts, namespace, principal, text| {
            receipts.read(namespace, principal, text).map(|receipt| format!("{receipt:?}"))
        };
        let of_session: Read = |receipts, namespace, principal, text| {
            receipts.read_session(namespace, principal, text).map(|receipt| format!("{receipt:?}"))
        };
        assert_eq!(receipts.read(&namespace, &one, &receipts.write(&namespace, &one, &plain)), Some(plain));
        assert_eq!(receipts.read(&namespace, &one, &receipts.write(&namespace, &one, &held)), Some(held));
        let written = receipts.write_session(&namespace, &one, &session);
        assert_eq!(receipts.read_session(&namespace, &one, &written), Some(session));
        let all = [
            (receipts.write(&namespace, &one, &plain), of_job, of_session),
            (receipts.write(&namespace, &one, &held), of_job, of_session),
            (written, of_session, of_job),
        ];
        for (text, read, as_another) in all {
            assert!(read(&receipts, &namespace, &one, &text).is_some());
            assert_eq!(as_another(&receipts, &namespace, &one, &text), None, "another kind of receipt");
            assert_eq!(read(&receipts, &namespace, &other, &text), None);
            assert_eq!(read(&receipts, &Namespace::parse("acme").unwrap(), &one, &text), None);
            assert_eq!(read(&Receipts::new(&Key::new([8; 32])), &namespace, &one, &text), None);
            let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let flipped = BASE64URL_NOPAD.encode(&flipped);
                assert_eq!(read(&receipts, &namespace, &one, &flipped), None, "bit {bit}");
            }
            for bad in ["", "A", &text[1..], &format!("{text}A"), &text.repeat(1_000), "💥"] {
                assert_eq!(read(&receipts, &namespace, &one, bad), None, "{bad}");
            }
        }
    }
}
