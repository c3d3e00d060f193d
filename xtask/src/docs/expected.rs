//! Owns the comparison of what a page promises with what was printed.

/// A line of this alone stands for any number of lines, none included.
const ANY_LINES: &str = "…";

/// Whether the output is the expected one. Spaces at the end of a line and empty lines at the end
/// of the text do not count.
pub(crate) fn matches(expected: &str, actual: &str) -> bool {
    lines_match(&lines(expected), &lines(actual))
}

fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines
}

fn lines_match(expected: &[&str], actual: &[&str]) -> bool {
    let Some((first, rest)) = expected.split_first() else { return actual.is_empty() };
    if first.trim() == ANY_LINES {
        return (0..=actual.len()).any(|skipped| lines_match(rest, &actual[skipped..]));
    }
    actual.split_first().is_some_and(|(line, others)| line_matches(first, line) && lines_match(rest, others))
}

fn line_matches(expected: &str, actual: &str) -> bool {
    let expected = expected.replace("[..]", "…");
    let Some((start, after)) = expected.split_once('…') else { return expected == actual };
    let Some(mut left) = actual.strip_prefix(start) else { return false };
    let mut pieces: Vec<&str> = after.split('…').collect();
    let end = pieces.pop().expect("splitting a string gives at least one piece");
    for piece in pieces {
        let Some(at) = left.find(piece) else { return false };
        left = &left[at + piece.len()..];
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_must_be_equal() {
        assert!(matches("a\nb\n", "a\nb"));
        assert!(matches("a\n", "a  \n\n"));
        assert!(!matches("a\n", "a\nb\n"));
        assert!(!matches("a\nb\n", "a\n"));
        assert!(!matches("a", "ab"));
        assert!(!matches("", "a"));
    }

    #[test]
    fn a_gap_within_a_line_needs_its_surroundings() {
        assert!(matches(r#"{"id":"…","queue":"mail"}"#, r#"{"id":"0199","queue":"mail"}"#));
        assert!(matches("took [..] ms, [..] jobs", "took 3 ms, 4 jobs"));
        assert!(!matches(r#"{"id":"…","queue":"mail"}"#, r#"{"id":"0199","queue":"post"}"#));
        assert!(!matches("a…b…c", "acb"));
        assert!(!matches("ab…ba", "aba"));
        assert!(!matches("x…", "y"));
    }

    #[test]
    fn a_gap_of_lines_may_be_empty() {
        assert!(matches("a\n…\nz\n", "a\nz\n"));
        assert!(matches("a\n…\nz\n", "a\nb\nz\nc\nz\n"));
        assert!(matches("…\n", ""));
        assert!(!matches("a\n…\nz\n", "a\nb\n"));
        assert!(!matches("…\nz\n", "z\na\n"));
    }
}
