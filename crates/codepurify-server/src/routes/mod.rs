//! One file for each group of routes.

pub(crate) mod probes;
pub(crate) mod tei;
pub(crate) mod v1;
pub(crate) mod vllm;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::state::Judged;

/// Response with JSON, and the number of judged rows for the log.
fn answered(body: &impl Serialize, rows: usize) -> Response {
    let mut response = json(body);
    response.extensions_mut().insert(Judged(rows));
    response
}

/// Response with JSON.
fn json(body: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(body).expect("answers have only keys of text");
    ([(header::CONTENT_TYPE, "application/json")], bytes).into_response()
}
