//! Weights files to named tensors.
//!
//! A checkpoint arrives as bytes ([`StateDict::open`] maps the file). Its content tells which reader it needs:
//! `safetensors`, or one of the two containers of `torch.save`, whose pickle is rebuilt by a small machine that knows
//! tensors and plain data and calls nothing. Readers find the *place* of each tensor; the elements stay in the file
//! until [`TensorView::to_f32`] widens them.
//!
//! Every byte of a file is untrusted: sizes are checked before anything is allocated, and whatever is wrong ends as a
//! [`CheckpointError`] that names the file and the tensor.
//!
//! ```
//! use codepurify_checkpoint::{CheckpointError, StateDict};
//!
//! let error = StateDict::from_bytes("weights.bin", b"not weights".to_vec()).unwrap_err();
//! assert!(matches!(error, CheckpointError::UnknownFormat { .. }));
//! ```

mod bytes;
mod contents;
mod element;
mod error;
mod format;
mod index;
mod json;
mod layout;
mod safetensors;
mod state_dict;
mod tensor;
mod torch;

pub use element::ElementType;
pub use error::CheckpointError;
pub use format::{Container, Format};
pub use state_dict::StateDict;
pub use tensor::{TensorView, to_f32_all};
