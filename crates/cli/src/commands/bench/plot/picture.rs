//! The SVG: two axes with their units, a line for the middle and one for the bad end of each series.
//! Its colours follow the reader's: dark on light or light on dark.

use std::fmt::Write as _;

use super::axis::{Linear, Logarithmic, count, time};
use super::series::{Point, SERIES_MAX, Series};
use crate::commands::bench::saved::Saved;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 830.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 400.0;
const LEGEND_LINE: f64 = 20.0;

/// Told apart by most eyes, and against white as against black.
const COLOURS: [&str; SERIES_MAX] = ["#3b82f6", "#d97706", "#10a37f", "#db2777", "#8b5cf6", "#78866b"];

const STYLE: &str = "\
.paper{fill:#ffffff}.ink{fill:#1f2328}.rule{stroke:#d0d7de}\
@media (prefers-color-scheme:dark){.paper{fill:#0d1117}.ink{fill:#e6edf3}.rule{stroke:#30363d}}\
text{font:13px sans-serif}.title{font-size:16px}.line{fill:none;stroke-width:2}.p50{stroke-dasharray:5 4}";

/// Draws it.
pub(super) fn draw(saved: &Saved, series: &[Series]) -> String {
    let points = || series.iter().flat_map(|series| &series.points);
    let x = Linear::up_to(points().map(|point| point.rate).fold(0.0, f64::max));
    let y = Logarithmic::around(points().flat_map(|point| [point.p50_us, point.p99_us]));
    let height = BOTTOM + 110.0 + LEGEND_LINE * series.len() as f64;
    // Why ignored throughout: writing into a String cannot fail.
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"title\">"
    );
    let _ = writeln!(svg, "<title id=\"title\">Latency over load</title>");
    let _ = writeln!(svg, "<style>{STYLE}</style>");
    let _ = writeln!(svg, "<rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>");
    text(&mut svg, LEFT, 30.0, "ink title", "start", "Latency over load");
    text(&mut svg, RIGHT, 30.0, "ink", "end", &around(saved));
    axes(&mut svg, x, y);
    for (series, colour) in series.iter().zip(COLOURS) {
        line(&mut svg, series, x, y, "p50", colour, |point| point.p50_us);
        line(&mut svg, series, x, y, "p99", colour, |point| point.p99_us);
    }
    legend(&mut svg, series);
    svg.push_str("</svg>\n");
    svg
}

fn around(saved: &Saved) -> String {
    let of = |name: &str| {
        saved.machine.get(name).map(|value| match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.to_string(),
        })
    };
    let cores = of("cores").unwrap_or_default();
    let cpu = of("cpu").unwrap_or_default();
    format!("{cores} × {cpu}, fdatasync p50 {}", time(saved.fdatasync_us.p50 as f64))
}

fn axes(svg: &mut String, x: Linear, y: Logarithmic) {
    for tick in y.ticks() {
        let at = down(y, tick);
        let _ = writeln!(
            svg,
            "<line class=\"rule\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>"
        );
        text(svg, LEFT - 8.0, at + 4.0, "ink", "end", &time(tick));
    }
    for tick in x.ticks() {
        let at = across(x, tick);
        let _ = writeln!(
            svg,
            "<line class=\"rule\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>"
        );
        text(svg, at, BOTTOM + 20.0, "ink", "middle", &count(tick));
    }
    text(
        svg,
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 44.0,
        "ink",
        "middle",
        "jobs per second that were to begin",
    );
    text(svg, LEFT, TOP - 8.0, "ink", "start", "time of a batch from when it was to begin (logarithmic)");
}

fn line(
    svg: &mut String,
    series: &Series,
    x: Linear,
    y: Logarithmic,
    class: &str,
    colour: &str,
    figure: impl Fn(&Point) -> u64,
) {
    let place = |point: &Point| (across(x, point.rate), down(y, figure(point) as f64));
    let path: Vec<String> =
        series.points.iter().map(place).map(|(across, down)| format!("{across:.1},{down:.1}")).collect();
    let _ =
        writeln!(svg, "<polyline class=\"line {class}\" stroke=\"{colour}\" points=\"{}\"/>", path.join(" "));
    for point in &series.points {
        let (across, down) = place(point);
        let inside = if point.kept_up { colour } else { "none" };
        let _ = writeln!(
            svg,
            "<circle cx=\"{across:.1}\" cy=\"{down:.1}\" r=\"4\" stroke=\"{colour}\" stroke-width=\"2\" fill=\"{inside}\"><title>{}</title></circle>",
            escaped(&format!("{class} {} at {} jobs/s", time(figure(point) as f64), count(point.rate)))
        );
    }
}

