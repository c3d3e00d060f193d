//! How much processor time processes have used, as the kernel counts it in `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

/// The processes whose time counts.
#[derive(Clone, Debug)]
pub(super) struct Processes {
    paths: Vec<String>,
}

impl Processes {
    /// This one, and the server where it is known.
    pub(super) fn with_server(server: Option<u32>) -> Self {
        let mut paths = vec!["/proc/self/stat".to_owned()];
        paths.extend(server.map(|pid| format!("/proc/{pid}/stat")));
        Self { paths }
    }

    /// In words.
    pub(super) fn describe(&self) -> &'static str {
        if self.paths.len() > 1 { "bench and server" } else { "bench" }
    }

    /// What they have used since they started, in user and kernel mode together.
    pub(super) fn used(&self) -> io::Result<Duration> {
        let per_second = rustix::param::clock_ticks_per_second().max(1);
        let mut ticks = 0;
        for path in &self.paths {
            let text = fs::read_to_string(path)?;
            ticks += ticks_in(&text).ok_or_else(|| io::Error::other(format!("{path} has another form")))?;
        }
        Ok(Duration::from_micros(ticks.saturating_mul(1_000_000) / per_second))
    }
}

/// Fields 14 and 15, counted from 1. Field 2 is the program's name in brackets and may hold anything.
fn ticks_in(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let kernel: u64 = fields.next()?.parse().ok()?;
    Some(user + kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_kernel_time_are_found_whatever_the_program_is_called() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 9 9 20 0 1 0 100 0 0";
        assert_eq!(ticks_in(stat), Some(300));
        assert_eq!(ticks_in("7 (a) S 1"), None);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error_and_not_zero() {
        assert!(Processes::with_server(None).used().is_ok());
        assert!(Processes::with_server(Some(u32::MAX)).used().is_err());
    }
}
