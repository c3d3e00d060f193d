//! Owns the reading of fences. A marker that is almost right is an error, not a fence that
//! silently stops being run.

use crate::failure::Failure;

/// A fenced block as far as running it goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fence {
    /// Started and left running until the end of the page.
    Background { line: usize, code: String, until: String },
    /// What the fence before printed.
    Output { line: usize, text: String },
    /// Run to its end.
    Run { line: usize, code: String },
    /// A shell fence for reading only.
    Shown,
    /// Anything else.
    Other,
}

impl Fence {
    /// Whether it executes something.
    pub(crate) fn is_run(&self) -> bool {
        matches!(self, Self::Background { .. } | Self::Run { .. })
    }
}

/// All fences of a page, in order.
pub(crate) fn read(page: &str, text: &str) -> Result<Vec<Fence>, Failure> {
    let mut fences: Vec<Fence> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(opening) = Opening::read(line) else { continue };
        let mut body = String::new();
        loop {
            let Some((_, line)) = lines.next() else {
                return Err(at(page, index + 1, "this fence is never closed"));
            };
            if opening.is_closed_by(line) {
                break;
            }
            body.push_str(opening.without_indent(line));
            body.push('\n');
        }
        let fence = classify(&opening, index + 1, body).map_err(|why| at(page, index + 1, &why))?;
        if matches!(fence, Fence::Output { .. }) && !fences.last().is_some_and(Fence::is_run) {
            return Err(at(page, index + 1, "expected output must follow a fence that runs"));
        }
        fences.push(fence);
    }
    Ok(fences)
}

fn classify(opening: &Opening<'_>, line: usize, body: String) -> Result<Fence, String> {
    let words: Vec<&str> = opening.info.split_whitespace().collect();
    match words.as_slice() {
        ["sh", "run"] => Ok(Fence::Run { line, code: body }),
        ["sh", "run", "background", until] => match until.strip_prefix("until=") {
            Some(word) if !word.is_empty() => {
                Ok(Fence::Background { line, code: body, until: word.to_owned() })
            }
            _ => Err("a background fence says what to wait for: `sh run background until=ready`".to_owned()),
        },
        ["sh"] => Ok(Fence::Shown),
        ["text", "output"] => Ok(Fence::Output { line, text: body }),
        ["sh" | "bash" | "shell" | "console", ..] => Err(format!(
            "`{}` is no shell fence this runner knows, write `sh`, `sh run` or `sh run background until=WORD`",
            opening.info
        )),
        ["text", _, ..] => Err(format!(
            "`{}` is no text fence this runner knows, write `text` or `text output`",
            opening.info
        )),
        _ => Ok(Fence::Other),
    }
}

fn at(page: &str, line: usize, why: &str) -> Failure {
    Failure::new(format!("{page}:{line}: {why}"))
}

/// The line that opens a fence: indent, a run of one character, and the info string.
struct Opening<'a> {
    indent: usize,
    mark: char,
    length: usize,
    info: &'a str,
}

impl<'a> Opening<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let trimmed = line.trim_start_matches(' ');
        let mark = trimmed.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let length = trimmed.chars().take_while(|c| *c == mark).count();
        let info = trimmed[length..].trim();
        // Backticks in the info string mean inline code that happens to begin the line.
        (length >= 3 && !info.contains('`')).then_some(Self {
            indent: line.len() - trimmed.len(),
            mark,
            length,
            info,
        })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let line = line.trim();
        line.chars().count() >= self.length && line.chars().all(|c| c == self.mark)
    }

    fn without_indent<'b>(&self, line: &'b str) -> &'b str {
        let spaces = line.bytes().take(self.indent).take_while(|byte| *byte == b' ').count();
        &line[spaces..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_keep_their_line_and_lose_their_indent() {
        let text = "a\n```sh run\necho 1\n```\n```text output\n1\n```\n- b\n   ```sh run background until=ready\n   serve\n     more\n   ```\n```rust\n```\n```sh\n```\n";
        assert_eq!(
            read("p", text).expect("the page is fine"),
            [
                Fence::Run { line: 2, code: "echo 1\n".to_owned() },
                Fence::Output { line: 5, text: "1\n".to_owned() },
                Fence::Background { line: 9, code: "serve\n  more\n".to_owned(), until: "ready".to_owned() },
                Fence::Other,
                Fence::Shown,
            ]
        );
    }

    #[test]
    fn a_longer_fence_may_contain_a_shorter_one() {
        let fences = read("p", "````text\n```sh run\nfalse\n```\n````\n").expect("the page is fine");
        assert_eq!(fences, [Fence::Other]);
    }

    #[test]
    fn markers_that_are_almost_right_are_refused_with_their_place() {
        for (text, reason) in [
            ("```sh runn\n```\n", "no shell fence"),
            ("```bash run\n```\n", "no shell fence"),
            ("```console\n```\n", "no shell fence"),
            ("```sh run background\n```\n", "no shell fence"),
            ("```sh run background until=\n```\n", "what to wait for"),
            ("```text ouput\n```\n", "no text fence"),
            ("```text output\n```\n", "must follow"),
            ("```sh run\n```\n```rust\n```\n```text output\n```\n", "must follow"),
            ("```sh run\n", "never closed"),
        ] {
            let refused = read("page.md", text).expect_err(text).to_string();
            assert!(refused.starts_with("page.md:") && refused.contains(reason), "{text}: {refused}");
        }
    }
}
