//! Owns the words around the figures in `docs/benchmarks.md`.

use super::arguments::Arguments;
use super::run::Setting;
use super::sealane::{Around, Figures};
use std::fmt::Write as _;

/// One setting, everybody's middle round.
pub(crate) struct Row {
    pub(crate) setting: Setting,
    pub(crate) ours: Figures,
    pub(crate) always: f64,
    pub(crate) every_second: f64,
}

/// One measurement of ours alone.
pub(crate) struct Alone {
    pub(crate) op: &'static str,
    pub(crate) body_bytes: u32,
    pub(crate) setting: Setting,
    pub(crate) figures: Figures,
}

/// Full cycles in batches: so many times Redis with a sync before each answer is what we ask of ourselves.
const BAR: f64 = 2.0;

impl Row {
    /// For the terminal.
    pub(crate) fn line(&self) -> String {
        format!(
            "{} × {}: Sealane {:.0}, Redis always {:.0}, everysec {:.0} jobs/s",
            self.setting.connections,
            self.setting.batch,
            self.ours.jobs_per_s,
            self.always,
            self.every_second
        )
    }

    fn ratio(&self) -> f64 {
        self.ours.jobs_per_s / self.always.max(1.0)
    }

    fn is_the_bar(&self) -> bool {
        self.setting == Setting { connections: 8, batch: 100 }
    }
}

/// The whole page.
pub(crate) fn write(arguments: Arguments, redis: &str, rows: &[Row], alone: &[Alone]) -> String {
    let mut page = String::from(HEAD);
    if let Some(row) = rows.iter().find(|row| row.is_the_bar()).or(rows.first()) {
        around(&mut page, &row.ours.around);
    }
    // Why ignored throughout: writing into a String cannot fail.
    let _ = write!(
        page,
        "\n## Full cycle\n\n{CYCLE}\n\nRounds: {}, of {} s each, the three servers taking turns; the middle one counts. Jobs per second:\n\n",
        arguments.rounds,
        arguments.time.as_secs()
    );
    let _ = writeln!(
        page,
        "| connections × batch | Sealane | p50 / p99 of a batch, ms | CPU µs per job | Redis {redis}, `always` | Sealane ÷ `always` | Redis, `everysec` |"
    );
    page.push_str("|---|---:|---:|---:|---:|---:|---:|\n");
    for row in rows {
        let _ = writeln!(
            page,
            "| {} × {} | {:.0} | {} | {:.0} | {:.0} | {:.2} | {:.0} |",
            row.setting.connections,
            row.setting.batch,
            row.ours.jobs_per_s,
            millis(&row.ours),
            row.ours.cpu_us_per_job,
            row.always,
            row.ratio(),
            row.every_second
        );
    }
    if let Some(row) = rows.iter().find(|row| row.is_the_bar()) {
        let verdict = if row.ratio() >= BAR { "It is reached." } else { "It is **not reached**." };
        let _ = write!(
            page,
            "\nThe bar for now: 8 × 100 at {BAR:.1} times Redis `always` or more. Measured: {:.2} times. {verdict}\n",
            row.ratio()
        );
    }
    let _ = write!(
        page,
        "\n{BESIDE}\n\n## Sealane alone\n\n`enqueue`: sealed, sent and answered after the sync. `cycle`: as above. One round.\n\n"
    );
    page.push_str(
        "| what | bytes in a body | connections × batch | jobs/s | p50 / p99 of a batch, ms | CPU µs per job |\n",
    );
    page.push_str("|---|---:|---|---:|---:|---:|\n");
    for Alone { op, body_bytes, setting, figures } in alone {
        let _ = writeln!(
            page,
            "| {op} | {body_bytes} | {} × {} | {:.0} | {} | {:.0} |",
            setting.connections,
            setting.batch,
            figures.jobs_per_s,
            millis(figures),
            figures.cpu_us_per_job
        );
    }
    page.push_str(WHERE);
    page.push_str(TAIL);
    page
}

fn around(page: &mut String, around: &Around) {
    page.push_str("| | |\n|---|---|\n");
    for (name, value) in around.machine.iter().chain(&around.settings) {
        let _ = writeln!(page, "| {} | {value} |", name.replace('_', " "));
    }
    let _ = writeln!(
        page,
        "| 4 KiB written and fdatasync, nothing else | p50 {} µs, p99 {} µs |",
        around.fdatasync_p50_us, around.fdatasync_p99_us
    );
}

