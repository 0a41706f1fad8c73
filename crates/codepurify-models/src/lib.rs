//! Checkpoints behind the traits of [`codepurify`].
//!
//! The flow: [`ModelFiles`] (the bytes of a directory) → [`checkpoint`] and [`tokenizer`] → [`roberta`] (one
//! definition for inference and training, on the operations of [`ops`]) → [`RobertaVictim`] and [`RobertaMaskedLm`].

pub mod batch;
pub mod checkpoint;
mod error;
mod files;
pub mod generate;
mod inspect;
mod layout;
mod masked_lm;
pub mod ops;
pub mod roberta;
pub mod sidecar;
pub mod t5;
pub mod tokenizer;
mod victim;

pub use error::LoadError;
pub use files::ModelFiles;
pub use inspect::{Inspection, inspect};
pub use masked_lm::RobertaMaskedLm;
pub use victim::RobertaVictim;
