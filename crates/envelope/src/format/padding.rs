//! Padmé: lengths are rounded up so that only their order of magnitude shows, at a cost of at
//! most 12 %. A length keeps as many leading bits as its own bit count needs to be written.

/// The length something of `len` bytes is padded to.
pub(super) fn padded_len(len: u64) -> u64 {
    if len < 2 {
        return len;
    }
    let exponent = len.ilog2();
    let kept_bits = exponent.ilog2() + 1;
    let mask = (1_u64 << (exponent - kept_bits.min(exponent))) - 1;
    // Why this cannot overflow: the format holds lengths below 2^32 only.
    (len + mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::padded_len;

    #[test]
    fn the_values_worked_out_by_hand() {
        for (len, padded) in [
            (0, 0),
            (1, 1),
            (2, 2),
            (3, 3),
            (8, 8),
            (9, 10),
            (14, 14),
            (15, 16),
            (16, 16),
            (17, 18),
            (1_000, 1_024),
            (1_024, 1_024),
            (1_025, 1_088),
            (1_048_576, 1_048_576),
            (1_048_577, 1_081_344),
            (u64::from(u32::MAX), 1 << 32),
        ] {
            assert_eq!(padded_len(len), padded, "{len}");
        }
    }

    #[test]
    fn rounding_is_upwards_stable_and_cheap() {
        for len in 2..100_000 {
            let padded = padded_len(len);
            assert!(padded >= len);
            assert_eq!(padded_len(padded), padded);
            assert!((padded - len) * 100 <= 12 * len, "{len} -> {padded}");
        }
    }
}
