//! Routes about the server itself.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use codepurify::SCHEMA_VERSION;

use super::json;
use crate::state::State;
use crate::wire::{InfoOutput, ReadyOutput};

/// Page about the routes; needs nothing from a network.
const DOCS: &str = include_str!("docs.html");
/// Nothing but the page's own style.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /health`: the server answers.
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

/// `GET /ready`: the server takes requests.
pub(crate) async fn ready(Shared(state): Shared<Arc<State>>) -> Response {
    let ready = !state.is_stopping();
    let mut response = json(&ReadyOutput { ready, model_changed: (state.info.changed)() });
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// `GET /info`: model, method and limits.
pub(crate) async fn info(Shared(state): Shared<Arc<State>>) -> Response {
    let info = &state.info;
    json(&InfoOutput {
        name: info.tool.name.clone(),
        version: info.tool.version.clone(),
        schema_version: SCHEMA_VERSION,
        model: info.model.clone(),
        kind: info.kind,
        labels: info.labels.clone(),
        window: info.window,
        profile: info.profile.clone(),
        calibrated: info.calibrated,
        language: info.language.map(|language| language.name().to_owned()),
        limits: state.limits.clone(),
    })
}

/// `GET /metrics`: counts in the text format of Prometheus.
pub(crate) async fn metrics(Shared(state): Shared<Arc<State>>) -> Response {
    let page = state.metrics.page(state.queue.len(), state.queue.dropped(), state.log.lost());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response()
}

/// `GET /docs`: the routes for people.
pub(crate) async fn docs() -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    (headers, DOCS).into_response()
}
