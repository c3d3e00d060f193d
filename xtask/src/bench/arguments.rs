//! Owns what can be chosen: how long, how often, beside whom, and where it is written down.

use super::peers::{ALL, Candidate};
use crate::failure::Failure;
use std::path::PathBuf;
use std::time::Duration;

/// The typed line, understood.
#[derive(Debug, Clone)]
pub(crate) struct Arguments {
    /// Of one run.
    pub(crate) time: Duration,
    /// How often all runs are repeated; the middle one of each is kept.
    pub(crate) rounds: u32,
    /// Beside whom.
    pub(crate) peers: Vec<&'static Candidate>,
    /// The page, where not the one in `docs`.
    pub(crate) out: Option<PathBuf>,
    /// Only see whether the load generators are in order.
    pub(crate) check: bool,
}

impl Arguments {
    pub(crate) fn read(words: &[String]) -> Result<Self, Failure> {
        let mut arguments = Self {
            time: Duration::from_secs(5),
            rounds: 3,
            peers: ALL.iter().collect(),
            out: None,
            check: words == ["--check"],
        };
        if arguments.check {
            return Ok(arguments);
        }
        for pair in words.chunks(2) {
            match pair {
                [name, value] if name == "--seconds" => {
                    arguments.time = Duration::from_secs(number(value, 1, 60)?.into());
                }
                [name, value] if name == "--rounds" => arguments.rounds = number(value, 1, 9)?,
                [name, value] if name == "--peers" => arguments.peers = peers(value)?,
                [name, value] if name == "--out" => arguments.out = Some(PathBuf::from(value)),
                _ => {
                    return Err(Failure::new(
                        "`bench` takes --seconds 1..60, --rounds 1..9, --peers NAME,NAME and --out FILE, or --check alone",
                    ));
                }
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

/// All with these names, in the order of the list.
fn peers(text: &str) -> Result<Vec<&'static Candidate>, Failure> {
    let names: Vec<&str> = text.split(',').collect();
    if let Some(odd) = names.iter().find(|name| ALL.iter().all(|peer| peer.name != **name)) {
        let mut known: Vec<&str> = ALL.iter().map(|peer| peer.name).collect();
        known.dedup();
        return Err(Failure::new(format!("there is no peer `{odd}`, there are: {}", known.join(", "))));
    }
    Ok(ALL.iter().filter(|peer| names.contains(&peer.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, Failure> {
        Arguments::read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn everything_has_a_default_and_bounds() {
        let all = read("").expect("nothing is needed");
        assert_eq!((all.rounds, all.peers.len(), all.check), (3, ALL.len(), false));
        let chosen =
            read("--rounds 1 --seconds 2 --peers nats,redis-lists --out page.md").expect("in bounds");
        assert_eq!((chosen.time, chosen.rounds), (Duration::from_secs(2), 1));
        let names: Vec<_> = chosen.peers.iter().map(|peer| peer.name).collect();
        assert_eq!(names, ["redis-lists", "redis-lists", "nats", "nats"]);
        assert!(read("--check").expect("alone").check);
        for bad in [
            "--seconds 0",
            "--seconds 61",
            "--rounds",
            "--rounds x",
            "5",
            "--peers",
            "--peers nobody",
            "--peers nats,",
            "--check --rounds 1",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
