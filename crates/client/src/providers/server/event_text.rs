//! The text of server-sent events, taken apart as the HTML standard says (section 9.2.6), within a bound.
//!
//! ```text
//! event: reset        name
//! id: 07-3            the place; goes with the block that it stands in
//! data: {"id":…}      several lines are joined with line feeds
//!                     an empty line ends the block
//! ```
//! Comments and fields that nobody knows are passed over, `retry` included: how often a broken connection is
//! begun anew is for the client's own rules.

use std::collections::VecDeque;

use sealane_core::limits;

/// One block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    /// Empty where it has none.
    pub(super) name: String,
    pub(super) id: Option<String>,
    pub(super) data: Option<String>,
}

/// What has come so far of a block.
#[derive(Debug, Default)]
pub(super) struct EventText {
    line: Vec<u8>,
    block: Block,
    /// The last line ended with a carriage return: a line feed right behind it ends none.
    after_return: bool,
    /// The very first line is over.
    begun: bool,
}

impl EventText {
    /// Takes a piece, and hands on the blocks that end in it. Those that say nothing are left out.
    pub(super) fn take(&mut self, piece: &[u8], blocks: &mut VecDeque<Block>) -> Result<(), &'static str> {
        for byte in piece {
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    self.line_ended(blocks);
                }
                _ => {
                    self.after_return = false;
                    self.line.push(*byte);
                }
            }
            let data = self.block.data.as_ref().map_or(0, String::len);
            if self.line.len() + data > limits::EVENT_BYTES_MAX {
                return Err("an event is too long");
            }
        }
        Ok(())
    }

    fn line_ended(&mut self, blocks: &mut VecDeque<Block>) {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        let line = match std::mem::replace(&mut self.begun, true) {
            false => line.strip_prefix('\u{feff}').unwrap_or(&line),
            true => &line,
        };
        if line.is_empty() {
            let block = std::mem::take(&mut self.block);
            if block.data.is_some() || block.id.is_some() {
                blocks.push_back(block);
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.block.name = value.to_owned(),
            "id" if !value.contains('\0') => self.block.id = Some(value.to_owned()),
            "data" => match &mut self.block.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                none => *none = Some(value.to_owned()),
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<Block> {
        let (mut text, mut blocks) = (EventText::default(), VecDeque::new());
        pieces.iter().for_each(|piece| text.take(piece, &mut blocks).unwrap());
        blocks.into()
    }

    fn block(name: &str, id: Option<&str>, data: Option<&str>) -> Block {
        Block { name: name.to_owned(), id: id.map(str::to_owned), data: data.map(str::to_owned) }
    }

    #[test]
    fn blocks_are_read_as_the_standard_says() {
        let cases: [(&str, Vec<Block>); 9] = [
            ("data: a\n\n", vec![block("", None, Some("a"))]),
            ("data:a\ndata\ndata:  b\n\n", vec![block("", None, Some("a\n\n b"))]),
            ("event: reset\nid: 7\ndata: x\n\n", vec![block("reset", Some("7"), Some("x"))]),
            (": comment\nid: 8\n\n", vec![block("", Some("8"), None)]),
            (":\n\nretry: 10\n\n", vec![]),
            ("event: a\n\ndata: b\n\n", vec![block("", None, Some("b"))]),
            ("\u{feff}data: a\n\n", vec![block("", None, Some("a"))]),
            ("id: a\0b\ndata: a:b\nother: c\n\n", vec![block("", None, Some("a:b"))]),
            ("data: never ended\n", vec![]),
        ];
        for (text, expected) in cases {
            for ends in ["\n", "\r\n", "\r"] {
                let text = text.replace('\n', ends);
                assert_eq!(read(&[text.as_bytes()]), expected, "{text:?}");
                // And a byte at a time.
                let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
                assert_eq!(read(&bytes), expected, "{text:?} in bytes");
            }
        }
    }

    #[test]
    fn an_event_has_so_many_bytes_and_no_more() {
        let most = limits::EVENT_BYTES_MAX;
        let take = |lines: &[usize]| {
            let text: String = lines.iter().map(|bytes| format!("{}\n", "d".repeat(*bytes))).collect();
            EventText::default().take(text.as_bytes(), &mut VecDeque::new())
        };
        assert_eq!((take(&[most, most]), take(&[most + 1]).is_err()), (Ok(()), true));
        let data = format!("data: {}\n", "d".repeat(most / 2));
        let mut text = EventText::default();
        assert_eq!(text.take(data.as_bytes(), &mut VecDeque::new()), Ok(()));
        assert!(text.take(data.as_bytes(), &mut VecDeque::new()).is_err(), "lines of data count together");
    }
}
