//! Pages that tell the truth and pages that lie, run for real.

use super::*;
use crate::docs::fences;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

struct Home(PathBuf);

impl Home {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let home = std::env::temp_dir().join(format!("xtask-page-{}-{number}", std::process::id()));
        fs::create_dir_all(home.join("records")).expect("the temporary directory is writable");
        Self(home)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run_in(home: &Home, text: &str) -> Result<(), String> {
    let fences = fences::read("page.md", text).expect("the fences are well formed");
    let (directory, records) = (&home.0, home.0.join("records"));
    run_within("page.md", &fences, directory, &records, &home.0.join("target"), Duration::from_secs(20))
        .map_err(|failure| failure.to_string())
}

fn run_page(text: &str) -> Result<(), String> {
    run_in(&Home::new(), text)
}

fn refusal(text: &str) -> String {
    run_page(text).expect_err("the page lies")
}

/// Says ready, then leaves with the given status when it is asked to.
fn server(status: u8) -> String {
    format!(
        "```sh run background until=ready\nbash -c 'trap \"exit {status}\" TERM; echo \"{{\\\"event\\\":\\\"ready\\\"}}\"; tail -f /dev/null & wait'\n```\n"
    )
}

#[test]
fn variables_and_directories_live_from_fence_to_fence() {
    let page = "```sh run\nexport NAME=lane\nlocal_one=1\nmkdir sub && cd sub\n```\n```sh run\nprintf '%s %s ' \"$NAME\" \"$local_one\"\nbasename \"$PWD\"\n```\n```text output\nlane 1 sub\n```\n";
    assert_eq!(run_page(page), Ok(()));
}

#[test]
fn a_failing_command_is_reported_with_place_code_and_output() {
    let report = refusal("# Title\n\n```sh run\necho before\necho trouble >&2\n(exit 3)\necho after\n```\n");
    assert!(report.starts_with("page.md:3: the command failed with exit status: 3"), "{report}");
    assert!(report.contains("echo trouble >&2\n"), "{report}");
    assert!(report.contains("--- output\nbefore\n--- messages\ntrouble"), "{report}");
}

#[test]
fn a_failure_inside_a_pipe_is_not_swallowed() {
    assert!(refusal("```sh run\nfalse | cat\n```\n").contains("exit status: 1"));
}

#[test]
fn commands_cannot_eat_the_page_that_follows() {
    let page = "```sh run\ncat\n```\n```sh run\necho still here\n```\n```text output\nstill here\n```\n";
    assert_eq!(run_page(page), Ok(()));
}

#[test]
fn other_output_than_promised_is_reported_with_both() {
    let report = refusal("```sh run\necho four\n```\n```text output\nfive\n```\n");
    assert!(report.starts_with("page.md:4:"), "{report}");
    assert!(report.ends_with("--- the page says\nfive\n--- it printed\nfour"), "{report}");
}

#[test]
fn settings_of_the_developer_do_not_reach_the_page() {
    let page = "```sh run\nenv | grep -c -e ^SEALANE_ -e ^CARGO_PKG_ || true\n```\n```text output\n0\n```\n";
    assert_eq!(run_page(page), Ok(()));
}

#[test]
fn a_background_fence_is_there_for_the_page_and_leaves_when_told() {
    let page =
        format!("{}```text output\n{{\"event\":\"…\"}}\n```\n```sh run\nkill -0 \"$!\"\n```\n", server(0));
    assert_eq!(run_page(&page), Ok(()));
}

#[test]
fn a_background_fence_that_leaves_badly_fails_the_page() {
    let report = refusal(&server(7));
    assert!(report.starts_with("page.md:1: it answered SIGTERM with status 7"), "{report}");
}

#[test]
fn a_background_fence_that_is_killed_by_the_signal_fails_the_page() {
    // Why tail says it: the word must come from the program that is then signalled, or the signal
    // may arrive before that program has started.
    let report = refusal("```sh run background until=ready\necho ready >word\ntail -n +1 -f word\n```\n");
    assert!(report.contains("answered SIGTERM with status 143"), "{report}");
}

#[test]
fn a_background_fence_that_never_gets_ready_fails_the_page() {
    let report = refusal("```sh run background until=ready\necho hello\nexit 4\n```\n");
    assert!(report.contains("it ended before it said ready, status 4"), "{report}");
}

#[test]
fn a_background_fence_that_dies_under_the_page_fails_it() {
    let page = format!("{}```sh run\nkill -KILL -- \"-$!\"\nwait \"$!\" || true\n```\n", server(0));
    let report = refusal(&page);
    assert!(report.starts_with("page.md:1: it"), "{report}");
}

/// Whether everything that held the file open is gone. The kernel answers: a lock taken through an
/// inherited descriptor is free once its last holder has ended.
fn released(held: PathBuf) -> bool {
    let (sender, answer) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let locked = fs::File::open(held).and_then(|file| file.lock());
        let _ = sender.send(locked.is_ok());
    });
    answer.recv_timeout(Duration::from_secs(20)).unwrap_or(false)
}

#[test]
fn a_page_that_fails_leaves_no_process_behind() {
    let home = Home::new();
    let page = "```sh run background until=ready\nexec 9>held; flock 9; echo ready; tail -f /dev/null\n```\n```sh run\nfalse\n```\n";
    run_in(&home, page).expect_err("the second fence fails");
    assert!(released(home.0.join("held")));
}

#[test]
fn a_fence_that_hangs_is_ended_with_its_children() {
    let home = Home::new();
    let page = "```sh run\nexec 9>held; flock 9; tail -f /dev/null | cat\n```\n";
    let fences = fences::read("page.md", page).expect("well formed");
    let limit = Duration::from_secs(2);
    let failure = run_within("page.md", &fences, &home.0, &home.0.join("records"), &home.0, limit);
    assert!(failure.expect_err("it hangs").to_string().contains("did not end within"));
    assert!(released(home.0.join("held")));
}
