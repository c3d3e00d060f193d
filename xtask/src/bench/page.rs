//! Owns the figures in `docs/benchmarks.md`: which of them stand where.

use super::arguments::Arguments;
use super::chart::{self, Bar};
use super::load::PeerFigures;
use super::sealane::{Around, Figures};
use super::setting::{BAR, CYCLES, Setting};
use super::words::{BESIDE, CYCLE, HEAD, TAIL, WHERE};
use std::fmt::Write as _;

/// Beside the page: everybody at one setting.
pub(crate) const PEERS_PICTURE: &str = "benchmarks-peers.svg";
/// Beside the page: our latency over load.
pub(crate) const LOAD_PICTURE: &str = "benchmarks-load.svg";

/// Full cycles in batches: so many times Redis with a sync before each answer is what we ask of ourselves.
const BAR_RATIO: f64 = 2.0;
/// The one of the bar: the first, if it is there at all.
const JUDGED_BY: &str = "Redis lists";

/// A server beside ours, with the middle round of each of the settings in their order.
pub(crate) struct PeerRow {
    /// With its version.
    pub(crate) title: String,
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) durability: &'static str,
    pub(crate) figures: Vec<PeerFigures>,
}

/// One measurement of ours alone.
pub(crate) struct Alone {
    pub(crate) op: &'static str,
    pub(crate) body_bytes: u32,
    pub(crate) setting: Setting,
    pub(crate) figures: Figures,
}

/// Everything that was found out.
pub(crate) struct Page<'a> {
    pub(crate) arguments: &'a Arguments,
    /// For each of the settings.
    pub(crate) ours: &'a [Figures],
    pub(crate) theirs: &'a [PeerRow],
    pub(crate) alone: &'a [Alone],
}

impl Page<'_> {
    /// Bars for one setting.
    pub(crate) fn chart(&self, setting: Setting) -> String {
        let at = CYCLES.iter().position(|one| *one == setting).unwrap_or_default();
        let ours = self.ours.get(at).map(|figures| Bar {
            name: "Sealane".to_owned(),
            jobs_per_s: figures.jobs_per_s,
            marked: true,
        });
        let theirs = self.theirs.iter().filter_map(|row| {
            let name = row.label.to_owned();
            Some(Bar { name, jobs_per_s: row.figures.get(at)?.jobs_per_s, marked: false })
        });
        let bars: Vec<Bar> = ours.into_iter().chain(theirs).collect();
        chart::draw(&format!("Full cycle of 1 KiB jobs, connections × batch: {setting}"), &bars)
    }

    /// The whole page.
    pub(crate) fn text(&self) -> String {
        let mut page = String::from(HEAD);
        if let Some(figures) = self.ours.first() {
            around(&mut page, &figures.around);
        }
        // Why ignored throughout: writing into a String cannot fail.
        let _ = write!(
            page,
            "\n## Full cycle\n\n{CYCLE}\n\nRounds: {}, of {} s each, all servers taking turns; the middle one counts.\n\
             Columns are connections × batch. Jobs per second:\n\n",
            self.arguments.rounds,
            self.arguments.time.as_secs()
        );
        self.table(
            &mut page,
            |ours| format!("{:.0}", ours.jobs_per_s),
            |peer| format!("{:.0}", peer.jobs_per_s),
        );
        let _ = write!(
            page,
            "\n![Jobs per second, side by side]({PEERS_PICTURE})\n\np50 / p99 of a batch, ms:\n\n"
        );
        self.table(
            &mut page,
            |ours| millis(ours.p50_us, ours.p99_us),
            |peer| millis(peer.p50_us, peer.p99_us),
        );
        page.push_str("\nProcessor time per job, µs: of our server and its clients together, of the others' clients alone:\n\n");
        self.table(
            &mut page,
            |ours| format!("{:.0}", ours.cpu_us_per_job),
            |peer| format!("{:.0}", peer.client_cpu_us_per_job),
        );
        self.verdict(&mut page);
        let _ = write!(page, "\n{BESIDE}\n\n## Sealane alone\n\n");
        let _ = write!(
            page,
            "`enqueue`: sealed, sent and answered after the sync. `cycle`: as above. One round.\n\n{ALONE_HEAD}"
        );
        for Alone { op, body_bytes, setting, figures } in self.alone {
            let _ = writeln!(
                page,
                "| {op} | {body_bytes} | {setting} | {:.0} | {} | {:.0} |",
                figures.jobs_per_s,
                millis(figures.p50_us, figures.p99_us),
                figures.cpu_us_per_job
            );
        }
        let _ = write!(page, "\n![Latency over load]({LOAD_PICTURE})\n");
        page.push_str(WHERE);
        page.push_str(TAIL);
        page
    }

    /// One figure for everybody at every setting.
    fn table(
        &self,
        page: &mut String,
        ours: impl Fn(&Figures) -> String,
        theirs: impl Fn(&PeerFigures) -> String,
    ) {
        let settings = CYCLES.map(|setting| setting.to_string()).join(" | ");
        let _ = writeln!(page, "| server | when a change is on the disk | {settings} |");
        let _ = writeln!(page, "|---|---|{}", "---:|".repeat(CYCLES.len()));
        let cells: Vec<String> = self.ours.iter().map(ours).collect();
        let _ = writeln!(
            page,
            "| **Sealane** | a sync before each answer, leases included | {} |",
            cells.join(" | ")
        );
        for row in self.theirs {
            let cells: Vec<String> = row.figures.iter().map(&theirs).collect();
            let _ = writeln!(page, "| {} | {} | {} |", row.title, row.durability, cells.join(" | "));
        }
    }

    fn verdict(&self, page: &mut String) {
        let at = CYCLES.iter().position(|setting| *setting == BAR).unwrap_or_default();
        let judge = self.theirs.iter().find(|row| row.name == JUDGED_BY).and_then(|row| row.figures.get(at));
        let Some((ours, judge)) = self.ours.get(at).zip(judge) else { return };
        let ratio = ours.jobs_per_s / judge.jobs_per_s.max(1.0);
        let verdict = if ratio >= BAR_RATIO { "It is reached." } else { "It is **not reached**." };
        let _ = write!(
            page,
            "\nThe bar for now: {BAR} at {BAR_RATIO:.1} times {JUDGED_BY} with `always` or more. Measured: {ratio:.2} times. {verdict}\n"
        );
    }
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

