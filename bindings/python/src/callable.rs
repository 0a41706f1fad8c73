//! A Python function over source code as a victim.

use std::sync::{Mutex, MutexGuard, PoisonError};

use codepurify::victim::{Logits, PairVictim, Ragged, Victim, VictimCard};
use codepurify::{ModelError, WordModel, WrapsModel};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::errors;

/// Most bytes of different words that a guard remembers: those of some ten million functions.
const WORDS: usize = 1 << 30;

/// A function that takes a list of texts, or of pairs of texts, and returns a list of logits for each. It is
/// `codepurify._callable.Predict`, which has checked all that the function of the user returned.
pub(crate) struct Callable {
    predict: Py<PyAny>,
    model: WordModel,
    /// Most texts of one call.
    batch: usize,
    /// The exception with which the user stopped the program.
    fatal: Mutex<Option<PyErr>>,
}

impl Callable {
    pub(crate) fn new(predict: Py<PyAny>, card: VictimCard, window: Option<usize>, batch: usize) -> Self {
        let model = WordModel::new(card).with_memory(WORDS).with_window(window.unwrap_or(usize::MAX));
        Self { predict, model, batch, fatal: Mutex::new(None) }
    }

    /// Takes what the user stopped the program with.
    pub(crate) fn take_fatal(&self) -> Option<PyErr> {
        self.fatal().take()
    }

    fn fatal(&self) -> MutexGuard<'_, Option<PyErr>> {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the function with all `inputs`, in batches.
    fn predictions<T>(&self, inputs: &[T]) -> Result<Logits, ModelError>
    where
        T: Clone + for<'py> IntoPyObject<'py>,
    {
        let mut rows: Vec<Vec<f32>> = Vec::with_capacity(inputs.len());
        for batch in inputs.chunks(self.batch) {
            rows.extend(Python::attach(|py| {
                self.call(py, batch).map_err(|raised| self.failure(py, raised))
            })?);
        }
        Logits::new(rows.first().map_or(1, Vec::len), rows.concat())
    }

    fn call<T>(&self, py: Python<'_>, batch: &[T]) -> PyResult<Vec<Vec<f32>>>
    where
        T: Clone + for<'py> IntoPyObject<'py>,
    {
        if let Some(fatal) = self.fatal().as_ref() {
            return Err(fatal.clone_ref(py));
        }
        py.check_signals()?;
        self.predict.bind(py).call1((PyList::new(py, batch.iter().cloned())?,))?.extract()
    }

    /// Returns the error about the victim for an exception.
    fn failure(&self, py: Python<'_>, raised: PyErr) -> ModelError {
        if errors::is_fatal(py, &raised) {
            *self.fatal() = Some(raised.clone_ref(py));
        }
        if errors::is_unusable_output(py, &raised) {
            return ModelError::output(raised.value(py).to_string());
        }
        ModelError::runtime(raised)
    }
}

impl WrapsModel for Callable {
    type Inner = WordModel;

    fn inner(&self) -> &WordModel {
        &self.model
    }
}

impl Victim for Callable {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        self.predictions(&self.model.texts(batch)?)
    }
}

impl PairVictim for Callable {
    fn judge_pairs(&self, left: &Ragged, right: &Ragged) -> Result<Logits, ModelError> {
        self.predictions(&self.model.pairs(left, right)?)
    }
}
