//! Finding: what it takes does not depend on how much there is.

use std::collections::BTreeSet;

use sealane_core::limits;
use sealane_core::name::Principal;
use sealane_core::queue::QueueNumber;
use sealane_storage::history::{Ended, HistoryError, Query, Row, Stretch};

use crate::support::{
    Home, all, append, job, jobs, list, namespace, other_namespace, owner, row, rows, state, time, token,
    work,
};

/// Enough for three levels of fences and several pages of each list.
const MANY: u64 = 60_000;

fn many() -> Home {
    let mut home = Home::new();
    home.settings.run_rows_max = 100_000;
    home.settings.entries_per_step = 10_000;
    home
}

// covers JOB-11 (search of finished jobs)
#[test]
fn jobs_are_found_by_everything_in_one_run_and_in_many_merged_ones() {
    let home = many();
    for parts in [1, 3] {
        let mut home = home.clone();
        home.disk = sealane_storage::testing::lossy_disk::LossyDisk::new();
        let mut history = home.open();
        for part in 0..parts {
            append(&mut history, part * MANY / parts..(part + 1) * MANY / parts);
        }
        work(&mut history, MANY);
        assert_eq!((home.run_files().len(), history.rows()), (1, MANY), "{parts} parts");
        let view = history.view();
        for number in (0..MANY).step_by(997).chain([MANY - 1]) {
            let found = view.find(&namespace(), job(number), time(MANY)).unwrap();
            assert_eq!(found, Some(row(number, number * 8, number)));
            assert_eq!(view.find(&other_namespace(), job(number), time(MANY)).unwrap(), None);
            assert_eq!(view.find(&namespace(), job(MANY + number), time(MANY)).unwrap(), None);
        }
        let query = Query {
            state: Some(state(1)),
            queue: Some(QueueNumber(2)),
            owner: Some(owner(0)),
            tokens: vec![token(2), token(900)],
            ..all()
        };
        let is = |number: &u64| {
            let (state, owner) = (number / 2 % 3, (number / 3) % 3);
            (state, number % 4, owner, number % 5) == (1, 2, 0, 2)
        };
        let expected: Vec<_> = (0..MANY).filter(is).rev().map(job).collect();
        assert!(expected.len() > 300);
        assert!(jobs(&list(&view, &query, MANY, 50)) == expected);
        assert!(jobs(&list(&view, &all(), MANY, 1_000)) == (0..MANY).rev().map(job).collect::<Vec<_>>());
    }
}

// covers JOB-11 (independent of how much history there is)
#[test]
fn a_page_takes_as_many_steps_with_much_history_as_with_little() {
    let steps = |rows: u64| {
        let mut history = many().open();
        append(&mut history, 0..rows);
        let view = history.view();
        let common = Query { tokens: vec![token(3)], ..all() };
        let rare = Query { tokens: vec![token(1_003)], state: Some(state(1)), ..all() };
        let none = Query { tokens: vec![token(77_777)], ..all() };
        let between = Query { from: Some(time(100)), before: Some(time(130)), ..all() };
        [common, rare, none, between].map(|query| {
            let page = view.list(&query, None, time(rows), 10, &mut |_| true).unwrap();
            (page.rows.len(), page.steps)
        })
    };
    let (few, many) = (steps(500), steps(MANY));
    assert_eq!(few, many);
    assert_eq!(few.map(|(rows, _)| rows), [10, 1, 0, 10]);
    assert!(few.iter().all(|(_, steps)| *steps < 40), "{few:?}");
}

#[test]
fn a_page_that_would_take_too_many_steps_says_where_to_go_on() {
    let mut history = many().open();
    append(&mut history, 0..MANY);
    let view = history.view();
    let (mut pages, mut found, mut after) = (0, Vec::new(), None);
    loop {
        // One job of all may be seen.
        let page = view.list(&all(), after, time(MANY), 10, &mut |row| row.job == job(77)).unwrap();
        assert!(page.steps <= limits::HISTORY_STEPS_MAX);
        found.extend(page.rows);
        pages += 1;
        let Some(next) = page.next else { break };
        assert!(after.is_none_or(|after| next < after));
        after = Some(next);
    }
    assert_eq!(jobs(&found), [job(77)]);
    assert!(pages > 10, "{pages} pages");
}

// covers JOB-11 (stable cursors)
#[test]
fn a_list_goes_on_where_it_was_whatever_ended_and_was_merged_meanwhile() {
    let home = Home::new();
    let mut history = home.open();
    for part in 0..6 {
        append(&mut history, part * 100..part * 100 + 100);
    }
    let first = history.view().list(&all(), None, time(600), 70, &mut |_| true).unwrap();
    append(&mut history, 600..650);
    work(&mut history, 650);
    let history = home.open();
    let mut seen = jobs(&first.rows);
    let mut after = first.next;
    while after.is_some() {
        let page = history.view().list(&all(), after, time(650), 70, &mut |_| true).unwrap();
        seen.extend(jobs(&page.rows));
        after = page.next;
    }
    assert!(seen == (0..600).rev().map(job).collect::<Vec<_>>());
}

#[test]
fn a_view_reads_what_was_there_when_it_was_made() {
    let home = Home::new();
    let mut history = home.open();
    (0..3).for_each(|part| append(&mut history, part * 10..part * 10 + 10));
    let view = history.view();
    append(&mut history, 30..40);
    work(&mut history, 40);
    assert!(home.run_files().len() < 4, "nothing was merged");
    assert_eq!(list(&view, &all(), 40, 7).len(), 30);
    assert_eq!(list(&history.view(), &all(), 40, 7).len(), 40);
}

