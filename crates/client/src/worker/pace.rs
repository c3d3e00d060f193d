//! How soon a worker asks for work again: after a failure, after getting nothing but jobs that it
//! must hand back, and while everything that it could run is left alone.

use std::time::Duration;

use tokio::time::Instant;

use super::settle::Ended;

/// The wait after the first ask in vain; doubles with each further one. Short, because jobs of other
/// kinds may stand behind those that are handed back.
const VAIN_WAIT_BASE: Duration = Duration::from_millis(10);
const VAIN_WAIT_MAX: Duration = Duration::from_millis(200);

/// What happened to the jobs that were asked for.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Asks in a row that failed.
    pub(super) failures: u32,
    /// When the provider said that it may be asked again.
    pub(super) not_before: Option<Instant>,
    /// Asks in a row that brought nothing but jobs to hand back.
    vain: u32,
    turned_away: bool,
    ran: bool,
}

impl Pace {
    pub(super) fn answered(&mut self) {
        (self.failures, self.not_before) = (0, None);
    }

    pub(super) fn failed(&mut self, retry_after: Option<Duration>, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = retry_after.map(|wait| now + wait);
    }

    pub(super) fn ended(&mut self, ended: Option<Ended>) {
        match ended {
            Some(Ended::TurnedAway) => self.turned_away = true,
            _ => self.ran = true,
        }
    }

    /// When to ask next, besides the back-off for failures.
    pub(super) fn next(&mut self, all_open_until: Option<Instant>, now: Instant) -> Option<Instant> {
        match (std::mem::take(&mut self.ran), std::mem::take(&mut self.turned_away)) {
            (true, _) => self.vain = 0,
            (false, true) => self.vain = self.vain.saturating_add(1),
            (false, false) => {}
        }
        let vain = (self.vain > 0).then(|| {
            let doublings = self.vain.saturating_sub(1).min(20);
            now + VAIN_WAIT_BASE.saturating_mul(1 << doublings).min(VAIN_WAIT_MAX)
        });
        [vain, all_open_until, self.not_before].into_iter().flatten().max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_in_vain_become_rarer_until_something_runs() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let mut wait = |ended: &[Ended]| {
            ended.iter().for_each(|ended| pace.ended(Some(*ended)));
            pace.next(None, now).map_or(0, |at| (at - now).as_millis())
        };
        let away = Ended::TurnedAway;
        assert_eq!(wait(&[]), 0);
        assert_eq!((wait(&[away]), wait(&[away, away]), wait(&[away])), (10, 20, 40));
        assert_eq!(wait(&[]), 40, "nothing new is no reason to hurry");
        assert_eq!((0..10).map(|_| wait(&[away])).last(), Some(200));
        assert_eq!(wait(&[away, Ended::Failed]), 0);
    }

    #[test]
    fn the_longest_of_all_waits_counts() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        pace.ended(Some(Ended::TurnedAway));
        assert_eq!(pace.next(Some(at(9)), now), Some(at(9)));
        pace.failed(Some(Duration::from_secs(20)), now);
        assert_eq!(pace.next(Some(at(9)), now), Some(at(20)));
        pace.answered();
        assert_eq!(pace.next(Some(at(9)), now), Some(at(9)));
    }
}
