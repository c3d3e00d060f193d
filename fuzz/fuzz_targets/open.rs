//! `cargo +nightly fuzz run open`
#![no_main]

#[path = "../checks/open.rs"]
mod open;

use std::sync::LazyLock;

static WORLD: LazyLock<open::World> = LazyLock::new(open::World::new);

libfuzzer_sys::fuzz_target!(|data: &[u8]| WORLD.check(data));
