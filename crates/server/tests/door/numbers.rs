//! Every number that a request may carry, at both ends of what the published document says of it, one
//! beyond, and far beyond: in JSON and in CBOR.

use std::sync::Arc;

use ciborium::Value as Cbor;
use sealane_storage::testing::lossy_disk::LossyDisk;
use serde_json::{Value, json};

use crate::http::{Http, Reply};
use crate::numbers_base::Bases;
use crate::support::Home;

/// Stands where the number goes.
const PLACE: &str = "@number@";

/// What reads like a number or nearly, and is beyond whatever has 64 bits and no sign; `2^31` and up only
/// where the field ends below.
const NEVER: [&str; 9] =
    ["-1", "1.5", "18446744073709551616", "1e18446744073709551616", "1e400", "-0.5", "\"1\"", "[1]", "true"];
const LARGE: [u64; 6] = [1 << 31, 1 << 32, (1 << 53) + 1, 1_000_000_000_000_000_000, 1 << 63, u64::MAX];

/// One number of one operation.
struct Number {
    operation: String,
    method: String,
    /// The way to it: names of fields, and nothing for the first item of a list.
    way: Vec<Option<String>>,
    least: u64,
    highest: u64,
}

impl Number {
    fn name(&self) -> String {
        let way: Vec<&str> = self.way.iter().map(|step| step.as_deref().unwrap_or("[]")).collect();
        format!("{} {}", self.operation, way.join("."))
    }

    /// The request with this in the number's place.
    fn with(&self, base: &Value, number: Value) -> Value {
        let mut request = base.clone();
        let mut at = &mut request;
        for step in &self.way {
            at = match step {
                Some(field) => &mut at[field],
                None => &mut at[0],
            };
        }
        *at = number;
        request
    }
}

/// All numbers of all requests in the document.
fn numbers(document: &Value) -> Vec<Number> {
    let mut found = Vec::new();
    for item in document["paths"].as_object().expect("paths").values() {
        for (method, operation) in item.as_object().expect("methods") {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let mut ways = Vec::new();
            numbers_in(document, schema, &mut Vec::new(), &mut ways);
            for (way, least, highest) in ways {
                found.push(Number {
                    operation: operation["operationId"].as_str().expect("a name").to_owned(),
                    method: method.to_uppercase(),
                    way,
                    least,
                    highest,
                });
            }
        }
    }
    found
}

type Way = Vec<Option<String>>;

fn numbers_in(document: &Value, schema: &Value, way: &mut Way, found: &mut Vec<(Way, u64, u64)>) {
    assert!(way.len() <= 8, "a shape within itself");
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return numbers_in(document, &document["components"]["schemas"][name], way, found);
    }
    for choice in schema["oneOf"].as_array().into_iter().flatten() {
        numbers_in(document, choice, way, found);
    }
    let is = |word: &str| {
        schema["type"] == word || schema["type"].as_array().is_some_and(|all| all.contains(&json!(word)))
    };
    if is("integer") || is("number") {
        let bound = |end: &str| {
            schema[end].as_u64().unwrap_or_else(|| panic!("{way:?} has no {end}: see openapi/numbers.rs"))
        };
        found.push((way.clone(), bound("minimum"), bound("maximum")));
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        way.push(Some(name.clone()));
        numbers_in(document, field, way, found);
        way.pop();
    }
    if schema["items"].is_object() {
        way.push(None);
        numbers_in(document, &schema["items"], way, found);
        way.pop();
    }
}

/// Why it was refused: as a whole, or its one item.
fn refusal(reply: &Reply) -> Option<String> {
    if reply.status >= 400 {
        return Some(reply.problem().to_owned());
    }
    let item = &reply.json["results"][0]["error"]["code"];
    item.as_str().map(str::to_owned)
}

/// The same request as CBOR: bodies are bytes there.
fn cbor(json: &Value, name: &str) -> Cbor {
    use base64::Engine as _;
    match json {
        Value::Object(fields) => {
            Cbor::Map(fields.iter().map(|(name, value)| (name.as_str().into(), cbor(value, name))).collect())
        }
        Value::Array(items) => Cbor::Array(items.iter().map(|item| cbor(item, name)).collect()),
        Value::String(text) if name == "body" => {
            Cbor::Bytes(base64::engine::general_purpose::STANDARD.decode(text).expect("base64"))
        }
        other => Cbor::serialized(other).expect("it encodes"),
    }
}

struct Trial<'a> {
    http: &'a Http,
    number: &'a Number,
    /// What was wrong: all of it is told at the end.
    wrong: Vec<String>,
}

