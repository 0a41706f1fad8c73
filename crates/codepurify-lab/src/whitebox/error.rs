//! What keeps a victim from being looked into.

use codepurify::ModelError;
use codepurify_models::LoadError;
use thiserror::Error;

use crate::baseline::BaselineError;

/// A victim that cannot be opened, or a row that it cannot be asked about.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WhiteBoxError {
    /// A file or a tensor is missing or damaged.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A model that is no detector of defects or clones and no repair model, or does not name its classes.
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
    /// A row of another task.
    #[error("the row has {found} texts, the victim reads {wanted}")]
    Texts {
        /// How many it has.
        found: usize,
        /// How many the victim reads.
        wanted: usize,
    },
    /// An answer that the victim cannot give.
    #[error("the victim cannot answer with {0}")]
    Answer(String),
    /// A gradient or an output is NaN or infinite.
    #[error("the victim gives a number that is not finite")]
    NotFinite,
    /// A thread died.
    #[error("{0}")]
    Workers(String),
    /// Which row it is about.
    #[error("row {row}: {source}")]
    Row {
        /// The row, from 0.
        row: usize,
        /// What is wrong with it.
        source: Box<WhiteBoxError>,
    },
}

impl From<WhiteBoxError> for ModelError {
    fn from(error: WhiteBoxError) -> Self {
        match error {
            WhiteBoxError::Model(error) => error,
            other => Self::Runtime(other.to_string()),
        }
    }
}

impl From<WhiteBoxError> for BaselineError {
    fn from(error: WhiteBoxError) -> Self {
        Self::Model(error.into())
    }
}
