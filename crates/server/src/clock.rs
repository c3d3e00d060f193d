//! What time it is, as an argument.
//!
//! ```text
//!   monotonic clock ──▶ leases and waits pass as the machine lives
//!   wall clock ───────▶ followed slowly; a step beyond 60 s is held until somebody says that it is right
//! ```

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sealane_core::time::{Millis, Time};

/// Further from the wall clock than this, the wall clock has stepped.
const STEP: i64 = 60_000_000_000;

/// Up to a step the wall clock is followed by a twentieth of the time that passes.
const FOLLOWED_BY: i64 = 20;

/// A step back that is followed: time passes half as fast until the wall clock has come up.
const WAITED_BY: i64 = 2;

/// Tells the time. It never goes back.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Time;

    /// How far the wall clock is ahead (behind: negative) after a step that is not followed, in
    /// milliseconds.
    fn held_step_ms(&self) -> Option<i64> {
        None
    }

    /// Follows the step that is held, if one is. Now, then.
    fn follow(&self) -> Time {
        self.now()
    }
}

/// Where the time comes from.
pub trait TimeSource: Send + Sync {
    /// Time that passed since some moment; a step of the wall clock is no part of it.
    fn passed(&self) -> Duration;
    /// What the wall clock shows.
    fn wall(&self) -> Time;
}

/// This machine's clocks.
pub struct Machine {
    since: Instant,
}

impl TimeSource for Machine {
    fn passed(&self) -> Duration {
        self.since.elapsed()
    }

