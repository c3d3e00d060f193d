//! Owns the comparison: every arrow of the code is drawn, every drawn arrow is in the code, and
//! the two arrows that must never exist do not, however long the way round.

use super::graph::Graph;
use super::picture::{self, Picture};
use crate::failure::Failure;
use crate::place::Place;
use crate::step::Outcome;
use std::collections::BTreeSet;
use std::fs;

/// From, to, and what would be lost.
const NEVER: [(&str, &str, &str); 2] = [
    ("server", "envelope", "no code in the server can open a sealed body"),
    ("client", "storage", "a program that sends jobs carries no journal"),
];

pub(crate) fn step(place: &Place) -> Result<Outcome, Failure> {
    let path = place.root.join("ARCHITECTURE.md");
    let document = fs::read_to_string(&path).map_err(|cause| Failure::file("read", &path, &cause))?;
    let picture = picture::read(&document)?;
    let text = place.cargo(["metadata", "--all-features", "--format-version", "1"]).answer()?;
    let metadata = serde_json::from_str(&text)
        .map_err(|cause| Failure::new(format!("cargo metadata did not answer in JSON: {cause}")))?;
    let graph = Graph::read(&metadata)?;
    let complaints = compare(&picture, &graph);
    if complaints.is_empty() {
        let arrows: usize = picture.values().map(BTreeSet::len).sum();
        println!("{} crates, {arrows} arrows, drawn as they are", picture.len());
        return Ok(Outcome::Passed);
    }
    Err(Failure::new(complaints.join("\n")))
}

