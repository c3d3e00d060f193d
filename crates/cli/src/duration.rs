//! Lengths of time as people type them: `500ms`, `5s`, `10m`, `1h`, `30d`.

use std::time::Duration;

/// Reads a length of time; a number alone has no unit and is refused.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    const RULE: &str = "must be a whole number with a unit: 500ms, 5s, 10m, 1h or 30d";
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit()).ok_or(RULE)?;
    let (number, unit) = text.split_at(unit_at);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(RULE.to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| RULE)?;
    let ms = number.checked_mul(unit_ms).ok_or_else(|| "is too long".to_owned())?;
    Ok(Duration::from_millis(ms))
}

/// Whole milliseconds.
pub(crate) fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack 55
    #[test]
    fn a_length_needs_a_unit_and_fits() {
        for (text, ms) in [
            ("0s", 0),
            ("500ms", 500),
            ("5s", 5_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("30d", 2_592_000_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in [
            "",
            "5",
            "s",
            "-5s",
            "+5s",
            "5 s",
            "1.5h",
            "5S",
            "5sec",
            "18446744073709551615s",
            "99999999999999999999s",
            "٣s",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
