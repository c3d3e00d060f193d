//! Owns the real side: what `cargo metadata` says depends on what. Development dependencies are
//! left out, they are in no program that ships.

use crate::failure::Failure;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The workspace's crates under their short names, and every edge of the resolved graph.
#[derive(Debug)]
pub(crate) struct Graph {
    /// Crate by crate, the workspace crates its manifest names.
    pub(crate) direct: BTreeMap<String, BTreeSet<String>>,
    names: BTreeMap<String, String>,
    edges: BTreeMap<String, Vec<String>>,
}

impl Graph {
    /// Reads the answer of `cargo metadata --format-version 1`.
    pub(crate) fn read(metadata: &Value) -> Result<Self, Failure> {
        let members: BTreeSet<&str> = texts(&metadata["workspace_members"]).collect();
        let mut names = BTreeMap::new();
        let mut packages = Vec::new();
        for package in list(&metadata["packages"])? {
            let (Some(id), Some(name)) = (package["id"].as_str(), package["name"].as_str()) else {
                return Err(unexpected("a package without id or name"));
            };
            let is_member = members.contains(id);
            names.insert(id.to_owned(), if is_member { short(name) } else { name.to_owned() });
            if is_member {
                packages.push((short(name), package));
            }
        }
        let ours: BTreeSet<String> = packages.iter().map(|(name, _)| name.clone()).collect();
        let mut direct = BTreeMap::new();
        for (name, package) in packages {
            direct.insert(name, direct_dependencies(package, &ours)?);
        }
        let mut edges = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"])? {
            let id = node["id"].as_str().ok_or_else(|| unexpected("a node without id"))?;
            edges.insert(id.to_owned(), shipped_edges(node)?);
        }
        Ok(Self { direct, names, edges })
    }

    /// The shortest way from one workspace crate to another, through any crate there is.
    pub(crate) fn way(&self, source: &str, target: &str) -> Option<Vec<&str>> {
        let start = self.names.iter().find(|(_, name)| *name == source)?.0.as_str();
        let mut came_from: BTreeMap<&str, Option<&str>> = BTreeMap::from([(start, None)]);
        let mut queue = VecDeque::from([start]);
        while let Some(id) = queue.pop_front() {
            if self.names.get(id).is_some_and(|name| name == target) {
                return Some(self.walk_back(id, &came_from));
            }
            for next in self.edges.get(id).into_iter().flatten() {
                if !came_from.contains_key(next.as_str()) {
                    came_from.insert(next, Some(id));
                    queue.push_back(next);
                }
            }
        }
        None
    }

    fn walk_back<'a>(&'a self, end: &'a str, came_from: &BTreeMap<&'a str, Option<&'a str>>) -> Vec<&'a str> {
        let mut way = Vec::new();
        let mut at = Some(end);
        while let Some(id) = at {
            way.push(self.names.get(id).map_or(id, String::as_str));
            at = came_from.get(id).copied().flatten();
        }
        way.reverse();
        way
    }
}

/// The name used in the picture: the client library is the package `sealane`.
fn short(package: &str) -> String {
    match package.strip_prefix("sealane-") {
        Some(rest) => rest.to_owned(),
        None if package == "sealane" => "client".to_owned(),
        None => package.to_owned(),
    }
}

fn direct_dependencies(package: &Value, ours: &BTreeSet<String>) -> Result<BTreeSet<String>, Failure> {
    let mut found = BTreeSet::new();
    for dependency in list(&package["dependencies"])? {
        let name = dependency["name"].as_str().ok_or_else(|| unexpected("a dependency without name"))?;
        let is_ours = dependency["source"].is_null() && ours.contains(&short(name));
        if is_ours && is_shipped(&dependency["kind"]) {
            found.insert(short(name));
        }
    }
    Ok(found)
}

fn shipped_edges(node: &Value) -> Result<Vec<String>, Failure> {
    let mut targets = Vec::new();
    for dependency in list(&node["deps"])? {
        let target = dependency["pkg"].as_str().ok_or_else(|| unexpected("an edge without target"))?;
        if list(&dependency["dep_kinds"])?.iter().any(|kind| is_shipped(&kind["kind"])) {
            targets.push(target.to_owned());
        }
    }
    Ok(targets)
}

/// Normal dependencies have no kind; build dependencies run where the product is built.
fn is_shipped(kind: &Value) -> bool {
    kind.is_null() || kind == "build"
}

fn list(value: &Value) -> Result<&Vec<Value>, Failure> {
    value.as_array().ok_or_else(|| unexpected("no list where one belongs"))
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn unexpected(what: &str) -> Failure {
    Failure::new(format!("cargo metadata answered in a shape this command does not know: {what}"))
}
