//! Routes and the layers around them.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::layers::{authorise, limit, no_method, no_route, observe};
use crate::openapi;
use crate::routes::{probes, tei, v1, vllm};
use crate::state::State;

/// All routes of a server.
pub(crate) fn router(state: &Arc<State>) -> Router {
    let judging = Router::new()
        .route("/v1/scan", post(v1::scan))
        .route("/v1/purify", post(v1::purify))
        .route("/v1/predict", post(v1::predict))
        .route("/predict", post(tei::predict))
        .route("/classify", post(vllm::classify))
        .route_layer(from_fn_with_state(Arc::clone(state), limit));
    let closed = judging
        .route("/v1/models", get(vllm::models))
        .route("/info", get(probes::info))
        .route("/metrics", get(probes::metrics))
        .route_layer(from_fn_with_state(Arc::clone(state), authorise));
    closed
        .route("/health", get(probes::health))
        .route("/ready", get(probes::ready))
        .route("/openapi.json", get(openapi::serve))
        .route("/docs", get(probes::docs))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(Arc::clone(state), observe))
        .with_state(Arc::clone(state))
}
