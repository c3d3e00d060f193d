//! Stories by their seeds: runs them, shortens one that does not hold, and keeps its seed.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::draw;
use crate::pair::Pair;
use crate::step::Step;
use crate::tally::Tally;

thread_local! {
    /// What the last panic of this thread said.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/model/seeds.txt")
}

/// Seeds of stories that did not hold once.
pub fn kept() -> Vec<u64> {
    let text = std::fs::read_to_string(file()).expect("the file of seeds");
    let seeds = text.lines().filter_map(|line| line.split('#').next()).map(str::trim);
    seeds.filter(|seed| !seed.is_empty()).map(|seed| seed.parse().expect("a seed is a number")).collect()
}

fn keep(seed: u64) {
    let path = file();
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    // Where the sources cannot be written to, the printed seed has to do.
    let _ = std::fs::write(path, format!("{text}{seed}\n"));
}

/// A panic is the answer of a story: it is noted, not printed.
fn quietly() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let named = std::thread::current().name().is_some_and(|name| name.starts_with("story"));
            match named {
                true => SAID.with_borrow_mut(|said| *said = info.to_string()),
                false => loud(info),
            }
        }));
    });
}

/// Tells a story. Where it does not hold: what was said.
fn told(steps: &[Step]) -> Result<Tally, String> {
    let telling = AssertUnwindSafe(|| {
        let mut pair = Pair::new();
        steps.iter().for_each(|step| pair.step(step));
        pair.tally
    });
    panic::catch_unwind(telling).map_err(|_| SAID.with_borrow(Clone::clone))
}

/// The same story with no more steps than it takes to fail.
fn shortened(mut steps: Vec<Step>) -> (Vec<Step>, String) {
    let mut said = String::new();
    let mut size = steps.len();
    while size > 0 {
        let (mut at, before) = (0, steps.len());
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + size).min(steps.len()));
            match told(&fewer) {
                Err(why) => (steps, said) = (fewer, why),
                Ok(_) => at += size,
            }
        }
        if size > 1 || steps.len() == before {
            size /= 2;
        }
    }
    if said.is_empty() {
        said = told(&steps).err().unwrap_or_default();
    }
    (steps, said)
}

/// Tells one story; panics with it where it does not hold.
fn one(seed: u64) -> Result<Tally, String> {
    told(&draw::story(seed)).map_err(|_| {
        let (steps, said) = shortened(draw::story(seed));
        let steps: Vec<String> = steps.iter().map(|step| format!("    {step:?}")).collect();
        format!("story {seed} does not hold: {said}\n{}", steps.join("\n"))
    })
}

/// Tells stories of these seeds until so many commands were asked, on as many threads as there are.
pub fn tell(first: u64, commands: u64) -> Tally {
    quietly();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8);
    let (next, asked, failed) = (AtomicU64::new(first), AtomicU64::new(0), AtomicBool::new(false));
    let worker = || {
        let mut sum = Tally::default();
        while asked.load(Ordering::Relaxed) < commands && !failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            match one(seed) {
                Ok(tally) => {
                    asked.fetch_add(tally.commands(), Ordering::Relaxed);
                    sum.add(&tally);
                }
                Err(why) => {
                    if !failed.swap(true, Ordering::Relaxed) {
                        keep(seed);
                        return Err(why);
                    }
                }
            }
        }
        Ok(sum)
    };
    on_threads(threads, worker)
}

/// Tells the stories that did not hold once.
pub fn tell_kept() -> Tally {
    quietly();
    on_threads(1, || {
        let mut sum = Tally::default();
        for seed in kept() {
            sum.add(&one(seed)?);
        }
        Ok(sum)
    })
}

fn on_threads(threads: usize, work: impl Fn() -> Result<Tally, String> + Sync) -> Tally {
    let done: Vec<Result<Tally, String>> = std::thread::scope(|scope| {
        let begin = |at| {
            let named = std::thread::Builder::new().name(format!("story {at}"));
            named.spawn_scoped(scope, &work).expect("a thread")
        };
        let running: Vec<_> = (0..threads).map(begin).collect();
        running.into_iter().map(|thread| thread.join().expect("its panics are caught")).collect()
    });
    let mut sum = Tally::default();
    for one in done {
        match one {
            Ok(tally) => sum.add(&tally),
            Err(why) => panic!("{why}"),
        }
    }
    sum
}
