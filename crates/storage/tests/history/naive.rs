//! The same questions to the history and to a plain list, under random commands: rows of jobs that end, come
//! back and end again, merges cut short at any step, time that passes, new openings, runs that are lost and made
//! again.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sealane_core::name::Namespace;
use sealane_core::queue::QueueNumber;
use sealane_core::time::Time;
use sealane_storage::history::{Ended, History, HistoryView, Query, Row, Stretch};

use crate::support::{
    BYTES, Home, all, job, list, namespace, other_namespace, owner, row, state, time, token,
};

#[derive(Clone, Debug)]
enum Step {
    /// So many jobs end, the numbers drawn from this seed, each kept for so many days or not at all.
    End {
        seed: u64,
        jobs: u64,
        days: u64,
    },
    /// A stretch in which nothing ended.
    Nothing,
    Work {
        steps: usize,
    },
    Pass {
        days: u64,
    },
    Open,
    /// A run is set aside and, at once or later, made again.
    Lose {
        run: usize,
    },
    Refill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (any::<u64>(), 1..160_u64, 0..5_u64).prop_map(|(seed, jobs, days)| Step::End { seed, jobs, days }),
        1 => Just(Step::Nothing),
        5 => (0..60_usize).prop_map(|steps| Step::Work { steps }),
        2 => (0..3_u64).prop_map(|days| Step::Pass { days }),
        1 => Just(Step::Open),
        1 => (0..8_usize).prop_map(|run| Step::Lose { run }),
        2 => Just(Step::Refill),
    ];
    prop::collection::vec(step, 1..30)
}

/// What happened, in order, and nothing clever.
struct Naive {
    home: Home,
    history: History,
    rows: Vec<Row>,
    lsn: u64,
    at: u64,
    missing: Vec<Stretch>,
}

const DAY: u64 = 86_400_000;
const JOBS: u64 = 300;

impl Naive {
    fn new() -> Self {
        let home = Home::new();
        let history = home.open();
        Self { home, history, rows: Vec::new(), lsn: 0, at: 0, missing: Vec::new() }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::End { seed, jobs, days } => self.end(seed, jobs, days),
            Step::Nothing => {
                self.lsn += 5;
                self.history.append(Stretch { from: self.lsn - 5, to: self.lsn }, Vec::new()).unwrap();
            }
            Step::Work { steps } => {
                for _ in 0..steps {
                    self.history.work(time(self.at), BYTES).unwrap();
                }
            }
            Step::Pass { days } => self.at += days * DAY,
            Step::Open => self.history = self.home.open(),
            Step::Lose { run } => self.lose(run),
            Step::Refill => self.refill(),
        }
    }

    fn end(&mut self, seed: u64, jobs: u64, days: u64) {
        let from = self.lsn;
        let mut rows = Vec::new();
        for turn in 0..jobs {
            let number = seed.wrapping_mul(31).wrapping_add(turn.wrapping_mul(seed | 1)) % JOBS;
            self.lsn += 1 + number % 3;
            self.at += u64::from(number.is_multiple_of(4));
            let mut row =
                Row { kept_until: time(self.at + days * DAY), ..row(number, self.lsn - 1, self.at) };
            if number.is_multiple_of(7) {
                row.namespace = other_namespace();
            }
            let same = |old: &Row| (&old.namespace, old.job) == (&row.namespace, row.job);
            row.again = self.rows.iter().chain(&rows).any(same);
            if row.again && number.is_multiple_of(5) {
                row.end = Ended::Back;
            }
            rows.push(row);
        }
        self.rows.extend(rows.iter().cloned());
        self.history.append(Stretch { from, to: self.lsn }, rows).unwrap();
    }

    /// Any run: which one is drawn from the files that are there.
    fn lose(&mut self, run: usize) {
        let files = self.home.run_files();
        if let Some(file) = files.get(run % files.len().max(1)) {
            let number = file.trim_end_matches(".run").parse().unwrap();
            self.history.set_aside(number).unwrap();
            self.missing = self.history.missing().to_vec();
        }
    }

    /// The oldest that is missing, in two parts.
    fn refill(&mut self) {
        let Some(hole) = self.missing.first().copied() else { return };
        let middle = hole.from + (hole.to - hole.from) / 2;
        for part in [Stretch { from: hole.from, to: middle }, Stretch { from: middle, to: hole.to }] {
            if part.from < part.to {
                let of = |row: &&Row| (part.from..part.to).contains(&row.lsn);
                let mut rows: Vec<Row> = self.rows.iter().filter(of).cloned().collect();
                rows.truncate(400);
                self.history.append(part, rows).unwrap();
            }
        }
        self.missing = self.history.missing().to_vec();
    }

    /// The newest row of each job, where anybody is told of it.
    fn told(&self) -> BTreeMap<(Namespace, sealane_core::id::JobId), &Row> {
        let mut last = BTreeMap::new();
        for row in &self.rows {
            last.insert((row.namespace.clone(), row.job), row);
        }
        last.retain(|_, row| row.ended().is_some() && row.kept_until > time(self.at));
        last
    }

    /// All answers, where nothing is missing.
    fn compare(&self) {
        if !self.missing.is_empty() {
            return;
        }
        let (view, told) = (self.history.view(), self.told());
        for number in 0..JOBS + 3 {
            for namespace in [namespace(), other_namespace()] {
                let found = view.find(&namespace, job(number), time(self.at)).unwrap();
                let expected = told.get(&(namespace, job(number))).copied();
                assert_eq!(found.map(plain), expected.cloned().map(plain), "job {number}");
            }
        }
        for query in queries(self.at) {
            let mut expected: Vec<&Row> = told.values().copied().filter(|row| wanted(&query, row)).collect();
            expected.sort_by_key(|row| std::cmp::Reverse((row.at, row.job)));
            let expected: Vec<Row> = expected.into_iter().cloned().map(plain).collect();
            for page_rows in [1_000, 7] {
                let found = list(&view, &query, self.at, page_rows);
                let found: Vec<Row> = found.into_iter().map(plain).collect();
                assert!(found == expected, "{query:?}: {} and not {}", found.len(), expected.len());
            }
            seen_every_other(&view, &query, self.at, &expected);
        }
    }
}

