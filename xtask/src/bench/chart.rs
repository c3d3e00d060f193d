//! Owns the picture of all servers side by side: bars for one setting, longest for most jobs.

use std::fmt::Write as _;

/// One server.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) jobs_per_s: f64,
    /// Ours.
    pub(crate) marked: bool,
}

const WIDTH: f64 = 860.0;
const LEFT: f64 = 330.0;
const RIGHT: f64 = 770.0;
const TOP: f64 = 70.0;
const LINE: f64 = 28.0;

/// Colours follow the reader's: dark on light or light on dark.
const STYLE: &str = "\
.paper{fill:#ffffff}.ink{fill:#1f2328}.bar{fill:#8c959f}.ours{fill:#3b82f6}\
@media (prefers-color-scheme:dark){.paper{fill:#0d1117}.ink{fill:#e6edf3}.bar{fill:#6e7681}}\
text{font:13px sans-serif}.title{font-size:16px}";

/// Draws them, as they come.
pub(crate) fn draw(title: &str, bars: &[Bar]) -> String {
    let height = TOP + LINE * bars.len() as f64 + 20.0;
    let most = bars.iter().map(|bar| bar.jobs_per_s).fold(1.0, f64::max);
    let mut svg = String::new();
    // Why ignored throughout: writing into a String cannot fail.
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"title\">"
    );
    let title = escaped(title);
    let _ = writeln!(svg, "<title id=\"title\">{title}</title>\n<style>{STYLE}</style>");
    let _ = writeln!(svg, "<rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>");
    let _ = writeln!(svg, "<text class=\"ink title\" x=\"20\" y=\"30\">{title}</text>");
    let _ = writeln!(svg, "<text class=\"ink\" x=\"{LEFT}\" y=\"56\">jobs per second</text>");
    for (place, bar) in bars.iter().enumerate() {
        let top = TOP + LINE * place as f64;
        let width = (bar.jobs_per_s / most * (RIGHT - LEFT)).max(1.0);
        let class = if bar.marked { "ours" } else { "bar" };
        let text = top + 15.0;
        let _ = writeln!(
            svg,
            "<text class=\"ink\" x=\"{:.1}\" y=\"{text:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 10.0,
            escaped(&bar.name)
        );
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"20\"/>"
        );
        let _ = writeln!(
            svg,
            "<text class=\"ink\" x=\"{:.1}\" y=\"{text:.1}\">{:.0}</text>",
            LEFT + width + 8.0,
            bar.jobs_per_s
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_is_the_most_and_names_are_no_markup() {
        let bar = |name: &str, jobs_per_s, marked| Bar { name: name.to_owned(), jobs_per_s, marked };
        let svg = draw("8 × 100", &[bar("us", 500.0, true), bar("<them>", 1_000.0, false)]);
        let bars: Vec<&str> = svg.lines().filter(|line| line.contains("height=\"20\"")).collect();
        assert!(bars[0].contains("class=\"ours\"") && bars[0].contains("width=\"220.0\""), "{bars:?}");
        assert!(bars[1].contains("class=\"bar\"") && bars[1].contains("width=\"440.0\""), "{bars:?}");
        assert!(svg.contains("&lt;them&gt;") && !svg.contains("<them>"));
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        assert!(svg.contains("jobs per second") && svg.contains("prefers-color-scheme:dark"));
    }
}
