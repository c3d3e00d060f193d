//! The OpenAPI 3.1 document, made from the operation list and the wire types.

mod numbers;

use utoipa::ToSchema;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder, Ref,
    RefOr, Required, ResponseBuilder, Schema,
};

use crate::format::{EVENT_STREAM, Format};
use crate::operation::{
    Answer as _, JobEnqueue, Method, NoBody, Operation, OrNothing, RequestBody, RequestQuery as _,
};
use crate::problem::ProblemDocument;

/// Schemas by name, as they are found.
type Schemas = Vec<(String, RefOr<Schema>)>;

/// A body or an answer that may have a schema.
trait Described {
    fn describe(schemas: &mut Schemas) -> Option<RefOr<Schema>>;
}

impl Described for NoBody {
    fn describe(_: &mut Schemas) -> Option<RefOr<Schema>> {
        None
    }
}

impl Described for serde_json::Value {
    fn describe(_: &mut Schemas) -> Option<RefOr<Schema>> {
        Some(ObjectBuilder::new().schema_type(Type::Object).into())
    }
}

impl Described for crate::v1::MetricsOut {
    fn describe(_: &mut Schemas) -> Option<RefOr<Schema>> {
        Some(ObjectBuilder::new().schema_type(Type::String).into())
    }
}

impl<T: Described> Described for OrNothing<T> {
    fn describe(schemas: &mut Schemas) -> Option<RefOr<Schema>> {
        T::describe(schemas)
    }
}

macro_rules! described {
    ($($type:ident),* $(,)?) => {
        $(impl Described for crate::v1::$type {
            fn describe(schemas: &mut Schemas) -> Option<RefOr<Schema>> {
                schemas.push((Self::name().into(), <Self as utoipa::PartialSchema>::schema()));
                <Self as ToSchema>::schemas(schemas);
                Some(Ref::from_schema_name(Self::name()).into())
            }
        })*
    };
}

described! {
    QueueIn, QueueOut, QueueList, JobIn, JobAccepted, JobBatchIn, JobBatchOut, JobOut, JobListIn, JobListOut, LeaseIn, LeaseOut, Complete, Fail,
    Release, Extend, Hold, Settled, CancelIn, MoveIn, ReprioritiseIn, JobStands, DeadLetterIn, DeadLetterOut,
    DeadPreviewOut, DeadAnalysisOut, DeadPurgeIn, DeadRedriveIn, SweepOut, HeldPreviewIn, HeldPreviewOut, HeldReleaseIn, SessionAcceptIn, SessionAcceptOut, SessionListIn, SessionListOut, SessionReleaseIn, SessionReleased, SessionRenewIn, SessionCloseIn, SessionStateIn, SessionStateOut, SessionSetStateIn, SessionStands, FlowIn, FlowAccepted, FlowOut, ScheduleIn, ScheduleOut, ScheduleListIn, ScheduleListOut, FireOut, ScheduleGone, AccessKeyIn, AccessKeyMade, AccessKeyList, AccessKeyOut, ServerOut, Reports, JobLogIn, JobLogOut, WaitIn, JobEvent, JobBodyIn, JobBodyOut,
}

/// Makes the document.
pub fn document() -> OpenApi {
    let mut schemas: Schemas =
        vec![(ProblemDocument::name().into(), <ProblemDocument as utoipa::PartialSchema>::schema())];
    let mut paths = PathsBuilder::new();
    macro_rules! describe_all {
        ($($op:ident),*) => { $( paths = paths.path(
            crate::operation::$op::PATH,
            describe::<crate::operation::$op>(&mut schemas),
        ); )* };
    }
    for_each_operation!(describe_all);
    schemas.iter_mut().for_each(|(name, schema)| numbers::bound(name, schema));
    let key = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Sealane")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "A job and message queue whose payloads stay sealed from the producer to the worker. \
                     Requests and answers are JSON or CBOR of the same shape; in CBOR, bytes are byte \
                     strings instead of base64.",
                ))
                .build(),
        )
        .paths(paths.build())
        .components(Some(
            ComponentsBuilder::new().schemas_from_iter(schemas).security_scheme("access_key", key).build(),
        ))
        .security(Some([SecurityRequirement::new("access_key", Vec::<String>::new())]))
        .build()
}

fn describe<Op: Operation>(schemas: &mut Schemas) -> PathItem
where
    Op::Body: Described,
    Op::Answer: Described,
{
    let mut operation = OperationBuilder::new()
        .operation_id(Some(Op::NAME))
        .summary(Some(Op::SUMMARY))
        .tag(Op::NAME.split('.').next().unwrap_or(Op::NAME));
    if let Some(name) = Op::PATH.split(['{', '}']).nth(1) {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(ObjectBuilder::new().schema_type(Type::String))),
        );
    }
    if Op::NAME == JobEnqueue::NAME {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name("Idempotency-Key")
                .parameter_in(ParameterIn::Header)
                .required(Required::False)
                .description(Some("The job's `idempotency_key`, where it is not in the body."))
                .schema(Some(ObjectBuilder::new().schema_type(Type::String))),
        );
    }
    if let Some(schema) = Op::Body::describe(schemas).filter(|_| Op::Body::EXPECTED) {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let required = if Op::Body::REQUIRED { Required::True } else { Required::False };
        let body = Format::ALL.into_iter().fold(RequestBodyBuilder::new(), |body, format| {
            body.content(format.media_type(), content.clone())
        });
        operation = operation.request_body(Some(body.required(Some(required)).build()));
    }
    for field in Op::Query::FIELDS {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let schema: RefOr<Schema> =
            if field.repeats { ArrayBuilder::new().items(text).into() } else { text.into() };
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(field.name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(field.says))
                .schema(Some(schema)),
        );
    }
    if Op::STREAMS {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name("Last-Event-ID")
                .parameter_in(ParameterIn::Header)
                .required(Required::False)
                .description(Some("The id of the last event that was seen; it counts before `after`."))
                .schema(Some(ObjectBuilder::new().schema_type(Type::String))),
        );
    }
    let media_types: &[&str] = match Op::Answer::TEXT {
        Some(text) => &[text],
        None if Op::STREAMS => &[EVENT_STREAM],
        None => &Format::ALL.map(Format::media_type),
    };
    let answer = ContentBuilder::new().schema(Op::Answer::describe(schemas)).build();
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemDocument::name()))).build();
    let operation = operation
        .response(
            "2XX",
            media_types
                .iter()
                .fold(ResponseBuilder::new().description("done"), |response, media_type| {
                    response.content(*media_type, answer.clone())
                })
                .build(),
        )
        .response(
            "default",
            ResponseBuilder::new()
                .description("not done")
                .content(ProblemDocument::CONTENT_TYPE, problem)
                .build(),
        );
    PathItem::new(method(Op::METHOD), operation.build())
}

fn method(method: Method) -> HttpMethod {
    match method {
        Method::Delete => HttpMethod::Delete,
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_reference_has_its_schema_and_every_operation_its_path() {
        let text = serde_json::to_string(&super::document()).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name} is referred to and missing");
        }
        let mut operations = 0;
        macro_rules! count { ($($op:ident),*) => { $( let _ = stringify!($op); operations += 1; )* }; }
        for_each_operation!(count);
        let described: usize =
            document["paths"].as_object().unwrap().values().map(|item| item.as_object().unwrap().len()).sum();
        assert_eq!(described, operations);
    }
}
