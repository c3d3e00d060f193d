//! Rates as people type them: `100/s`, `5/10m`.

use sealane::StartRate;

use crate::duration;

/// Reads a rate: so many starts in a time, where a unit alone is one of it.
pub(crate) fn parse(text: &str) -> Result<StartRate, String> {
    const RULE: &str = "must be a number of starts in a time: 100/s, 5/10m or 1000/1h";
    let (starts, period) = text.split_once('/').ok_or(RULE)?;
    let one = if period.starts_with(|letter: char| letter.is_ascii_digit()) { "" } else { "1" };
    let period = duration::parse(&format!("{one}{period}")).map_err(|_| RULE)?;
    let digits = !starts.is_empty() && starts.bytes().all(|byte| byte.is_ascii_digit());
    let starts = starts.parse().ok().filter(|_| digits).ok_or(RULE)?;
    Ok(StartRate { starts, period_ms: duration::millis(period), burst: None })
}

/// The same, and what it holds at once where that is another number.
pub(crate) fn show(rate: StartRate) -> String {
    let StartRate { starts, period_ms, burst } = rate;
    let told = format!("{starts} in {period_ms} ms");
    match burst {
        Some(burst) if burst != starts => format!("{told}, at once {burst}"),
        _ => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack 55
    #[test]
    fn a_rate_is_starts_in_a_time() {
        for (text, starts, period_ms) in
            [("100/s", 100, 1_000), ("5/10m", 5, 600_000), ("1/500ms", 1, 500), ("7/d", 7, 86_400_000)]
        {
            assert_eq!(parse(text), Ok(StartRate { starts, period_ms, burst: None }), "{text}");
        }
        for bad in
            ["", "5", "/s", "5/", "-5/s", "+5/s", "5/5", "5/s/s", "4294967296/s", "1.5/s", "1/-1s", "1 /s"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
