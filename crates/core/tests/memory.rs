//! What waiting jobs take, by an allocator that counts; and that what is done to a job among a million
//! allocates no more than among a thousand.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use std::alloc::System;
use std::sync::Mutex;

use sealane_core::job::Priority;
use sealane_core::queue::{JobOptions, QueueSettings, Rate, RunLimit};
use sealane_core::time::Millis;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};
use support::Bench;

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Counts are the process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn held(stats: &Stats) -> usize {
    // What a reallocation adds or gives back is in these two.
    stats.bytes_allocated - stats.bytes_deallocated
}

/// So many waiting jobs, and the bytes that each takes.
fn filled(jobs: u64, options: impl Fn(u64) -> Option<JobOptions>) -> (Bench, usize) {
    let mut bench = Bench::new(QueueSettings::default());
    let before = Region::new(COUNTING);
    for number in 0..jobs {
        bench.send(number, Priority::Normal, 0, options(number).as_ref());
    }
    let bytes = held(&before.change()) / usize::try_from(jobs).unwrap();
    (bench, bytes)
}

// attack 62
#[test]
fn a_million_waiting_jobs_take_at_most_two_hundred_bytes_each() {
    let _alone = ALONE.lock().unwrap_or_else(|poison| poison.into_inner());
    let (bench, bytes) = filled(1_000_000, |_| None);
    assert_eq!(bench.shard.live_jobs(), 1_000_000);
    assert!(bytes <= 200, "{bytes} bytes");
}

/// Not promised, and kept from growing unseen: what a job with a fair key takes, with keys of ten jobs each.
#[test]
fn a_fair_key_costs_its_box_and_its_share_of_the_key() {
    let _alone = ALONE.lock().unwrap_or_else(|poison| poison.into_inner());
    let keyed = |number: u64| {
        let fair_key = Some(Bench::key(&format!("{}", number % 10_000)));
        Some(JobOptions { fair_key, ..JobOptions::default() })
    };
    let ((_, plain), (bench, bytes)) = (filled(100_000, |_| None), filled(100_000, keyed));
    assert_eq!(bench.shard.queues().next().unwrap().fair_keys, 10_000);
    let own = bytes - plain;
    assert!(own <= size_of::<JobOptions>() + 80, "{own} bytes beside the {plain} of any job");
}

/// Deterministic: what is counted is the allocations of the whole life of jobs among so many others, with
/// timers, limits and keys, beside none of the others being walked over: a list of them would show.
#[test]
fn what_is_done_to_a_job_allocates_the_same_among_so_many_as_among_a_thousand() {
    let _alone = ALONE.lock().unwrap_or_else(|poison| poison.into_inner());
    let counted = |waiting: u64| {
        let rate = Rate { starts: 1_000, period: Millis::new(1), burst: 1_000 };
        let limit = RunLimit { rate: Some(rate), concurrency: Some(1_000) };
        let mut bench = Bench::new(QueueSettings { limit, limit_per_key: limit, ..QueueSettings::default() });
        for number in 0..waiting {
            let options = JobOptions { fair_key: Some(Bench::key("bulk")), ..JobOptions::default() };
            // Every other one has a timer.
            bench.send(number, Priority::Bulk, (number % 2) * 3_600_000, Some(&options));
        }
        let region = Region::new(COUNTING);
        for number in waiting..waiting + 100 {
            bench.send_for("mine", number, Priority::Normal);
            bench.send(number + 1_000, Priority::Normal, 1, None);
            bench.pass(1);
            for receipt in bench.take(2) {
                bench.extend(receipt);
                bench.fail(receipt, 0);
            }
            bench.pass(2_000);
            bench.take(2).into_iter().for_each(|receipt| bench.complete(receipt));
        }
        let change = region.change();
        (change.allocations + change.reallocations, change.bytes_allocated)
    };
    let ((few, few_bytes), (many, many_bytes)) = (counted(1_000), counted(900_000));
    assert!(
        many <= few + few / 20,
        "{few} allocations among a thousand, {many} among nine hundred times as many"
    );
    assert!(many_bytes <= few_bytes + few_bytes / 10, "{few_bytes} bytes, and {many_bytes}");
}
