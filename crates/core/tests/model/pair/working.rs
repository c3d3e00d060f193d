//! Leasing, settling, extending, reporting.

use sealane_core::name::{ErrorCode, Principal};
use sealane_core::queue::{Command, Event, Lease, Next, Receipt, Report, Settle};
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;

use super::{Pair, queue_name, worker};
use crate::plain::Reasons;
use crate::plain::working::lease_fits;
use crate::step::{Outcome, Pick, Said, Step};

fn settle_of(outcome: &Outcome) -> Settle {
    match outcome {
        Outcome::Complete => Settle::Complete,
        Outcome::Fail { category, code, like, after, random } => Settle::Fail {
            category: *category,
            code: code.map(|code| ErrorCode::parse(&format!("E{code}")).expect("a code")),
            fingerprint: like.map(|like| Token::from_bytes([like; 16])),
            retry_after: after.map(Millis::new),
            random: *random,
        },
        Outcome::Hold(reason) => Settle::Hold(*reason),
        Outcome::Release(delay) => Settle::Release { delay: Millis::new(*delay) },
        Outcome::Undelivered => Settle::Undelivered,
    }
}

impl Pair {
    pub fn work_step(&mut self, step: &Step) {
        match step {
            Step::Lease { queue, worker, max, lease } => self.lease(*queue, *worker, *max, *lease),
            Step::Extend { receipt, lease } => {
                let Some((receipt, _)) = self.receipt(*receipt) else { return };
                let no = self.plain.may_extend(&receipt, *lease);
                let command = Command::Extend { receipt, lease: lease.map(Millis::new) };
                if self.ask("extend", &command, &no).is_some() {
                    self.plain.extend(&receipt, *lease);
                }
            }
            Step::Report { receipt, report, times } => {
                for _ in 0..*times {
                    self.report(*receipt, report);
                }
            }
            Step::Settle { receipt, outcome } => self.settle(*receipt, outcome),
            Step::SettleTogether(items) => self.settle_together(items),
            other => unreachable!("{other:?} is no work"),
        }
    }

    fn lease(&mut self, queue: usize, number: u8, max: usize, lease: Option<u64>) {
        let ids: Vec<_> = (0..max).map(|_| self.lease_id()).collect();
        let (name, holder) = (queue_name(queue), worker(number));
        let known = self.plain.queue(&name);
        let paused = known.is_some_and(|queue| self.plain.is_paused(queue));
        let no: Reasons = match known {
            None => vec!["QueueUnknown"],
            Some(_) if !paused && lease.is_some_and(|lease| !lease_fits(lease)) => vec!["LeaseTime"],
            Some(_) => Vec::new(),
        };
        let wish = Lease {
            queue: &name,
            holder: &holder,
            runner: None,
            lease: lease.map(Millis::new),
            lease_ids: &ids,
        };
        let Some(events) = self.ask("lease", &Command::Lease(wish), &no) else { return };
        let queue = known.expect("it was done");
        let until = self.plain.lease_until(queue, lease);
        let mut expected = Vec::new();
        for id in ids.iter().filter(|_| !paused) {
            let Some(job) = self.plain.lease(queue, *id, until, &holder) else { break };
            expected.push(job);
        }
        self.handed_out(&events, &holder, &expected);
    }

    /// What was handed out is what the model would hand out.
    pub fn handed_out(&mut self, events: &[Event], holder: &Principal, expected: &[sealane_core::id::JobId]) {
        let mut handed = Vec::new();
        for event in events {
            let Event::JobLeased { job, lease, lock, .. } = event else { panic!("{event:?}") };
            let attempt = self.plain.find(job).expect("it is there").attempt;
            self.receipts.push((Receipt { job: *job, attempt, lease: *lease, lock: *lock }, holder.clone()));
            handed.push(*job);
        }
        if handed != expected {
            let told = |id: &sealane_core::id::JobId| {
                self.plain.find(id).map(|job| (job.priority, job.fair, job.place, job.session))
            };
            let (given, meant): (Vec<_>, Vec<_>) =
                (handed.iter().map(told).collect(), expected.iter().map(told).collect());
            panic!("handed out {given:?}, and by the model {meant:?}");
        }
        self.tally.saw(if handed.is_empty() { "nothing to hand out" } else { "jobs handed out" });
    }

