//! JSON as Python's `json` writes it: with `NaN`, `Infinity`, `-Infinity` and lone surrogates.

mod scan;
mod text;

pub(crate) use scan::{Object, kind, parse};
pub(crate) use text::{decode, quoted};
