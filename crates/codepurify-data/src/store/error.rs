//! Why a store does not do what is asked.

use std::error::Error;

use thiserror::Error;

/// A URL that cannot be used, or a store that refuses or fails.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// This program was built without the feature.
    #[error("{url}: this build reads files only: build it with the feature `object-store` for URLs")]
    NotBuilt {
        /// The URL.
        url: String,
    },
    /// The URL makes no sense, or the environment does not say how its store is reached.
    #[error("{url}: {message}")]
    BadUrl {
        /// The URL.
        url: String,
        /// The fault.
        message: String,
    },
    /// There is nothing at the URL.
    #[error("{url}: not found: check the URL")]
    NotFound {
        /// The URL.
        url: String,
        /// The answer of the store.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store wants other credentials.
    #[error(
        "{url}: access denied: check the credentials in the environment (AWS_…, GOOGLE_…, AZURE_…) and their rights"
    )]
    Denied {
        /// The URL.
        url: String,
        /// The answer of the store.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file was replaced while it was read.
    #[error("{url}: changed while it was read: read it again when nobody writes it")]
    Changed {
        /// The URL.
        url: String,
        /// The answer of the store.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server gives whole files only.
    #[error("{url}: the server does not give parts of files (HTTP ranges): download the file first")]
    NoRanges {
        /// The URL.
        url: String,
        /// The answer of the server.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store cannot be reached, or fails, after several tries.
    #[error("{url}: the store cannot be reached, or fails: {source}")]
    Failed {
        /// The URL.
        url: String,
        /// The last failure.
        source: Box<dyn Error + Send + Sync>,
    },
}
