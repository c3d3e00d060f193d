//! Reading a request's CBOR as strictly as its JSON: bounded depth, known fields, no field twice,
//! nothing behind its end. A length that is announced costs nothing until its bytes are there.

use std::convert::Infallible;

use cbor4ii::core::dec::{self, Reference};
use cbor4ii::core::error::DecodeError as Form;
use cbor4ii::serde::{DecodeError, Deserializer};
use sealane_core::limits;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::json::shown;
use crate::problem::{Code, Problem};

/// Reads a CBOR document of a known shape.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut document = Deserializer::new(Document { rest: bytes, levels: limits::REQUEST_DEPTH_MAX });
    let value = T::deserialize(&mut document).map_err(|error| problem(&error))?;
    if !document.into_inner().rest.is_empty() {
        return Err(Problem::invalid("the CBOR goes on behind its end: send one item"));
    }
    Ok(value)
}

/// Writes a CBOR document: maps by field name, lengths in front.
pub(crate) fn write(value: &impl Serialize, bytes: usize) -> Vec<u8> {
    cbor4ii::serde::to_vec(Vec::with_capacity(bytes), value)
        .expect("the shapes are texts, numbers, lists and maps, which CBOR can hold, and memory is there")
}

/// What is left to read, and how many levels deeper it may go.
struct Document<'a> {
    rest: &'a [u8],
    levels: usize,
}

impl<'a> dec::Read<'a> for Document<'a> {
    type Error = Infallible;

    fn fill<'b>(&'b mut self, want: usize) -> Result<Reference<'a, 'b>, Infallible> {
        Ok(Reference::Long(&self.rest[..want.min(self.rest.len())]))
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes.min(self.rest.len())..];
    }

    fn step_in(&mut self) -> bool {
        let deeper = self.levels.checked_sub(1);
        self.levels = deeper.unwrap_or(0);
        deeper.is_some()
    }

    fn step_out(&mut self) {
        self.levels += 1;
    }
}

