//! Owns what can be chosen: how long and how often.

use crate::failure::Failure;
use std::time::Duration;

/// The typed line, understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Of one run.
    pub(crate) time: Duration,
    /// How often all runs are repeated; the middle one of each is kept.
    pub(crate) rounds: u32,
}

impl Arguments {
    pub(crate) fn read(words: &[String]) -> Result<Self, Failure> {
        let mut arguments = Self { time: Duration::from_secs(5), rounds: 3 };
        for pair in words.chunks(2) {
            match pair {
                [name, value] if name == "--seconds" => {
                    arguments.time = Duration::from_secs(number(value, 1, 60)?.into());
                }
                [name, value] if name == "--rounds" => arguments.rounds = number(value, 1, 9)?,
                _ => return Err(Failure::new("`bench` takes --seconds 1..60 and --rounds 1..9")),
            }
        }
        Ok(arguments)
    }
}

fn number(text: &str, least: u32, most: u32) -> Result<u32, Failure> {
    let number: Option<u32> = text.parse().ok();
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| Failure::new(format!("`{text}` must be a number from {least} to {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, Failure> {
        Arguments::read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn both_numbers_have_defaults_and_bounds() {
        assert_eq!(read("").expect("nothing is needed").rounds, 3);
        let chosen = read("--rounds 1 --seconds 2").expect("both are in bounds");
        assert_eq!(chosen, Arguments { time: Duration::from_secs(2), rounds: 1 });
        for bad in ["--seconds 0", "--seconds 61", "--rounds", "--rounds x", "5"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
