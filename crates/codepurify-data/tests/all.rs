//! All tests of the crate in one program: it is compiled and linked once, and its tests run side by side.

mod columns;
mod parquet;
mod rows;
#[cfg(feature = "object-store")]
mod server;
#[cfg(feature = "object-store")]
mod store;
#[cfg(not(feature = "object-store"))]
mod without_store;
