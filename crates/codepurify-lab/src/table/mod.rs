//! From per-sample rows to the tables of a paper: [`row`] (what is written for each sample) → [`results`] (all rows of a
//! directory, by cell) → [`measures`] (what the rows of a cell say) → [`layout`] (tables) → [`render`] (Markdown, LaTeX).

pub mod agreement;
pub mod layout;
pub mod measures;
mod overview;
pub mod render;
pub mod results;
pub mod row;

pub use layout::Which;
pub use render::{Format, Table};
pub use results::Results;
pub use row::{Answer, Cell, CellRow};
