//! Errors of loading a model.

use std::path::PathBuf;

use codepurify::CalibrationError;
use codepurify_checkpoint::CheckpointError;
use thiserror::Error;

use crate::device::DeviceError;

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
        /// The missing file.
        wanted: &'static str,
    },
    /// Neither the model directory nor its base has a file that one of them must have.
    #[error("neither {dir} nor its base {base} holds {wanted}")]
    MissingInBoth {
        /// The model directory.
        dir: PathBuf,
        /// Where the rest was looked for.
        base: PathBuf,
        /// The missing file.
        wanted: &'static str,
    },
    /// A bare weights file without what belongs to it.
    #[error(
        "{weights} is a bare weights file and has no {wanted} next to it: name the base directory that has"
    )]
    NoBase {
        /// The weights file.
        weights: PathBuf,
        /// The missing file.
        wanted: &'static str,
    },
    /// A JSON file that does not say what it must.
    #[error("{model}: {file} is not usable: {message}")]
    Json {
        /// Name of the model.
        model: String,
        /// The file.
        file: &'static str,
        /// The reason.
        message: String,
    },
    /// A calibration that is none, or that of another model.
    #[error("{model}: codepurify.calibration.json cannot be used: {source}")]
    Calibration {
        /// Name of the model.
        model: String,
        /// The reason.
        source: CalibrationError,
    },
    /// A weights file that is damaged, hostile or of no known format.
    #[error(transparent)]
    Weights(#[from] CheckpointError),
    /// A preset that does not exist.
    #[error("there is no preset `{name}`; known: {known}")]
    UnknownPreset {
        /// The name that was asked for.
        name: String,
        /// All names.
        known: String,
    },
    /// A checkpoint whose tensors make no model that this crate knows.
    #[error("{model}: the tensors make no known model ({found}); supported: {supported}")]
    UnknownLayout {
        /// Name of the model.
        model: String,
        /// The first few tensor names.
        found: String,
        /// All that is supported.
        supported: &'static str,
    },
    /// A checkpoint with two of what there can only be one of.
    #[error(
        "{model}: the file holds two {what}, `{first}` and `{second}`, and no training script that is known tells which of \
         them answers: save the one that does alone"
    )]
    TwoNetworks {
        /// Name of the model.
        model: String,
        /// `networks` or `heads`.
        what: &'static str,
        /// Name of the first.
        first: String,
        /// Name of the second.
        second: String,
    },
    /// A statement about a model that contradicts its tensors.
    #[error("{model}: {said}, but these weights are: {head}; {fits}")]
    Disagreement {
        /// Name of the model.
        model: String,
        /// The statement, and where it is.
        said: String,
        /// Description of the tensors.
        head: String,
        /// Statements that would fit.
        fits: String,
    },
    /// Tensors inside of modules of the model that this architecture does not use.
    #[error(
        "{model}: parts that the model uses have further weights, which would change its answers and are not supported: {tensors}; \
         merge adapters such as LoRA into the weights, and save the whole model"
    )]
    FurtherWeights {
        /// Name of the model.
        model: String,
        /// The first of them, and the number of the others.
        tensors: String,
    },
    /// Tensors that several training scripts write and use in different ways.
    #[error("{model}: {found}; {needed}")]
    Ambiguous {
        /// Name of the model.
        model: String,
        /// The tensors, and their possible meanings.
        found: String,
        /// The statement that is necessary.
        needed: String,
    },
    /// A model that does not do what it is loaded for.
    #[error("{model} is a {found}, not a {wanted}")]
    WrongKind {
        /// Name of the model.
        model: String,
        /// Kind of the model.
        found: &'static str,
        /// Kind that was wanted.
        wanted: &'static str,
    },
    /// An architecture that this crate does not know.
    #[error("{model}: unknown architecture `{architecture}`; supported: {supported}")]
    UnknownArchitecture {
        /// Name of the model.
        model: String,
        /// Architecture in the configuration.
        architecture: String,
        /// All that is supported.
        supported: &'static str,
    },
    /// The configuration asks for something that the architecture here does not do.
    #[error("{model}: config.json: {message}")]
    Config {
        /// Name of the model.
        model: String,
        /// The reason.
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
    /// A tokenizer that is damaged or does not belong to these weights.
    #[error("{model}: the tokenizer is not usable: {message}")]
    Tokenizer {
        /// Name of the model.
        model: String,
        /// The reason.
        message: String,
    },
    /// The device that the model is to compute on cannot be used for it.
    #[error("{model}: {source}")]
    Device {
        /// Name of the model.
        model: String,
        /// The reason.
        source: DeviceError,
    },
    /// The tensor runtime failed.
    #[error("{model}: the tensor runtime failed: {message}")]
    Runtime {
        /// Name of the model.
        model: String,
        /// Message of the tensor runtime.
        message: String,
    },
}
