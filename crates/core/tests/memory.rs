//! What waiting jobs take, by an allocator that counts; and that what is done to a job among a million
//! allocates no more than among a thousand.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use std::alloc::System;
use std::sync::Mutex;

use sealane_core::job::Priority;
use sealane_core::queue::{
    IdempotencyKey, JobOptions, OnConflict, QueueSettings, Rate, RunLimit, SessionMode, SessionSettings,
    UniqueKey,
};
use sealane_core::time::Millis;
use sealane_core::token::Token;
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
    let sessions = SessionSettings { mode: SessionMode::On, ..SessionSettings::default() };
    let mut bench = Bench::new(QueueSettings { sessions, ..QueueSettings::default() });
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

/// What a job is sent with, the bytes that each such job may take, and how the page calls it.
struct Case {
    called: &'static str,
    bytes_max: usize,
    options: fn(u64) -> JobOptions,
}

/// A token as any other: those of the server are scattered evenly, and so fill trees as they come.
fn token(field: u64, number: u64) -> Option<Token> {
    let mixed = |seed: u64| {
        let mut word = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)).to_be_bytes()
    };
    let mut bytes = [field.to_be_bytes()[7]; 16];
    bytes[..8].copy_from_slice(&mixed(field << 40 | number));
    Some(Token::from_bytes(bytes))
}

fn unique(number: u64) -> Option<UniqueKey> {
    token(2, number).map(|key| UniqueKey { key, on_conflict: OnConflict::Refuse })
}

fn idempotency(number: u64) -> Option<IdempotencyKey> {
    token(3, number).zip(token(4, number)).map(|(key, fingerprint)| IdempotencyKey { key, fingerprint })
}

const CASES: &[Case] = &[
    Case { called: "none of these", bytes_max: 200, options: |_| JobOptions::default() },
    Case {
        called: "a fair key, of ten jobs each",
        bytes_max: 260,
        options: |number| JobOptions { fair_key: token(1, number / 10), ..JobOptions::default() },
    },
    Case {
        called: "a fair key of its own",
        bytes_max: 500,
        options: |number| JobOptions { fair_key: token(1, number), ..JobOptions::default() },
    },
    Case {
        called: "a unique key",
        bytes_max: 280,
        options: |number| JobOptions { unique: unique(number), ..JobOptions::default() },
    },
    Case {
        called: "an idempotency key inside its window",
        bytes_max: 360,
        options: |number| JobOptions { idempotency: idempotency(number), ..JobOptions::default() },
    },
    Case {
        called: "a session, of a hundred jobs each",
        bytes_max: 290,
        options: |number| JobOptions { session: token(5, number / 100), ..JobOptions::default() },
    },
    Case {
        called: "a session of its own",
        bytes_max: 510,
        options: |number| JobOptions { session: token(5, number), ..JobOptions::default() },
    },
    Case {
        called: "all of it: a session of a hundred jobs, a fair key of ten, both other keys",
        bytes_max: 600,
        options: |number| JobOptions {
            fair_key: token(1, number / 10),
            idempotency: idempotency(number),
            session: token(5, number / 100),
            unique: unique(number),
            ..JobOptions::default()
        },
    },
];

/// The page in the docs shows what is measured here. `SEALANE_BLESS=1` writes it.
#[test]
fn what_else_a_waiting_job_is_sent_with_has_its_price_however_many_wait() {
    let _alone = ALONE.lock().unwrap_or_else(|poison| poison.into_inner());
    let mut table = String::from("| a waiting job with | bytes |\n|---|---:|\n");
    let mut plain = 0;
    for Case { called, bytes_max, options } in CASES {
        let few = filled(20_000, |number| options(number).boxed().map(|options| *options)).1;
        let many = filled(100_000, |number| options(number).boxed().map(|options| *options)).1;
        assert!(many <= *bytes_max, "{called}: {many} bytes");
        let apart = few.abs_diff(many);
        assert!(apart * 20 <= many, "{called}: {few} bytes each where few wait, {many} where many do");
        table.push_str(&format!("| {called} | {} |\n", many.next_multiple_of(10)));
        plain = if plain == 0 { many } else { plain };
        if *called == "an idempotency key inside its window" {
            assert!(many - plain <= 200, "{} bytes a remembered key", many - plain);
        }
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/queues.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("<!-- measured -->\n").expect("the place of the table");
    let (_, after) = rest.split_once("<!-- /measured -->\n").expect("the end of the table");
    let wanted = format!("{before}<!-- measured -->\n{table}<!-- /measured -->\n{after}");
    if std::env::var_os("SEALANE_BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    } else {
        assert!(
            page == wanted,
            "docs/queues.md shows other figures: SEALANE_BLESS=1 cargo test -p sealane-core --test memory\n{table}"
        );
    }
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

// covers PERF-2 (allocations do not grow with what has ended, and have a bound)
#[test]
fn what_is_done_to_a_job_allocates_the_same_however_many_have_ended() {
    const JOBS: usize = 1_000;
    let _alone = ALONE.lock().unwrap_or_else(|poison| poison.into_inner());
    let counted = |ended: u64| {
        let mut bench = Bench::new(QueueSettings::default());
        let mut number = 0;
        let mut cycle = |bench: &mut Bench, jobs: u64| {
            for _ in 0..jobs {
                bench.send(number, Priority::Normal, 0, None);
                number += 1;
                bench.take(1).into_iter().for_each(|receipt| bench.complete(receipt));
            }
        };
        cycle(&mut bench, ended);
        let region = Region::new(COUNTING);
        cycle(&mut bench, u64::try_from(JOBS).unwrap());
        let change = region.change();
        (change.allocations + change.reallocations, change.bytes_allocated)
    };
    let ((few, few_bytes), (many, many_bytes)) = (counted(0), counted(300_000));
    // The events and receipts of this bench are in it.
    assert!(few <= 15 * JOBS, "{} allocations for one enqueue, lease and completion", few / JOBS);
    assert!(many <= few + few / 20, "{few} allocations at first, {many} behind 300 000 ended jobs");
    assert!(many_bytes <= few_bytes + few_bytes / 10, "{few_bytes} bytes, and {many_bytes}");
}