fn problem(error: &DecodeError<Infallible>) -> Problem {
    let form = match error {
        DecodeError::Custom(text) => {
            // Why by text: as for JSON, this is the wording of serde's own derive.
            let unknown = text.starts_with("unknown field");
            let code = if unknown { Code::UnknownField } else { Code::InvalidRequest };
            return Problem::new(code, shown(text));
        }
        DecodeError::Core(form) => form,
    };
    Problem::invalid(match form {
        Form::DepthOverflow { .. } => format!("CBOR may be nested {} levels deep", limits::REQUEST_DEPTH_MAX),
        Form::Eof { .. } => "the CBOR ends too early".to_owned(),
        Form::Mismatch { name, .. } | Form::Unsupported { name, .. } => {
            format!("the CBOR has another item where it should have: {name}")
        }
        Form::RequireUtf8 { .. } => "a text in the CBOR is not UTF-8".to_owned(),
        _ => "a number or length in the CBOR is out of range".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::{JobBatchIn, JobIn};

    fn text(text: &str) -> Vec<u8> {
        assert!(text.len() < 24, "longer texts have another first byte");
        [&[0x60 | u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
    }

    /// A map of the pairs of already encoded values, put together by hand after RFC 8949.
    fn map(pairs: &[(&str, &[u8])]) -> Vec<u8> {
        let mut map = vec![0xa0 | u8::try_from(pairs.len()).unwrap()];
        for (name, value) in pairs {
            map.extend(text(name));
            map.extend_from_slice(value);
        }
        map
    }

    fn refused<T: DeserializeOwned>(bytes: &[u8]) -> Problem {
        match read::<T>(bytes) {
            Ok(_) => panic!("{bytes:02x?} was read"),
            Err(problem) => problem,
        }
    }

    #[test]
    fn what_another_encoder_writes_is_read() {
        let read_kind_and_body = |bytes: &[u8]| {
            let job: JobIn = read(bytes).unwrap();
            (job.kind.to_string(), Vec::from(job.body), job.delay_ms)
        };
        let expected = ("k".to_owned(), vec![0, 255], Some(7));
        let plain = map(&[("kind", b"\x61k"), ("body", b"\x42\x00\xff"), ("delay_ms", b"\x07")]);
        assert_eq!(read_kind_and_body(&plain), expected);
        // Lengths left open, a byte string in two pieces, a number longer than it needs to be.
        let open = [
            b"\xbf".to_vec(),
            text("body"),
            b"\x5f\x41\x00\x41\xff\xff".to_vec(),
            text("kind"),
            b"\x61k".to_vec(),
            text("delay_ms"),
            b"\x1b\0\0\0\0\0\0\0\x07".to_vec(),
            b"\xff".to_vec(),
        ]
        .concat();
        assert_eq!(read_kind_and_body(&open), expected);
    }

    // attack 54
    // attack 55
    #[test]
    fn bad_cbor_is_refused_in_words() {
        let kind: &[u8] = b"\x61k";
        let body: &[u8] = b"\x40";
        let with = |name: &str, value: &[u8]| map(&[("kind", kind), ("body", body), (name, value)]);
        assert_eq!(refused::<JobIn>(&with("colour", b"\x01")).code, Code::UnknownField);
        for bad in [
            Vec::new(),
            b"\xa1".to_vec(),
            map(&[("kind", kind)]),
            // Bytes as text, text as bytes, a field twice.
            map(&[("kind", kind), ("body", b"\x60")]),
            map(&[("kind", b"\x41k"), ("body", body)]),
            map(&[("kind", kind), ("body", body), ("kind", kind)]),
            // Not UTF-8, a negative number, one too large, a fraction, one beyond 64 bits.
            map(&[("kind", b"\x61\xff"), ("body", body)]),
            with("delay_ms", b"\x20"),
            with("max_attempts", b"\x1b\0\0\0\x01\0\0\0\0"),
            with("delay_ms", b"\xf9\x3c\x00"),
            with("delay_ms", b"\xc2\x49\x01\0\0\0\0\0\0\0\0"),
            with("priority", &text("urgent")),
            // Something behind the end, a length that promises more than there is, a reserved length.
            [map(&[("kind", kind), ("body", body)]), b"\x00".to_vec()].concat(),
            map(&[("kind", kind), ("body", b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff")]),
            map(&[("kind", kind), ("body", b"\x5c")]),
        ] {
            let problem = refused::<JobIn>(&bad);
            assert_eq!(problem.code, Code::InvalidRequest, "{bad:02x?}");
            assert!(!problem.detail.contains("0x") && problem.detail.len() > 10, "{}", problem.detail);
        }
        let endless = map(&[("jobs", b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff")]);
        assert!(refused::<JobBatchIn>(&endless).detail.contains("ends too early"));
        let deep = map(&[("kind", &[0x81; 100_000])]);
        assert_eq!(refused::<JobIn>(&deep).code, Code::InvalidRequest);
    }

    // attack 55
    #[test]
    fn depth_is_bounded_also_where_anything_may_stand() {
        let nested = |levels: usize| [vec![0x81; levels], vec![0x00]].concat();
        let read = |levels| read::<serde_json::Value>(&nested(levels));
        let problem = read(limits::REQUEST_DEPTH_MAX + 1).unwrap_err();
        assert!(problem.detail.contains("nested"), "{problem}");
        assert!(read(100_000).unwrap_err().detail.contains("nested"));
        assert!(read(2).is_ok());

        // Where the shape says what stands there, a level is a level.
        #[derive(serde::Deserialize)]
        struct Nest(Vec<Nest>);
        let nest = |levels: usize| super::read::<Nest>(&[vec![0x81; levels - 1], vec![0x80]].concat());
        assert_eq!(nest(limits::REQUEST_DEPTH_MAX).unwrap().0.len(), 1);
        assert!(nest(limits::REQUEST_DEPTH_MAX + 1).err().unwrap().detail.contains("nested"));
    }

    #[test]
    fn what_stands_side_by_side_is_not_nested() {
        let job = map(&[("kind", b"\x61k"), ("body", b"\x40"), ("tags", b"\x81\x61t")]);
        let jobs = [&[0x94][..], &job.repeat(20)].concat();
        assert_eq!(read::<JobBatchIn>(&map(&[("jobs", &jobs)])).unwrap().jobs.len(), 20);
    }

    #[test]
    fn what_was_written_is_read_again() {
        let job = JobIn {
            kind: "k".into(),
            body: vec![7; 300].into(),
            tags: vec!["a".into(), "b".into()],
            ttl_ms: Some(u64::MAX),
            ..JobIn::default()
        };
        let batch = JobBatchIn { jobs: vec![job.clone(), job], atomic: false };
        let bytes = write(&batch, 0);
        assert!(bytes.len() < 2 * 400, "bodies travel as they are: {}", bytes.len());
        let again: JobBatchIn = read(&bytes).unwrap();
        assert_eq!(format!("{again:?}"), format!("{batch:?}"));
        assert_eq!(again.jobs[1].body, batch.jobs[1].body);
    }
}