/// One sentence per difference.
fn compare(picture: &Picture, graph: &Graph) -> Vec<String> {
    let none = BTreeSet::new();
    let mut complaints = Vec::new();
    for (name, real) in &graph.direct {
        let drawn = picture.get(name).unwrap_or_else(|| {
            complaints.push(format!("crate {name} is not in the picture, add its line to ARCHITECTURE.md"));
            &none
        });
        for target in real.difference(drawn) {
            complaints.push(format!(
                "{name} depends on {target}, an arrow the picture does not allow: remove the dependency or draw it and say why"
            ));
        }
    }
    for (name, drawn) in picture {
        let Some(real) = graph.direct.get(name) else {
            complaints.push(format!("the picture shows a crate {name} that the workspace does not have"));
            continue;
        };
        for target in drawn.difference(real) {
            complaints
                .push(format!("the picture draws {name} to {target}, and no code does: delete the arrow"));
        }
    }
    for (source, target, promise) in NEVER {
        for name in [source, target] {
            if !graph.direct.contains_key(name) {
                complaints.push(format!("there is no crate {name} to check that {promise}"));
            }
        }
        if let Some(way) = graph.way(source, target) {
            complaints.push(format!(
                "{source} reaches {target} ({}), so it is not true that {promise}",
                way.join(" > ")
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// Metadata of a workspace with the given `(source, target, kind)` edges, and one foreign
    /// crate, `outside`, that anybody may point at.
    fn metadata(edges: &[(&str, &str, Option<&str>)]) -> Value {
        let members = ["sealane", "sealane-core", "sealane-envelope", "sealane-server", "sealane-storage"];
        let mut packages = Vec::new();
        let mut nodes = Vec::new();
        for name in members.into_iter().chain(["outside"]) {
            let mine = || edges.iter().filter(move |(source, ..)| *source == name);
            let dependencies: Vec<Value> = mine()
                .map(|(_, target, kind)| {
                    let source = if *target == "outside" { json!("registry") } else { Value::Null };
                    json!({"name": target, "kind": kind, "source": source})
                })
                .collect();
            let deps: Vec<Value> = mine()
                .map(|(_, target, kind)| json!({"pkg": target, "dep_kinds": [{"kind": kind}]}))
                .collect();
            packages.push(json!({"id": name, "name": name, "dependencies": dependencies}));
            nodes.push(json!({"id": name, "deps": deps}));
        }
        json!({"packages": packages, "workspace_members": members, "resolve": {"nodes": nodes}})
    }

    fn complaints(arrows: &str, edges: &[(&str, &str, Option<&str>)]) -> Vec<String> {
        let picture = picture::read(&format!("```arrows\n{arrows}\n```\n")).expect("the picture is readable");
        let graph = Graph::read(&metadata(edges)).expect("the metadata is readable");
        compare(&picture, &graph)
    }

    const PICTURE: &str = "core: none\nenvelope: core\nstorage: core\nclient: envelope\nserver: storage";
    const EDGES: [(&str, &str, Option<&str>); 4] = [
        ("sealane-envelope", "sealane-core", None),
        ("sealane-storage", "sealane-core", Some("build")),
        ("sealane", "sealane-envelope", None),
        ("sealane-server", "sealane-storage", None),
    ];

    fn with(
        more: &[(&'static str, &'static str, Option<&'static str>)],
    ) -> Vec<(&'static str, &'static str, Option<&'static str>)> {
        EDGES.iter().chain(more).copied().collect()
    }

    #[test]
    fn a_true_picture_has_no_complaints() {
        assert_eq!(complaints(PICTURE, &EDGES), Vec::<String>::new());
    }

    #[test]
    fn development_dependencies_are_not_arrows() {
        let edges = with(&[("sealane-server", "sealane-envelope", Some("dev"))]);
        assert_eq!(complaints(PICTURE, &edges), Vec::<String>::new());
    }

    #[test]
    fn a_crate_missing_from_the_picture_is_named() {
        let found = complaints("envelope: core\nstorage: core\nclient: envelope\nserver: storage", &EDGES);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("crate core is not in the picture"), "{found:?}");
    }

    #[test]
    fn an_arrow_in_the_code_alone_is_named() {
        let found = complaints(PICTURE, &with(&[("sealane", "sealane-core", None)]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("client depends on core"), "{found:?}");
    }

    #[test]
    fn an_arrow_in_the_picture_alone_is_named() {
        let found = complaints(&PICTURE.replace("server: storage", "server: core, storage"), &EDGES);
        assert_eq!(found, ["the picture draws server to core, and no code does: delete the arrow"]);
    }

    #[test]
    fn a_crate_in_the_picture_alone_is_named() {
        let found = complaints(&format!("{PICTURE}\nsim: core"), &EDGES);
        assert_eq!(found, ["the picture shows a crate sim that the workspace does not have"]);
    }

    #[test]
    fn the_server_may_not_reach_the_envelope_even_when_drawn() {
        let edges = with(&[("sealane-server", "sealane-envelope", None)]);
        let found = complaints(&PICTURE.replace("server: storage", "server: envelope, storage"), &edges);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("server reaches envelope (server > envelope)"), "{found:?}");
    }

    #[test]
    fn a_way_round_through_a_foreign_crate_counts() {
        let edges =
            with(&[("sealane-server", "outside", None), ("outside", "sealane-envelope", Some("build"))]);
        let found = complaints(PICTURE, &edges);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("server > outside > envelope"), "{found:?}");
    }

    #[test]
    fn the_client_may_not_reach_the_storage() {
        let edges = with(&[("sealane-envelope", "sealane-storage", None)]);
        let found = complaints(&PICTURE.replace("envelope: core", "envelope: core, storage"), &edges);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("client > envelope > storage"), "{found:?}");
    }

    #[test]
    fn a_renamed_crate_does_not_end_the_watch_over_it() {
        let text = metadata(&EDGES).to_string().replace("sealane-server", "sealane-daemon");
        let graph = Graph::read(&serde_json::from_str(&text).expect("still JSON")).expect("still readable");
        let picture = picture::read(&format!("```arrows\n{}\n```\n", PICTURE.replace("server", "daemon")))
            .expect("readable");
        assert_eq!(
            compare(&picture, &graph),
            ["there is no crate server to check that no code in the server can open a sealed body"]
        );
    }

    #[test]
    fn metadata_of_an_unknown_shape_is_refused() {
        assert!(Graph::read(&json!({})).is_err());
        assert!(Graph::read(&json!({"packages": [], "workspace_members": []})).is_err());
    }
}
