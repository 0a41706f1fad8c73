//! Data sets of code tasks, the backdoor attacks on them, and poisoning.
//!
//! - [`data`] reads and writes rows, and reports every row that it cannot read.
//! - [`attack`] inserts a trigger into a source text and records the trigger's bytes.
//! - [`poison`] selects the rows of a training or test set that get a trigger.
//!
//! Only this crate and the laboratory know triggers. The defence does not depend on either, so it
//! cannot use that knowledge. This crate has no tensor library: an attack that needs gradients asks
//! for them through [`attack::afraidoor::IdentifierScorer`].

pub mod attack;
pub mod data;
pub mod poison;
mod value_name;

pub use value_name::value_name;
