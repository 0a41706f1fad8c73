//! Errors that end a run early.

use std::io;
use std::path::PathBuf;

use codepurify::ModelError;
use codepurify::audit::AuditError;
use codepurify_data::{DataError, StoreError};
use codepurify_hub::HubError;
use codepurify_models::{DeviceError, LoadError};
use codepurify_server::{KeyError, ServerError, UpstreamError};
use thiserror::Error;

use crate::exit::Exit;

/// A run that could not be completed. Inputs that could not be judged are no such error: they are in the report.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CliError {
    /// The arguments make no sense together.
    #[error("{0}")]
    Usage(String),
    /// The configuration file cannot be read or says something unknown.
    #[error("configuration file {path}: {message}")]
    Config {
        /// The file.
        path: PathBuf,
        /// The problem with it.
        message: String,
    },
    /// A file that the options name cannot be used.
    #[error("{path}: {message}")]
    File {
        /// The file.
        path: PathBuf,
        /// The problem with it.
        message: String,
    },
    /// Rows cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The store of a result refuses or fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A model cannot be found or fetched.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// A model cannot be loaded.
    #[error(transparent)]
    Model(#[from] LoadError),
    /// The model cannot read what is to be judged in it.
    #[error(transparent)]
    Asked(#[from] ModelError),
    /// The model cannot be audited.
    #[error(transparent)]
    Audit(Box<AuditError>),
    /// Keys of a server cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A server cannot start, or failed.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A model that another server answers for cannot be used.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The result cannot be written.
    #[error("cannot write {to}: {source}")]
    Write {
        /// Where it should go.
        to: String,
        /// Why it cannot.
        source: io::Error,
    },
    /// The demonstration did not come out as it must.
    #[error("the demonstration failed: {0}")]
    Demo(String),
}

impl CliError {
    /// The exit code that tells who has to act.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_)
            | Self::Config { .. }
            | Self::Server(ServerError::Open(_))
            | Self::Upstream(UpstreamError::Address(_))
            | Self::Model(
                LoadError::UnknownPreset { .. }
                | LoadError::Device { source: DeviceError::NotInIntegers(_), .. },
            ) => Exit::Usage,
            Self::File { .. }
            | Self::Data(_)
            | Self::Store(_)
            | Self::Hub(_)
            | Self::Model(_)
            | Self::Asked(_)
            | Self::Audit(_)
            | Self::Keys(_)
            | Self::Server(_)
            | Self::Upstream(_)
            | Self::Write { .. }
            | Self::Demo(_) => Exit::Error,
        }
    }
}
