//! How events are written: blocks of lines, each ended by an empty one (WHATWG HTML, section 9.2.5).
//!
//! Nothing that is written here has a line break of its own: places, words and JSON.

use std::fmt::Write as _;

use sealane_api::v1::{EventEnd, EventReset, JobEvent};
use sealane_core::queue::feed::Place;
use serde::Serialize;

/// How long a reader waits before it begins anew, unless it knows better.
const RETRY_MS: u64 = 1_000;

/// About how many bytes an event takes.
pub(super) const EVENT_BYTES: usize = 384;

/// The first block: how to begin anew.
pub(super) fn opening(text: &mut String) {
    write(text, format_args!("retry: {RETRY_MS}\n\n"));
}

/// A sign of life, with the place to begin anew from. A block without data is no event to readers.
pub(super) fn alive(text: &mut String, place: Option<Place>) {
    text.push_str(":\n");
    if let Some(place) = place {
        write(text, format_args!("id: {place}\n"));
    }
    text.push('\n');
}

/// An event of a job. Without a name: to a browser's reader it is a message.
pub(super) fn job(text: &mut String, event: &JobEvent) {
    block(text, None, Some(&event.id), event);
}

/// Events are missing.
pub(super) fn reset(text: &mut String, reset: &EventReset) {
    block(text, Some("reset"), Some(&reset.id), reset);
}

/// The last block.
pub(super) fn end(text: &mut String, end: &EventEnd) {
    block(text, Some("end"), None, end);
}

fn block(text: &mut String, name: Option<&str>, id: Option<&str>, data: &impl Serialize) {
    if let Some(name) = name {
        write(text, format_args!("event: {name}\n"));
    }
    if let Some(id) = id {
        write(text, format_args!("id: {id}\n"));
    }
    let data = serde_json::to_string(data).expect("an event is texts and numbers, which JSON can hold");
    write(text, format_args!("data: {data}\n\n"));
}

fn write(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes whatever is written to it");
}
