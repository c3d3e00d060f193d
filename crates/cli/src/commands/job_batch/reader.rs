//! A file, line by line and request by request; never more of it in memory than two requests hold.

use std::io::{BufRead, Read as _};

use sealane_core::limits;

/// One line that says something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its number in the file, first = 1.
    pub(super) number: u64,
    /// What it says; `None` where it is longer than any request.
    pub(super) text: Option<Vec<u8>>,
}

impl Line {
    fn len(&self) -> usize {
        self.text.as_ref().map_or(0, Vec::len)
    }
}

/// The lines of a file, as many at a time as go into one request.
pub(super) struct Lines<R> {
    source: R,
    number: u64,
    /// The line that was one too many.
    left: Option<Line>,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn new(source: R) -> Self {
        Self { source, number: 0, left: None }
    }

    /// The next lines, as many as one request may have; none at the end.
    pub(super) fn next_request(&mut self) -> std::io::Result<Vec<Line>> {
        let mut lines = Vec::new();
        let mut bytes = 0;
        while let Some(line) = self.next_line()? {
            bytes += line.len();
            if lines.len() == limits::BATCH_ITEMS_MAX
                || (bytes > limits::REQUEST_BYTES_MAX && !lines.is_empty())
            {
                self.left = Some(line);
                break;
            }
            lines.push(line);
        }
        Ok(lines)
    }

    /// The next line that is not blank.
    fn next_line(&mut self) -> std::io::Result<Option<Line>> {
        if let Some(line) = self.left.take() {
            return Ok(Some(line));
        }
        let most = u64::try_from(limits::REQUEST_BYTES_MAX).unwrap_or(u64::MAX);
        loop {
            let mut text = Vec::new();
            let read = self.source.by_ref().take(most.saturating_add(1)).read_until(b'\n', &mut text)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if text.last() != Some(&b'\n') && text.len() > limits::REQUEST_BYTES_MAX {
                self.source.skip_until(b'\n')?;
                return Ok(Some(Line { number: self.number, text: None }));
            }
            if !text.trim_ascii().is_empty() {
                return Ok(Some(Line { number: self.number, text: Some(text) }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(text: &[u8]) -> Vec<Vec<Line>> {
        let mut lines = Lines::new(text);
        std::iter::from_fn(|| {
            let request = lines.next_request().unwrap();
            (!request.is_empty()).then_some(request)
        })
        .collect()
    }

    fn numbers(requests: &[Vec<Line>]) -> Vec<Vec<u64>> {
        requests.iter().map(|lines| lines.iter().map(|line| line.number).collect()).collect()
    }

    #[test]
    fn blank_lines_say_nothing_and_count() {
        assert_eq!(numbers(&requests(b"a\n\n \r\nb")), [[1, 4]]);
        assert!(requests(b"").is_empty());
        assert!(requests(b"\n\n").is_empty());
    }

    #[test]
    fn a_request_has_so_many_lines_and_the_next_one_the_rest() {
        let requests = requests(&b"x\n".repeat(limits::BATCH_ITEMS_MAX + 1));
        assert_eq!(requests.iter().map(Vec::len).collect::<Vec<_>>(), [limits::BATCH_ITEMS_MAX, 1]);
        assert_eq!(requests[1][0].number, 1_001);
    }

    #[test]
    fn a_request_has_so_many_bytes_and_a_line_beyond_them_is_told_not_kept() {
        let half = limits::REQUEST_BYTES_MAX / 2;
        let line = |bytes: usize| [vec![b'x'; bytes - 1], vec![b'\n']].concat();
        assert_eq!(numbers(&requests(&[line(half), line(half), line(2)].concat())), [vec![1, 2], vec![3]]);
        let just = [line(limits::REQUEST_BYTES_MAX), line(2)].concat();
        assert_eq!(numbers(&requests(&just)), [[1], [2]]);
        let long = [line(limits::REQUEST_BYTES_MAX + 2), line(2)].concat();
        let read = requests(&long);
        assert_eq!(numbers(&read), [[1, 2]]);
        assert!(read[0][0].text.is_none() && read[0][1].text.is_some());
    }
}
