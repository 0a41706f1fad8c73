//! Models that answer with text.

use super::{Model, Ragged};
use crate::error::ModelError;

/// A guarded model that answers with text, such as program repair. Deterministic, as [`Victim`] is.
pub trait Generator: Model {
    /// The answer to each row, decoded as the model is deployed (greedily or by beam search): target tokens without
    /// special ones.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails or a row exceeds the window.
    fn generate(&self, batch: &Ragged) -> Result<Ragged, ModelError>;

    /// L(y | x) of each pair of `targets.row(i)` = y and `sources.row(i)` = x: the mean log-likelihood of y's tokens and
    /// of the end behind them under teacher forcing, in nats, ≤ 0 (method, section 1).
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails, a row exceeds the window, an output is not finite or the two sides differ in
    /// their number of rows.
    fn likelihoods(&self, sources: &Ragged, targets: &Ragged) -> Result<Vec<f64>, ModelError>;

    /// The text that target tokens stand for.
    ///
    /// # Errors
    /// [`ModelError::Tokenise`] if a token is unknown.
    fn text(&self, target: &[u32]) -> Result<String, ModelError>;
}
