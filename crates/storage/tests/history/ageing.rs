//! What becomes of rows with time: merged, hidden once they are over, dropped, and never seen again.

use sealane_core::time::Time;
use sealane_storage::history::{Ended, History, Row, Stretch, Work};
use sealane_storage::testing::lossy_disk::Loss;

use crate::support::{
    BYTES, Home, all, append, job, jobs, list, namespace, row, rows, time, work, work_with,
};

const DAY: u64 = 86_400_000;

fn kept(row: Row, days: u64) -> Row {
    Row { kept_until: Time::from_unix_ms(row.at.unix_ms() + days * DAY), ..row }
}

/// A stretch of rows of which those that `short` picks are kept for a day, the others for thirty.
fn mixed(history: &mut History, numbers: std::ops::Range<u64>, short: impl Fn(u64) -> bool) {
    let (stretch, rows) = rows(numbers.clone());
    let rows = numbers.zip(rows).map(|(number, row)| kept(row, if short(number) { 1 } else { 30 }));
    history.append(stretch, rows.collect()).unwrap();
}

#[test]
fn a_row_is_written_once_for_each_size_that_it_passes() {
    let mut home = Home::new();
    home.settings.run_rows_max = 100_000;
    home.settings.merged_at_once = 8;
    let mut history = home.open();
    let (mut written, mut runs_max) = (0, 0);
    for part in 0..256 {
        append(&mut history, part * 4..part * 4 + 4);
        loop {
            let before = home.run_files().len();
            let more = history.work(time(part), BYTES).unwrap();
            if home.run_files().len() < before {
                written += 1;
            }
            if more == Work::Idle {
                break;
            }
        }
        runs_max = runs_max.max(home.run_files().len());
    }
    assert_eq!(history.rows(), 1_024);
    // 32 merges of 8, then 4 of 8 of these, and what the last few come to.
    assert!((36..=48).contains(&written), "{written} merges");
    assert!(runs_max <= 8 * 3, "{runs_max} runs at once");
}

#[test]
fn one_step_of_a_merge_is_bounded() {
    let mut home = Home::new();
    home.settings.run_rows_max = 100_000;
    home.settings.entries_per_step = 100;
    let mut history = home.open();
    (0..3).for_each(|part| append(&mut history, part * 3_000..part * 3_000 + 3_000));
    let mut steps = 0;
    loop {
        let before = home.disk.writes();
        let more = history.work(time(9_000), BYTES).unwrap();
        assert!(home.disk.writes() - before <= 4, "one step wrote {} times", home.disk.writes() - before);
        if more == Work::Idle {
            break;
        }
        steps += 1;
    }
    assert!(steps > 9_000 / 100, "{steps} steps");
    assert_eq!((history.rows(), home.run_files().len()), (9_000, 1));
}

// covers DATA-3 (by age)
#[test]
fn nobody_is_told_of_what_is_over_and_its_run_goes() {
    let home = Home::new();
    let mut history = home.open();
    mixed(&mut history, 0..100, |_| true);
    mixed(&mut history, 100..200, |_| false);
    let over = 50 + DAY;
    // A row that ended at 50 is told of until a day later, and not at that moment.
    let view = history.view();
    assert!(view.find(&namespace(), job(50), time(over - 1)).unwrap().is_some());
    assert!(view.find(&namespace(), job(50), time(over)).unwrap().is_none());
    assert_eq!(jobs(&list(&view, &all(), over, 9)), (51..200).rev().map(job).collect::<Vec<_>>());
    // The run goes when its last row is over.
    work(&mut history, 98 + DAY);
    assert_eq!(home.run_files().len(), 2);
    work(&mut history, 99 + DAY);
    assert_eq!((home.run_files().len(), history.rows()), (1, 100));
    work(&mut history, 199 + 30 * DAY);
    assert_eq!((home.run_files().len(), history.rows(), history.bytes()), (0, 0, 0));
    assert_eq!(history.reached(), 200 * 8);
    assert_eq!(home.open().reached(), 200 * 8);
}

