//! The drawing and the table in `docs/lifecycle.md` are the table in force.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::BTreeSet;

use sealane_core::job::State;
use sealane_core::queue::transitions::{Cause, after};

const BEGIN: &str = "<!-- made from crates/core/src/queue/transitions.rs: begin -->\n";
const END: &str = "<!-- end -->\n";

/// Every transition there is.
fn transitions() -> Vec<(Option<State>, Cause, State)> {
    let states = || std::iter::once(None).chain(State::ALL.iter().copied().map(Some));
    Cause::ALL
        .iter()
        .flat_map(|cause| states().filter_map(|from| after(from, *cause).map(|to| (from, *cause, to))))
        .collect()
}

fn page() -> String {
    let mut page = String::from("```mermaid\nstateDiagram-v2\n");
    let name = |state: Option<State>| state.map_or("[*]".to_owned(), |state| state.to_string());
    for (from, cause, to) in transitions() {
        page.push_str(&format!("    {} --> {to}: {}\n", name(from), cause.as_str()));
    }
    page.push_str("```\n\n| what happens | to a job that is | makes it |\n|---|---|---|\n");
    for cause in Cause::ALL {
        let all = transitions().into_iter().filter(|(_, by, _)| by == cause);
        let (from, to): (Vec<String>, BTreeSet<State>) =
            all.map(|(from, _, to)| (from.map_or("new".to_owned(), |state| state.to_string()), to)).unzip();
        assert_eq!(to.len(), 1, "{cause:?} leads to one state, whatever came before");
        page.push_str(&format!("| {} | {} | {} |\n", cause.as_str(), from.join(", "), to.first().unwrap()));
    }
    page
}

// covers JOB-2 (one table in code, one drawing in the docs)
#[test]
fn the_docs_show_the_table_in_force() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lifecycle.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(BEGIN).expect("the mark before the drawing");
    let (found, tail) = rest.split_once(END).expect("the mark behind the table");
    let made = page();
    if std::env::var_os("SEALANE_BLESS").is_some() {
        std::fs::write(&path, format!("{head}{BEGIN}{made}{END}{tail}")).unwrap();
        return;
    }
    assert!(
        found == made,
        "docs/lifecycle.md is out of date: run SEALANE_BLESS=1 cargo test -p sealane-core --test lifecycle"
    );
}

// covers JOB-2 (every state has a way in, and all but completed a way out)
#[test]
fn no_state_is_a_trap_and_none_is_out_of_reach() {
    let all = transitions();
    for state in State::ALL {
        assert!(all.iter().any(|(_, _, to)| to == state), "nothing leads to {state}");
        let exits = all.iter().filter(|(from, _, _)| *from == Some(*state)).count();
        assert_eq!(exits == 0, *state == State::Completed, "{state} has {exits} exits");
    }
}
