//! What can be wrong with a model directory.

use std::path::PathBuf;

use thiserror::Error;

/// A checkpoint that cannot be loaded. Every message names the file or the tensor.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file is missing or unreadable.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A directory without one of the files that it must have.
    #[error("{dir} holds no {wanted}")]
    MissingFile {
        /// The model directory.
        dir: PathBuf,
        /// What was looked for.
        wanted: &'static str,
    },
    /// A JSON file that does not say what it must.
    #[error("{model}: {file} is not usable: {message}")]
    Json {
        /// Name of the model.
        model: String,
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// A weights file that is truncated or otherwise not safetensors.
    #[error("{model}: the weights are damaged or no safetensors file: {message}")]
    Weights {
        /// Name of the model.
        model: String,
        /// What is wrong with it.
        message: String,
    },
    /// An architecture that this crate does not know.
    #[error("{model}: unknown architecture `{architecture}`; supported: {supported}")]
    UnknownArchitecture {
        /// Name of the model.
        model: String,
        /// What the configuration says.
        architecture: String,
        /// What would be accepted.
        supported: &'static str,
    },
    /// The configuration asks for something that the architecture here does not do.
    #[error("{model}: config.json: {message}")]
    Config {
        /// Name of the model.
        model: String,
        /// What is wrong.
        message: String,
    },
    /// A tensor that the architecture needs is not in the checkpoint.
    #[error("{model}: the checkpoint lacks tensor `{tensor}`")]
    MissingTensor {
        /// Name of the model.
        model: String,
        /// Full tensor name.
        tensor: String,
    },
    /// A tensor of another shape than the configuration says.
    #[error("{model}: tensor `{tensor}` has shape {found:?}, the configuration says {expected:?}")]
    WrongShape {
        /// Name of the model.
        model: String,
        /// Full tensor name.
        tensor: String,
        /// Shape in the checkpoint.
        found: Vec<usize>,
        /// Shape that follows from the configuration.
        expected: Vec<usize>,
    },
    /// A tensor of an element type that is no weight.
    #[error("{model}: tensor `{tensor}` has element type {dtype}; supported: F32, F16, BF16")]
    WrongType {
        /// Name of the model.
        model: String,
        /// Full tensor name.
        tensor: String,
        /// Its element type.
        dtype: String,
    },
    /// A weight is NaN or infinite.
    #[error("{model}: tensor `{tensor}` holds a NaN or an infinite value at element {element}")]
    NotFinite {
        /// Name of the model.
        model: String,
        /// Full tensor name.
        tensor: String,
        /// Index of the first such element.
        element: usize,
    },
    /// A tokenizer that is damaged or does not belong to these weights.
    #[error("{model}: the tokenizer is not usable: {message}")]
    Tokenizer {
        /// Name of the model.
        model: String,
        /// What is wrong.
        message: String,
    },
    /// The tensor runtime failed.
    #[error("{model}: the tensor runtime failed: {message}")]
    Runtime {
        /// Name of the model.
        model: String,
        /// What it said.
        message: String,
    },
}
