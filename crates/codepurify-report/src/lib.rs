//! Renders a [`codepurify::verdict::Report`]: [`text`] for people, [`json`] and [`jsonl`] for programs.
//!
//! The caller chooses colour, destination and the handling of errors.

pub mod json;
pub mod jsonl;
pub mod text;
