//! Owns what a job holds: 1 KiB, of which the first bytes say which job it is, so that everything
//! that was produced can be found again.

use crate::failure::Failure;

/// Bytes in a body.
pub(crate) const BODY_BYTES: usize = 1_024;

/// What a lane produces, and what it saw come back. All lanes together must have seen what all lanes
/// together produced: the same number of jobs, and the same sum of what they are called.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    lane: u32,
    next: u32,
    produced: Sum,
    taken: Sum,
}

/// So many jobs, and their names added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    jobs: u64,
    names: u64,
}

impl Sum {
    fn add(&mut self, name: u64) {
        self.jobs += 1;
        // Why mixed: names that follow each other would add up to the same where one is lost and
        // its neighbours come twice.
        self.names = self.names.wrapping_add(mixed(name));
    }

    fn join(&mut self, other: Self) {
        self.jobs += other.jobs;
        self.names = self.names.wrapping_add(other.names);
    }
}

impl Ledger {
    pub(crate) fn of_lane(lane: u32) -> Self {
        Self { lane, ..Self::default() }
    }

    /// The body of the next job.
    pub(crate) fn produce(&mut self) -> Vec<u8> {
        let name = (u64::from(self.lane) << 32) | u64::from(self.next);
        self.next = self.next.wrapping_add(1);
        self.produced.add(name);
        let mut body = vec![b'x'; BODY_BYTES];
        body[..16].copy_from_slice(format!("{name:016x}").as_bytes());
        body
    }

    /// Remembers a body that came back.
    pub(crate) fn take(&mut self, body: &[u8]) -> Result<(), Failure> {
        let name = body.get(..16).filter(|_| body.len() == BODY_BYTES);
        let name = name.and_then(|digits| std::str::from_utf8(digits).ok());
        let name = name.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        self.taken.add(name.ok_or_else(|| Failure::new("a body came back that nobody sent"))?);
        Ok(())
    }

    /// Fails where what came back is not what was produced.
    pub(crate) fn balance<'a>(ledgers: impl Iterator<Item = &'a Self>) -> Result<(), Failure> {
        let (mut produced, mut taken) = (Sum::default(), Sum::default());
        for ledger in ledgers {
            produced.join(ledger.produced);
            taken.join(ledger.taken);
        }
        if produced == taken {
            return Ok(());
        }
        Err(Failure::new(format!(
            "{} jobs were produced and {} came back, or others than these",
            produced.jobs, taken.jobs
        )))
    }
}

/// Every bit of the one depends on every bit of the other.
fn mixed(name: u64) -> u64 {
    let mut bits = name.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_back_is_what_was_produced_whoever_took_it() {
        let (mut one, mut two) = (Ledger::of_lane(1), Ledger::of_lane(2));
        let bodies = [one.produce(), one.produce(), two.produce()];
        bodies.iter().rev().for_each(|body| two.take(body).expect("a body of ours"));
        Ledger::balance([&one, &two].into_iter()).expect("all are there");
        assert_eq!(two.taken.jobs, 3);
        assert_ne!(bodies[0], bodies[1]);
    }

    #[test]
    fn a_job_lost_doubled_or_changed_is_seen() {
        let mut ledger = Ledger::of_lane(0);
        let bodies = [ledger.produce(), ledger.produce(), ledger.produce()];
        let mut lost = ledger.clone();
        bodies[1..].iter().for_each(|body| lost.take(body).expect("a body of ours"));
        assert!(Ledger::balance([&lost].into_iter()).is_err());
        // One lost, another twice: the number is right and the jobs are not.
        lost.take(&bodies[2]).expect("a body of ours");
        assert!(Ledger::balance([&lost].into_iter()).is_err());
        assert!(ledger.take(&bodies[0][1..]).is_err());
        assert!(ledger.take(&[b'x'; BODY_BYTES]).is_err());
    }
}
