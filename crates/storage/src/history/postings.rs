//! Which rows of a run a token stands for: their ranks by age, ascending.
//!
//! A list is cut into pieces that lie in one page each: token 8, first rank u32, number of ranks u16,
//! bytes that follow u16; then the distance of each further rank from the one before, seven bits to a
//! byte, the lowest first, the highest bit set where more follow.

use super::error::HistoryError;
use super::keys::BlindToken;
use super::page::PageKind;
use super::run::Run;

/// Token and first rank.
pub(super) type PostingKey = [u8; 12];

const HEAD_BYTES: usize = 16;
const RANKS_PER_PIECE_MAX: usize = 1_024;
const BYTES_PER_PIECE_MAX: usize = 2_048;

/// The key of the piece of a token's list that may hold `rank`.
pub(super) fn posting_key(token: BlindToken, rank: u32) -> PostingKey {
    let mut key = [0; 12];
    key[..8].copy_from_slice(token.as_bytes());
    key[8..].copy_from_slice(&rank.to_be_bytes());
    key
}

/// A piece that is being made.
#[derive(Default)]
pub(super) struct Piece {
    token: Option<BlindToken>,
    first: u32,
    last: u32,
    ranks: usize,
    distances: Vec<u8>,
}

impl Piece {
    /// Whether the rank has to begin another piece.
    pub(super) fn is_full_for(&self, token: BlindToken) -> bool {
        self.token.is_some_and(|own| own != token)
            || self.ranks == RANKS_PER_PIECE_MAX
            || self.distances.len() + 5 > BYTES_PER_PIECE_MAX
    }

    pub(super) fn push(&mut self, token: BlindToken, rank: u32) {
        if self.token.is_none() {
            self.token = Some(token);
            self.first = rank;
        } else {
            let mut distance = rank - self.last;
            while distance >= 0x80 {
                self.distances.push(low_seven(distance) | 0x80);
                distance >>= 7;
            }
            self.distances.push(low_seven(distance));
        }
        self.last = rank;
        self.ranks += 1;
    }

    /// Its key and bytes, and leaves it empty; nothing for one that is empty.
    pub(super) fn take(&mut self) -> Option<(PostingKey, Vec<u8>)> {
        let piece = std::mem::take(self);
        let key = posting_key(piece.token?, piece.first);
        let mut entry = Vec::with_capacity(HEAD_BYTES + piece.distances.len());
        entry.extend_from_slice(&key);
        for count in [piece.ranks, piece.distances.len()] {
            let count = u16::try_from(count).expect("a piece has at most 1024 ranks in 2048 bytes");
            entry.extend_from_slice(&count.to_be_bytes());
        }
        entry.extend_from_slice(&piece.distances);
        Some((key, entry))
    }
}

fn low_seven(number: u32) -> u8 {
    u8::try_from(number & 0x7f).expect("seven bits fit into eight")
}

/// A piece as it lies in a page.
pub(super) struct StoredPiece<'a> {
    pub(super) token: BlindToken,
    pub(super) first: u32,
    ranks: usize,
    distances: &'a [u8],
}

impl<'a> StoredPiece<'a> {
    /// Takes the next one off a page; `None` where the page does not begin with one.
    pub(super) fn split(page: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (head, rest) = page.split_first_chunk::<HEAD_BYTES>()?;
        let (mut token, mut first) = ([0; 8], [0; 4]);
        token.copy_from_slice(&head[..8]);
        first.copy_from_slice(&head[8..12]);
        let bytes = usize::from(u16::from_be_bytes([head[14], head[15]]));
        let (distances, rest) = rest.split_at_checked(bytes)?;
        let ranks = usize::from(u16::from_be_bytes([head[12], head[13]]));
        let token = BlindToken::from_bytes(token);
        Some((Self { token, first: u32::from_be_bytes(first), ranks, distances }, rest))
    }

