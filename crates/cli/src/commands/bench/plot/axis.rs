//! Where a figure stands on an axis, and which figures are written beside it.

/// Fewer lines are read more easily.
const TICKS_MAX: f64 = 6.0;

/// From nothing to this, evenly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Linear {
    most: f64,
    step: f64,
}

/// From one power of ten to another, each as wide as the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logarithmic {
    low: i32,
    high: i32,
}

impl Linear {
    /// An axis with room for this figure, ending at a tick.
    pub(super) fn up_to(figure: f64) -> Self {
        let rough = figure.max(1.0) / TICKS_MAX;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * power).max(1.0);
        Self { most: (figure / step).ceil().max(1.0) * step, step }
    }

    /// 0 at the beginning, 1 at the end.
    pub(super) fn place(&self, figure: f64) -> f64 {
        figure / self.most
    }

    pub(super) fn ticks(&self) -> Vec<f64> {
        let mut ticks = vec![0.0];
        while let Some(next) =
            ticks.last().map(|last| last + self.step).filter(|next| *next <= self.most * 1.001)
        {
            ticks.push(next);
        }
        ticks
    }
}

impl Logarithmic {
    /// An axis of whole powers of ten around these figures, none of them 0.
    pub(super) fn around(figures: impl Iterator<Item = u64> + Clone) -> Self {
        let power = |figure: Option<u64>| figure.unwrap_or(1).max(1).ilog10();
        let low = i32::try_from(power(figures.clone().min())).unwrap_or(0);
        let high = i32::try_from(power(figures.max())).unwrap_or(0) + 1;
        Self { low, high }
    }

    /// 0 at the beginning, 1 at the end.
    pub(super) fn place(&self, figure: f64) -> f64 {
        (figure.log10() - f64::from(self.low)) / f64::from(self.high - self.low)
    }

    /// The powers, with 2 and 5 times each between where there is room.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let between: &[f64] = if self.high - self.low > 3 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let most = 10_f64.powi(self.high);
        let powers = self.low..=self.high;
        let all = powers.flat_map(|power| between.iter().map(move |times| times * 10_f64.powi(power)));
        all.filter(|tick| *tick <= most * 1.001).collect()
    }
}

/// Microseconds in the unit that a person would say.
pub(super) fn time(us: f64) -> String {
    let (figure, unit) = match us {
        us if us < 1e3 => (us, "µs"),
        us if us < 1e6 => (us / 1e3, "ms"),
        us => (us / 1e6, "s"),
    };
    format!("{figure:.0} {unit}")
}

/// A count with its thousands apart.
pub(super) fn count(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_axis_has_few_round_ticks_and_room_for_its_figure() {
        for figure in [0.0, 1.0, 3.0, 7.0, 99.0, 1_234.0, 60_001.0, 1e6, 12_345_678.0] {
            let axis = Linear::up_to(figure);
            let ticks = axis.ticks();
            assert!((0.0..=1.0).contains(&axis.place(figure)), "{figure}");
            assert!((2..=8).contains(&ticks.len()), "{figure}: {ticks:?}");
            assert!((axis.place(ticks[ticks.len() - 1]) - 1.0).abs() < 0.01, "{figure}: {ticks:?}");
        }
        assert_eq!(Linear::up_to(1_234.0).ticks(), [0.0, 500.0, 1_000.0, 1_500.0]);
    }

    #[test]
    fn a_logarithmic_axis_has_whole_powers_around_its_figures() {
        let axis = Logarithmic::around([150, 4_000].into_iter());
        assert_eq!(axis.ticks(), [100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0]);
        assert_eq!((axis.place(100.0), axis.place(10_000.0)), (0.0, 1.0));
        let wide = Logarithmic::around([1, u64::MAX].into_iter());
        assert!(wide.ticks().len() <= 22 && wide.place(1.0) == 0.0);
    }

    #[test]
    fn figures_are_written_as_one_says_them() {
        assert_eq!(
            [time(500.0), time(1_000.0), time(20_000.0), time(5e6)],
            ["500 µs", "1 ms", "20 ms", "5 s"]
        );
        assert_eq!(count(1_234_567.0), "1\u{202f}234\u{202f}567");
        assert_eq!(count(0.0), "0");
    }
}
