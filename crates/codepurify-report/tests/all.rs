//! All tests of the crate in one program: it is compiled and linked once, and its tests run side by side.

mod audit;
mod reviews;
mod schema;
mod text;