impl Trial<'_> {
    async fn json(&self, path: &str, base: &Value, literal: &str) -> Reply {
        let text = self.number.with(base, json!(PLACE)).to_string();
        self.http.send(&self.number.method, path, &text.replace(&format!("\"{PLACE}\""), literal)).await
    }

    async fn cbor(&self, path: &str, base: &Value, number: Cbor) -> Reply {
        let mut document = cbor(&self.number.with(base, json!(0)), "");
        let mut at = &mut document;
        for step in &self.number.way {
            at = match (step, at) {
                (Some(field), Cbor::Map(pairs)) => {
                    &mut pairs
                        .iter_mut()
                        .find(|(name, _)| name.as_text() == Some(field))
                        .expect("it is there")
                        .1
                }
                (None, Cbor::Array(items)) => &mut items[0],
                (_, other) => panic!("no way on in {other:?}"),
            };
        }
        *at = number;
        let mut bytes = Vec::new();
        ciborium::into_writer(&document, &mut bytes).expect("it encodes");
        let request = self.http.request(&self.number.method, path, "");
        let request = request.header("authorization", format!("Bearer {}", self.http.key));
        Http::reply(request.header("content-type", "application/cbor").body(bytes)).await.expect("an answer")
    }

    fn taken(&mut self, what: u64, reply: &Reply) {
        if reply.status >= 300 || refusal(reply).is_some() {
            self.wrong.push(format!(
                "{} refuses {what}: {} {}",
                self.number.name(),
                reply.status,
                reply.text
            ));
        }
    }

    fn refused(&mut self, what: &str, reply: &Reply) {
        let code = refusal(reply).unwrap_or_default();
        // A report's number has an order as well, and a number beyond the last report is out of it.
        let fits =
            code == "invalid_request" || (code == "report_order" && self.number.name().ends_with("[].seq"));
        if !fits {
            self.wrong.push(format!("{} {what}: {} {}", self.number.name(), reply.status, reply.text));
        }
    }
}

// covers JOB-4 (extend)
// covers QUE-1 (extend)
// attack 55
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_number_of_every_request_ends_where_the_document_says() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk)).await;
    let http = Http::admin(&server);
    let bases = Bases::new(&http).await;
    let document = http.get("/v1/openapi.json").await.json;
    let numbers = numbers(&document);
    assert!(numbers.len() > 60, "the document was read: {}", numbers.len());
    let mut wrong = Vec::new();
    for number in &numbers {
        let mut trial = Trial { http: &http, number, wrong: Vec::new() };
        let name = number.name();
        let (path, base) = bases.fresh(&number.operation).await;
        // A firing says itself when its job begins.
        let never = name == "schedule.put job.delay_ms";
        for literal in NEVER {
            let reply = trial.json(&path, &base, literal).await;
            trial.refused(literal, &reply);
        }
        let beyond = [number.highest + 1].into_iter().chain(LARGE).filter(|large| *large > number.highest);
        for large in beyond.chain(number.least.checked_sub(1)) {
            let reply = trial.json(&path, &base, &large.to_string()).await;
            trial.refused(&large.to_string(), &reply);
            let reply = trial.cbor(&path, &base, Cbor::from(large)).await;
            trial.refused("the same in CBOR", &reply);
        }
        let bignum = Cbor::Tag(2, Box::new(Cbor::Bytes([&[1][..], &[0; 8]].concat())));
        for (what, odd) in [("-1", Cbor::from(-1)), ("2^64", bignum), ("1.5", Cbor::from(1.5))] {
            let reply = trial.cbor(&path, &base, odd).await;
            trial.refused(what, &reply);
        }
        // A report's number is the next one, whatever the highest is.
        let highest = match () {
            () if name.ends_with("[].seq") => number.least,
            // The base has the longest time to live: it would end at the moment when the job may begin.
            () if name.ends_with("delay_ms") && !name.starts_with("lease.") => number.highest - 1,
            () => number.highest,
        };
        for end in [number.least, highest] {
            let (path, base) = bases.fresh(&number.operation).await;
            let json = trial.json(&path, &base, &end.to_string()).await;
            let (path, base) = bases.fresh(&number.operation).await;
            let cbor = trial.cbor(&path, &base, Cbor::from(end)).await;
            for reply in [json, cbor] {
                if never { trial.refused("any delay", &reply) } else { trial.taken(end, &reply) }
            }
        }
        wrong.extend(trial.wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    server.stop().await.expect("a clean stop");
}