    /// All its ranks; `None` where the bytes are not as many.
    pub(super) fn ranks(&self) -> Option<Vec<u32>> {
        let mut ranks = vec![self.first];
        let (mut distance, mut shift) = (0_u32, 0);
        for byte in self.distances {
            distance |= u32::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                ranks.push(ranks.last()?.checked_add(distance)?);
                (distance, shift) = (0, 0);
            }
        }
        (ranks.len() == self.ranks && shift == 0).then_some(ranks)
    }
}

/// The ranks of one token in one run, asked for from the youngest down.
pub(super) struct PostingList<'a> {
    run: &'a Run,
    token: BlindToken,
    /// The piece asked last, and the rank up to which it has the answer.
    piece: Option<(Vec<u32>, u32)>,
}

impl<'a> PostingList<'a> {
    pub(super) fn new(run: &'a Run, token: BlindToken) -> Self {
        Self { run, token, piece: None }
    }

    /// The highest rank at or below `rank`.
    pub(super) fn at_or_below(&mut self, rank: u32) -> Result<Option<u32>, HistoryError> {
        if let Some((ranks, asked)) = &self.piece
            && ranks[0] <= rank
            && rank <= *asked
        {
            return Ok(highest(ranks, rank));
        }
        let section = self.run.summary.posting_section;
        let key = posting_key(self.token, rank);
        let Some(at) = section.page_of(self.run, PageKind::PostingFences, &key)? else { return Ok(None) };
        let page = self.run.page(section.first + at, PageKind::Postings)?;
        let (mut found, mut rest) = (None, &page[..]);
        while let Some((piece, behind)) = StoredPiece::split(rest) {
            if (piece.token, piece.first) > (self.token, rank) {
                break;
            }
            rest = behind;
            found = Some(piece);
        }
        let Some(piece) = found.filter(|piece| piece.token == self.token) else { return Ok(None) };
        let ranks = piece.ranks().ok_or_else(|| self.run.contradiction(section.first + at))?;
        let answer = highest(&ranks, rank);
        self.piece = Some((ranks, rank));
        Ok(answer)
    }
}

fn highest(ranks: &[u32], rank: u32) -> Option<u32> {
    let behind = ranks.partition_point(|own| *own <= rank);
    behind.checked_sub(1).map(|at| ranks[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_holds_its_ranks_and_refuses_changed_bytes() {
        let token = BlindToken::from_bytes([7; 8]);
        let ranks = [3, 4, 131, 132, 70_000, u32::MAX];
        let mut piece = Piece::default();
        ranks.iter().for_each(|rank| piece.push(token, *rank));
        assert!(piece.is_full_for(BlindToken::from_bytes([8; 8])) && !piece.is_full_for(token));
        let (key, entry) = piece.take().unwrap();
        assert_eq!(key, posting_key(token, 3));
        assert!(piece.take().is_none());
        let (stored, rest) = StoredPiece::split(&entry).unwrap();
        assert_eq!((stored.token, stored.first, rest.len()), (token, 3, 0));
        assert_eq!(stored.ranks().unwrap(), ranks);
        assert!(StoredPiece::split(&entry[..entry.len() - 1]).is_none());
        let mut fewer = entry.clone();
        fewer[13] -= 1;
        assert!(StoredPiece::split(&fewer).unwrap().0.ranks().is_none());
        let mut unfinished = entry;
        *unfinished.last_mut().unwrap() |= 0x80;
        assert!(StoredPiece::split(&unfinished).unwrap().0.ranks().is_none());
    }

    #[test]
    fn a_piece_ends_at_its_bounds() {
        let token = BlindToken::from_bytes([7; 8]);
        let mut piece = Piece::default();
        for rank in 0..1_024 {
            assert!(!piece.is_full_for(token));
            piece.push(token, rank);
        }
        assert!(piece.is_full_for(token));
        let mut piece = Piece::default();
        let pushed = (0..1_024).take_while(|number| {
            let room = !piece.is_full_for(token);
            if room {
                piece.push(token, number * 3_000_000);
            }
            room
        });
        assert_eq!(pushed.count(), 512, "four bytes to each distance");
    }
}
