//! Tables of a paper from per-sample rows.
//!
//! [`row`] (format of the rows) → [`results`] (rows of a directory, by cell) → [`measures`]
//! (numbers of each cell) → [`layout`] (tables) → [`render`] (Markdown, LaTeX).

pub mod agreement;
pub mod layout;
pub mod measures;
mod overview;
pub mod render;
pub mod results;
pub mod row;

pub use layout::TableChoice;
pub use render::{Table, TableFormat};
pub use results::Results;
pub use row::{Cell, CellRow, RecordedOutput};
