//! What the figures were measured on. Read from `/proc`; what is not told there is left empty.

use std::fs;

use serde::Serialize;

/// The machine.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    pub(super) cores: usize,
    pub(super) cpu: String,
    pub(super) kernel: String,
    pub(super) memory_mb: u64,
}

impl Machine {
    pub(super) fn here() -> Self {
        let file = |path| fs::read_to_string(path).unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            cpu: field(&file("/proc/cpuinfo"), "model name").unwrap_or_default(),
            kernel: file("/proc/sys/kernel/osrelease").trim().to_owned(),
            memory_mb: field(&file("/proc/meminfo"), "MemTotal").as_deref().map_or(0, megabytes),
        }
    }
}

/// The value of the first line with this name.
fn field(text: &str, name: &str) -> Option<String> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(found, _)| found.trim() == name).map(|(_, value)| value.trim().to_owned()).next()
}

/// From the kernel's `… kB`.
fn megabytes(text: &str) -> u64 {
    text.split(' ')
        .next()
        .and_then(|number| number.parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "model\t\t: 80\nmodel name\t: A Processor: fast\nMemTotal:       2048 kB\n";
        assert_eq!(field(text, "model name").as_deref(), Some("A Processor: fast"));
        assert_eq!(megabytes(&field(text, "MemTotal").unwrap()), 2);
        assert_eq!(field(text, "name"), None);
        assert!(Machine::here().cores >= 1);
    }
}