/// Whether an older row may exist is a hint, and may be kept longer than needed.
fn plain(row: Row) -> Row {
    Row { again: false, ..row }
}

/// A caller who may see only some gets these, page by page.
fn seen_every_other(view: &HistoryView, query: &Query, now: u64, expected: &[Row]) {
    let sees = |row: &Row| row.lsn.is_multiple_of(2);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = view.list(query, after, time(now), 11, &mut |row| sees(row)).unwrap();
        found.extend(page.rows.into_iter().map(plain));
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    let expected: Vec<Row> = expected.iter().filter(|row| sees(row)).cloned().collect();
    assert!(found == expected, "{query:?}");
}

fn queries(at: u64) -> Vec<Query> {
    let middle = Some(time(at / 2));
    vec![
        all(),
        Query::all(other_namespace()),
        Query { state: Some(state(1)), ..all() },
        Query { queue: Some(QueueNumber(2)), ..all() },
        Query { owner: Some(owner(2)), state: Some(state(0)), ..all() },
        Query { tokens: vec![token(3)], ..all() },
        Query { tokens: vec![token(3), token(900)], queue: Some(QueueNumber(0)), ..all() },
        Query { tokens: vec![token(1_017)], ..all() },
        Query { tokens: vec![token(77_777)], ..all() },
        Query { from: middle, ..all() },
        Query { before: middle, tokens: vec![token(900)], ..all() },
        Query { from: Some(time(3)), before: Some(time(40)), ..Query::all(other_namespace()) },
        Query { from: Some(time(40)), before: Some(time(3)), ..all() },
        Query { before: Some(Time::default()), ..all() },
    ]
}

fn wanted(query: &Query, row: &Row) -> bool {
    let Some(job) = row.ended() else { return false };
    row.namespace == query.namespace
        && query.state.is_none_or(|state| state == job.state)
        && query.queue.is_none_or(|queue| queue == job.queue)
        && query.owner.as_ref().is_none_or(|owner| *owner == job.owner)
        && query.tokens.iter().all(|token| job.tokens.contains(token))
        && query.from.is_none_or(|from| row.at >= from)
        && query.before.is_none_or(|before| row.at < before)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    // covers JOB-11 (search of finished jobs: what is found is what is there)
    #[test]
    fn every_answer_is_that_of_a_plain_list(steps in steps()) {
        let mut naive = Naive::new();
        for step in &steps {
            naive.run(step);
        }
        naive.compare();
        while !naive.missing.is_empty() {
            naive.refill();
        }
        naive.compare();
        for _ in 0..3_000 {
            naive.history.work(time(naive.at), BYTES).unwrap();
        }
        naive.compare();
        naive.history = naive.home.open();
        naive.compare();
    }
}
