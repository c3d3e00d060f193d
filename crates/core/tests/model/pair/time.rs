//! Time, turns and restarts.

use sealane_core::queue::{Command, Shard};

use super::Pair;
use crate::plain::time::Happening;
use crate::step::Step;
use crate::through_rows::{spoilt, through_rows};

/// Turns after which everything that is due has happened.
const TURNS: usize = 400;

impl Pair {
    pub fn time_step(&mut self, step: &Step) {
        match step {
            Step::Pass { by } => self.plain.now += by,
            Step::Tick { by } => {
                self.plain.now += by;
                self.rest();
            }
            Step::Turn { bulk } => {
                self.turn(*bulk);
            }
            Step::Follow => {
                let told = self.plain.hearings(&[]).into_iter().map(Happening::Hears).collect::<Vec<_>>();
                let events = self.shard.follow(self.now());
                assert_eq!(events.len(), told.len(), "{events:?} and {told:?}");
                self.apply(&events);
                told.iter().for_each(|happening| self.plain.happen(happening));
                self.remember_forgotten();
            }
            Step::Restart { away } => self.restart(*away),
            other => unreachable!("{other:?} is not about time"),
        }
    }

    /// Everything that is due happens.
    fn rest(&mut self) {
        for _ in 0..TURNS {
            if !self.turn(true) {
                let firing = self.plain.schedules.iter().filter_map(|schedule| schedule.next).min();
                let next = self.shard.next_deadline().filter(|at| Some(at.unix_ms()) != firing);
                assert!(next.is_none_or(|at| at > self.now()), "something is due and does not happen");
                return;
            }
        }
        panic!("time does not come to rest");
    }

    /// One turn. Says whether anything happened.
    fn turn(&mut self, bulk: bool) -> bool {
        self.plain.open_up();
        let now = self.now();
        let events = if bulk { self.shard.expire(now) } else { self.shard.expire_only(now) };
        self.apply(&events);
        let told = self.plain.turn(bulk);
        assert_eq!(events.is_empty(), told.is_empty(), "{events:?} and {told:?}");
        for happening in &told {
            self.plain.happen(happening);
            self.tally.saw(match happening {
                Happening::Due(_) => "a time that comes",
                Happening::Expired(_) => "a time to live that is over",
                Happening::Hears(_) => "an end that is heard of",
                Happening::HoldOver(_) => "a hold that is over",
                Happening::KeysForgotten => "keys forgotten",
                Happening::LeaseOver(_) => "a lease that is over",
                Happening::Slice(_) => "a slice",
            });
        }
        self.remember_forgotten();
        !events.is_empty()
    }

    /// What the machine has forgotten by now.
    pub fn remember_forgotten(&mut self) {
        let shard = &self.shard;
        self.plain.forget(|id| shard.job(id).is_some());
    }

    /// Recovery: a fresh shard, the stored events, then the start.
    fn restart(&mut self, away: u64) {
        let mut recovered = Shard::default();
        self.history.iter().for_each(|(event, record)| recovered.evolve(event, *record));
        assert!(recovered == self.shard, "the stored events make another shard");
        // The same by rows, as they are and as something happened to them; and on with either.
        let mut seed = away;
        let again = through_rows(&self.shard);
        for _ in 0..3 {
            let refused = spoilt(&self.shard, &mut |below| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (seed >> 33) as usize % below.max(1)
            });
            self.tally.saw(if refused { "spoilt rows refused" } else { "spoilt rows that are whole" });
        }
        self.shard = if away.is_multiple_of(2) { recovered } else { again };
        self.plain.now += away;
        let last = self.plain.last;
        self.ask("start", &Command::Start, &Vec::new());
        self.plain.last = last;
        self.plain.come_back();
        self.plain.last = self.plain.now;
    }
}
