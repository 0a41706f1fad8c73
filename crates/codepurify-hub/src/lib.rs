//! From what a user names to a model directory on this machine.
//!
//! A path is taken as it is. A Hugging Face id (`org/name`, or `org/name@revision`) is looked up in the local cache that
//! other programs share; with the feature `download`, and unless `HF_HUB_OFFLINE` is set, what is missing there is
//! fetched into it.
//!
//! ```no_run
//! use codepurify_hub::{Hub, Parts};
//!
//! let dir = Hub::from_env().resolve("org/defect-detector@v2", Parts::Everything)?;
//! # Ok::<(), codepurify_hub::HubError>(())
//! ```

mod cache;
#[cfg(feature = "download")]
mod download;
mod env;
mod error;
mod hub;
mod id;
mod parts;

pub use error::HubError;
pub use hub::Hub;
pub use parts::Parts;
