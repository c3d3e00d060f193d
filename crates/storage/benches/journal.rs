//! What a commit costs on this machine's disk: groups of 1, 100 and 1000 jobs of 1 KiB, each made
//! durable before the next begins. Beside it the disk's own figure: one 4 KiB write into a file that
//! was zero-filled, and its sync.
//!
//! `cargo bench -p sealane-storage`; the directory for its files is `SEALANE_BENCH_DIR`, by default
//! the one for temporary files.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sealane_crypto::SystemRandom;
use sealane_storage::disk::{Disk, RealDisk};
use sealane_storage::log::{self, LogSettings};
use sealane_storage::testing::keys::KnownKeys;
use sealane_storage::testing::samples::{enqueued, input, job_data};

const BODY_BYTES: usize = 1_024;

fn main() -> Result<(), Box<dyn Error>> {
    let parent = std::env::var_os("SEALANE_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let dir = tempfile::tempdir_in(parent)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(dir.path()));
    report(&bare_sync(disk.as_ref())?);

    let keys = Arc::new(KnownKeys::danger_from_seed(1));
    let open = |visit: &mut sealane_storage::Visit<'_>| {
        log::open(
            Arc::clone(&disk),
            Arc::clone(&keys) as _,
            Arc::new(SystemRandom),
            LogSettings::default(),
            visit,
        )
    };
    let started = Instant::now();
    let mut journal = open(&mut |_, _| Ok(()))?.journal;
    show("first start", started.elapsed());

    let mut last = None;
    for (records, groups) in [(1_u64, 2_000_u64), (100, 300), (1_000, 60)] {
        let data = input(1, BODY_BYTES);
        let mut staging = Duration::ZERO;
        let mut commits = Vec::new();
        for group in 0..groups {
            let started = Instant::now();
            for record in 0..records {
                last = Some(journal.append(&enqueued(group * records + record), Some(job_data(&data)))?);
            }
            staging += started.elapsed();
            let started = Instant::now();
            journal.commit()?;
            commits.push(started.elapsed());
        }
        let total: Duration = staging + commits.iter().sum::<Duration>();
        let jobs = u32::try_from(records * groups)?;
        report(&Row {
            what: format!("groups of {records}"),
            staging: staging / jobs,
            calls: commits,
            rate: f64::from(jobs) / total.as_secs_f64(),
        });
    }

    if let Some(record) = last {
        let reader = journal.reader();
        let reads = 20_000;
        let started = Instant::now();
        for _ in 0..reads {
            reader.read_job(record)?;
        }
        show("reading one job back, from the system's cache", started.elapsed() / reads);
    }
    journal.close()?;

    let mut records = 0_u64;
    let started = Instant::now();
    let reopened = open(&mut |_, _| {
        records += 1;
        Ok(())
    })?;
    show(&format!("start with {records} records of {BODY_BYTES} bytes"), started.elapsed());
    drop(reopened);
    Ok(())
}

struct Row {
    what: String,
    staging: Duration,
    calls: Vec<Duration>,
    rate: f64,
}

fn bare_sync(disk: &dyn Disk) -> Result<Row, Box<dyn Error>> {
    let file = disk.create("bare")?;
    file.write_at(&vec![0; 16 << 20], 0)?;
    file.sync_data()?;
    let mut calls = Vec::new();
    for call in 0..2_000 {
        let started = Instant::now();
        file.write_at(&[1; 4_096], call * 4_096)?;
        file.sync_data()?;
        calls.push(started.elapsed());
    }
    disk.remove("bare")?;
    let rate = f64::from(u32::try_from(calls.len())?) / calls.iter().sum::<Duration>().as_secs_f64();
    Ok(Row { what: "4 KiB and a sync, nothing else".into(), staging: Duration::ZERO, calls, rate })
}

#[expect(clippy::print_stdout, reason = "a bench reports by printing")]
fn report(row: &Row) {
    let mut calls = row.calls.clone();
    calls.sort();
    let at = |part: usize| calls[(calls.len() - 1) * part / 100].as_micros();
    println!(
        "{:32} commit p50 {:6} µs  p99 {:6} µs   staging {:6.2} µs/job   {:8.0} jobs/s",
        row.what,
        at(50),
        at(99),
        row.staging.as_secs_f64() * 1e6,
        row.rate
    );
}

#[expect(clippy::print_stdout, reason = "a bench reports by printing")]
fn show(what: &str, time: Duration) {
    println!("{what}: {:.3} ms", time.as_secs_f64() * 1e3);
}
