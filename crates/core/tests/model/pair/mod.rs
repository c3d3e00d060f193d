//! The machine and the model side by side. Every command is judged by both; where they differ, one of
//! them is wrong.

mod people;
mod schedules;
mod sending;
mod sessions;
mod time;
mod working;

pub use sending::owner;

use sealane_core::id::{JobId, LeaseId, LockId};
use sealane_core::job::State;
use sealane_core::name::{Principal, QueueName};
use sealane_core::queue::session::SessionReceipt;
use sealane_core::queue::{
    Command, Event, QueueSettings, Receipt, Refusal, SealingPolicy, SessionMode, Shard, invariants,
};
use sealane_core::record::RecordRef;
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;

use crate::compare;
use crate::plain::{Plain, Reasons};
use crate::step::{Pick, QUEUES, Step, Which};
use crate::tally::Tally;

pub const START: u64 = 1_767_225_600_000;

pub struct Pair {
    pub shard: Shard,
    pub plain: Plain,
    pub tally: Tally,
    history: Vec<(Event, RecordRef)>,
    receipts: Vec<(Receipt, Principal)>,
    locks: Vec<(SessionReceipt, Principal)>,
    /// Ids of jobs that were sent, accepted or not.
    ids: Vec<JobId>,
    drawn: u128,
}

pub fn queue_name(queue: usize) -> QueueName {
    QueueName::parse(QUEUES[queue]).expect("a queue name")
}

pub fn worker(number: u8) -> Principal {
    Principal::parse(&format!("w{number}")).expect("a principal")
}

pub fn token(of: u8, number: u8) -> Token {
    let mut bytes = [0; 16];
    (bytes[0], bytes[1]) = (of, number);
    Token::from_bytes(bytes)
}

/// The name of a refusal: what comes before anything that it says besides.
fn name_of(refusal: &Refusal) -> String {
    let told = format!("{refusal:?}");
    told.split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
}

/// As queues are in the beginning.
pub fn first_settings(queue: usize) -> QueueSettings {
    let mut settings = QueueSettings {
        sealing: SealingPolicy::Allowed,
        lease: Millis::new(3_500),
        max_run: Millis::new(3_500),
        ..QueueSettings::default()
    };
    if QUEUES[queue] == "lines" {
        settings.sessions.mode = SessionMode::On;
        (settings.sessions.idle, settings.sessions.hold) = (Millis::new(1_500), Millis::new(6_000));
    }
    settings
}

impl Pair {
    pub fn new() -> Self {
        let mut pair = Self {
            shard: Shard::default(),
            plain: Plain { now: START, last: START, ..Plain::default() },
            tally: Tally::default(),
            history: Vec::new(),
            receipts: Vec::new(),
            locks: Vec::new(),
            ids: Vec::new(),
            drawn: 0,
        };
        for queue in 0..3 {
            pair.put_queue(queue, first_settings(queue));
        }
        pair
    }

    fn now(&self) -> Time {
        Time::from_unix_ms(self.plain.now)
    }

    fn lease_id(&mut self) -> LeaseId {
        self.drawn += 1;
        LeaseId::from_bytes(self.drawn.to_be_bytes())
    }

    fn lock_id(&mut self) -> LockId {
        self.drawn += 1;
        LockId::from_bytes(self.drawn.to_be_bytes())
    }

    fn apply(&mut self, events: &[Event]) {
        for event in events {
            let record = RecordRef { lsn: self.history.len() as u64, bytes: 1 };
            self.shard.evolve(event, record);
            self.history.push((event.clone(), record));
            self.plain.last = self.plain.now;
            invariants::check(&self.shard).unwrap_or_else(|error| panic!("{error} after {event:?}"));
        }
    }

    /// Has the machine do what the model judged: refused for one of these reasons, or done where there is
    /// none. Gives what happened.
    fn ask(&mut self, kind: &'static str, command: &Command<'_>, no: &Reasons) -> Option<Vec<Event>> {
        let done = self.shard.decide(self.now(), command);
        self.agree(kind, &done, no);
        let events = done.ok()?;
        self.apply(&events);
        Some(events)
    }

