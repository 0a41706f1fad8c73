//! `POST /predict` in the form of text-embeddings-inference: scores of labels for purified texts.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::Request;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answered;
use crate::body;
use crate::compat::{Row, scored};
use crate::problem::Problem;
use crate::state::State;

/// Request for scores.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct TeiRequest {
    /// A text, a pair of texts, or a batch of lists with one text or two.
    inputs: TeiInputs,
    /// Gives logits instead of probabilities.
    #[serde(default)]
    raw_scores: bool,
    /// Has no effect: longer texts are always cut.
    #[serde(default, rename = "truncate")]
    _truncate: bool,
}

/// Texts of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a string, a list of one or two strings, or a list of such lists")]
enum TeiInputs {
    /// A text.
    One(String),
    /// A text, or a pair of texts.
    Row(Vec<String>),
    /// Several rows.
    Batch(Vec<Vec<String>>),
}

/// A label with its score.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TeiScore {
    /// Probability, or the logit.
    score: f64,
    /// Name of the label.
    label: String,
}

/// Scores of all labels, the highest first, for one row or for each of a batch.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum TeiResponse {
    /// For one row.
    One(Vec<TeiScore>),
    /// For a batch.
    Batch(Vec<Vec<TeiScore>>),
}

/// `POST /predict`.
pub(crate) async fn predict(
    Shared(state): Shared<Arc<State>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (scores, (batch, raw)) = scored(&state, request, |bytes| {
        let TeiRequest { inputs, raw_scores, .. } = body::parse(bytes)?;
        let (batch, rows) = match inputs {
            TeiInputs::One(text) => (false, vec![vec![text]]),
            TeiInputs::Row(row) => (false, vec![row]),
            TeiInputs::Batch(rows) => (true, rows),
        };
        let place = |index: usize| if batch { format!("inputs[{index}]") } else { "inputs".to_owned() };
        let row = |(index, texts)| Row { field: place(index), texts };
        Ok((rows.into_iter().enumerate().map(row).collect(), "inputs", (batch, raw_scores)))
    })
    .await?;
    let rows = scores.len();
    let labelled = |scores: &crate::guard::Scores| {
        // One logit is that of the last of two labels, as the model's own server gives it.
        let values: Vec<f64> = if raw {
            scores.logits.iter().copied().map(f64::from).collect()
        } else {
            scores.probabilities.clone()
        };
        let first = scores.probabilities.len() - values.len();
        let label = |(index, score)| TeiScore { score, label: state.info.label(first + index) };
        let mut labels: Vec<TeiScore> = values.into_iter().enumerate().map(label).collect();
        labels.sort_by(|a, b| b.score.total_cmp(&a.score));
        labels
    };
    let mut all: Vec<Vec<TeiScore>> = scores.iter().map(labelled).collect();
    let response = match all.pop() {
        Some(only) if !batch => TeiResponse::One(only),
        last => {
            all.extend(last);
            TeiResponse::Batch(all)
        }
    };
    Ok(answered(&response, rows))
}
