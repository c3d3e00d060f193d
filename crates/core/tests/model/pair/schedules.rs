//! Putting schedules, and their firings.

use sealane_core::cadence::Cadence;
use sealane_core::id::{JobId, ScheduleId};
use sealane_core::name::{CronPattern, QueueName, ScheduleName, ZoneName};
use sealane_core::queue::{
    Command, Event, Fire, Firing, JobOptions, PutSchedule, ScheduleAct, ScheduleSettings,
};
use sealane_core::time::{Millis, Time};

use super::sending::{input, owner};
use super::{Pair, queue_name, token};
use crate::plain::schedules::Fired;
use crate::step::{Beat, Plan, Step};

/// Firings in a row that one step sees to.
const FIRINGS: usize = 6;

fn schedule_name(number: u8) -> ScheduleName {
    ScheduleName::parse(&format!("s{number}")).expect("a name")
}

/// Mixes what it is given: no hash, and one that tells firings apart.
fn mixed(parts: &[&[u8]]) -> [u8; 32] {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    let mut bytes = [0; 32];
    for at in 0..4u8 {
        for byte in parts.iter().copied().flatten().chain([&at]) {
            state = (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        bytes[usize::from(at) * 8..][..8].copy_from_slice(&state.to_be_bytes());
    }
    bytes
}

fn cadence(beat: Beat, now: Time) -> Cadence {
    let cron = |pattern: &str| Cadence::Cron {
        pattern: CronPattern::parse(pattern).expect("a pattern's text"),
        zone: ZoneName::parse("UTC").expect("a zone"),
    };
    match beat {
        Beat::Every(every, first) => {
            Cadence::Every { every: Millis::new(every), from: now.plus(Millis::new(first)) }
        }
        Beat::Seconds(each) => cron(&format!("*/{each} * * * * *")),
        Beat::Minutes(each) => cron(&format!("*/{each} * * * *")),
        Beat::Nonsense => cron("61 * * * *"),
    }
}

impl Pair {
    pub fn schedule_step(&mut self, step: &Step) {
        match step {
            Step::PutSchedule(plan) => self.put_schedule(plan),
            Step::ActOnSchedule { name, act } => {
                let name = schedule_name(*name);
                let judged = match self.plain.schedule(&name) {
                    None => Err(vec!["ScheduleUnknown"]),
                    Some(schedule) => Ok(schedule.paused == (*act == ScheduleAct::Pause)),
                };
                let kind = if *act == ScheduleAct::Pause { "pause schedule" } else { "resume schedule" };
                let command = Command::ActOnSchedule { schedule: &name, act: *act };
                if self.ask_or_known(kind, &command, &judged) {
                    self.plain.act_on_schedule(&name, *act);
                }
            }
            Step::RemoveSchedule { name } => {
                let name = schedule_name(*name);
                let known = self.plain.schedule(&name).is_some();
                let no = if known { Vec::new() } else { vec!["ScheduleUnknown"] };
                if self.ask("remove schedule", &Command::RemoveSchedule { schedule: &name }, &no).is_some() {
                    self.plain.schedules.retain(|schedule| schedule.name != name);
                }
            }
            Step::Fire { name, readable } => self.fire(*name, *readable),
            Step::FireDue { readable } => self.fire_due(*readable),
            other => unreachable!("{other:?} is about no schedule"),
        }
    }

    fn put_schedule(&mut self, plan: &Plan) {
        let now = self.now();
        let id = ScheduleId::from_bytes([plan.id + 1; 16]);
        let (name, queue, owner) = (schedule_name(plan.name), queue_name(plan.queue), owner(plan.owner));
        let options = JobOptions {
            session: plan.session.map(|session| token(3, session)),
            fair_key: plan.fair.map(|fair| token(4, fair)),
            ..JobOptions::default()
        };
        let settings = ScheduleSettings {
            cadence: cadence(plan.cadence, now),
            begins_at: plan.begins.map(|after| now.plus(Millis::new(after))),
            ends_at: plan.ends.map(|after| now.plus(Millis::new(after))),
            missed: plan.missed,
            overlap: plan.overlap,
            jitter: Millis::new(plan.jitter),
            priority: plan.priority,
            ttl: plan.ttl.map(Millis::new),
            max_attempts: plan.attempts,
            options: options.boxed(),
        };
        let closed = plan.closed;
        let opens = move |_: &QueueName| !closed;
        let put = PutSchedule {
            id,
            name: &name,
            queue: &queue,
            owner: &owner,
            settings: &settings,
            input: &input(),
            own_only: plan.own_only,
            opens: &opens,
            digest: [plan.content; 16],
        };
        let judged = self.plain.may_put_schedule(&put, plan.cadence, now.unix_ms(), closed);
        if self.ask_or_known("put schedule", &Command::PutSchedule(put), &judged) {
            self.plain.put_schedule(&put, plan.cadence, now.unix_ms());
        }
    }

    /// Out of turn: the regular firings stay as they are.
    fn fire(&mut self, name: u8, readable: bool) {
        let schedule = self.plain.schedule(&schedule_name(name)).cloned();
        let id = schedule.as_ref().map_or(ScheduleId::from_bytes([0xff; 16]), |schedule| schedule.id);
        let firing = Firing { schedule: id, due: self.now() };
        let fire = Fire { firing, job: firing.job(mixed), asked: true, readable };
        let no = match &schedule {
            None => vec!["ScheduleUnknown"],
            Some(schedule) if !self.plain.no_firing(schedule, &fire).is_empty() => vec!["ScheduleSkips"],
            Some(_) => Vec::new(),
        };
        if let Some(events) = self.ask("fire", &Command::Fire(fire), &no) {
            let fired = Fired::Job { next: schedule.and_then(|schedule| schedule.next) };
            self.fired(&fire, &fired, &events);
        }
    }

    fn fire_due(&mut self, readable: bool) {
        for _ in 0..FIRINGS {
            let due = self.shard.due_schedule(self.now());
            let told = due.map(|due| (due.due.unix_ms(), due.schedule));
            assert_eq!(told, self.plain.due_schedule(), "the schedule that is due");
            let Some(due) = due else { return };
            let firing = Firing { schedule: due.schedule, due: due.due };
            let fire = Fire { firing, job: firing.job(mixed), asked: false, readable };
            let expected = self.plain.judge_firing(&fire);
            let events = self.ask("fire due", &Command::Fire(fire), &Vec::new()).expect("never refused");
            self.fired(&fire, &expected, &events);
            self.plain.open_up();
        }
    }

    fn fired(&mut self, fire: &Fire, expected: &Fired, events: &[Event]) {
        let ms = |next: &Option<Time>| next.map(Time::unix_ms);
        let mut late = 0;
        let told = match events {
            [] => Fired::Nothing,
            [Event::ScheduleSkipped { reason, next, .. }] => {
                Fired::Skipped { reason: *reason, next: ms(next) }
            }
            [Event::JobEnqueued(job), Event::ScheduleFired { next, .. }] => {
                late = job.run_at.since(fire.firing.due).get();
                let schedules = &self.plain.schedules;
                let of = schedules.iter().find(|schedule| schedule.id == fire.firing.schedule);
                assert!(late <= of.expect("it fired").settings.jitter.get(), "begins too late");
                Fired::Job { next: ms(next) }
            }
            other => panic!("{other:?}"),
        };
        match (&told, expected) {
            // Where there are several reasons, the machine tells one of them.
            (Fired::Skipped { reason, next }, Fired::Skipped { next: meant, .. }) => {
                assert_eq!(next, meant, "{fire:?}");
                let schedules = &self.plain.schedules;
                let of = schedules.iter().find(|schedule| schedule.id == fire.firing.schedule).expect("due");
                let reasons = self.plain.no_firing(of, fire);
                assert!(*expected == told || reasons.contains(reason), "{told:?}, {expected:?}");
                self.tally.saw(&format!("a firing left out: {reason}"));
            }
            _ => assert_eq!(told, *expected, "{fire:?}"),
        }
        self.plain.fire(fire, &told, late);
        if matches!(told, Fired::Job { .. }) {
            self.tally.saw(if fire.asked { "a firing that was asked for" } else { "a firing" });
            self.sent_by_schedule(fire.job);
        }
    }

    fn sent_by_schedule(&mut self, job: JobId) {
        self.ids.push(job);
    }
}