fn millis(p50_us: u64, p99_us: u64) -> String {
    let ms = |us: u64| us as f64 / 1_000.0;
    format!("{:.1} / {:.1}", ms(p50_us), ms(p99_us))
}

const ALONE_HEAD: &str = "\
| what | bytes in a body | connections × batch | jobs/s | p50 / p99 of a batch, ms | CPU µs per job |
|---|---:|---|---:|---:|---:|
";

#[cfg(test)]
mod tests {
    use super::*;

    fn page(always: f64) -> (String, String) {
        let around = Around {
            machine: vec![("memory_mb".to_owned(), "7".to_owned())],
            settings: vec![("tls".to_owned(), "1.3".to_owned())],
            fdatasync_p50_us: 140,
            fdatasync_p99_us: 300,
        };
        let ours = Figures { jobs_per_s: 1_000.0, p50_us: 1_500, p99_us: 2_500, cpu_us_per_job: 9.0, around };
        let peer =
            PeerFigures { jobs_per_s: always, p50_us: 3_000, p99_us: 4_000, client_cpu_us_per_job: 2.0 };
        let row = PeerRow {
            title: "Redis lists 7.0".to_owned(),
            name: "Redis lists",
            label: "Redis lists, always",
            durability: "`appendfsync always`: a sync",
            figures: vec![peer; CYCLES.len()],
        };
        let arguments = Arguments::read(&[]).expect("defaults");
        let alone = [Alone { op: "cycle", body_bytes: 100, setting: BAR, figures: ours.clone() }];
        let ours = vec![ours; CYCLES.len()];
        let page = Page { arguments: &arguments, ours: &ours, theirs: &[row], alone: &alone };
        (page.text(), page.chart(BAR))
    }

    #[test]
    fn the_page_says_plainly_whether_the_bar_is_reached() {
        assert!(page(500.0).0.contains("Measured: 2.00 times. It is reached."));
        assert!(page(501.0).0.contains("Measured: 2.00 times. It is **not reached**."));
    }

    #[test]
    fn everybody_has_a_row_with_the_durability_and_a_cell_for_each_setting() {
        let (text, chart) = page(500.0);
        let cells = |one: &str| [one; 6].join(" | ");
        for row in [
            "| server | when a change is on the disk | 1 × 1 | 8 × 1 | 64 × 1 | 1 × 100 | 8 × 100 | 64 × 100 |".to_owned(),
            format!("| **Sealane** | a sync before each answer, leases included | {} |", cells("1000")),
            format!("| Redis lists 7.0 | `appendfsync always`: a sync | {} |", cells("500")),
            format!("| Redis lists 7.0 | `appendfsync always`: a sync | {} |", cells("3.0 / 4.0")),
            "| memory mb | 7 |".to_owned(),
            "| 4 KiB written and fdatasync, nothing else | p50 140 µs, p99 300 µs |".to_owned(),
            "| cycle | 100 | 8 × 100 | 1000 | 1.5 / 2.5 | 9 |".to_owned(),
        ] {
            assert!(text.contains(&row), "{row}\n{text}");
        }
        assert!(chart.contains(">Redis lists, always<") && chart.contains(">Sealane<"), "{chart}");
    }
}
