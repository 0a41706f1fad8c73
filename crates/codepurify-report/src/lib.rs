//! Renders a [`codepurify::verdict::Report`]: [`text`] for people, [`json`] and [`jsonl`] for programs.
//!
//! Nothing here decides anything: colour, destination and what to do about errors are the caller's.

pub mod json;
pub mod jsonl;
pub mod text;
