//! Figures of results: [`mod@figures`] chooses the numbers, [`draw`] renders them as SVG.

pub mod draw;
pub mod figures;

pub use draw::{DrawError, svg};
pub use figures::{Figure, figures};