    fn report(&mut self, pick: Pick, said: &Said) {
        let Some((receipt, _)) = self.receipt(pick) else { return };
        let seq = (self.plain.next_report(&receipt.job) + said.ahead).saturating_sub(1);
        let judged = self.plain.may_report(&receipt, seq, said);
        let Said { ahead: _, progress, log, checkpoint } = *said;
        let report = Report { seq, progress, log, checkpoint };
        if self.ask_or_known("report", &Command::Report { receipt, report }, &judged) {
            self.plain.report(&receipt, seq, said);
            if self.plain.find(&receipt.job).is_some_and(|job| job.log_dropped > 0) {
                self.tally.saw("a trimmed log");
            }
        }
    }

    fn settle(&mut self, pick: Pick, outcome: &Outcome) {
        let Some((receipt, _)) = self.receipt(pick) else { return };
        let judged = match self.plain.is_repeat(&receipt, outcome) {
            true => Ok(true),
            false => match self.plain.may_settle(&receipt, outcome) {
                no if no.is_empty() => Ok(false),
                no => Err(no),
            },
        };
        let settle = settle_of(outcome);
        let command = Command::Settle { receipt, outcome: &settle };
        let no = judged.as_ref().err().cloned().unwrap_or_default();
        let Some(events) = self.ask("settle", &command, &no) else { return };
        assert_eq!(events.is_empty(), judged == Ok(true), "{events:?}");
        if judged == Ok(false) {
            self.settled(&receipt, outcome, &events);
        }
        self.remember_forgotten();
    }

    fn settled(&mut self, receipt: &Receipt, outcome: &Outcome, events: &[Event]) {
        let again_at = match events {
            [Event::JobFailed { next: Next::Retry(at), .. }] => Some(Time::unix_ms(*at)),
            [_] => None,
            other => panic!("{other:?}"),
        };
        self.plain.settle(receipt, outcome, again_at);
    }

    fn settle_together(&mut self, items: &[(Pick, Outcome)]) {
        let items: Vec<(Receipt, &Outcome)> =
            items.iter().filter_map(|(pick, outcome)| Some((self.receipt(*pick)?.0, outcome))).collect();
        let settles: Vec<Settle> = items.iter().map(|(_, outcome)| settle_of(outcome)).collect();
        let asked: Vec<(Receipt, &Settle)> =
            items.iter().zip(&settles).map(|((receipt, _), settle)| (*receipt, settle)).collect();
        let done = self.shard.decide_settle_together(self.now(), &asked);
        self.tally.asked("settle together", done.is_ok());
        // Each is judged as if those before it had happened; when failed ones are tried again, the machine says.
        let mut then = self.plain.clone();
        let mut judged: Vec<Result<bool, Reasons>> = Vec::new();
        for (at, (receipt, outcome)) in items.iter().enumerate() {
            let one = match then.may_settle(receipt, outcome) {
                _ if then.is_repeat(receipt, outcome) => Ok(true),
                no if no.is_empty() => Ok(false),
                no => Err(no),
            };
            if one == Ok(false) {
                let alone = self
                    .shard
                    .decide(self.now(), &Command::Settle { receipt: *receipt, outcome: &settles[at] });
                let again_at = match alone.as_deref() {
                    Ok([Event::JobFailed { next: Next::Retry(at), .. }]) => Some(at.unix_ms()),
                    _ => None,
                };
                then.settle(receipt, outcome, again_at);
            }
            judged.push(one);
        }
        match done {
            Ok(events) => {
                assert!(judged.iter().all(Result::is_ok), "settled, and by the model: {judged:?}");
                self.apply(&events.concat());
                for ((one, (receipt, outcome)), events) in judged.iter().zip(&items).zip(&events) {
                    assert_eq!(events.is_empty(), *one == Ok(true), "{events:?}");
                    if *one == Ok(false) {
                        self.settled(receipt, outcome, events);
                    }
                }
                self.remember_forgotten();
            }
            Err(refusals) => {
                for (refusal, one) in refusals.iter().zip(&judged) {
                    let no = one.as_ref().err().cloned().unwrap_or_default();
                    let name = refusal.as_ref().map(super::name_of);
                    let agreed = name.as_ref().map_or(no.is_empty(), |name| no.contains(&&**name));
                    assert!(agreed, "settle together: {refusal:?}, and by the model: {no:?}");
                }
            }
        }
    }
}