fn millis(figures: &Figures) -> String {
    let ms = |us: u64| us as f64 / 1_000.0;
    format!("{:.1} / {:.1}", ms(figures.p50_us), ms(figures.p99_us))
}

const HEAD: &str = "\
# Benchmarks

Written by a program; repeat it with

```sh
cargo xtask bench
```

It builds the release profile, starts a Sealane and two Redis servers of its own on loopback, each with an empty
directory on the same disk, and leaves nothing behind. Nothing else should run meanwhile: clients and servers share
the processors, as they did here.

";

const CYCLE: &str = "\
Every connection repeats: send a batch of jobs with 1 KiB bodies and wait for the answer, take as many jobs and wait,
mark them done and wait. With Sealane each body is sealed before and opened after, the connection is TLS 1.3, every
request is authenticated, authorised and audited, everything stored is encrypted, and each of the three answers comes
after an fdatasync. With Redis it is `LPUSH`, `LMOVE` and `LREM`, pipelined by the batch, plain text over TCP without a
password; `always` is `appendfsync always`, a sync before each answer as with us; `everysec` answers first and syncs
once a second, so a power cut takes up to a second of answered jobs with it.";

const BESIDE: &str = "\
Redis is given what helps it: no snapshots, no log rewrites, a working list for each connection. CPU per job is that of
our server and our clients together, sealing and opening included. On a shared machine like this one rates and CPU per
job move by a third from minute to minute; the ratio of two servers that took turns moves less, by about a tenth.";

/// From a profile taken by hand; take a new one when the figures above have moved much.
const WHERE: &str = "
## Where the time goes

Two processors run clients and server together, so the full cycle in batches is a matter of processor time, not of the
disk. A profile of 8 × 100, client and server together:

| share | what |
|---:|---|
| 24 % | ciphers and hashes: bodies, records, frames, receipts, TLS |
| 20 % | network, TLS records, HTTP, waking threads up |
| 14 % | memory: copying, allocating, freeing |
| 11 % | CBOR, written and read on both sides |
| 10 % | the kernel on its way to the disk |
| 8 % | the queue itself and its indexes |
| 13 % | everything else: checks, answers, the audit lines |

No single part stands out. What changed since the first figures: bodies travel as bytes, keys are prepared once, random
bytes come in blocks, bodies stored last are read from memory, zeros for new segments go past the cache, and the
program has an allocator that is quick across threads. Together they halved the cost of a full cycle.
";

const TAIL: &str = "
## Your own server

`sealane bench` measures any server that you have an administrator's context for, and says how that server is set up;
[bench.md](bench.md) is about it.
";

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn page(always: f64) -> String {
        let around = Around {
            machine: vec![("memory_mb".to_owned(), "7".to_owned())],
            settings: vec![("tls".to_owned(), "1.3".to_owned())],
            fdatasync_p50_us: 140,
            fdatasync_p99_us: 300,
        };
        let ours = Figures { jobs_per_s: 1_000.0, p50_us: 1_500, p99_us: 2_500, cpu_us_per_job: 9.0, around };
        let setting = Setting { connections: 8, batch: 100 };
        let rows = [Row { setting, ours: ours.clone(), always, every_second: 3.0 }];
        write(
            Arguments { time: Duration::from_secs(5), rounds: 3 },
            "7.0",
            &rows,
            &[Alone { op: "cycle", body_bytes: 100, setting, figures: ours }],
        )
    }

    #[test]
    fn the_page_says_plainly_whether_the_bar_is_reached() {
        assert!(page(500.0).contains("Measured: 2.00 times. It is reached."));
        assert!(page(501.0).contains("Measured: 2.00 times. It is **not reached**."));
        assert!(page(500.0).contains("| 8 × 100 | 1000 | 1.5 / 2.5 | 9 | 500 | 2.00 | 3 |"));
        assert!(page(500.0).contains("| memory mb | 7 |"));
        assert!(page(500.0).contains("| cycle | 100 | 8 × 100 | 1000 | 1.5 / 2.5 | 9 |"));
    }
}
