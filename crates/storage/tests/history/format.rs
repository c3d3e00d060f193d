//! A history written by the first release opens and is still written byte for byte the same. If this
//! fails, a format changed: give it a new version and keep reading this one.

use sealane_storage::history::{Ended, History, Row, Stretch};

use crate::support::{Home, all, job, jobs, list, row, time};

const FILES: [(&str, &[u8]); 2] = [
    ("0000000000.run", include_bytes!("../fixtures/history-v1/0000000000.run")),
    ("catalogue", include_bytes!("../fixtures/history-v1/catalogue")),
];

fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = (0..40).map(|number| row(number, number * 8, number / 2)).collect();
    rows[7] = Row { again: true, end: Ended::Back, ..rows[7].clone() };
    rows[8].again = true;
    rows
}

fn write(home: &Home) -> History {
    let mut history = home.open();
    history.append(Stretch { from: 0, to: 400 }, rows()).unwrap();
    history.append(Stretch { from: 400, to: 500 }, Vec::new()).unwrap();
    history
}

#[test]
fn the_first_release_s_history_opens() {
    let home = Home::new();
    for (name, bytes) in FILES {
        home.disk.tamper(name, |file| *file = bytes.to_vec());
    }
    let history = home.open();
    assert_eq!((history.reached(), history.rows(), history.oldest_needed()), (500, 40, 0));
    let mut expected: Vec<Row> = rows().into_iter().filter(|row| row.ended().is_some()).collect();
    expected.sort_by_key(|row| std::cmp::Reverse((row.at, row.job)));
    assert!(list(&history.view(), &all(), 40, 7) == expected);
    assert!(!jobs(&expected).contains(&job(7)));
    let found = history.view().find(&crate::support::namespace(), job(8), time(40)).unwrap();
    assert_eq!(found.as_ref(), Some(&rows()[8]));
}

#[test]
fn today_s_history_is_the_first_release_s() {
    let home = Home::new();
    write(&home);
    for (name, bytes) in FILES {
        assert!(home.disk.contents(name).unwrap() == bytes, "{name} differs");
    }
}
