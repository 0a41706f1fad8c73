//! From source rows to answers: decoders that go one token a step.
//!
//! The flow: a [`StepDecoder`] gives the logits of the next token → `search` grows hypotheses by them (greedily or with
//! beams) → [`TextGenerator`] answers with the best. `likelihood` asks the other way round, how likely a given answer
//! is; [`TextClassifier`] compares a few given ones.

mod beams;
mod classifier;
mod generator;
mod likelihood;
mod options;
mod search;

use candle_core::Tensor;
use codepurify::error::ModelError;

pub use crate::step_decoder::StepDecoder;
pub use classifier::{ByAnswers, TextClassifier};
pub use generator::{Decoding, TextGenerator};
pub use options::{DecodeOptions, Dialect};

/// ln Σ exp of finite logits.
fn log_normalizer(logits: &[f32]) -> f64 {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = logits.iter().map(|logit| f64::from((logit - highest).exp())).sum();
    f64::from(highest) + total.ln()
}

/// The elements of a tensor of logits, row after row; an error if there are none or one is NaN or infinite.
fn finite(logits: &Tensor) -> std::result::Result<Vec<f32>, ModelError> {
    let values = logits.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).map_err(runtime)?;
    if values.is_empty() {
        return Err(ModelError::output(format!("logits of shape {:?} are none", logits.dims())));
    }
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(ModelError::output(format!("a logit of the decoder is {value}"))),
        None => Ok(values),
    }
}

/// A failure of the tensor runtime.
fn runtime(error: impl std::fmt::Display) -> ModelError {
    ModelError::runtime(error.to_string())
}
