//! Reading a request's JSON strictly: bounded depth, known fields, no field twice.

use sealane_core::limits;
use serde::de::DeserializeOwned;

use crate::problem::{Code, Problem};

/// Reads a JSON document of a known shape.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    check_depth(bytes)?;
    serde_json::from_slice(bytes).map_err(|error| problem(&error))
}

/// Refuses documents nested too deeply before anything is built from them.
fn check_depth(bytes: &[u8]) -> Result<(), Problem> {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => at = behind_string(bytes, at),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limits::REQUEST_DEPTH_MAX {
            return Err(Problem::invalid(format!(
                "JSON may be nested {} levels deep",
                limits::REQUEST_DEPTH_MAX
            )));
        }
    }
    Ok(())
}

/// Where a string that was entered ends: behind its closing quote, or at the end of everything.
fn behind_string(bytes: &[u8], mut at: usize) -> usize {
    // Why in blocks: nearly all of a request is bodies in base64, and this loop the compiler turns
    // into one comparison for a whole block.
    const BLOCK: usize = 32;
    let plain =
        |block: &[u8]| !block.iter().fold(false, |found, byte| found | (*byte == b'"') | (*byte == b'\\'));
    loop {
        while bytes.get(at..at + BLOCK).is_some_and(plain) {
            at += BLOCK;
        }
        match bytes.get(at) {
            None => return bytes.len(),
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

fn problem(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    // Why by text: serde has one error type, and this is the wording of its own derive.
    let code = if text.starts_with("unknown field") { Code::UnknownField } else { Code::InvalidRequest };
    Problem::new(code, shown(&text))
}

/// Short and printable, whatever the caller put in.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String =
        text.chars().take(200).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect();
    if text.chars().nth(200).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::JobIn;

    fn refused(text: &str) -> Problem {
        read::<JobIn>(text.as_bytes()).expect_err(text)
    }

    // attack 54
    // attack 55
    #[test]
    fn bad_json_is_refused_in_words() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(refused(&deep).detail.contains("nested"));
        assert_eq!(refused(r#"{"kind":"k","body":"","colour":1}"#).code, Code::UnknownField);
        for bad in [
            "",
            "{",
            "NaN",
            r#"{"kind":"k","body":"","delay_ms":NaN}"#,
            r#"{"kind":"k","body":"","delay_ms":1e400}"#,
            r#"{"kind":"k","kind":"k","body":""}"#,
            r#"{"kind":"\ud800","body":""}"#,
            r#"{"kind":"k","body":""} x"#,
            r#"{"kind":"k","body":"","delay_ms":-1}"#,
            r#"{"kind":"k","body":"","delay_ms":1.5}"#,
            r#"{"kind":"k","body":"","ttl_ms":18446744073709551616}"#,
            r#"{"kind":"k","body":"","max_attempts":4294967296}"#,
            r#"{"kind":"k","body":"","priority":"urgent"}"#,
            r#"{"kind":"k","body":"","priority":2}"#,
        ] {
            assert_eq!(refused(bad).code, Code::InvalidRequest, "{bad}");
        }
    }

    // attack 55
    #[test]
    fn depth_is_counted_outside_of_strings_wherever_they_end() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        for length in (0..70).chain([1_000]) {
            let quoted =
                [r#"\""#, r"\\", "{[", r#"\\\""#].map(|part| format!("{}{part}", "a".repeat(length)));
            for text in quoted {
                let text = format!("\"{text}\"");
                assert!(check_depth(format!("[{text},{}]", nested(7)).as_bytes()).is_ok(), "{text}");
                assert!(check_depth(format!("[{text},{}]", nested(8)).as_bytes()).is_err(), "{text}");
            }
            // A string that nothing ends hides what follows, and is no JSON.
            assert!(check_depth(format!("\"{}\\", "a".repeat(length)).as_bytes()).is_ok());
        }
    }

    #[test]
    fn what_the_caller_wrote_is_shown_short_and_printable() {
        let name = "\\u0007".repeat(500);
        let problem = refused(&format!(r#"{{"{name}":1}}"#));
        assert!(problem.detail.chars().count() <= 201 && !problem.detail.contains('\u{7}'));
    }
}
