//! Files that were changed by something else: every bit of a run and of a catalogue. It is noticed, never served,
//! and what was lost is made again.

use std::collections::BTreeSet;
use std::sync::Arc;

use sealane_crypto::Key;
use sealane_storage::history::{Flaw, History, HistoryError, HistoryKeys, Stretch};
use sealane_storage::testing::lossy_disk::Loss;

use crate::support::{BYTES, Home, all, append, job, jobs, list, namespace, rows, time, work};

const RUN: &str = "0000000000.run";
const PAGE: usize = 8_192;

fn one_run() -> Home {
    let home = Home::new();
    append(&mut home.open(), 0..60);
    home
}

fn flipped(home: &Home, file: &str, bit: usize) -> Home {
    let copy = home.after_power_cut(Loss::Everything);
    copy.disk.tamper(file, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
    copy
}

/// Everything that can be asked, until something is wrong.
fn read_all(history: &History) -> Result<(), HistoryError> {
    let view = history.view();
    let mut found = BTreeSet::new();
    let mut after = None;
    loop {
        let page = view.list(&all(), after, time(100), 100, &mut |_| true)?;
        found.extend(jobs(&page.rows));
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    let mut by_id = BTreeSet::new();
    for number in 0..60 {
        by_id.extend(view.find(&namespace(), job(number), time(100))?.map(|row| row.job));
    }
    let all: BTreeSet<_> = (0..60).map(job).collect();
    assert!(found == all && by_id == all, "wrong answers");
    Ok(())
}

/// Every page of a run, a bit of each byte of it: an answer is right, or there is none.
// covers REL-7 (corruption is detected, never served)
// attack 76
#[test]
fn every_changed_byte_of_a_run_is_noticed() {
    let home = one_run();
    let len = home.disk.contents(RUN).unwrap().len();
    assert!(len >= 6 * PAGE && len.is_multiple_of(PAGE));
    for byte in (0..len).filter(|byte| byte % PAGE < 80 || byte % 37 == 0 || byte % PAGE > PAGE - 40) {
        let bad = flipped(&home, RUN, byte * 8 + byte % 8);
        let opened = bad.try_open().unwrap();
        let (page, last) = (byte / PAGE, len / PAGE - 1);
        if page == 0 || page == last {
            assert_eq!(opened.set_aside.len(), 1, "byte {byte}");
            assert_eq!(opened.history.missing(), [Stretch { from: 0, to: 480 }]);
            assert!(bad.run_files().is_empty());
        } else {
            assert!(opened.set_aside.is_empty(), "byte {byte}");
            match read_all(&opened.history) {
                Err(HistoryError::Damaged { file, offset, run, flaw }) => {
                    assert_eq!((file.as_str(), run), (RUN, Some(0)), "byte {byte}");
                    assert_eq!(offset, u64::try_from(page * PAGE).unwrap(), "byte {byte}");
                    assert_eq!(flaw, Flaw::Checksum);
                }
                Err(other) => panic!("byte {byte}: {other}"),
                Ok(()) => panic!("byte {byte} was not noticed"),
            }
        }
    }
}

/// A run that is set aside is made again from the rows of its stretch, and then all is as before.
// attack 76
#[test]
fn what_was_damaged_is_made_again() {
    let home = Home::new();
    let mut history = home.open();
    append(&mut history, 0..60);
    append(&mut history, 60..90);
    home.disk.tamper(RUN, |bytes| bytes[PAGE + 100] ^= 1);
    let error = read_all(&history).unwrap_err();
    let HistoryError::Damaged { run: Some(run), .. } = error else { panic!("{error}") };
    history.set_aside(run).unwrap();
    // What is left is served, and says nothing false: it is known what is missing.
    assert_eq!(jobs(&list(&history.view(), &all(), 100, 50)), (60..90).rev().map(job).collect::<Vec<_>>());
    let missing = Stretch { from: 0, to: 480 };
    assert_eq!((history.missing(), history.oldest_needed()), (&[missing][..], 0));
    let mut history = home.open();
    assert_eq!(history.missing(), [missing], "it is durable that something is missing");
    // In two parts; the second one only behind the first.
    let (second, late) = rows(30..60);
    assert!(matches!(history.append(second, late.clone()), Err(HistoryError::Misplaced)));
    append(&mut history, 0..30);
    assert_eq!(history.missing(), [second]);
    history.append(second, late).unwrap();
    assert_eq!((history.missing().len(), history.reached()), (0, 720));
    work(&mut history, 100);
    assert_eq!(jobs(&list(&home.open().view(), &all(), 100, 50)), (0..90).rev().map(job).collect::<Vec<_>>());
}

#[test]
fn a_damaged_run_stops_a_merge_and_the_others_go_on_without_it() {
    let home = Home::new();
    let mut history = home.open();
    (0..3).for_each(|part| append(&mut history, part * 60..part * 60 + 60));
    home.disk.tamper(RUN, |bytes| bytes[3 * PAGE + 100] ^= 1);
    let error = loop {
        match history.work(time(1), BYTES) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    let HistoryError::Damaged { run: Some(0), .. } = error else { panic!("{error}") };
    history.set_aside(0).unwrap();
    work(&mut history, 200);
    append(&mut history, 0..60);
    work(&mut history, 200);
    assert_eq!(
        jobs(&list(&home.open().view(), &all(), 200, 50)),
        (0..180).rev().map(job).collect::<Vec<_>>()
    );
}

// attack 76
#[test]
fn every_changed_bit_and_every_cut_of_a_catalogue_is_noticed_and_all_can_begin_anew() {
    let home = one_run();
    let len = home.disk.contents("catalogue").unwrap().len();
    for bit in 0..len * 8 {
        let error = flipped(&home, "catalogue", bit).try_open().err();
        assert!(matches!(error, Some(HistoryError::Damaged { .. })), "bit {bit}: {error:?}");
    }
    for cut in 0..len {
        let copy = home.after_power_cut(Loss::Everything);
        copy.disk.tamper("catalogue", |bytes| bytes.truncate(cut));
        assert!(copy.try_open().is_err(), "cut at {cut}");
        if cut % 50 == 0 {
            let mut history = copy.start_over();
            assert_eq!((history.reached(), history.rows(), copy.run_files().len()), (0, 0, 0));
            append(&mut history, 0..60);
            read_all(&copy.open()).unwrap();
        }
    }
}

#[test]
fn a_run_that_is_not_there_or_another_one_is_set_aside() {
    let home = Home::new();
    let mut history = home.open();
    (0..2).for_each(|part| append(&mut history, part * 60..part * 60 + 60));
    let other = home.disk.contents("0000000001.run").unwrap();
    let own = home.disk.contents(RUN).unwrap();
    let short = own.len() - PAGE;
    for content in [other.as_slice(), &own[..short], &[]] {
        let copy = home.after_power_cut(Loss::Everything);
        copy.disk.tamper(RUN, |bytes| *bytes = content.to_vec());
        let opened = copy.try_open().unwrap();
        assert_eq!((opened.set_aside.len(), opened.history.rows()), (1, 60));
    }
    home.disk.tamper_remove(RUN);
    let opened = home.try_open().unwrap();
    assert_eq!((opened.set_aside.len(), opened.history.missing().len()), (1, 1));
    assert!(opened.set_aside[0].to_string().contains("made again from the journal"));
    drop(opened);
    // It is said once, and remembered that it is missing.
    assert_eq!(home.open().missing(), [Stretch { from: 0, to: 480 }]);
}

/// Two pages of one kind change places, each with a right checksum for its old one.
// attack 25
#[test]
fn pages_that_changed_places_are_noticed() {
    let mut home = Home::new();
    home.settings.run_rows_max = 1_000;
    append(&mut home.open(), 0..300);
    home.disk.tamper(RUN, |bytes| {
        let (one, two) = (bytes[PAGE..2 * PAGE].to_vec(), bytes[2 * PAGE..3 * PAGE].to_vec());
        bytes[PAGE..2 * PAGE].copy_from_slice(&two);
        bytes[2 * PAGE..3 * PAGE].copy_from_slice(&one);
    });
    assert!(matches!(read_all(&home.open()), Err(HistoryError::Damaged { .. })));
}

#[test]
fn another_key_and_another_version_are_told_from_damage() {
    let home = one_run();
    let keys = Arc::new(HistoryKeys::new(&Key::new([4; 32])));
    let other = Home { keys, ..home.clone() };
    assert!(matches!(other.try_open().err(), Some(HistoryError::WrongKey { .. })));
    home.disk.tamper("catalogue", |bytes| {
        bytes[9] = 2;
        let end = bytes.len() - 4;
        let crc = crc32c::crc32c(&bytes[..end]);
        bytes[end..].copy_from_slice(&crc.to_be_bytes());
    });
    let error = home.try_open().err().unwrap();
    assert!(matches!(&error, HistoryError::UnknownFormat { version: 2, .. }), "{error}");
}

/// Nothing that a caller chose can be read in the files, nor which rows belong together.
// attack 25
#[test]
fn nothing_of_a_row_stands_in_the_clear() {
    let home = one_run();
    let token = crate::support::token(1_007);
    assert!(!home.disk.holds_anywhere(b"acme"));
    for number in 0..60 {
        assert!(!home.disk.holds_anywhere(job(number).as_bytes()));
    }
    assert!(!home.disk.holds_anywhere(token.as_bytes()));
}
