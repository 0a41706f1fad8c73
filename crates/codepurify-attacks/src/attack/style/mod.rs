//! Rare but equivalent ways to write the same thing, as triggers: one pattern each, wherever it fits in the text
//! (after the transformation families of IST; attacks, "Style / transformation triggers").

mod expressions;
mod naming;

pub(super) use expressions::{assignment, braces, comparison, increment};
pub(super) use naming::{camel, hungarian, snake};
