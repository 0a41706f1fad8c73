//! Predictions and margins of victims that classify one snippet or two.

use super::{ChosenRow, PredictedOutput, RowChoice};
use crate::error::ModelError;
use crate::verdict::Prediction;
use crate::victim::Logits;

/// Returns the prediction of row `row` of `logits`.
pub(crate) fn prediction(logits: &Logits, row: usize) -> Prediction {
    let label = logits.label(row);
    Prediction { label: Some(label), confidence: logits.probabilities(row)[label], text: None }
}

/// The row that `choice` picks.
pub(super) fn chosen(logits: &Logits, choice: &RowChoice<'_>) -> Result<ChosenRow, ModelError> {
    let row = (choice.pick)(&margins(logits, choice.predicted)?);
    Ok(ChosenRow { row, prediction: prediction(logits, row), cost: choice.rows.cost() })
}

/// Margin of `predicted` in the first row.
pub(super) fn margin(logits: &Logits, predicted: &PredictedOutput) -> Result<f64, ModelError> {
    first(&margins(logits, predicted)?)
}

/// The first of `values`, one for each row.
pub(super) fn first(values: &[f64]) -> Result<f64, ModelError> {
    values.first().copied().ok_or(ModelError::Internal("a query without a row"))
}

fn margins(logits: &Logits, predicted: &PredictedOutput) -> Result<Vec<f64>, ModelError> {
    match predicted {
        PredictedOutput::Label(label) if *label < logits.labels() => {
            Ok((0..logits.len()).map(|row| logits.margin(row, *label)).collect())
        }
        PredictedOutput::Label(_) => Err(ModelError::output("the number of classes changed between calls")),
        PredictedOutput::Text(_) => Err(ModelError::Internal("logits for a generated text")),
    }
}
