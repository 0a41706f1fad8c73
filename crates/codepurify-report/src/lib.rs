//! Renders a [`codepurify::verdict::Report`]: [`text`] for people, [`json`] and [`jsonl`] for programs, [`html`] for people
//! who look and search, [`sarif`], [`github`] and [`junit`] for the places where code is reviewed.
//!
//! The caller chooses colour, destination and the handling of errors.

mod finding;
pub mod github;
pub mod html;
pub mod json;
pub mod jsonl;
pub mod junit;
mod markup;
mod position;
pub mod sarif;
pub mod text;

pub use finding::{Finding, findings};
pub use text::Sources;
