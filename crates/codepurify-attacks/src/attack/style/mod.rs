//! Rare but equivalent notations as triggers: one pattern each, applied wherever it fits.
//!
//! The patterns follow the transformation families of IST.

mod expressions;
mod naming;

pub(super) use expressions::{assignment, braces, comparison, increment};
pub(super) use naming::{camel, hungarian, snake};
