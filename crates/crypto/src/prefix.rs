//! `LP(x)`: a big-endian u32 length before each part, so that no two lists of parts read alike.

/// The four bytes before a part of this length.
///
/// # Panics
/// When one part is 4 GiB or longer. Names, ids and records are bounded far below that.
#[must_use]
pub fn length(part: &[u8]) -> [u8; 4] {
    u32::try_from(part.len()).expect("a hashed part is bounded far below 4 GiB by its caller").to_be_bytes()
}

/// All parts, each behind its length.
///
/// # Panics
/// As [`length`].
#[must_use]
pub fn join(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    for part in parts {
        out.extend_from_slice(&length(part));
        out.extend_from_slice(part);
    }
    out
}
