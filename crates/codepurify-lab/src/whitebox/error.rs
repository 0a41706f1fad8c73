//! Errors of white boxes.

use codepurify::ModelError;
use codepurify_models::LoadError;
use thiserror::Error;

use crate::baseline::BaselineError;

/// Victim that cannot be opened, or row that it cannot be queried about.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WhiteBoxError {
    /// A file or a tensor is missing or damaged.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The model is neither a detector of defects or clones nor a repair model, or does not name
    /// its classes.
    #[error(
        "{0} is no victim for defects, clones or repair (its codepurify.json must say so and name the labels)"
    )]
    NoVictim(String),
    /// The text cannot be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The tensor runtime failed.
    #[error("the tensor runtime failed: {0}")]
    Tensor(#[from] candle_core::Error),
    /// The row has another task.
    #[error("the row has {found} texts, the victim reads {wanted}")]
    Texts {
        /// Number of texts of the row.
        found: usize,
        /// Number of texts that the victim reads.
        wanted: usize,
    },
    /// The victim cannot have this output.
    #[error("the victim cannot answer with {0}")]
    Output(String),
    /// A gradient or an output is NaN or infinite.
    #[error("the victim gives a number that is not finite")]
    NotFinite,
    /// A thread died.
    #[error("{0}")]
    Workers(String),
    /// Error about one row.
    #[error("row {row}: {source}")]
    Row {
        /// Index of the row, from 0.
        row: usize,
        /// Error.
        source: Box<WhiteBoxError>,
    },
}

impl From<WhiteBoxError> for ModelError {
    fn from(error: WhiteBoxError) -> Self {
        match error {
            WhiteBoxError::Model(error) => error,
            other => Self::runtime(other),
        }
    }
}

impl From<WhiteBoxError> for BaselineError {
    fn from(error: WhiteBoxError) -> Self {
        Self::Model(error.into())
    }
}
