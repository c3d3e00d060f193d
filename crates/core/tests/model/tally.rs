//! What was asked and seen in all stories: a kind of command that was never accepted, or never refused,
//! was not tried.

use std::collections::BTreeMap;

/// Each kind once in so many commands at least, either way.
const ONCE_IN: u64 = 25_000;

/// Kinds that nothing forbids.
const NEVER_REFUSED: [&str; 3] = ["fire due", "label", "start"];

/// What stories must have come to.
const SIGHTS: [&str; 29] = [
    "a blocked job",
    "a clone",
    "a firing",
    "a firing left out: missed",
    "a firing left out: overlap",
    "a firing left out: queue_full",
    "a hold that is over",
    "a merge",
    "a named session",
    "a repeat",
    "a trimmed log",
    "an end that is heard of",
    "jobs under a hold",
    "keys forgotten",
    "refused CloneNotEnded",
    "refused CloneUnknown",
    "refused FlowIdTaken",
    "refused IdempotencyConflict",
    "refused ParentEnded",
    "refused ParentUnknown",
    "refused QueueInUse",
    "refused RedriveCompleted",
    "refused RedrivesUsed",
    "refused SessionCircle",
    "refused SessionLockLost",
    "refused UniqueTaken",
    "spoilt rows refused",
    "spoilt rows that are whole",
    "the next free session",
];

#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Accepted and refused, by kind.
    asked: BTreeMap<&'static str, (u64, u64)>,
    seen: BTreeMap<String, u64>,
}

impl Tally {
    pub fn asked(&mut self, kind: &'static str, accepted: bool) {
        let (yes, no) = self.asked.entry(kind).or_default();
        *(if accepted { yes } else { no }) += 1;
    }

    pub fn saw(&mut self, what: &str) {
        match self.seen.get_mut(what) {
            Some(times) => *times += 1,
            None => {
                self.seen.insert(what.to_owned(), 1);
            }
        }
    }

    pub fn add(&mut self, other: &Self) {
        for (kind, (yes, no)) in &other.asked {
            let sum = self.asked.entry(kind).or_default();
            (sum.0, sum.1) = (sum.0 + yes, sum.1 + no);
        }
        other.seen.iter().for_each(|(what, times)| *self.seen.entry(what.clone()).or_default() += times);
    }

    pub fn commands(&self) -> u64 {
        self.asked.values().map(|(yes, no)| yes + no).sum()
    }

    /// The kinds of commands, with how often each was accepted and refused; then what was seen.
    pub fn told(&self) -> String {
        let asked = self.asked.iter().map(|(kind, (yes, no))| format!("{kind:>16} {yes:>8} {no:>8}"));
        let seen = self.seen.iter().map(|(what, times)| format!("{times:>8} {what}"));
        asked.chain(seen).collect::<Vec<_>>().join("\n")
    }

    /// What was not tried often enough.
    pub fn missing(&self) -> Vec<String> {
        let enough = self.commands() / ONCE_IN;
        let few = |kind: &str, what: &str, times: u64| {
            (times < enough).then(|| format!("{kind} was {what} {times} times"))
        };
        let kinds = self.asked.iter().flat_map(|(kind, (yes, no))| {
            let no = if NEVER_REFUSED.contains(kind) { None } else { few(kind, "refused", *no) };
            [few(kind, "accepted", *yes), no]
        });
        let unseen = SIGHTS.iter().filter(|what| !self.seen.contains_key(**what));
        kinds.flatten().chain(unseen.map(|what| format!("{what} was never seen"))).collect()
    }
}
