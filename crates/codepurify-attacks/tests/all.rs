//! All tests of the crate in one program: it is compiled and linked once, and its tests run side by side.

mod adaptive;
mod attacks;
mod negatives;
mod programs;