#[test]
fn jobs_that_ended_in_the_same_moment_are_each_listed_once() {
    let mut history = Home::new().open();
    let at_once: Vec<Row> = (0..90).map(|number| row(number, number, 5)).collect();
    for (part, rows) in at_once.chunks(30).enumerate() {
        let from = u64::try_from(part).unwrap() * 30;
        history.append(Stretch { from, to: from + 30 }, rows.to_vec()).unwrap();
    }
    for page in [1, 7, 100] {
        let found = jobs(&list(&history.view(), &all(), 5, page));
        assert_eq!(found.len(), 90);
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 90);
        assert!(found.is_sorted_by(|left, right| left > right));
    }
}

/// A job is cancelled, re-driven and cancelled again within a millisecond, and a page ends with it: the next one
/// listed it once more, because its older end stood at the same place.
#[test]
fn a_job_that_ended_twice_in_one_moment_is_listed_once() {
    let mut history = Home::new().open();
    history.append(Stretch { from: 0, to: 10 }, vec![row(1, 1, 5), row(2, 2, 5)]).unwrap();
    history.append(Stretch { from: 10, to: 20 }, vec![Row { again: true, ..row(1, 11, 5) }]).unwrap();
    for page in [1, 2, 3] {
        let found = list(&history.view(), &all(), 5, page);
        assert_eq!(found.iter().filter(|row| row.job == job(1)).map(|row| row.lsn).collect::<Vec<_>>(), [11]);
        assert_eq!(found.len(), 2);
    }
}

/// Jobs of two namespaces end in one moment: the place between two pages was one among those of the other.
#[test]
fn a_list_of_one_namespace_does_not_stop_among_the_jobs_of_another() {
    let mut history = Home::new().open();
    let of = |number: u64| Row {
        namespace: if number.is_multiple_of(2) { namespace() } else { other_namespace() },
        ..row(number, number, 5 + number / 20)
    };
    history.append(Stretch { from: 0, to: 80 }, (0..80).map(of).collect()).unwrap();
    for namespace in [namespace(), other_namespace()] {
        for page in [1, 3, 100] {
            let found = list(&history.view(), &Query::all(namespace.clone()), 9, page);
            assert_eq!(jobs(&found).iter().collect::<BTreeSet<_>>().len(), found.len());
            assert_eq!(found.len(), 40, "{namespace:?} by {page}");
        }
    }
}

/// Two values share a token by chance. What is asked for is compared with what the row says.
#[test]
fn a_token_that_two_values_share_finds_only_what_was_asked_for() {
    let home = Home::new();
    let mut history = home.open();
    let shared = [
        home.keys.token(&namespace(), "state", &[state(0).code()]),
        home.keys.token(&namespace(), "queue", &7_u32.to_be_bytes()),
        home.keys.token(&namespace(), "owner", b"p7"),
    ];
    let mut other = row(2, 1, 5);
    let Ended::Job(ended) = &mut other.end else { panic!("ended") };
    ended.tokens = shared.to_vec();
    assert_ne!(ended.state, state(0));
    history.append(Stretch { from: 0, to: 10 }, vec![row(0, 0, 5), other]).unwrap();
    let found = |query: Query| jobs(&list(&history.view(), &query, 5, 9));
    assert_eq!(found(Query { state: Some(state(0)), ..all() }), [job(0)]);
    assert_eq!(found(Query { queue: Some(QueueNumber(7)), ..all() }), []);
    let nobody = Principal::parse("p7").unwrap();
    assert_eq!(found(Query { owner: Some(nobody), ..all() }), []);
    assert_eq!(found(Query { tokens: shared.to_vec(), ..all() }), [job(2)]);
}

#[test]
fn rows_are_taken_in_the_order_of_the_journal_only() {
    let mut history = Home::new().open();
    append(&mut history, 0..10);
    for (from, to) in [(0, 80), (72, 160), (88, 160), (80, 80), (80, 79)] {
        let taken = history.append(Stretch { from, to }, Vec::new());
        assert!(matches!(taken, Err(HistoryError::Misplaced)), "{from}..{to}: {taken:?}");
    }
    for lsn in [79, 96] {
        let taken = history.append(Stretch { from: 80, to: 96 }, vec![row(1, lsn, 1)]);
        assert!(matches!(taken, Err(HistoryError::Misplaced)), "{lsn}: {taken:?}");
    }
    assert_eq!((history.reached(), history.rows()), (80, 10));
    history.append(Stretch { from: 80, to: 96 }, vec![row(80, 80, 1), row(95, 95, 1)]).unwrap();
    assert_eq!((history.reached(), history.rows()), (96, 12));
}

#[test]
fn a_run_holds_so_many_rows_and_a_row_so_many_tokens() {
    let home = Home::new();
    let mut history = home.open();
    let (stretch, too_many) = rows(0..401);
    let refused = history.append(stretch, too_many);
    assert!(matches!(refused, Err(HistoryError::TooManyRows { rows: 401, max: 400 })), "{refused:?}");
    let (stretch, mut enough) = rows(0..400);
    let job = |row: &mut Row, tokens: usize| {
        let Ended::Job(job) = &mut row.end else { panic!("ended") };
        job.tokens = (0..tokens).map(|number| token(u64::try_from(number).unwrap())).collect();
    };
    job(&mut enough[0], limits::HISTORY_ROW_TOKENS_MAX + 1);
    let refused = history.append(stretch, enough.clone());
    assert!(matches!(refused, Err(HistoryError::TooManyTokens { tokens: 33, max: 32 })), "{refused:?}");
    job(&mut enough[0], limits::HISTORY_ROW_TOKENS_MAX);
    history.append(stretch, enough).unwrap();
    assert_eq!((history.rows(), home.run_files().len()), (400, 1));
}