// covers DATA-3 (by age)
#[test]
fn a_run_of_which_half_is_over_is_written_again_without_it() {
    let home = Home::new();
    let mut history = home.open();
    mixed(&mut history, 0..300, |number| number % 2 == 0);
    let before = history.bytes();
    work(&mut history, DAY);
    assert_eq!(history.rows(), 300, "a day is not over before its end");
    work(&mut history, 2 * DAY);
    assert_eq!((history.rows(), home.run_files().len()), (150, 1));
    assert!(history.bytes() < before);
    let left = (0..300).rev().filter(|number| number % 2 == 1).map(job).collect::<Vec<_>>();
    assert_eq!(jobs(&list(&history.view(), &all(), 2 * DAY, 9)), left);
    // And then there is nothing to do until the others are over.
    assert_eq!(history.work(time(20 * DAY), BYTES).unwrap(), Work::Idle);
}

// covers DATA-3 (by bytes, oldest first)
#[test]
fn the_oldest_go_where_there_is_too_much() {
    let mut home = Home::new();
    home.settings.run_rows_max = 100;
    let mut history = home.open();
    (0..5).for_each(|part| append(&mut history, part * 100..part * 100 + 100));
    let all_bytes = history.bytes();
    // What the rows refer to counts: 110 or 100 bytes each, besides the files.
    let files: usize = home.run_files().iter().map(|name| home.disk.contents(name).unwrap().len()).sum();
    assert_eq!(all_bytes, u64::try_from(files).unwrap() + 500 * 100 + 167 * 10);
    work_with(&mut history, 500, all_bytes);
    assert_eq!(history.rows(), 500);
    work_with(&mut history, 500, all_bytes - 1);
    assert_eq!(history.rows(), 400);
    assert_eq!(jobs(&list(&history.view(), &all(), 500, 50)), (100..500).rev().map(job).collect::<Vec<_>>());
    work_with(&mut history, 500, 0);
    assert_eq!((history.rows(), home.run_files().len(), history.reached()), (0, 0, 4_000));
}

#[test]
fn there_are_so_many_runs_and_the_oldest_leave() {
    let mut home = Home::new();
    home.settings.runs_max = 4;
    home.settings.merged_at_once = 100;
    let mut history = home.open();
    (0..4).for_each(|part| append(&mut history, part * 10..part * 10 + 10));
    work(&mut history, 40);
    assert_eq!((home.run_files().len(), history.rows()), (4, 40));
    append(&mut history, 40..50);
    work(&mut history, 50);
    assert_eq!((home.run_files().len(), history.rows()), (4, 40));
    assert_eq!(jobs(&list(&history.view(), &all(), 50, 9)), (10..50).rev().map(job).collect::<Vec<_>>());
}

/// What is in the records goes on being needed as long as a row refers to it, and what is not in a run yet
/// must be read again.
#[test]
fn the_oldest_position_that_is_needed_follows_the_rows() {
    let home = Home::new();
    let mut history = home.open();
    assert_eq!(history.oldest_needed(), 0);
    history.append(Stretch { from: 0, to: 1_000 }, Vec::new()).unwrap();
    assert_eq!(history.oldest_needed(), 1_000);
    let first = kept(row(1, 1_200, 5), 1);
    let second = kept(row(2, 1_800, 6), 30);
    history.append(Stretch { from: 1_000, to: 1_500 }, vec![first]).unwrap();
    history.append(Stretch { from: 1_500, to: 2_000 }, vec![second]).unwrap();
    assert_eq!((history.oldest_needed(), history.reached()), (600, 2_000));
    work(&mut history, DAY + 5);
    assert_eq!(history.oldest_needed(), 900);
    assert_eq!(home.open().oldest_needed(), 900);
    work(&mut history, 30 * DAY + 6);
    assert_eq!(history.oldest_needed(), 2_000);
}

