//! Models that classify one snippet.

use super::{Logits, Model, Ragged};
use crate::error::ModelError;

/// A guarded model that classifies one snippet: the paper's *victim model*.
///
/// Deterministic: the same rows give the same logits, whatever else is in the batch (up to rounding).
pub trait Victim: Model {
    /// One row of logits for each row of the batch, in order. An empty row is a snippet without content.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails, a row exceeds the window or an output is not finite.
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError>;
}
