//! Checkpoints as victims of [`codepurify`].
//!
//! The flow: [`ModelFiles`] (found in a directory, or next to a bare state dict and in its base) →
//! [`checkpoint`] (named tensors) and [`tokenizer`] → [`roberta`] or [`t5`] (one definition for inference and
//! training, on the operations of [`ops`]), with [`generate`] on those that answer with text → [`load`]: a
//! guarded model with the trait of its kind. A masked language model is a [`RobertaMaskedLm`].

mod agreement;
pub mod batch;
pub mod checkpoint;
pub mod decision;
mod device;
mod error;
mod files;
mod fingerprint;
pub mod generate;
mod guarded;
mod inspect;
mod json;
mod layout;
mod linear;
mod load;
mod masked_lm;
mod names;
pub mod ops;
pub mod presets;
mod reading;
pub mod roberta;
pub mod sidecar;
mod step_decoder;
pub mod t5;
pub mod tokenizer;

pub use device::{DeviceError, DeviceName};
pub use error::LoadError;
pub use files::{CALIBRATION, ModelFiles};
pub use fingerprint::Fingerprint;
pub use guarded::Guarded;
pub use inspect::{Inspection, inspect};
pub use load::{GuardedModel, Loaded, load};
pub use masked_lm::RobertaMaskedLm;
pub use ops::{Precision, UnknownPrecision};
pub use reading::Reading;
