//! Lots drawn from a seed. Everything that the simulation leaves to chance is drawn here; keys, ids and
//! nonces come from the product's own seeded source.

use std::time::Duration;

/// SplitMix64: short, and good enough to draw lots with.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice for one purpose. What is drawn from them moves no other draw.
    pub(crate) fn fork(&self, purpose: &str) -> Self {
        let mut forked = Self(self.0);
        for byte in purpose.bytes() {
            forked.0 = forked.0.wrapping_mul(0x0000_0100_0000_01b3) ^ u64::from(byte);
            forked.draw();
        }
        forked
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut lot = self.0;
        lot = (lot ^ (lot >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        lot = (lot ^ (lot >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        lot ^ (lot >> 31)
    }

    /// A number from `least` to `most`.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.draw() % (most - least + 1)
    }

    /// True so many times in a thousand.
    pub(crate) fn chance(&mut self, of_thousand: u64) -> bool {
        self.draw() % 1_000 < of_thousand
    }

    pub(crate) fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.between(least, most))
    }

    /// A place in a list of this length, which is not empty.
    pub(crate) fn place(&mut self, length: usize) -> usize {
        let length = u64::try_from(length).expect("a length in memory fits 64 bits");
        usize::try_from(self.draw() % length).expect("less than a length in memory")
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.place(of.len())]
    }

    /// One of those whose weights these are.
    pub(crate) fn weighted<T: Copy>(&mut self, of: &[(u64, T)]) -> T {
        let all: u64 = of.iter().map(|(weight, _)| weight).sum();
        let mut lot = self.draw() % all;
        for (weight, thing) in of {
            if lot < *weight {
                return *thing;
            }
            lot -= weight;
        }
        unreachable!("the lot is less than all weights together")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_purposes_do_not_disturb_each_other() {
        let draws = |mut dice: Dice| (0..8).map(|_| dice.draw()).collect::<Vec<_>>();
        assert_eq!(draws(Dice::new(7)), draws(Dice::new(7)));
        assert_ne!(draws(Dice::new(7)), draws(Dice::new(8)));
        let root = Dice::new(7);
        assert_eq!(draws(root.fork("disk")), draws(root.fork("disk")));
        assert_ne!(draws(root.fork("disk")), draws(root.fork("net")));
    }

    #[test]
    fn lots_keep_to_their_bounds() {
        let mut dice = Dice::new(1);
        for _ in 0..1_000 {
            assert!((3..=5).contains(&dice.between(3, 5)));
            assert!(!dice.chance(0) && dice.chance(1_000));
            assert_eq!(dice.weighted(&[(0, 'a'), (1, 'b')]), 'b');
        }
    }
}
