//! The runs of a bench that can be drawn: those with a rate, put together where they did the same
//! work.

use crate::commands::bench::saved::{Saved, SavedRun, Work};
use crate::failure::{DATA, Failure};

/// As many as can be told apart by their colour.
pub(super) const SERIES_MAX: usize = 6;

/// The same work at several rates, lowest first.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) work: Work,
    pub(super) points: Vec<Point>,
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Jobs a second that were to begin.
    pub(super) rate: f64,
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    /// Whether every job began.
    pub(super) kept_up: bool,
}

/// Finds them.
pub(super) fn of(saved: &Saved) -> Result<Vec<Series>, Failure> {
    let mut series: Vec<Series> = Vec::new();
    for run in &saved.runs {
        let Some(point) = point(run) else { continue };
        match series.iter_mut().find(|series| series.work == run.work) {
            Some(series) => series.points.push(point),
            None => series.push(Series { work: run.work, points: vec![point] }),
        }
    }
    if series.is_empty() || series.len() > SERIES_MAX {
        let detail = format!(
            "it has runs with a rate for {} kinds of work and 1 to {SERIES_MAX} can be drawn: make one with `sealane bench --rate 10%,25%,50%,75%,90% -o json` and few values of --op, --producers, --batch and --size",
            series.len()
        );
        return Err(Failure::new(DATA, "nothing_to_draw", "this cannot be drawn", detail));
    }
    for series in &mut series {
        series.points.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    }
    Ok(series)
}

fn point(run: &SavedRun) -> Option<Point> {
    let rate = run.rate?;
    // Why at least one: the scale is logarithmic.
    Some(Point { rate, p50_us: run.p50_us.max(1), p99_us: run.p99_us.max(1), kept_up: run.missed == 0 })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::commands::bench::saved::tests::{run, saved};

    /// A report of these producers, each with these rates.
    pub(in super::super) fn sweep(producers: &[u32], rates: &[f64]) -> Saved {
        let mut runs = vec![run(r#""jobs_per_s":1000.0"#)];
        for count in producers {
            for rate in rates {
                let missed = u32::from(*rate > 900.0);
                let one = run(&format!(r#""jobs_per_s":1.0,"rate":{rate:?},"missed":{missed}"#));
                runs.push(one.replace(r#""producers":8"#, &format!(r#""producers":{count}"#)));
            }
        }
        saved(&runs.join(","))
    }

    #[test]
    fn runs_with_a_rate_are_in_the_series_of_their_work_in_order() {
        let series = of(&sweep(&[1, 64], &[500.0, 100.0, 950.0])).unwrap();
        assert_eq!(series.len(), 2);
        let rates: Vec<_> = series[1].points.iter().map(|point| (point.rate, point.kept_up)).collect();
        assert_eq!(rates, [(100.0, true), (500.0, true), (950.0, false)]);
    }

    #[test]
    fn without_rates_or_with_too_many_kinds_of_work_there_is_nothing_to_draw() {
        assert_eq!(of(&sweep(&[], &[])).unwrap_err().code(), "nothing_to_draw");
        assert!(of(&sweep(&[1, 2, 3, 4, 5, 6], &[1.0])).is_ok());
        assert_eq!(of(&sweep(&[1, 2, 3, 4, 5, 6, 7], &[1.0])).unwrap_err().code(), "nothing_to_draw");
    }
}
