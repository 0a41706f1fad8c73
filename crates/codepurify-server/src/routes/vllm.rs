//! `POST /classify` in the form of vLLM: probabilities of the classes for purified texts.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::Request;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{answered, json};
use crate::body;
use crate::compat::{Row, scored};
use crate::guard::Scores;
use crate::problem::{Kind, Problem};
use crate::state::State;
use crate::trace::Trace;

/// Request for classes. Fields of other names have no effect.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct VllmRequest {
    /// Name of the served model, as `/info` gives it; may be absent.
    model: Option<String>,
    /// A text, or several.
    input: VllmInput,
}

/// Texts of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a string or a list of strings; token ids are not read")]
enum VllmInput {
    /// A text.
    One(String),
    /// Several texts.
    Many(Vec<String>),
}

/// Classes of all texts.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VllmResponse {
    /// `classify-` and the id of the request.
    id: String,
    /// `list`.
    object: &'static str,
    /// Seconds since 1970.
    created: u64,
    /// Name of the model.
    model: String,
    /// One entry for each text, in order.
    data: Vec<VllmClass>,
    /// Number of tokens.
    usage: VllmUsage,
}

/// Class of a text.
#[derive(Debug, Serialize, JsonSchema)]
struct VllmClass {
    /// Number of the text, from 0.
    index: usize,
    /// Name of the class with the highest probability.
    label: String,
    /// Probabilities of all classes.
    probs: Vec<f64>,
    /// Number of classes.
    num_classes: usize,
}

/// Number of tokens of a request.
#[derive(Debug, Serialize, JsonSchema)]
struct VllmUsage {
    /// Tokens of the purified texts that the model read.
    prompt_tokens: usize,
    /// Equal to `prompt_tokens`.
    total_tokens: usize,
    /// 0.
    completion_tokens: usize,
    /// Null.
    prompt_tokens_details: Option<()>,
}

/// The one model of this server, in the form of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VllmModels {
    /// `list`.
    object: &'static str,
    /// The model.
    data: [VllmModel; 1],
}

/// The model of this server.
#[derive(Debug, Serialize, JsonSchema)]
struct VllmModel {
    /// Its name.
    id: String,
    /// `model`.
    object: &'static str,
    /// `codepurify`.
    owned_by: &'static str,
}

/// `GET /v1/models`: where clients of vLLM ask for the name of the model.
pub(crate) async fn models(Shared(state): Shared<Arc<State>>) -> Response {
    let model = VllmModel { id: state.info.model.name.clone(), object: "model", owned_by: "codepurify" };
    json(&VllmModels { object: "list", data: [model] })
}

/// `POST /classify`.
pub(crate) async fn classify(
    Shared(state): Shared<Arc<State>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let id = request.extensions().get::<Trace>().map_or(String::new(), |trace| trace.request_id.clone());
    if state.info.kind.sides() == 2 {
        let detail =
            "this model compares two texts, and this route has only one: use `/predict` or `/v1/predict`";
        return Err(Problem::new(Kind::Invalid, detail).at("input"));
    }
    let served = state.info.model.name.clone();
    let (scores, ()) = scored(&state, request, move |bytes| {
        let VllmRequest { model, input } = body::parse(bytes)?;
        if let Some(model) = model.filter(|model| *model != served) {
            let detail = format!("there is no model `{model}`; this server has `{served}`");
            return Err(Problem::new(Kind::Invalid, detail).at("model"));
        }
        let rows = match input {
            VllmInput::One(text) => vec![Row { field: "input".to_owned(), texts: vec![text] }],
            VllmInput::Many(texts) => {
                let row = |(index, text)| Row { field: format!("input[{index}]"), texts: vec![text] };
                texts.into_iter().enumerate().map(row).collect()
            }
        };
        Ok((rows, "input", ()))
    })
    .await?;
    let rows = scores.len();
    let tokens = scores.iter().map(|scores| scores.tokens).sum();
    let class = |(index, Scores { probabilities: probs, .. }): (usize, Scores)| {
        let best = (1..probs.len()).fold(0, |best, at| if probs[at] > probs[best] { at } else { best });
        VllmClass { index, label: state.info.label(best), num_classes: probs.len(), probs }
    };
    let response = VllmResponse {
        id: format!("classify-{id}"),
        object: "list",
        created: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        model: state.info.model.name.clone(),
        data: scores.into_iter().enumerate().map(class).collect(),
        usage: VllmUsage {
            prompt_tokens: tokens,
            total_tokens: tokens,
            completion_tokens: 0,
            prompt_tokens_details: None,
        },
    };
    Ok(answered(&response, rows))
}
