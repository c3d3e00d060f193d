//! How many jobs a worker begins: at most so many in any period, however the period is laid.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Jobs taken within the last period.
#[derive(Debug)]
pub(super) struct Rate {
    jobs: usize,
    per: Duration,
    /// When jobs were taken and how many, the oldest first; never more entries than jobs.
    taken: VecDeque<(Instant, usize)>,
    count: usize,
}

impl Rate {
    pub(super) fn new(jobs: usize, per: Duration) -> Self {
        Self { jobs, per, taken: VecDeque::new(), count: 0 }
    }

    /// How many jobs may be taken now.
    pub(super) fn room(&mut self, now: Instant) -> usize {
        while let Some((at, jobs)) = self.taken.front().copied() {
            if now < at + self.per {
                break;
            }
            self.taken.pop_front();
            self.count -= jobs;
        }
        self.jobs.saturating_sub(self.count)
    }

    /// When there is room again, where there is none.
    pub(super) fn room_at(&self) -> Option<Instant> {
        (self.count >= self.jobs).then(|| self.taken.front().map(|(at, _)| *at + self.per)).flatten()
    }

    pub(super) fn take(&mut self, jobs: usize, now: Instant) {
        if jobs == 0 {
            return;
        }
        self.count += jobs;
        match self.taken.back_mut() {
            Some((at, taken)) if *at == now => *taken += jobs,
            _ => self.taken.push_back((now, jobs)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_period_holds_more_however_it_is_laid() {
        let (mut rate, begin) = (Rate::new(3, Duration::from_secs(10)), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!((rate.room(at(0)), rate.room_at()), (3, None));
        rate.take(1, at(0));
        rate.take(2, at(8));
        assert_eq!((rate.room(at(9)), rate.room_at()), (0, Some(at(10))));
        assert_eq!((rate.room(at(10)), rate.room_at()), (1, None));
        rate.take(1, at(10));
        assert_eq!((rate.room(at(17)), rate.room_at()), (0, Some(at(18))));
        assert_eq!(rate.room(at(18)), 2);
        rate.take(0, at(18));
        rate.take(1, at(18));
        rate.take(1, at(18));
        assert_eq!((rate.taken.len(), rate.room(at(18))), (2, 0));
        assert_eq!(rate.room(at(100)), 3);
    }
}
