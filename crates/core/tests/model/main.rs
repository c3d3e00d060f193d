//! Random commands of every kind against a model without any cleverness: lists that are walked from end
//! to end. Where the two differ, one of them is wrong.
//!
//! - `dice`, `draw`, `draw_jobs`: stories by their seeds. `step`: what they are made of.
//! - `plain`: the model. `pair`: machine and model, asked the same. `compare`: whether they stand the same.
//! - `seeds`: tells stories, shortens and keeps those that do not hold. `tally`: what was tried.
//!
//! One story by itself: `SEALANE_STORY=SEED cargo test -p sealane-core --test model`.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![allow(clippy::cast_possible_truncation, reason = "numbers of a story are small")]

mod compare;
mod dice;
mod draw;
mod draw_jobs;
mod pair;
mod plain;
mod seeds;
mod step;
mod tally;
#[path = "../support/through_rows.rs"]
mod through_rows;

/// As many as are asked: a tenth where the program is not optimised, so that nobody waits for minutes.
const COMMANDS: u64 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

// covers REL-2 (at least once, never again after completion, order by priority)
// covers REL-3 (recovery makes the same state)
#[test]
fn the_machine_does_what_plain_lists_would() {
    if let Ok(seed) = std::env::var("SEALANE_STORY") {
        seeds::tell(seed.parse().expect("a seed is a number"), 1);
        return;
    }
    let mut tally = seeds::tell_kept();
    // Other stories each day would find more, and fail where nobody has changed anything.
    let commands = std::env::var("SEALANE_COMMANDS").map_or(COMMANDS, |text| text.parse().expect("a number"));
    tally.add(&seeds::tell(1, commands));
    let told = tally.told();
    assert!(tally.commands() >= commands, "{told}");
    assert_eq!(tally.missing(), Vec::<String>::new(), "{told}");
    std::io::Write::write_all(&mut std::io::stderr(), format!("{told}\n").as_bytes()).expect("told");
}
