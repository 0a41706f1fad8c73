//! The document `/openapi.json`: paths from a table, schemas from the types of the bodies.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use codepurify::Report;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::problem::ProblemBody;
use crate::routes::tei::{TeiRequest, TeiResponse};
use crate::routes::vllm::{VllmModels, VllmRequest, VllmResponse};
use crate::wire::{Answer, InfoOutput, JudgeRequest, PredictOutput, PurifyOutput, ReadyOutput};

const JSON: &str = "application/json";

/// Errors of routes that judge code, with their meaning.
const ERRORS: [(&str, &str); 11] = [
    ("400", "The body is no JSON, or a header is malformed."),
    ("401", "The key is missing or unknown."),
    ("408", "The body did not arrive in time."),
    ("413", "The body, a snippet or the number of inputs is too large."),
    ("415", "The body is not declared as `application/json`."),
    ("422", "A field is missing, unknown or has a wrong value."),
    ("424", "The model failed."),
    ("429", "The queue is full, or too many requests are being answered."),
    ("500", "The server failed."),
    ("503", "The server stops."),
    ("504", "The deadline passed."),
];

/// `GET /openapi.json`: the document.
pub(crate) async fn serve() -> Response {
    ([(header::CONTENT_TYPE, JSON)], document().to_string()).into_response()
}

fn document() -> Value {
    let mut schemas = SchemaSettings::openapi3().into_generator();
    let problem = schemas.subschema_for::<ProblemBody<'_>>();
    let mut paths = Map::new();
    let mut post = |path: &str, summary: &str, request: Schema, response: Schema, form: Form| {
        let form = (form == Form::Problem).then_some(&problem);
        paths.insert(path.to_owned(), json!({ "post": judging(summary, &request, &response, form) }));
    };
    let judge = schemas.subschema_for::<JudgeRequest>();
    let scan = "Judge code: one report for each input, as `codepurify scan` writes it";
    post("/v1/scan", scan, judge.clone(), answer::<Report>(&mut schemas), Form::Problem);
    let purify = "Remove triggers from code";
    post("/v1/purify", purify, judge.clone(), answer::<PurifyOutput>(&mut schemas), Form::Problem);
    let predict = "Predict for purified code";
    post("/v1/predict", predict, judge, answer::<PredictOutput>(&mut schemas), Form::Problem);
    let (request, response) = pair::<TeiRequest, TeiResponse>(&mut schemas);
    post(
        "/predict",
        "Score purified texts, in the form of text-embeddings-inference",
        request,
        response,
        Form::Own,
    );
    let (request, response) = pair::<VllmRequest, VllmResponse>(&mut schemas);
    post("/classify", "Classify purified texts, in the form of vLLM", request, response, Form::Own);
    for (path, summary, content, schema, open) in [
        ("/health", "Tell whether the server answers", "text/plain", None, true),
        (
            "/ready",
            "Tell whether the server takes requests",
            JSON,
            Some(schemas.subschema_for::<ReadyOutput>()),
            true,
        ),
        (
            "/info",
            "Describe model, method and limits",
            JSON,
            Some(schemas.subschema_for::<InfoOutput>()),
            false,
        ),
        (
            "/v1/models",
            "Name the model, in the form of vLLM",
            JSON,
            Some(schemas.subschema_for::<VllmModels>()),
            false,
        ),
        ("/metrics", "Show counts in the text format of Prometheus", "text/plain", None, false),
        ("/openapi.json", "Describe all routes", JSON, None, true),
        ("/docs", "Show the routes to people", "text/html", None, true),
    ] {
        paths.insert(path.to_owned(), json!({ "get": reading(summary, content, schema, open) }));
    }
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "codepurify",
            "description": "Guards a neural code model against backdoor triggers.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
        },
    })
}

/// Form of a route's errors.
#[derive(PartialEq)]
enum Form {
    /// `application/problem+json`.
    Problem,
    /// That of the other server.
    Own,
}

fn answer<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Schema {
    schemas.subschema_for::<Answer<T>>()
}

fn pair<Q: JsonSchema, R: JsonSchema>(schemas: &mut SchemaGenerator) -> (Schema, Schema) {
    (schemas.subschema_for::<Q>(), schemas.subschema_for::<R>())
}

fn judging(summary: &str, request: &Schema, response: &Schema, problem: Option<&Schema>) -> Value {
    let mut responses = Map::new();
    responses.insert(
        "200".to_owned(),
        json!({ "description": "The answer.", "content": { JSON: { "schema": response } } }),
    );
    for (status, meaning) in ERRORS {
        let content = match problem {
            Some(schema) => json!({ "application/problem+json": { "schema": schema } }),
            None => json!({ JSON: { "schema": { "type": "object" } } }),
        };
        responses.insert(status.to_owned(), json!({ "description": meaning, "content": content }));
    }
    json!({
        "summary": summary,
        "security": [{}, { "key": [] }],
        "parameters": [{
            "name": "X-Request-Timeout",
            "in": "header",
            "description": "Seconds in which the answer is needed; the server has a maximum.",
            "schema": { "type": "number", "exclusiveMinimum": true, "minimum": 0 },
        }],
        "requestBody": { "required": true, "content": { JSON: { "schema": request } } },
        "responses": responses,
    })
}

fn reading(summary: &str, content: &str, schema: Option<Schema>, open: bool) -> Value {
    let schema = schema
        .map_or_else(|| json!({ "type": if content == JSON { "object" } else { "string" } }), Value::from);
    let mut responses =
        json!({ "200": { "description": "The answer.", "content": { content: { "schema": schema } } } });
    let security = if open { json!([]) } else { json!([{}, { "key": [] }]) };
    if !open {
        responses["401"] = json!({ "description": "The key is missing or unknown." });
    }
    if summary.contains("takes requests") {
        responses["503"] =
            json!({ "description": "The server stops.", "content": { content: { "schema": schema } } });
    }
    json!({ "summary": summary, "security": security, "responses": responses })
}
