//! Owns the drawn side: the fenced block in ARCHITECTURE.md that opens with three backticks and
//! the word `arrows`, one crate a line, `server: core, crypto, api`; `core: none` for no arrows.

use crate::failure::Failure;
use std::collections::{BTreeMap, BTreeSet};

/// Crate by crate, what it may depend on.
pub(crate) type Picture = BTreeMap<String, BTreeSet<String>>;

/// Reads the picture out of the document.
pub(crate) fn read(document: &str) -> Result<Picture, Failure> {
    let mut lines = document.lines().enumerate();
    let mut picture = None;
    while let Some((_, line)) = lines.next() {
        if line.trim_end() != "```arrows" {
            continue;
        }
        if picture.is_some() {
            return Err(Failure::new("ARCHITECTURE.md has two arrows blocks, keep one"));
        }
        let mut block = Picture::new();
        loop {
            let Some((number, line)) = lines.next() else {
                return Err(Failure::new("the arrows block of ARCHITECTURE.md is never closed"));
            };
            if line.trim_end() == "```" {
                break;
            }
            read_line(line, number + 1, &mut block)?;
        }
        picture = Some(block);
    }
    picture.ok_or_else(|| Failure::new("ARCHITECTURE.md has no arrows block, open one with ```arrows"))
}

fn read_line(line: &str, number: usize, picture: &mut Picture) -> Result<(), Failure> {
    let bad = |why: &str| Err(Failure::new(format!("ARCHITECTURE.md line {number}: {why}: `{line}`")));
    let Some((source, targets)) = line.split_once(':') else {
        return bad("an arrows line reads `crate: crate, crate`");
    };
    let (source, targets) = (source.trim(), targets.trim());
    let mut drawn = BTreeSet::new();
    if targets != "none" {
        for target in targets.split(',').map(str::trim) {
            if target.is_empty() {
                return bad("a name is missing, write `none` for no arrows");
            }
            if !drawn.insert(target.to_owned()) {
                return bad("the same arrow is drawn twice");
            }
        }
    }
    if source.is_empty() || picture.insert(source.to_owned(), drawn).is_some() {
        return bad("a crate needs a name and one line");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(document: &str) -> String {
        read(document).expect_err("the picture is bad").to_string()
    }

    #[test]
    fn a_block_between_other_text_is_read() {
        let picture =
            read("# A\n```text\nx: y\n```\n```arrows\ncore: none\napi: core\ncli: api, core\n```\nend\n")
                .expect("the picture is fine");
        assert_eq!(picture.len(), 3);
        assert!(picture["core"].is_empty());
        assert_eq!(picture["cli"].iter().collect::<Vec<_>>(), ["api", "core"]);
    }

    #[test]
    fn a_picture_that_cannot_be_read_is_refused_with_its_line() {
        assert!(refusal("# nothing").contains("no arrows block"));
        assert!(refusal("```arrows\na: none\n").contains("never closed"));
        assert!(refusal("```arrows\n```\n```arrows\n```\n").contains("two arrows blocks"));
        assert!(refusal("```arrows\na -> b\n```\n").starts_with("ARCHITECTURE.md line 2"));
        assert!(refusal("```arrows\na:\n```\n").contains("`none`"));
        assert!(refusal("```arrows\na: b, b\n```\n").contains("twice"));
        assert!(refusal("```arrows\na: b\na: c\n```\n").contains("one line"));
    }
}
