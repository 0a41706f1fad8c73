//! Victims that generate text.

use std::sync::Arc;

use super::{Model, Ragged};
use crate::error::ModelError;

/// A victim that generates text, such as program repair. It is deterministic, as a
/// [`Victim`](super::Victim) is.
pub trait Generator: Model {
    /// Returns the text for each row, decoded as the model is deployed (greedily or by beam search): target
    /// tokens without special ones.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails or a row exceeds the window.
    fn generate(&self, batch: &Ragged) -> Result<Ragged, ModelError>;

    /// Returns L(y | x) of each pair of `targets.row(i)` = y and `sources.row(i)` = x: the mean log-likelihood
    /// of y's tokens and of the end after them under teacher forcing, in nats, ≤ 0.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails, a row exceeds the window, an output is not finite or the two sides
    /// differ in their number of rows.
    fn likelihoods(&self, sources: &Ragged, targets: &Ragged) -> Result<Vec<f64>, ModelError>;

    /// Returns the text of target tokens.
    ///
    /// # Errors
    /// [`ModelError::Tokenise`] if a token is unknown.
    fn text(&self, target: &[u32]) -> Result<String, ModelError>;
}

/// Forwards every method of [`Generator`] through a pointer.
macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<G: Generator + ?Sized> Generator for $pointer {
            fn generate(&self, batch: &Ragged) -> Result<Ragged, ModelError> {
                (**self).generate(batch)
            }

            fn likelihoods(&self, sources: &Ragged, targets: &Ragged) -> Result<Vec<f64>, ModelError> {
                (**self).likelihoods(sources, targets)
            }

            fn text(&self, target: &[u32]) -> Result<String, ModelError> {
                (**self).text(target)
            }
        }
    )*};
}

forward!(&G, Box<G>, Arc<G>);
