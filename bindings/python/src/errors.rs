//! Rust errors → the exceptions of `codepurify._errors`, each with its cause.

use std::error::Error;
use std::io;

use codepurify::{CalibrationError, ModelError, SnippetError};
use codepurify_cli::CliError;
use codepurify_hub::HubError;
use codepurify_models::LoadError;
use pyo3::exceptions::{PyBaseException, PyException, PyOSError};
use pyo3::prelude::*;

/// Module with the exception classes.
const MODULE: &str = "codepurify._errors";

/// The exception of the class `name` with this message.
pub(crate) fn exception(py: Python<'_>, name: &str, message: &str) -> PyErr {
    let class = py.import(MODULE).and_then(|module| module.getattr(name));
    match class.and_then(|class| class.call1((message,))) {
        Ok(value) => PyErr::from_value(value),
        Err(error) => error,
    }
}

/// The exception of the class `name` for `error`; the errors behind it become its causes.
fn chained(py: Python<'_>, name: &str, error: &(dyn Error + 'static)) -> PyErr {
    let raised = exception(py, name, &error.to_string());
    raised.set_cause(py, error.source().map(|source| cause(py, source)));
    raised
}

/// An error behind another one.
fn cause(py: Python<'_>, error: &(dyn Error + 'static)) -> PyErr {
    if let Some(raised) = error.downcast_ref::<PyErr>() {
        return raised.clone_ref(py);
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return PyOSError::new_err((error.raw_os_error(), error.to_string()));
    }
    let name = if error.is::<CalibrationError>() { "CalibrationError" } else { "CodepurifyError" };
    chained(py, name, error)
}

/// Exceptions for failures of models.
pub(crate) fn model(py: Python<'_>, error: &ModelError) -> PyErr {
    let (name, cause) = match error {
        ModelError::Tokenise(cause) => ("TokeniseError", Some(cause)),
        ModelError::Runtime(cause) => ("ModelRuntimeError", Some(cause)),
        ModelError::Output(cause) => ("OutputError", Some(cause)),
        ModelError::TooLong { .. } => ("TooLongError", None),
        ModelError::OtherSide(_) => ("OtherSideError", None),
        ModelError::Internal(_) => ("InternalError", None),
        _ => ("ModelError", None),
    };
    let raised = chained(py, name, error);
    if let Some(original) = cause.and_then(|cause| cause.error().downcast_ref::<PyErr>()) {
        raised.set_cause(py, Some(original.clone_ref(py)));
    }
    if let ModelError::OtherSide(other) = error {
        raised.set_cause(py, Some(model(py, other)));
    }
    raised
}

/// Exceptions for texts that cannot be judged.
pub(crate) fn snippet(py: Python<'_>, error: &SnippetError) -> PyErr {
    chained(py, "SnippetError", error)
}

/// Exceptions for unusable calibrations.
pub(crate) fn calibration(py: Python<'_>, error: &CalibrationError) -> PyErr {
    chained(py, "CalibrationError", error)
}

/// Exceptions for models that cannot be loaded.
pub(crate) fn load(py: Python<'_>, error: &LoadError) -> PyErr {
    chained(py, "LoadError", error)
}

/// Exceptions for whatever ends a command.
pub(crate) fn command(py: Python<'_>, error: &CliError) -> PyErr {
    match error {
        CliError::Hub(error) => hub(py, error),
        CliError::Model(error) => load(py, error),
        CliError::Asked(error) => model(py, error),
        CliError::Usage(_) => chained(py, "UsageError", error),
        _ => chained(py, "InputError", error),
    }
}

fn hub(py: Python<'_>, error: &HubError) -> PyErr {
    let is_missing = matches!(
        error,
        HubError::NoSuchModel { .. } | HubError::NotCached { .. } | HubError::NotOnServer { .. }
    );
    chained(py, if is_missing { "ModelNotFoundError" } else { "HubError" }, error)
}

/// Returns true if an exception ends a program rather than a call: `KeyboardInterrupt`, `SystemExit` and the like.
pub(crate) fn is_fatal(py: Python<'_>, raised: &PyErr) -> bool {
    raised.is_instance_of::<PyBaseException>(py) && !raised.is_instance_of::<PyException>(py)
}

/// Returns true if an exception says that a function returned something unusable.
pub(crate) fn is_unusable_output(py: Python<'_>, raised: &PyErr) -> bool {
    let class = py.import(MODULE).and_then(|module| module.getattr("OutputError"));
    class.is_ok_and(|class| raised.matches(py, class).unwrap_or(false))
}
