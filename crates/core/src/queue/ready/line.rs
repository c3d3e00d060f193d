//! Jobs in the order of their sequence, packed: most wait behind one another and leave from the front.
//!
//! A map from each sequence to its job would cost twice the bytes, since its nodes stay half full where
//! keys only ascend. Here pieces of a few entries stand in a map by their first sequence, the first
//! piece outside of it; a piece at the end fills up before the next begins.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::id::JobId;

/// Entries of a piece: what one insertion or removal moves at most.
const PIECE: usize = 32;

type Piece = Vec<(u64, JobId)>;

#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// Below everything in `rest`; empty only where that is.
    front: Piece,
    /// By a sequence that is not above the piece's first and above everything before it.
    rest: BTreeMap<u64, Piece>,
}

/// The same jobs in the same order, however they are cut into pieces.
impl PartialEq for Line {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Line {}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.front.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(u64, JobId)> {
        self.front.iter().chain(self.rest.values().flatten())
    }

    /// The first, or the first behind a sequence.
    pub(super) fn next(&self, behind: Option<u64>) -> Option<(u64, JobId)> {
        let Some(behind) = behind else { return self.front.first().copied() };
        let in_piece = |piece: &Piece| {
            let at = piece.partition_point(|(sequence, _)| *sequence <= behind);
            piece.get(at).copied()
        };
        let (_, piece) = self.piece(behind);
        let found = in_piece(piece);
        // Why the first of the next piece: no piece is empty, and all of it is behind this one.
        found.or_else(|| {
            self.rest.range((Bound::Excluded(behind), Bound::Unbounded)).next()?.1.first().copied()
        })
    }

    pub(super) fn insert(&mut self, sequence: u64, id: JobId) {
        let piece = self.piece_mut(sequence);
        let at = piece.partition_point(|(other, _)| *other < sequence);
        if piece.len() < PIECE {
            if piece.is_empty() {
                // Why: a key or a session may never have more than one at a time.
                piece.reserve_exact(1);
            }
            piece.insert(at, (sequence, id));
            return;
        }
        // Why not in the middle: at the end of the line pieces stay full.
        let mut behind = if at == PIECE { Piece::new() } else { piece.split_off(PIECE / 2) };
        match at.checked_sub(piece.len()) {
            Some(at) => behind.insert(at, (sequence, id)),
            None => piece.insert(at, (sequence, id)),
        }
        self.rest.insert(behind[0].0, behind);
    }

    pub(super) fn remove(&mut self, sequence: u64) {
        let piece = self.piece_mut(sequence);
        let Ok(at) = piece.binary_search_by_key(&sequence, |(other, _)| *other) else { return };
        piece.remove(at);
        if piece.len() * 4 < piece.capacity() {
            piece.shrink_to(piece.len() * 2);
        }
        let (len, key) = (piece.len(), self.key(sequence));
        match key {
            None if len == 0 => self.front = self.rest.pop_first().map(|(_, next)| next).unwrap_or_default(),
            Some(key) if len == 0 => {
                self.rest.remove(&key);
            }
            _ if len < PIECE / 4 => {
                self.join(key);
                if let Some(key) = key {
                    self.join(self.rest.range(..key).next_back().map(|(before, _)| *before));
                }
            }
            _ => {}
        }
    }

    /// Puts a short piece and the one behind it into one, where they are short together.
    fn join(&mut self, key: Option<u64>) {
        let behind = key.map_or(Bound::Unbounded, Bound::Excluded);
        let Some((next, piece)) = self.rest.range((behind, Bound::Unbounded)).next() else { return };
        let (next, len) = (*next, piece.len());
        let short = match key {
            None => &mut self.front,
            Some(key) => self.rest.get_mut(&key).expect("the piece was just found under this key"),
        };
        if short.len() + len > PIECE / 2 {
            return;
        }
        let mut joined = std::mem::take(short);
        joined.extend(self.rest.remove(&next).unwrap_or_default());
        match key {
            None => self.front = joined,
            Some(key) => {
                self.rest.insert(key, joined);
            }
        }
    }

    /// The key of the piece that this sequence belongs into; `None` is the front.
    fn key(&self, sequence: u64) -> Option<u64> {
        self.rest.range(..=sequence).next_back().map(|(key, _)| *key)
    }

    fn piece(&self, sequence: u64) -> (Option<u64>, &Piece) {
        match self.rest.range(..=sequence).next_back() {
            Some((key, piece)) => (Some(*key), piece),
            None => (None, &self.front),
        }
    }

    fn piece_mut(&mut self, sequence: u64) -> &mut Piece {
        match self.rest.range_mut(..=sequence).next_back() {
            Some((_, piece)) => piece,
            None => &mut self.front,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::{Line, PIECE};
    use crate::id::JobId;

    fn id(sequence: u64) -> JobId {
        JobId::v7(sequence, [1; 10])
    }

    fn filled(sequences: impl Iterator<Item = u64>) -> Line {
        let mut line = Line::default();
        sequences.for_each(|sequence| line.insert(sequence, id(sequence)));
        line
    }

    #[test]
    fn a_line_that_grows_at_its_end_is_packed() {
        let line = filled(0..1_000);
        assert_eq!(line.rest.len() + 1, 1_000_usize.div_ceil(PIECE));
        let room: usize = line.rest.values().chain([&line.front]).map(Vec::capacity).sum();
        assert!(room < 1_000 + PIECE, "{room}");
    }

    #[test]
    fn what_is_left_of_a_long_line_takes_little_room() {
        let mut line = filled(0..10_000);
        (0..10_000).filter(|sequence| sequence % 50 != 0).for_each(|sequence| line.remove(sequence));
        assert_eq!(line.iter().count(), 200);
        let room: usize = line.rest.values().chain([&line.front]).map(Vec::capacity).sum();
        assert!(room <= 4 * 200 && line.rest.len() <= 200 / (PIECE / 4), "{room} in {}", line.rest.len());
    }

    proptest! {
        #[test]
        fn a_line_is_a_map_in_order(steps in prop::collection::vec((0u64..300, prop::bool::weighted(0.6)), 0..900)) {
            let (mut line, mut map) = (Line::default(), BTreeMap::new());
            for (sequence, put) in steps {
                if put && map.insert(sequence, id(sequence)).is_none() {
                    line.insert(sequence, id(sequence));
                } else if !put {
                    map.remove(&sequence);
                    line.remove(sequence);
                }
                prop_assert!(line.iter().copied().eq(map.iter().map(|(sequence, id)| (*sequence, *id))));
                prop_assert_eq!(line.is_empty(), map.is_empty());
                let next = map.range(sequence + 1..).next().map(|(sequence, id)| (*sequence, *id));
                prop_assert_eq!(line.next(Some(sequence)), next);
                prop_assert_eq!(line.next(None), map.first_key_value().map(|(sequence, id)| (*sequence, *id)));
                prop_assert!(line.rest.values().all(|piece| !piece.is_empty()), "no piece is empty");
            }
        }
    }
}
