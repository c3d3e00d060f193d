//! Owns which pages are executed and where.

use super::fences::{self, Fence};
use super::{page, scratch};
use crate::failure::Failure;
use crate::place::Place;
use crate::step::Outcome;
use std::fs;
use std::net::TcpListener;

/// Where the pages' server listens, as a reader's would.
const SERVER_ADDRESS: &str = "127.0.0.1:7373";

pub(crate) fn step(place: &Place) -> Result<Outcome, Failure> {
    let files = scratch::checkout_files(&place.root)?;
    let mut pages = Vec::new();
    for name in files.iter().filter(|name| is_page(name)) {
        let path = place.root.join(name);
        let text = fs::read_to_string(&path).map_err(|cause| Failure::file("read", &path, &cause))?;
        pages.push((name.as_str(), fences::read(name, &text)?));
    }
    let serves =
        pages.iter().any(|(_, fences)| fences.iter().any(|fence| matches!(fence, Fence::Background { .. })));
    if serves {
        require_free(SERVER_ADDRESS)?;
    }
    // Why before the pages: built here, the pages find a finished program and their time limits
    // measure what they do.
    place.cargo(["build", "--release", "--locked"]).run()?;
    for (name, fences) in &pages {
        let runs = fences.iter().filter(|fence| fence.is_run()).count();
        let shown = fences.iter().filter(|fence| matches!(fence, Fence::Shown)).count();
        println!("{name}: {runs} fences to run, {shown} shell fences only shown");
        if runs > 0 {
            let scratch = scratch::Scratch::fill(place, &files)?;
            page::run(name, fences, &scratch.checkout(), &scratch.records(), &place.target)?;
        }
    }
    Ok(Outcome::Passed)
}

fn is_page(name: &str) -> bool {
    name.ends_with(".md") && (!name.contains('/') || name.starts_with("docs/"))
}

fn require_free(address: &str) -> Result<(), Failure> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(cause) => Err(Failure::new(format!(
            "the pages start a server on {address} and it cannot be had ({cause}), stop what listens there"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::{Duration, Instant};

    #[test]
    fn pages_are_the_root_documents_and_everything_below_docs() {
        assert!(is_page("README.md"));
        assert!(is_page("docs/adr/0001-journal.md"));
        assert!(!is_page("crates/core/README.md"));
        assert!(!is_page("docs/picture.svg"));
    }

    #[test]
    fn a_taken_port_is_said_before_anything_runs() {
        let other = TcpListener::bind("127.0.0.1:0").expect("a free port exists");
        let address = other.local_addr().expect("it is bound").to_string();
        assert!(
            require_free(&address).expect_err("it is taken").to_string().contains("stop what listens there")
        );
        drop(other);
        // Why not at once: a program that another test starts in this moment holds the socket as well,
        // until it has become that program.
        let end = Instant::now() + Duration::from_secs(60);
        while let Err(still_taken) = require_free(&address) {
            assert!(Instant::now() < end, "{still_taken}");
            thread::yield_now();
        }
    }
}
