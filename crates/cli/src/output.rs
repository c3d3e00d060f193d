//! Results on standard output: columns for people, JSON for programs.

use std::io::{IsTerminal as _, Write as _};

use serde::Serialize;

use crate::failure::Failure;
use crate::options::{Form, Global};

/// Where results go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// As asked for; JSON where nobody asked and no terminal is there to read columns.
    pub(crate) fn new(global: &Global) -> Self {
        let json = match global.output {
            Some(form) => form == Form::Json,
            None => !std::io::stdout().is_terminal(),
        };
        Self { json }
    }

    /// Prints one thing: its JSON, or its rows of name and value.
    pub(crate) fn one(self, value: &impl Serialize, rows: &[(&str, String)]) -> Result<(), Failure> {
        if self.json {
            return print_json(value);
        }
        let rows: Vec<Vec<String>> =
            rows.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]).collect();
        print(&columns(&rows))
    }

    /// Prints one thing of a row that goes on: its JSON or its line.
    pub(crate) fn line(self, value: &impl Serialize, line: &str) -> Result<(), Failure> {
        if self.json { print_json(value) } else { print(&format!("{}\n", printable(line))) }
    }

    /// Prints many things: the JSON of all, or one line for each below a line of names.
    pub(crate) fn many(
        self,
        value: &impl Serialize,
        names: &[&str],
        rows: Vec<Vec<String>>,
    ) -> Result<(), Failure> {
        if self.json {
            return print_json(value);
        }
        let mut lines = vec![names.iter().map(|name| name.to_uppercase()).collect()];
        lines.extend(rows);
        print(&columns(&lines))
    }

    /// Prints some of many things that follow each other: the JSON of each on a line of its own, or one line
    /// for each, below a line of names where there are names.
    pub(crate) fn each(
        self,
        values: &[impl Serialize],
        names: Option<&[&str]>,
        rows: Vec<Vec<String>>,
    ) -> Result<(), Failure> {
        if self.json {
            return values.iter().try_for_each(print_json);
        }
        let names = names.map(|names| names.iter().map(|name| name.to_uppercase()).collect());
        print(&columns(&names.into_iter().chain(rows).collect::<Vec<_>>()))
    }

    /// Prints a report: the JSON of all, or its facts and below them its rows.
    pub(crate) fn report(
        self,
        value: &impl Serialize,
        facts: &[(&str, String)],
        names: &[&str],
        rows: Vec<Vec<String>>,
    ) -> Result<(), Failure> {
        if !self.json {
            self.one(value, facts)?;
            print("\n")?;
        }
        self.many(value, names, rows)
    }
}

fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text =
        serde_json::to_string(value).expect("results are texts, numbers and lists, which JSON can hold");
    text.push('\n');
    print(&text)
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::stream("standard output", &error))
}

/// Rows as lines, their cells one below the other.
fn columns(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The text without anything that a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_below_each_other() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let text = columns(&[row(["NAME", "N", ""]), row(["größer", "10", "x"]), row(["a", "2", ""])]);
        assert_eq!(text, "NAME    N\ngrößer  10  x\na       2\n");
    }

    // attack 26
    #[test]
    fn a_terminal_is_not_spoken_to_by_what_is_shown() {
        assert_eq!(
            columns(&[vec!["a\u{1b}[2Jb\n\r\u{9b}c".to_owned()]]),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}\u{fffd}c\n"
        );
    }
}
