//! An open loop: batches are due by a clock, whether or not the server has answered the ones before.
//! A batch that finds no lane free waits, and its latency counts from when it was due: a server
//! that stalls cannot hide how many would have met the stall.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::cpu::Processes;
use super::lane::Lane;
use super::lanes::{self, Done, Measured, WAITING_MAX};
use super::plan::{Op, Plan};
use crate::failure::{FAILED, Failure};

/// What is not begun after so many times the run's time is given up and counted as missed.
const PATIENCE: u32 = 2;
/// The clock looks so often whether it is still wanted.
const LOOK_MAX: Duration = Duration::from_millis(50);
const NANOS: u128 = 1_000_000_000;

/// When each batch is due: evenly spaced from a start.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    start: Instant,
    /// Nanoseconds from one batch to the next.
    spacing: u64,
    /// Batches.
    total: u64,
}

impl Schedule {
    fn new(start: Instant, plan: &Plan, jobs_per_s: f64) -> Result<Self, Failure> {
        let spacing = plan.spacing(jobs_per_s)?;
        let spacing = u64::try_from(spacing.as_nanos()).unwrap_or(u64::MAX).max(1);
        let within = plan.time.as_nanos().div_ceil(spacing.into());
        let total = u64::try_from(within).unwrap_or(u64::MAX).max(1);
        let total = match plan.op {
            Op::Cycle => total,
            Op::Enqueue | Op::Work => total.min(WAITING_MAX / plan.jobs_per_step().max(1)).max(1),
        };
        Ok(Self { start, spacing, total })
    }

    /// What the run took when its last answer came so long after the start. Why not just that: the last
    /// batch is due one spacing before the end of its share, and a rate is batches by shares.
    fn took(&self, elapsed: Duration) -> Duration {
        elapsed.max(self.due(self.total).saturating_duration_since(self.start))
    }

    /// When this batch is due, counted from 0.
    fn due(&self, number: u64) -> Instant {
        let nanos = u128::from(number) * u128::from(self.spacing);
        let seconds = u64::try_from(nanos / NANOS).unwrap_or(u64::MAX / 4);
        let rest = u32::try_from(nanos % NANOS).expect("a remainder is below its divisor");
        self.start + Duration::new(seconds, rest)
    }

    /// How many are due by then.
    fn due_by(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.start).as_nanos() / u128::from(self.spacing);
        u64::try_from(passed).map_or(self.total, |passed| passed.saturating_add(1).min(self.total))
    }
}

/// Runs the plan at this rate over these lanes and leaves the queue empty.
pub(super) async fn run(
    lanes: &[Arc<Lane>],
    plan: Plan,
    jobs_per_s: f64,
    processes: &Processes,
) -> Result<Measured, Failure> {
    lanes::warm(lanes, plan).await?;
    let cpu_before = lanes::used(processes)?;
    let start = Instant::now();
    let schedule = Schedule::new(start, &plan, jobs_per_s)?;
    let give_up = start + plan.time * PATIENCE;
    let turns = Turns::new(schedule, give_up);
    let _clock = Clock::start(schedule, Arc::clone(&turns.due), lanes.len())?;
    let per_step = plan.jobs_per_step();
    let done = lanes::each(lanes, move |lane| {
        let turns = turns.clone();
        async move {
            let step = || {
                let lane = Arc::clone(&lane);
                async move { lane.step(&plan).await }
            };
            turns.follow(per_step, step).await
        }
    })
    .await?;
    let (took, cpu) = (schedule.took(start.elapsed()), lanes::used(processes)?.saturating_sub(cpu_before));
    lanes::clear(lanes, plan).await?;
    Ok(Measured { done: Done::sum(&done), took, cpu })
}

/// What the lanes share: whose batch is next.
#[derive(Clone)]
struct Turns {
    schedule: Schedule,
    give_up: Instant,
    /// One for each batch that is due, and then one for each lane.
    due: Arc<Semaphore>,
    next: Arc<AtomicU64>,
}

impl Turns {
    fn new(schedule: Schedule, give_up: Instant) -> Self {
        Self { schedule, give_up, due: Arc::new(Semaphore::new(0)), next: Arc::new(AtomicU64::new(0)) }
    }

    /// Takes batches as they are due, up to the last.
    async fn follow<F>(&self, per_step: u64, step: impl Fn() -> F) -> Result<Done, Failure>
    where
        F: Future<Output = Result<(), Failure>>,
    {
        let mut done = Done::nothing();
        loop {
            let turn = self.due.acquire().await;
            turn.map_err(|error| Failure::stream("the bench's clock", &error))?.forget();
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.schedule.total {
                return Ok(done);
            }
            if Instant::now() >= self.give_up {
                done.missed += per_step;
            } else {
                step().await?;
                done.jobs += per_step;
            }
            // Why the missed ones too: to leave out the worst would flatter all quantiles.
            done.latency.record(self.schedule.due(number).elapsed());
        }
    }
}