    fn wall(&self) -> Time {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time::from_unix_ms(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The server's clock.
pub struct ServerClock<S = Machine> {
    source: S,
    state: Mutex<State>,
}

/// All in nanoseconds, so that what little passes between two looks is not rounded away.
struct State {
    shown: i64,
    /// The source's passed time then.
    passed: i64,
    /// How far the wall clock is ahead, where that is a step.
    held: Option<i64>,
    /// A step back was accepted, so time waits for the wall clock; how far it was behind at the last look.
    waits: Option<i64>,
}

impl ServerClock {
    /// Starts from the wall clock, but not before `not_before`: time that was stored does not come again.
    pub fn start(not_before: Time) -> Self {
        Self::over(Machine { since: Instant::now() }, not_before)
    }
}

impl<S: TimeSource> ServerClock<S> {
    /// The same over other clocks.
    pub fn over(source: S, not_before: Time) -> Self {
        let shown = nanos(source.wall().max(not_before));
        let passed = passed(&source);
        Self { source, state: Mutex::new(State { shown, passed, held: None, waits: None }) }
    }

    fn read<T>(&self, then: impl FnOnce(&mut State, i64) -> T) -> T {
        // Why poison is no news: every change of it is whole.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let wall = nanos(self.source.wall());
        state.go_on(passed(&self.source), wall);
        then(&mut state, wall)
    }
}

impl State {
    fn go_on(&mut self, passed: i64, wall: i64) {
        let since = passed.saturating_sub(self.passed).max(0);
        self.passed = self.passed.max(passed);
        let straight = self.shown.saturating_add(since);
        let ahead = wall.saturating_sub(straight);
        let held = (ahead.saturating_abs() > STEP).then_some(ahead);
        // Whoever accepted a step back did not accept the next one.
        self.waits =
            self.waits.filter(|before| held.is_some() && ahead < 0 && ahead.saturating_sub(*before) > -STEP);
        let follows = match (held, &mut self.waits) {
            (None, _) => since / FOLLOWED_BY,
            (Some(_), Some(before)) => {
                *before = ahead;
                since / WAITED_BY
            }
            (Some(_), None) => 0,
        };
        self.note(held.filter(|_| self.waits.is_none()));
        self.shown = straight.saturating_add(ahead.clamp(-follows, follows));
    }

    /// Accounts for a step when it comes, changes, and goes.
    fn note(&mut self, held: Option<i64>) {
        let changed = match (self.held, held) {
            (None, None) => false,
            (Some(before), Some(now)) => now.saturating_sub(before).saturating_abs() > STEP,
            (Some(_), None) | (None, Some(_)) => true,
        };
        if changed {
            let step_ms = held.unwrap_or(0) / 1_000_000;
            tracing::warn!(
                target: "audit",
                operation = "clock.step",
                step_ms,
                held = held.is_some(),
                "the wall clock {}",
                if held.is_some() { "stepped, and is not followed until that is accepted" } else { "is followed" }
            );
            self.held = held;
        }
    }
}

impl<S: TimeSource> Clock for ServerClock<S> {
    fn now(&self) -> Time {
        self.read(|state, _| time(state.shown))
    }

    fn held_step_ms(&self) -> Option<i64> {
        self.read(|state, wall| state.held.map(|_| wall.saturating_sub(state.shown) / 1_000_000))
    }

    fn follow(&self) -> Time {
        self.read(|state, wall| {
            match state.held {
                Some(_) if wall > state.shown => state.shown = wall,
                Some(_) => state.waits = Some(wall.saturating_sub(state.shown)),
                None => {}
            }
            state.note(None);
            time(state.shown)
        })
    }
}

fn passed(source: &impl TimeSource) -> i64 {
    i64::try_from(source.passed().as_nanos()).unwrap_or(i64::MAX)
}

fn nanos(time: Time) -> i64 {
    i64::try_from(time.unix_ms()).unwrap_or(i64::MAX).saturating_mul(1_000_000)
}

fn time(nanos: i64) -> Time {
    Time::default().plus(Millis::new(u64::try_from(nanos / 1_000_000).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const START: u64 = 1_800_000_000_000;
    const HOUR: u64 = 3_600_000;

    /// Both clocks, moved by hand.
    struct ByHand {
        passed_ms: AtomicU64,
        wall_ms: AtomicU64,
    }

    impl TimeSource for &ByHand {
        fn passed(&self) -> Duration {
            Duration::from_millis(self.passed_ms.load(Ordering::SeqCst))
        }

        fn wall(&self) -> Time {
            Time::from_unix_ms(self.wall_ms.load(Ordering::SeqCst))
        }
    }

    impl ByHand {
        fn new() -> Self {
            Self { passed_ms: AtomicU64::new(5), wall_ms: AtomicU64::new(START) }
        }

        /// Both go on, in small steps, as a server looks at them.
        fn live(&self, clock: &ServerClock<&Self>, ms: u64) {
            for _ in 0..ms / 100 {
                self.passed_ms.fetch_add(100, Ordering::SeqCst);
                self.wall_ms.fetch_add(100, Ordering::SeqCst);
                clock.now();
            }
        }

        fn step(&self, ms: i64) {
            let wall = self.wall_ms.load(Ordering::SeqCst);
            self.wall_ms.store(wall.checked_add_signed(ms).unwrap(), Ordering::SeqCst);
        }

        fn off(&self, clock: &ServerClock<&Self>) -> i64 {
            let wall = i64::try_from(self.wall_ms.load(Ordering::SeqCst)).unwrap();
            wall - i64::try_from(clock.now().unix_ms()).unwrap()
        }
    }

    fn clock(hand: &ByHand) -> ServerClock<&ByHand> {
        ServerClock::over(hand, Time::default())
    }

    // covers REL-5 (extend)
    // attack 72
    #[test]
    fn a_small_step_is_followed_slowly_and_time_never_goes_back() {
        for step in [59_000, -59_000] {
            let hand = ByHand::new();
            let clock = clock(&hand);
            hand.step(step);
            assert_eq!((clock.now().unix_ms(), clock.held_step_ms()), (START, None));
            let mut before = clock.now();
            for _ in 0..600 {
                hand.live(&clock, 1_000);
                let passed = clock.now().since(before).get();
                assert!((950..=1_050).contains(&passed), "a second took {passed} ms");
                before = clock.now();
            }
            assert!(hand.off(&clock).abs() > 20_000, "slowly: {}", hand.off(&clock));
            hand.live(&clock, HOUR);
            assert_eq!(hand.off(&clock), 0);
        }
    }

    // covers REL-5 (extend)
    // attack 72
    #[test]
    fn a_large_step_is_held_until_it_is_accepted_or_gone() {
        for step in [61_000, 400 * 24 * 3_600_000, -61_000, -3_600_000] {
            let hand = ByHand::new();
            let clock = clock(&hand);
            hand.step(step);
            hand.live(&clock, HOUR);
            assert_eq!(clock.now().unix_ms(), START + HOUR, "step {step}");
            assert_eq!(clock.held_step_ms(), Some(step));
            // It was a mistake and is taken back.
            hand.step(-step);
            hand.live(&clock, 1_000);
            assert_eq!((hand.off(&clock), clock.held_step_ms()), (0, None));

            hand.step(step);
            let before = clock.now();
            let followed = clock.follow();
            assert_eq!(clock.held_step_ms(), None);
            if step > 0 {
                assert_eq!(hand.off(&clock), 0, "step {step}");
            } else {
                assert!(followed >= before, "time that was stored does not come again");
                // Half as fast, until the wall clock has come up to less than a step.
                hand.live(&clock, 60_000);
                let passed = clock.now().since(before).get();
                assert!((29_900..=60_000).contains(&passed), "{passed}");
                // The next step back is another one: held, and time passes as it does.
                hand.step(-30 * 24 * 3_600_000);
                let before = clock.now();
                hand.live(&clock, 60_000);
                assert_eq!(clock.now().since(before).get(), 60_000, "step {step}");
                assert!(clock.held_step_ms().is_some_and(|held| held < -29 * 24 * 3_600_000));
                hand.step(30 * 24 * 3_600_000);
                clock.follow();
                hand.live(&clock, 4 * HOUR);
                assert_eq!(hand.off(&clock), 0, "step {step}");
            }
        }
    }

    const HOUR_MS: i64 = 3_600_000;

    // attack 72
    #[test]
    fn a_machine_that_slept_wakes_with_its_leases() {
        let hand = ByHand::new();
        let clock = clock(&hand);
        // Asleep: the wall clock went on, the monotonic one did not.
        hand.step(8 * 3_600_000);
        assert_eq!(clock.now().unix_ms(), START);
        assert_eq!(clock.held_step_ms(), Some(8 * 3_600_000));
        // A frozen wall clock stops nothing either.
        let frozen = ByHand::new();
        let clock = self::clock(&frozen);
        frozen.passed_ms.fetch_add(HOUR, Ordering::SeqCst);
        assert!(clock.now().unix_ms() >= START + HOUR - HOUR / 20);
    }

    #[test]
    fn a_clock_that_is_often_looked_at_follows_as_well() {
        let hand = ByHand::new();
        let clock = clock(&hand);
        hand.step(1_000);
        for _ in 0..100_000 {
            // A millisecond that is looked at a hundred times.
            hand.passed_ms.fetch_add(1, Ordering::SeqCst);
            hand.wall_ms.fetch_add(1, Ordering::SeqCst);
            for _ in 0..3 {
                clock.now();
            }
        }
        assert_eq!(hand.off(&clock), 0);
    }

    #[test]
    fn what_was_stored_does_not_come_again() {
        let hand = ByHand::new();
        let later = Time::from_unix_ms(START + HOUR);
        let clock = ServerClock::over(&hand, later);
        assert_eq!(clock.now(), later);
        assert_eq!(clock.held_step_ms(), Some(-HOUR_MS));
    }
}
