//! All tests of the crate in one program: it is compiled and linked once, and its tests run side by side.

mod baselines;
mod commands;
mod common;
mod data;
mod grid;
mod results;
mod tables;
mod training;
mod victims;
mod whitebox;