/// A job is completed, re-driven, and cancelled; the second end is kept for a day only. When that day is over
/// nobody must be told again that it was completed.
#[test]
fn what_a_newer_row_hides_stays_hidden_when_that_one_is_over() {
    for merged in [false, true] {
        let home = Home::new();
        let mut history = home.open();
        history
            .append(Stretch { from: 0, to: 10 }, vec![kept(row(1, 1, 1), 30), kept(row(2, 2, 1), 30)])
            .unwrap();
        let back = Row { again: true, end: Ended::Back, ..kept(row(1, 11, 2), 1) };
        history.append(Stretch { from: 10, to: 20 }, vec![back]).unwrap();
        let told = |history: &History, now: u64| jobs(&list(&history.view(), &all(), now, 3));
        assert_eq!(told(&history, 3), [job(2)]);
        let end = Row { again: true, ..kept(row(1, 21, 3), 1) };
        history.append(Stretch { from: 20, to: 30 }, vec![end]).unwrap();
        assert_eq!(told(&history, 3), [job(1), job(2)]);
        if merged {
            work(&mut history, 3);
            assert_eq!(history.rows(), 2);
        }
        for now in [2 * DAY, 3 * DAY, 29 * DAY] {
            assert_eq!(told(&history, now), [job(2)], "merged {merged}, {now}");
            assert!(history.view().find(&namespace(), job(1), time(now)).unwrap().is_none());
            work(&mut history, now);
        }
        assert_eq!(told(&history, 29 * DAY), [job(2)], "merged {merged}");
        work(&mut history, 31 * DAY);
        assert_eq!(history.rows(), 0, "merged {merged}");
    }
}

/// The run of the row that hides is written again, the run of what is hidden is full and is not.
#[test]
fn what_a_newer_row_hides_stays_hidden_when_that_one_is_written_again() {
    let home = Home::new();
    let mut history = home.open();
    mixed(&mut history, 0..300, |_| false);
    let hides = Row { again: true, ..kept(row(17, 2_400, 300), 1) };
    let short = (301..310).map(|number| kept(row(number, number * 8, number), 1));
    let long = (310..315).map(|number| kept(row(number, number * 8, number), 30));
    let rows = [hides].into_iter().chain(short).chain(long).collect();
    history.append(Stretch { from: 2_400, to: 2_520 }, rows).unwrap();
    work(&mut history, 3 * DAY);
    // The nine are gone, the one that hides is not.
    assert_eq!(history.rows(), 306);
    let told = jobs(&list(&history.view(), &all(), 3 * DAY, 50));
    assert!(told.len() == 304 && !told.contains(&job(17)), "{}", told.len());
    assert!(history.view().find(&namespace(), job(17), time(3 * DAY)).unwrap().is_none());
}

/// A row is over and would go with the next merge, but what it hides is in a stretch that is being made again.
#[test]
fn what_is_made_again_later_stays_hidden_too() {
    let home = Home::new();
    let mut history = home.open();
    let old = vec![kept(row(1, 1, 1), 30), kept(row(2, 2, 1), 30)];
    history.append(Stretch { from: 0, to: 10 }, old.clone()).unwrap();
    let file = home.run_files().remove(0);
    let end = Row { again: true, ..kept(row(1, 11, 2), 1) };
    history.append(Stretch { from: 10, to: 20 }, vec![end, kept(row(3, 12, 2), 30)]).unwrap();
    history.set_aside(file.trim_end_matches(".run").parse().unwrap()).unwrap();
    for part in 2..5 {
        let row = kept(row(part + 10, part * 10, 3), 30);
        history.append(Stretch { from: part * 10, to: part * 10 + 10 }, vec![row]).unwrap();
    }
    work(&mut history, 3 * DAY);
    history.append(Stretch { from: 0, to: 10 }, old).unwrap();
    assert!(history.view().find(&namespace(), job(1), time(3 * DAY)).unwrap().is_none());
    work(&mut history, 3 * DAY);
    let told = jobs(&list(&history.view(), &all(), 3 * DAY, 3));
    assert!(!told.contains(&job(1)) && told.contains(&job(2)) && told.len() == 5, "{told:?}");
}

#[test]
fn files_that_are_not_needed_any_more_are_removed_now_or_at_the_next_opening() {
    let home = Home::new();
    let mut history = home.open();
    (0..3).for_each(|part| append(&mut history, part * 10..part * 10 + 10));
    work(&mut history, 30);
    assert_eq!(home.run_files().len(), 1);
    home.disk.tamper("0000000099.run", |file| file.push(1));
    home.disk.tamper("catalogue.unfinished", |file| file.push(1));
    home.disk.tamper("notes", |file| file.push(1));
    drop(home.open());
    let home = home.after_power_cut(Loss::Nothing);
    assert_eq!(home.disk.names().len(), 3, "{:?}", home.disk.names());
}