    fn agree<T>(&mut self, kind: &'static str, done: &Result<T, Refusal>, no: &Reasons) {
        self.tally.asked(kind, done.is_ok());
        match done {
            Ok(_) => assert!(no.is_empty(), "{kind} was done and is refused by the model: {no:?}"),
            Err(refusal) => {
                let name = name_of(refusal);
                assert!(no.contains(&&*name), "{kind} was refused: {refusal:?}, and by the model: {no:?}");
                self.tally.saw(&format!("refused {name}"));
            }
        }
    }

    /// The same where the model says whether it is so already.
    fn ask_or_known(
        &mut self,
        kind: &'static str,
        command: &Command<'_>,
        judged: &Result<bool, Reasons>,
    ) -> bool {
        let no = judged.as_ref().err().cloned().unwrap_or_default();
        let events = self.ask(kind, command, &no);
        let known = judged == &Ok(true);
        if let Some(events) = &events {
            assert_eq!(events.is_empty(), known, "{kind}: {events:?}");
        }
        events.is_some() && !known
    }

    pub fn step(&mut self, step: &Step) {
        self.plain.open_up();
        match step {
            Step::Accept { .. }
            | Step::Break { .. }
            | Step::Close { .. }
            | Step::Renew { .. }
            | Step::SetState { .. }
            | Step::Take { .. } => self.session_step(step),
            Step::ActOnSchedule { .. }
            | Step::Fire { .. }
            | Step::FireDue { .. }
            | Step::PutSchedule(_)
            | Step::RemoveSchedule { .. } => self.schedule_step(step),
            Step::Enqueue(draft) => self.enqueue(draft),
            Step::Together(jobs) => self.together(None, jobs),
            Step::Flow { flow, jobs } => self.together(Some(*flow), jobs),
            Step::Extend { .. }
            | Step::Lease { .. }
            | Step::Report { .. }
            | Step::Settle { .. }
            | Step::SettleTogether(_) => self.work_step(step),
            Step::Follow
            | Step::Pass { .. }
            | Step::Restart { .. }
            | Step::Tick { .. }
            | Step::Turn { .. } => self.time_step(step),
            Step::Act { .. }
            | Step::CancelFlow { .. }
            | Step::Label { .. }
            | Step::PutQueue { .. }
            | Step::SetMode { .. }
            | Step::StopSweep { .. }
            | Step::Sweep { .. }
            | Step::WearOut { .. } => self.person_step(step),
        }
        compare::all(&self.shard, &self.plain);
    }

    /// The job that is meant; one that was never sent where there is none such.
    fn which(&self, which: Which) -> JobId {
        let nobody = JobId::v7(START, [0xff; 10]);
        let among = |ids: &[JobId], at: u32| match ids.len() {
            0 => nobody,
            len => ids[at as usize % len],
        };
        match which {
            Which::Nobody => nobody,
            Which::Any(at) => among(&self.ids, at),
            Which::In(state, at) => {
                let of = |job: &&crate::plain::job::Job| job.state == state && !job.forgotten;
                let ids: Vec<JobId> = self.plain.jobs.iter().filter(of).map(|job| job.id).collect();
                if ids.is_empty() { among(&self.ids, at) } else { among(&ids, at) }
            }
        }
    }

    fn receipt(&self, pick: Pick) -> Option<(Receipt, Principal)> {
        let runs = |receipt: &Receipt| {
            let job = self.plain.find(&receipt.job).filter(|job| job.state == State::Running);
            job.and_then(|job| job.running.as_ref()).is_some_and(|run| run.lease == receipt.lease)
        };
        picked(&self.receipts, pick, |(receipt, _)| runs(receipt))
    }

    fn lock(&self, pick: Pick) -> Option<(SessionReceipt, Principal)> {
        picked(&self.locks, pick, |(receipt, _)| {
            self.plain.holds.iter().any(|hold| hold.lock == receipt.lock)
        })
    }
}

/// One of those that hold something, or of the last few.
fn picked<T: Clone>(all: &[T], pick: Pick, holds: impl Fn(&T) -> bool) -> Option<T> {
    let held: Vec<&T> = all.iter().filter(|one| pick.held && holds(one)).collect();
    let last: Vec<&T> = all.iter().rev().take(6).collect();
    let among = if held.is_empty() { last } else { held };
    (!among.is_empty()).then(|| among[pick.at as usize % among.len()].clone())
}
