//! Owns how much processor time this process took so far.

use crate::failure::Failure;
use std::fs;
use std::time::Duration;

/// What the kernel counts in `/proc` on every machine this runs on.
const TICKS_PER_SECOND: u64 = 100;

/// In user and kernel mode together.
pub(crate) fn used() -> Result<Duration, Failure> {
    let stat = fs::read_to_string("/proc/self/stat").map_err(|cause| Failure::of("read /proc", &cause))?;
    let fields = stat.rsplit_once(')').map(|(_, after)| after.split_whitespace().skip(11).take(2));
    let ticks = fields.and_then(|fields| fields.map(|field| field.parse::<u64>().ok()).sum::<Option<u64>>());
    let ticks = ticks.ok_or_else(|| Failure::new("/proc/self/stat has another form"))?;
    Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernel_says_it() {
        super::used().expect("the tests run on Linux");
    }
}
