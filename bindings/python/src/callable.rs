//! Python functions over source code as victims.

use std::sync::{Mutex, MutexGuard, PoisonError};

use codepurify::victim::{Generator, Logits, PairVictim, Ragged, Victim, VictimCard};
use codepurify::{ModelError, WordModel, WrapsModel};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::errors;

/// Most bytes of different words that a guard remembers: those of some ten million functions.
const WORDS: usize = 1 << 30;

/// Calls functions in batches, until the user stops the program.
pub(crate) struct Calls {
    /// Most inputs of one call.
    batch: usize,
    /// The exception with which the user stopped the program.
    fatal: Mutex<Option<PyErr>>,
}

impl Calls {
    pub(crate) fn new(batch: usize) -> Self {
        Self { batch, fatal: Mutex::new(None) }
    }

    /// Takes what the user stopped the program with.
    pub(crate) fn take_fatal(&self) -> Option<PyErr> {
        self.fatal().take()
    }

    fn fatal(&self) -> MutexGuard<'_, Option<PyErr>> {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `function` with all `inputs`; it has checked that it returns one output for each.
    fn outputs<I, O>(&self, function: &Py<PyAny>, inputs: &[I]) -> Result<Vec<O>, ModelError>
    where
        I: Clone + for<'py> IntoPyObject<'py>,
        Vec<O>: for<'a, 'py> FromPyObject<'a, 'py, Error = PyErr>,
    {
        let mut outputs = Vec::with_capacity(inputs.len());
        for batch in inputs.chunks(self.batch) {
            let called =
                |py: Python<'_>| self.call(py, function, batch).map_err(|raised| self.failure(py, raised));
            outputs.extend::<Vec<O>>(Python::attach(called)?);
        }
        Ok(outputs)
    }

    fn call<I, O>(&self, py: Python<'_>, function: &Py<PyAny>, batch: &[I]) -> PyResult<Vec<O>>
    where
        I: Clone + for<'py> IntoPyObject<'py>,
        Vec<O>: for<'a, 'py> FromPyObject<'a, 'py, Error = PyErr>,
    {
        if let Some(fatal) = self.fatal().as_ref() {
            return Err(fatal.clone_ref(py));
        }
        py.check_signals()?;
        function.bind(py).call1((PyList::new(py, batch.iter().cloned())?,))?.extract()
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

/// The words of a victim that is a function.
fn words(card: VictimCard, window: Option<usize>) -> WordModel {
    WordModel::new(card).with_memory(WORDS).with_window(window.unwrap_or(usize::MAX))
}

/// A function that takes a list of texts, or of pairs of texts, and returns a list of logits for each. It is
/// `codepurify._callable.Predict`, which has checked all that the function of the user returned.
pub(crate) struct Callable {
    predict: Py<PyAny>,
    model: WordModel,
    pub(crate) calls: Calls,
}

impl Callable {
    pub(crate) fn new(predict: Py<PyAny>, card: VictimCard, window: Option<usize>, calls: Calls) -> Self {
        Self { predict, model: words(card, window), calls }
    }

    fn predictions<T>(&self, inputs: &[T]) -> Result<Logits, ModelError>
    where
        T: Clone + for<'py> IntoPyObject<'py>,
    {
        let rows: Vec<Vec<f32>> = self.calls.outputs(&self.predict, inputs)?;
        Logits::new(rows.first().map_or(1, Vec::len), rows.concat())
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

/// Two functions: one takes a list of texts and returns the text that the model generates for each, the other takes a
/// list of tuples (source, target) and returns the mean log-likelihood of each target's tokens. They are
/// `codepurify._callable.Generate` and `Score`, which have checked what the functions of the user returned.
pub(crate) struct GeneratorCallable {
    generate: Py<PyAny>,
    score: Py<PyAny>,
    model: WordModel,
    pub(crate) calls: Calls,
}

impl GeneratorCallable {
    pub(crate) fn new(
        generate: Py<PyAny>,
        score: Py<PyAny>,
        card: VictimCard,
        window: Option<usize>,
        calls: Calls,
    ) -> Self {
        Self { generate, score, model: words(card, window), calls }
    }
}

impl WrapsModel for GeneratorCallable {
    type Inner = WordModel;

    fn inner(&self) -> &WordModel {
        &self.model
    }
}

impl Generator for GeneratorCallable {
    fn generate(&self, batch: &Ragged) -> Result<Ragged, ModelError> {
        let answers: Vec<String> = self.calls.outputs(&self.generate, &self.model.texts(batch)?)?;
        let ids = |answer: &String| Ok(self.model.tokenizer().encode(answer)?.ids);
        answers.iter().map(ids).collect()
    }

    fn likelihoods(&self, sources: &Ragged, targets: &Ragged) -> Result<Vec<f64>, ModelError> {
        if sources.len() != targets.len() {
            let (sources, targets) = (sources.len(), targets.len());
            return Err(ModelError::runtime(format!("{sources} sources and {targets} targets")));
        }
        // A target may be longer than what the model reads.
        let targets = targets.rows().map(|target| self.text(target));
        let pairs = self.model.texts(sources)?.into_iter().zip(targets);
        let pairs =
            pairs.map(|(source, target)| Ok((source, target?))).collect::<Result<Vec<_>, ModelError>>()?;
        self.calls.outputs(&self.score, &pairs)
    }

    fn text(&self, target: &[u32]) -> Result<String, ModelError> {
        self.model.tokenizer().decode(target)
    }
}
