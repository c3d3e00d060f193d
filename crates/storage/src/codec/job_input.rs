//! What a producer supplied with a job: one version byte, then the fields.

use std::collections::BTreeMap;

use sealane_core::job::JobInput;
use sealane_core::limits;
use sealane_core::name::{AttributeName, ContentType, CorrelationId, Kind, SessionId, Subject, Tag};

use super::error::DecodeError;
use super::fields::{Cursor, Fields};

const VERSION_1: u8 = 1;

/// Writes a job's input.
pub fn encode_job_input(input: &JobInput, out: &mut Vec<u8>) {
    let mut out = Fields(out);
    out.u8(VERSION_1);
    out.text(input.kind.as_str());
    out.option(input.content_type.as_ref(), |out, value| out.text(value.as_str()));
    out.option(input.session_id.as_ref(), |out, value| out.text(value.as_str()));
    out.option(input.correlation_id.as_ref(), |out, value| out.text(value.as_str()));
    out.option(input.subject.as_ref(), |out, value| out.text(value.as_str()));
    out.count(input.tags.len());
    for tag in &input.tags {
        out.text(tag.as_str());
    }
    out.count(input.attributes.len());
    for (name, value) in &input.attributes {
        out.text(name.as_str());
        out.text(value);
    }
    out.bytes(&input.body);
}

/// Reads a job's input.
///
/// # Errors
/// When the bytes are not exactly one known layout.
pub fn decode_job_input(bytes: &[u8]) -> Result<JobInput, DecodeError> {
    let mut cursor = Cursor::new(bytes);
    let version = cursor.u8("version")?;
    if version != VERSION_1 {
        return Err(DecodeError::Field { field: "version" });
    }
    let input = JobInput {
        kind: cursor.text("kind", Kind::parse)?,
        content_type: cursor
            .option("content_type", |cursor| cursor.text("content_type", ContentType::parse))?,
        session_id: cursor.option("session_id", |cursor| cursor.text("session_id", SessionId::parse))?,
        correlation_id: cursor
            .option("correlation_id", |cursor| cursor.text("correlation_id", CorrelationId::parse))?,
        subject: cursor.option("subject", |cursor| cursor.text("subject", Subject::parse))?,
        tags: tags(&mut cursor)?,
        attributes: attributes(&mut cursor)?,
        body: cursor.bytes("body")?.to_vec(),
    };
    cursor.end()?;
    Ok(input)
}

fn tags(cursor: &mut Cursor<'_>) -> Result<Vec<Tag>, DecodeError> {
    let count = usize::from(cursor.u16("tags")?);
    if count > limits::TAGS_MAX {
        return Err(DecodeError::Field { field: "tags" });
    }
    (0..count).map(|_| cursor.text("tags", Tag::parse)).collect()
}

fn attributes(cursor: &mut Cursor<'_>) -> Result<BTreeMap<AttributeName, String>, DecodeError> {
    let count = usize::from(cursor.u16("attributes")?);
    let mut attributes = BTreeMap::new();
    for _ in 0..count {
        let name = cursor.text("attributes", AttributeName::parse)?;
        let value = cursor.text("attributes", |text| Ok::<_, DecodeError>(text.to_owned()))?;
        // One form only: names ascend, so none comes twice.
        if attributes.last_key_value().is_some_and(|(last, _)| *last >= name) {
            return Err(DecodeError::Field { field: "attributes" });
        }
        attributes.insert(name, value);
    }
    Ok(attributes)
}
