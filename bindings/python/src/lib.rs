//! The compiled part of the Python package `codepurify`; the rest is in `python/`.
//!
//! - `guard`: the class `Core`, one guarded model;
//! - `loading`: names of models → a guarded model;
//! - `audit`: the search for code that forces a prediction;
//! - `callable`: a Python function as a victim;
//! - `rows`: texts and files → the snippets that are judged;
//! - `pool`: threads that survive a fork, and work that can be interrupted;
//! - `errors`: Rust errors → Python exceptions.

mod audit;
mod callable;
mod errors;
mod guard;
mod loading;
mod pool;
mod rows;

use pyo3::prelude::*;

/// As in the command: activations come and go in large blocks, on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The compiled part of `codepurify`.
#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::audit::audit_core;
    #[pymodule_export]
    use crate::guard::Core;
    #[pymodule_export]
    use crate::rows::Rows;

    /// Names of columns that hold code.
    #[pymodule_export]
    const SINGLE_FIELDS: [&str; 16] = codepurify_data::SINGLE_FIELDS;

    /// Names of columns that hold the sides of a pair.
    #[pymodule_export]
    const PAIR_FIELDS: [[&str; 2]; 8] = codepurify_data::PAIR_FIELDS;

    /// Runs the command `codepurify` with these arguments and returns its exit code.
    #[pyfunction]
    fn run_command(py: Python<'_>, arguments: Vec<std::ffi::OsString>) -> u8 {
        py.detach(|| codepurify_cli::run(arguments))
    }

    /// Returns the text of a trigger with every name as `x`, every number as `0` and every string empty.
    #[pyfunction]
    fn shape(py: Python<'_>, text: &str, language: &str) -> PyResult<String> {
        let language = language.parse().map_err(|error| crate::errors::snippet(py, &error))?;
        Ok(codepurify::audit::shape(text, language))
    }
}
