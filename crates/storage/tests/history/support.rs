//! A history on a lossy disk, and rows by number.

use std::sync::Arc;

use sealane_core::id::JobId;
use sealane_core::job::{Priority, State};
use sealane_core::name::{Namespace, Principal};
use sealane_core::queue::QueueNumber;
use sealane_core::record::RecordRef;
use sealane_core::time::Time;
use sealane_crypto::{Key, Random, SeededRandom};
use sealane_storage::history::{
    BlindToken, Ended, EndedJob, History, HistoryError, HistoryKeys, HistorySettings, HistoryView,
    OpenedHistory, Query, Row, Spot, Stretch, Work,
};
use sealane_storage::testing::lossy_disk::{Loss, LossyDisk};

/// When everything begins.
pub const START: u64 = 1_767_225_600_000;
/// A length of time that nothing here outlasts.
pub const LONG: u64 = 400 * 86_400_000;
/// More than there ever is.
pub const BYTES: u64 = u64::MAX;

/// Where a history lives between two openings.
#[derive(Clone)]
pub struct Home {
    pub disk: LossyDisk,
    pub keys: Arc<HistoryKeys>,
    pub random: Arc<dyn Random>,
    pub settings: HistorySettings,
}

impl Home {
    pub fn new() -> Self {
        Self {
            disk: LossyDisk::new(),
            keys: Arc::new(HistoryKeys::new(&Key::new([3; 32]))),
            random: Arc::new(SeededRandom::danger_from_seed(5)),
            settings: HistorySettings {
                run_rows_max: 400,
                runs_max: 1_000,
                merged_at_once: 3,
                entries_per_step: 50,
                cache_bytes: 64 << 10,
            },
        }
    }

    pub fn try_open(&self) -> Result<OpenedHistory, HistoryError> {
        let disk = Arc::new(self.disk.clone());
        History::open(disk, Arc::clone(&self.keys), Arc::clone(&self.random), self.settings)
    }

    /// Opens what must be whole.
    pub fn open(&self) -> History {
        let opened = self.try_open().unwrap();
        assert!(opened.set_aside.is_empty(), "{:?}", opened.set_aside);
        opened.history
    }

    pub fn start_over(&self) -> History {
        let disk = Arc::new(self.disk.clone());
        History::start_over(disk, Arc::clone(&self.keys), Arc::clone(&self.random), self.settings).unwrap()
    }

    /// The same on the disk as a power cut leaves it.
    pub fn after_power_cut(&self, loss: Loss) -> Self {
        Self { disk: self.disk.after_power_cut(loss), ..self.clone() }
    }

    /// The files of runs.
    pub fn run_files(&self) -> Vec<String> {
        self.disk.names().into_iter().filter(|name| name.ends_with(".run")).collect()
    }
}

pub fn namespace() -> Namespace {
    Namespace::parse("acme").unwrap()
}

pub fn other_namespace() -> Namespace {
    Namespace::parse("other").unwrap()
}

pub fn time(ms: u64) -> Time {
    Time::from_unix_ms(START + ms)
}

/// A job's id by number. Not in the order of numbers.
pub fn job(number: u64) -> JobId {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut random = [0; 10];
    random[2..].copy_from_slice(&mixed.to_be_bytes());
    JobId::v7(START + mixed % 1_000, random)
}

pub fn owner(number: u64) -> Principal {
    Principal::parse(&format!("p{}", number % 3)).unwrap()
}

pub fn state(number: u64) -> State {
    [State::Completed, State::Cancelled, State::Expired][usize::try_from(number % 3).unwrap()]
}

pub fn token(number: u64) -> BlindToken {
    BlindToken::from_bytes(number.to_be_bytes())
}

/// Tokens by number: of a kind of five, of a tag that every other one has, and one of its own.
pub fn tokens(number: u64) -> Vec<BlindToken> {
    let mut tokens = vec![token(number % 5), token(1_000 + number)];
    if number.is_multiple_of(2) {
        tokens.push(token(900));
    }
    tokens
}

/// A row that stands at `lsn`; `number` says what is in it.
pub fn row(number: u64, lsn: u64, at: u64) -> Row {
    Row {
        namespace: namespace(),
        job: job(number),
        lsn,
        at: time(at),
        kept_until: time(at + LONG),
        again: false,
        end: Ended::Job(Box::new(EndedJob {
            state: state(number / 2),
            queue: QueueNumber(u32::try_from(number % 4).unwrap()),
            owner: owner(number / 3),
            priority: Priority::Normal,
            attempt: 1,
            max_attempts: 3,
            created_at: time(at / 2),
            run_at: time(at / 2),
            input: RecordRef { lsn: lsn / 2, bytes: 100 },
            outcome: number.is_multiple_of(3).then_some(RecordRef { lsn, bytes: 10 }),
            tokens: tokens(number),
        })),
    }
}

/// Rows of these numbers, one behind the other; each ends a millisecond and eight positions after the last.
pub fn rows(numbers: std::ops::Range<u64>) -> (Stretch, Vec<Row>) {
    let stretch = Stretch { from: numbers.start * 8, to: numbers.end * 8 };
    (stretch, numbers.map(|number| row(number, number * 8, number)).collect())
}

pub fn append(history: &mut History, numbers: std::ops::Range<u64>) {
    let (stretch, rows) = rows(numbers);
    history.append(stretch, rows).unwrap();
}

/// Works until there is nothing left to do.
pub fn work(history: &mut History, now: u64) {
    work_with(history, now, BYTES);
}

pub fn work_with(history: &mut History, now: u64, bytes_max: u64) {
    for _ in 0..1_000_000 {
        if history.work(time(now), bytes_max).unwrap() == Work::Idle {
            return;
        }
    }
    panic!("there is always something left to do");
}

pub fn all() -> Query {
    Query::all(namespace())
}

/// Everything that is asked for, page by page.
pub fn list(view: &HistoryView, query: &Query, now: u64, page_rows: usize) -> Vec<Row> {
    let (mut rows, mut after): (Vec<Row>, Option<Spot>) = (Vec::new(), None);
    loop {
        let page = view.list(query, after, time(now), page_rows, &mut |_| true).unwrap();
        assert!(page.rows.len() <= page_rows);
        rows.extend(page.rows);
        match page.next {
            None => return rows,
            Some(next) => {
                assert!(after.is_none_or(|after| next < after), "a page that does not go on");
                after = Some(next);
            }
        }
    }
}

/// The jobs of rows.
pub fn jobs(rows: &[Row]) -> Vec<JobId> {
    rows.iter().map(|row| row.job).collect()
}
