//! All tests of the crate in one program. Every server is a real one, on a port of its own.

mod batches;
mod common;
mod compat;
mod connections;
mod forms;
mod keys;
mod limits;
mod observing;
mod routes;
mod stopping;
mod upstream;
