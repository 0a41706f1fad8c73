//! Files behind URLs: read in ranges, and uploaded whole.
//!
//! - `remote`: the client, with the feature `object-store`; `absent` refuses all URLs without it
//! - `blocks`: ranges that were read, for readers that come back to them
//! - `error`: why a store does not do what is asked

#[cfg(feature = "object-store")]
mod blocks;
mod error;

#[cfg_attr(feature = "object-store", path = "remote.rs")]
#[cfg_attr(not(feature = "object-store"), path = "absent.rs")]
mod remote;

use std::path::Path;

pub use error::StoreError;
pub use remote::{RemoteFile, exists, list, upload};

/// Beginnings of URLs that are read: Amazon S3 and stores that speak its protocol, Google Cloud Storage, Azure Blob Storage,
/// and web servers.
const SCHEMES: [&str; 9] =
    ["s3://", "s3a://", "gs://", "az://", "azure://", "abfs://", "abfss://", "http://", "https://"];

/// Returns true if a path as people write it is the URL of a file in a store.
#[must_use]
pub fn is_url(path: &Path) -> bool {
    path.to_str().is_some_and(|path| SCHEMES.iter().any(|scheme| path.starts_with(scheme)))
}
