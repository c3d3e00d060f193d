//! The fuzz target `open` on a stable toolchain: its whole corpus, then ten seconds of fresh
//! bytes and of corpus files changed at random. It has no coverage feedback, so it is a smoke
//! test; `cargo fuzz` is the search.

#![allow(clippy::unwrap_used, reason = "a setup that fails is a test that fails")]

#[path = "../../../fuzz/checks/open.rs"]
mod open;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sealane_crypto::{Random, SeededRandom};

const TIME: Duration = Duration::from_secs(10);

/// Repeats a run that failed: set this variable to the seed it printed.
const SEED: &str = "SEALANE_FUZZ_SEED";

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/open");
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

struct Dice(SeededRandom);

impl Dice {
    fn bytes(&self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.fill(&mut bytes).unwrap();
        bytes
    }

    fn below(&self, end: usize) -> usize {
        let mut number = [0; 8];
        self.0.fill(&mut number).unwrap();
        usize::try_from(u64::from_le_bytes(number) % u64::try_from(end).unwrap()).unwrap()
    }

    fn change(&self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len() + 1);
        match self.below(4) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 => bytes.truncate(at),
            2 => drop(bytes.splice(at..at, self.bytes(1 + self.below(16)))),
            _ => {
                let end = (at + 1 + self.below(8)).min(bytes.len());
                let new = self.bytes(end - at);
                bytes.splice(at..end, new);
            }
        }
    }
}

#[test]
fn the_corpus_holds() {
    let world = open::World::new();
    let corpus = corpus();
    assert!(corpus.len() >= 100, "the corpus is gone");
    for (name, bytes) in corpus {
        println!("{name}");
        world.check(&bytes);
    }
}

// attack 1
// attack 2
// attack 10
// attack 11
#[test]
fn fresh_and_changed_bytes_hold() {
    let seed = std::env::var(SEED).ok().map_or_else(
        || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into(),
        |seed| seed.parse().unwrap(),
    );
    println!("seed {seed}; repeat with {SEED}={seed}");
    let world = open::World::new();
    let corpus = corpus();
    let dice = Dice(SeededRandom::danger_from_seed(seed));
    let start = Instant::now();
    let mut runs = 0_u64;
    while start.elapsed() < TIME {
        world.check(&dice.bytes(dice.below(300)));
        let mut bytes = corpus[dice.below(corpus.len())].1.clone();
        for _ in 0..=dice.below(3) {
            dice.change(&mut bytes);
            world.check(&bytes);
        }
        runs += 1;
    }
    println!("{runs} rounds");
    assert!(runs > 100, "only {runs} rounds in ten seconds");
}
