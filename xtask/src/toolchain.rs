//! Owns the promise about compilers: which release is the oldest, and that it is kept.

use crate::command::{Line, is_installed};
use crate::failure::Failure;
use crate::place::Place;
use crate::step::Outcome;
use serde_json::Value;
use std::collections::BTreeSet;

/// Major and minor number of a compiler release; patch releases do not change what compiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Release {
    major: u32,
    minor: u32,
}

pub(crate) fn step(place: &Place) -> Result<Outcome, Failure> {
    let running = running_release(place)?;
    let minimum = promised_minimum(place)?;
    if running < minimum {
        return Err(Failure::with_line(
            format!(
                "rustc {}.{} is older than {}.{}, the oldest this workspace supports",
                running.major, running.minor, minimum.major, minimum.minor
            ),
            "rustup update stable",
        ));
    }
    Ok(Outcome::Passed)
}

/// Compiles with the oldest promised release, unless the other steps do so anyway.
pub(crate) fn minimum(place: &Place) -> Result<Outcome, Failure> {
    let minimum = promised_minimum(place)?;
    if running_release(place)? == minimum {
        println!("the compiler in use is the minimum, the steps around this one check it");
        return Ok(Outcome::Passed);
    }
    if !is_installed("rustup") {
        return Ok(Outcome::NotChecked("rustup is missing, only the compiler in use was tried".to_owned()));
    }
    let name = format!("{}.{}", minimum.major, minimum.minor);
    Line::new("rustup").args(["toolchain", "install", "--profile", "minimal", &name]).run()?;
    // Why without --all-targets: the promise is to whoever builds the product, and test
    // dependencies may be ahead of it.
    place.cargo([&format!("+{name}"), "check", "--release", "--locked", "--workspace"]).run()?;
    Ok(Outcome::Passed)
}

fn running_release(place: &Place) -> Result<Release, Failure> {
    let text = Line::new("rustc").args(["--version"]).within(&place.root).answer()?;
    println!("{}", text.trim());
    text.split_whitespace()
        .nth(1)
        .and_then(Release::parse)
        .ok_or_else(|| Failure::new(format!("rustc --version answered `{}`, no release in it", text.trim())))
}

fn promised_minimum(place: &Place) -> Result<Release, Failure> {
    let text = place.cargo(["metadata", "--no-deps", "--format-version", "1"]).answer()?;
    let metadata: Value = serde_json::from_str(&text)
        .map_err(|cause| Failure::new(format!("cargo metadata did not answer in JSON: {cause}")))?;
    minimum_of(&metadata)
}

/// Packages that promise different releases would make the promise unreadable.
fn minimum_of(metadata: &Value) -> Result<Release, Failure> {
    let mut promises = BTreeSet::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or("a package");
        let promise = package["rust_version"].as_str().and_then(Release::parse).ok_or_else(|| {
            Failure::new(format!("{name} states no rust-version, add `rust-version.workspace = true`"))
        })?;
        promises.insert(promise);
    }
    match (promises.pop_first(), promises.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err(Failure::new(
            "packages state different rust-versions, let each say `rust-version.workspace = true`",
        )),
        (None, _) => Err(Failure::new("cargo metadata lists no packages")),
    }
}

impl Release {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(['.', '-']);
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        Some(Self { major, minor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn releases_are_compared_by_number_and_not_by_letter() {
        let of = |text| Release::parse(text).expect("it is a release");
        assert!(of("1.100.0") > of("1.95.0"));
        assert_eq!(of("1.95.3"), of("1.95"));
        assert_eq!(of("1.97.0-nightly"), of("1.97"));
        assert_eq!(Release::parse("stable"), None);
    }

    #[test]
    fn one_promise_for_all_packages() {
        let same = json!({"packages": [{"name": "a", "rust_version": "1.95"}, {"name": "b", "rust_version": "1.95.0"}]});
        assert_eq!(minimum_of(&same).expect("they agree"), Release { major: 1, minor: 95 });
        let other = json!({"packages": [{"name": "a", "rust_version": "1.95"}, {"name": "b", "rust_version": "1.96"}]});
        assert!(minimum_of(&other).expect_err("they differ").to_string().contains("different"));
        let silent = json!({"packages": [{"name": "b", "rust_version": null}]});
        assert!(
            minimum_of(&silent).expect_err("b is silent").to_string().starts_with("b states no rust-version")
        );
        assert!(minimum_of(&json!({"packages": []})).is_err());
    }
}
