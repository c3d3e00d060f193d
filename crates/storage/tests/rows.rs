//! Rows as bytes: every row comes back as it was, nothing that is not exactly one is read, and the bytes
//! stay what they were when they were first written.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use sealane_storage::StateRow;
use sealane_storage::codec::{DecodeError, decode_row, encode_row};
use sealane_storage::testing::state_samples::every_row;

fn bytes_of(row: &StateRow) -> Vec<u8> {
    let mut out = Vec::new();
    encode_row(row, &mut out);
    out
}

#[test]
fn every_kind_of_row_comes_back_and_no_part_of_one_is_one() {
    for row in every_row() {
        let bytes = bytes_of(&row);
        assert_eq!(decode_row(&bytes).unwrap(), row);
        for len in 0..bytes.len() {
            assert!(decode_row(&bytes[..len]).is_err(), "{row:?} cut to {len}");
        }
        let longer = decode_row(&[bytes.as_slice(), &[0]].concat());
        assert_eq!(longer, Err(DecodeError::Trailing { bytes: 1 }), "{row:?}");
    }
}

/// Whatever a byte is changed to, the row is refused, or read as what is written with just these bytes.
#[test]
fn a_row_has_one_form() {
    for row in every_row() {
        let bytes = bytes_of(&row);
        for at in 2..bytes.len() {
            for value in [0, 1, 2, 0x7f, 0xff] {
                let mut changed = bytes.clone();
                changed[at] = value;
                if let Ok(read) = decode_row(&changed) {
                    assert!(bytes_of(&read) == changed, "byte {at} of {row:?} as {value}");
                }
            }
        }
    }
}

#[test]
fn an_unknown_tag_or_version_is_no_row() {
    let known: BTreeSet<u8> = every_row().iter().map(|row| bytes_of(row)[0]).collect();
    assert_eq!(known.len(), 14, "so many kinds");
    let some = bytes_of(&every_row()[0]);
    for tag in 0..=u8::MAX {
        for version in [0, 1, 2, 3, u8::MAX] {
            if version != 1 || !known.contains(&tag) {
                let bytes = [&[tag, version], &some[2..]].concat();
                assert_eq!(decode_row(&bytes), Err(DecodeError::UnknownTag { tag, version }));
            }
        }
    }
}

#[test]
fn the_bytes_stay_as_they_were_first_written() {
    let expected = include_str!("fixtures/rows-v1.txt");
    let mut lines = expected.lines().filter(|line| !line.starts_with('#'));
    for row in every_row() {
        let hex: String = bytes_of(&row).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(lines.next(), Some(hex.as_str()), "{row:?}");
    }
    assert_eq!(lines.next(), None);
}
