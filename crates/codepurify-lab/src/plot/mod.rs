//! Pictures of results: [`mod@figures`] says which numbers go in, [`draw`] makes SVG of them.

pub mod draw;
pub mod figures;

pub use draw::{DrawError, svg};
pub use figures::{Figure, figures};
