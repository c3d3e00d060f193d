//! Chance that a number decides: the same seed throws the same.

/// Steps through a sequence that looks like chance (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub fn size(&mut self, end: usize) -> usize {
        usize::try_from(self.below(u64::try_from(end).expect("small"))).expect("small")
    }

    pub fn small(&mut self, end: u8) -> u8 {
        u8::try_from(self.below(u64::from(end))).expect("below a byte")
    }

    /// From `first` to `last`, both included.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.size(choices.len())]
    }

    /// Something, so often.
    pub fn maybe<T>(&mut self, chance: u64, what: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.percent(chance).then(|| what(self))
    }
}