fn legend(svg: &mut String, series: &[Series]) {
    let mut at = BOTTOM + 74.0;
    for (series, colour) in series.iter().zip(COLOURS) {
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{at}\" y2=\"{at}\" stroke=\"{colour}\" stroke-width=\"3\"/>",
            LEFT + 28.0
        );
        text(svg, LEFT + 38.0, at + 4.0, "ink", "start", &series.work.to_string());
        at += LEGEND_LINE;
    }
    let note = "Dashed: p50. Solid: p99. A hollow point: not every job began.";
    text(svg, LEFT, at + 8.0, "ink", "start", note);
}

fn across(x: Linear, figure: f64) -> f64 {
    LEFT + x.place(figure) * (RIGHT - LEFT)
}

fn down(y: Logarithmic, figure: f64) -> f64 {
    BOTTOM - y.place(figure) * (BOTTOM - TOP)
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, anchor: &str, words: &str) {
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
        escaped(words)
    );
}

/// Words that are no markup, whatever stands in a file, and no characters that XML does not have.
fn escaped(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    for letter in words.chars() {
        match letter {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            '"' => text.push_str("&quot;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                text.push('\u{fffd}')
            }
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use roxmltree::{Document, Node};
    use serde_json::Value;

    use super::super::series::{self, tests::sweep};
    use super::*;

    fn texts(document: &Document<'_>) -> Vec<String> {
        let with_text = |node: &Node<'_, '_>| node.has_tag_name(("http://www.w3.org/2000/svg", "text"));
        document.descendants().filter(with_text).filter_map(|node| node.text().map(str::to_owned)).collect()
    }

    fn number(node: &Node<'_, '_>, name: &str) -> f64 {
        node.attribute(name).and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
    }

    #[test]
    fn the_picture_is_well_formed_and_says_what_it_shows_in_which_unit() {
        let saved = sweep(&[1, 64], &[100.0, 500.0, 950.0]);
        let svg = draw(&saved, &series::of(&saved).unwrap());
        let document = Document::parse(&svg).unwrap();
        let texts = texts(&document);
        for words in [
            "Latency over load",
            "jobs per second that were to begin",
            "100 µs",
            "1 ms",
            "1\u{202f}000",
            "cycle, 64 × 1, 100 bytes",
            "2 × A, fdatasync p50 1 µs",
        ] {
            assert!(texts.iter().any(|text| text == words), "{words}: {texts:?}");
        }
        let lines = document.descendants().filter(|node| node.tag_name().name() == "polyline").count();
        assert_eq!(lines, 4);
        assert!(svg.contains("prefers-color-scheme:dark"));
    }

    #[test]
    fn every_point_is_inside_the_axes_and_hollow_where_jobs_did_not_begin() {
        let saved = sweep(&[1], &[100.0, 950.0]);
        let svg = draw(&saved, &series::of(&saved).unwrap());
        let document = Document::parse(&svg).unwrap();
        let points: Vec<_> =
            document.descendants().filter(|node| node.tag_name().name() == "circle").collect();
        assert_eq!(points.len(), 4);
        for point in &points {
            assert!(
                (LEFT..=RIGHT).contains(&number(point, "cx"))
                    && (TOP..=BOTTOM).contains(&number(point, "cy"))
            );
        }
        let hollow = points.iter().filter(|point| point.attribute("fill") == Some("none")).count();
        assert_eq!(hollow, 2);
        // A longer time stands higher.
        assert!(number(&points[2], "cy") < number(&points[0], "cy"));
    }

    // attack 26
    #[test]
    fn what_stands_in_a_file_is_text_in_the_picture_and_never_markup() {
        let mut saved = sweep(&[1], &[1.0]);
        let hostile = "</text><script>\u{1b}&\"\u{ffff}";
        saved.machine.insert("cpu".to_owned(), Value::from(hostile));
        let svg = draw(&saved, &series::of(&saved).unwrap());
        let document = Document::parse(&svg).unwrap();
        assert!(!document.descendants().any(|node| node.tag_name().name() == "script"));
        assert!(texts(&document).iter().any(|text| text.contains("</text><script>\u{fffd}&\"\u{fffd}")));
    }
}
