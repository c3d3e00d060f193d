//! Runs as a whole: one seed tells one story, and stories end well.

use sealane_sim::run::run;
use sealane_sim::seeds::{HowMany, kept, parse, run_all};

#[test]
fn the_same_seed_tells_the_same_story_and_another_seed_another() {
    let (one, again, other) = (run(11), run(11), run(12));
    assert_eq!((one.hash, one.steps), (again.hash, again.steps));
    assert_ne!(one.hash, other.hash);
    assert!(one.steps > 300, "something happens in it: {} steps", one.steps);
}

#[test]
fn seeds_that_ever_failed_and_some_more_end_well() {
    let report = run_all(&kept(), 7, HowMany::Seeds(6), 2);
    assert!(report.failed.is_none(), "{}", report.failed.expect("it is there"));
    let line = report.to_string();
    assert!(line.contains(&format!("sim: {} seeds, ", 6 + kept().len())), "{line}");
    assert!(line.ends_with("0 lost, 0 duplicated, 0 unexpected"), "{line}");
}

#[test]
fn a_seed_is_read_as_it_is_printed() {
    assert_eq!(parse("0x00000000000000ff"), Some(255));
    for wrong in ["255", "0x", "0xg", "", "-0x1"] {
        assert_eq!(parse(wrong), None, "{wrong}");
    }
}