/// A thread that lets batches go when they are due. Why no timer of the runtime: those are a
/// millisecond wide, which is more than many a batch takes.
struct Clock {
    stopped: Arc<AtomicBool>,
}

impl Clock {
    /// Lets `lanes` more go behind the last batch, so that every lane learns of the end.
    fn start(schedule: Schedule, due: Arc<Semaphore>, lanes: usize) -> Result<Self, Failure> {
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopped);
        let run = move || {
            let mut released = 0;
            while released < schedule.total && !seen.load(Ordering::Relaxed) {
                let by_now = schedule.due_by(Instant::now());
                due.add_permits(usize::try_from(by_now - released).unwrap_or(usize::MAX >> 4));
                released = by_now;
                let wait = schedule.due(released).saturating_duration_since(Instant::now());
                if released < schedule.total {
                    thread::sleep(wait.min(LOOK_MAX));
                }
            }
            due.add_permits(lanes);
        };
        thread::Builder::new().name("bench-clock".to_owned()).spawn(run).map_err(|error| {
            Failure::new(FAILED, "bench_broken", "the bench cannot go on", format!("no thread: {error}"))
        })?;
        Ok(Self { stopped })
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(op: Op, batch: usize, seconds: u64) -> Plan {
        let time = Duration::from_secs(seconds);
        Plan { op, producers: 1, batch, size: 1, time, rate: None }
    }

    #[test]
    fn batches_are_due_evenly_and_only_within_the_time() {
        let start = Instant::now();
        let schedule = Schedule::new(start, &plan(Op::Cycle, 10, 2), 1_000.0).unwrap();
        assert_eq!(schedule.total, 200);
        assert_eq!(schedule.took(Duration::from_millis(1_991)), Duration::from_secs(2));
        assert_eq!(schedule.took(Duration::from_millis(2_001)), Duration::from_millis(2_001));
        assert_eq!(schedule.due(0), start);
        assert_eq!(schedule.due(199), start + Duration::from_millis(1_990));
        assert_eq!(schedule.due_by(start), 1);
        assert_eq!(schedule.due_by(start + Duration::from_micros(9_999)), 1);
        assert_eq!(schedule.due_by(start + Duration::from_millis(10)), 2);
        assert_eq!(schedule.due_by(start + Duration::from_secs(60)), 200);
    }

    #[test]
    fn a_schedule_has_an_end_however_much_or_little_is_asked() {
        let start = Instant::now();
        let total = |plan, rate| Schedule::new(start, &plan, rate).map(|schedule| schedule.total);
        assert_eq!(total(plan(Op::Cycle, 1_000, 1), 1_000.0).unwrap(), 1);
        assert!(total(plan(Op::Cycle, 1_000, 1), 999.0).is_err());
        assert_eq!(total(plan(Op::Cycle, 1, 60), 1e6).unwrap(), 60_000_000);
        assert_eq!(total(plan(Op::Enqueue, 100, 60), 1e6).unwrap() * 100, WAITING_MAX);
        assert!(total(plan(Op::Cycle, 1, 60), f64::MAX).unwrap() >= 60_000_000);
    }

    /// Ten batches of five, a millisecond apart, the first of them due so long ago.
    fn late_by(seconds: u64, patience: Duration) -> (u64, u64, u64) {
        let now = Instant::now();
        let start = now.checked_sub(Duration::from_secs(seconds)).unwrap();
        let schedule = Schedule { start, spacing: 1_000_000, total: 10 };
        let turns = Turns::new(schedule, now + patience);
        turns.due.add_permits(11);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let done = runtime.block_on(turns.follow(5, || std::future::ready(Ok(())))).unwrap();
        (done.jobs, done.missed, done.latency.at(0.01))
    }

    #[test]
    fn latency_counts_from_when_a_batch_was_to_begin_begun_or_not() {
        let (jobs, missed, shortest) = late_by(2, Duration::from_secs(3_600));
        assert_eq!((jobs, missed), (50, 0));
        assert!(shortest >= 1_990_000, "{shortest}");
        let (jobs, missed, shortest) = late_by(2, Duration::ZERO);
        assert_eq!((jobs, missed), (0, 50));
        assert!(shortest >= 1_990_000, "{shortest}");
    }

    #[test]
    fn every_lane_hears_of_the_end_and_no_batch_is_let_go_twice() {
        let due = Arc::new(Semaphore::new(0));
        let mut short = plan(Op::Cycle, 1, 1);
        short.time = Duration::from_millis(2);
        let schedule = Schedule::new(Instant::now(), &short, 10_000.0).unwrap();
        let _clock = Clock::start(schedule, Arc::clone(&due), 3).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let all = u32::try_from(schedule.total + 3).unwrap();
        runtime.block_on(async { due.acquire_many(all).await.unwrap().forget() });
        assert_eq!((schedule.total, due.available_permits()), (20, 0));
    }
}
