//! One guarded model.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use codepurify::contamination::without_suspicious;
use codepurify::victim::{MaskedLm, Task, VictimCard};
use codepurify::{Calibration, ModelError, Profile, References, Snippet, Verdict, rows_needed};
use codepurify_cli::{ByLanguage, PAIRS_FOR_A_REFERENCE, RowDefender, SNIPPETS_TOGETHER, Sides, in_chunks};
use codepurify_models::Precision;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::callable::{Callable, Calls, GeneratorCallable};
use crate::errors;
use crate::loading::{Deciding, Models, Names, Target, masked_lm};
use crate::pool::{NO_PROGRESS, Pool, PooledMaskedLm, Watch};
use crate::rows::{Read, Rows};

/// Batches of a function's texts that are judged together, so that most calls are full.
const BATCHES: usize = 16;

/// A guarded model.
#[pyclass(frozen, module = "codepurify._core")]
pub(crate) struct Core {
    target: Target,
    mlm: Arc<dyn MaskedLm>,
    /// The victim, if it is made of functions.
    callable: Option<Functions>,
    batch: usize,
    /// Without a calibration.
    profile: Profile,
    deciding: Deciding,
    pool: Arc<Pool>,
    decisions: RwLock<Decisions>,
}

/// Number of snippets with a prediction.
type Count = (Option<usize>, usize);
/// Prediction, shape of the element, number of snippets, and their share of those with this prediction.
type LeftOut = (Option<usize>, String, usize, f64);

/// A victim that is made of functions.
enum Functions {
    Classifier(Arc<Callable>),
    Generator(Arc<GeneratorCallable>),
}

impl Functions {
    fn calls(&self) -> &Calls {
        match self {
            Self::Classifier(callable) => &callable.calls,
            Self::Generator(callable) => &callable.calls,
        }
    }
}

/// How rows are decided about.
#[derive(Clone)]
struct Decisions {
    calibration: Option<Calibration>,
    /// The calibration of the bundled model is about one language.
    defender: ByLanguage<RowDefender<'static>>,
}

#[pymethods]
impl Core {
    /// Loads models by their names, the bundled ones where none is given.
    #[staticmethod]
    #[allow(clippy::too_many_arguments, reason = "called from one place, by name")]
    #[pyo3(signature = (*, model, mlm, base, preset, profile, alpha, precision, threads))]
    fn from_pretrained(
        py: Python<'_>,
        model: Option<PathBuf>,
        mlm: Option<PathBuf>,
        base: Option<PathBuf>,
        preset: Option<String>,
        profile: String,
        alpha: f64,
        precision: String,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        let pool = Arc::new(Pool::new(threads));
        let deciding = Deciding { profile, alpha };
        let names = Names { model, mlm, base, preset, precision };
        let loaded = pool.run(py, NO_PROGRESS, |_| names.load(&deciding))?;
        let models = loaded.map_err(|error| errors::command(py, &error))?;
        Ok(Self::new(models, None, SNIPPETS_TOGETHER, deciding, pool))
    }

    /// Guards a function: `codepurify._callable.Predict`.
    #[staticmethod]
    #[allow(clippy::too_many_arguments, reason = "called from one place, by name")]
    #[pyo3(signature = (*, predict, name, labels, pairs, window, batch_size, mlm, profile, alpha, threads))]
    fn from_callable(
        py: Python<'_>,
        predict: Py<PyAny>,
        name: String,
        labels: Vec<String>,
        pairs: bool,
        window: Option<usize>,
        batch_size: usize,
        mlm: Option<PathBuf>,
        profile: String,
        alpha: f64,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        let card = VictimCard { name, task: Task::Classification, sha256: String::new(), labels };
        let callable = Arc::new(Callable::new(predict, card, window, Calls::new(batch_size)));
        let target = if pairs {
            Target::Pair(Arc::clone(&callable) as _)
        } else {
            Target::Classifier(Arc::clone(&callable) as _)
        };
        let deciding = Deciding { profile, alpha };
        Self::of_functions(py, target, Functions::Classifier(callable), batch_size, mlm, deciding, threads)
    }

    /// Guards two functions: `codepurify._callable.Generate` and `Score`.
    #[staticmethod]
    #[allow(clippy::too_many_arguments, reason = "called from one place, by name")]
    #[pyo3(signature = (*, generate, score, name, window, batch_size, mlm, profile, alpha, threads))]
    fn from_generator(
        py: Python<'_>,
        generate: Py<PyAny>,
        score: Py<PyAny>,
        name: String,
        window: Option<usize>,
        batch_size: usize,
        mlm: Option<PathBuf>,
        profile: String,
        alpha: f64,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        let card = VictimCard { name, task: Task::Repair, sha256: String::new(), labels: Vec::new() };
        let calls = Calls::new(batch_size);
        let callable = Arc::new(GeneratorCallable::new(generate, score, card, window, calls));
        let target = Target::Generator(Arc::clone(&callable) as _);
        let deciding = Deciding { profile, alpha };
        Self::of_functions(py, target, Functions::Generator(callable), batch_size, mlm, deciding, threads)
    }

    /// Name of the victim.
    #[getter]
    fn name(&self) -> &str {
        &self.card().name
    }

    /// Task of the victim.
    #[getter]
    fn task(&self) -> &'static str {
        self.card().task.name()
    }

    /// SHA-256 of the victim's weights, empty for a function.
    #[getter]
    fn sha256(&self) -> &str {
        &self.card().sha256
    }

    /// Names of the labels by class index.
    #[getter]
    fn labels(&self) -> Vec<String> {
        self.card().labels.clone()
    }

    /// Number of texts in a row.
    #[getter]
    fn sides(&self) -> usize {
        self.decisions().defender.calibrated().sides()
    }

    /// Judges rows. Returns for each row an exception, or for each of its sides an exception or the verdict as
    /// JSON with the judged code. `progress` gets the number of rows that are done.
    fn screen<'py>(
        &self,
        py: Python<'py>,
        rows: &Rows,
        evidence: bool,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let defender = self.decisions().defender.map(|defender| defender.with_evidence(evidence));
        let readable: Vec<Vec<Snippet>> = rows.rows.iter().flatten().cloned().collect();
        let mut judged =
            self.judge(py, &readable, &defender, progress.map(Bound::unbind).as_ref())?.into_iter();
        let results = rows.rows.iter().map(|read| -> PyResult<Bound<'py, PyAny>> {
            match read {
                Err(unreadable) => Ok(unreadable.raised(py).into_value(py).into_bound(py).into_any()),
                Ok(row) => {
                    let sides = judged.next().unwrap_or_default();
                    let sides = row.iter().zip(sides).map(|(snippet, side)| outcome(py, snippet, side));
                    Ok(PyList::new(py, sides.collect::<PyResult<Vec<_>>>()?)?.into_any())
                }
            }
        });
        PyList::new(py, results.collect::<PyResult<Vec<_>>>()?)
    }

    /// Calibrates with rows of clean code. Returns the number of snippets by predicted label (`None` for a text), and
    /// what was left out since it seems to hold triggers.
    fn calibrate(
        &self,
        py: Python<'_>,
        rows: &Rows,
        source: &str,
        partial: bool,
        keep_suspicious: bool,
        progress: Option<Bound<'_, PyAny>>,
    ) -> PyResult<(Vec<Count>, Vec<LeftOut>)> {
        let refuse = |message: &str| Err(errors::exception(py, "CalibrationError", message));
        if !self.deciding.is_calibrated() {
            return refuse("only the profile `transplant` is calibrated");
        }
        if let Some(unreadable) = rows.rows.iter().find_map(|read| read.as_ref().err()).filter(|_| !partial) {
            return Err(unreadable.raised(py));
        }
        let (profile, used) = self.with_references(py, &rows.rows)?;
        let calibrating = profile.clone().calibrating();
        let defender = self.target.defender(&self.mlm, calibrating.clone()).with_evidence(!keep_suspicious);
        let defender = ByLanguage::new(defender, None);
        let judged = self.judge(py, &used, &defender, progress.map(Bound::unbind).as_ref())?;
        let (mut verdicts, mut failures) = (Vec::new(), Vec::new());
        for side in judged.into_iter().flatten() {
            match side {
                Ok(verdict) => verdicts.push(verdict),
                Err(error) => failures.push(error),
            }
        }
        if let Some(error) = failures.first().filter(|_| !partial || verdicts.is_empty()) {
            return Err(errors::model(py, error));
        }
        let (verdicts, families) =
            if keep_suspicious { (verdicts, Vec::new()) } else { without_suspicious(verdicts) };
        let calibration = calibrating.calibrate(self.sha256(), source, &verdicts);
        let counts = counts(&calibration, &verdicts);
        let needed = rows_needed(self.deciding.alpha);
        if counts.is_empty() {
            return refuse("no clean snippet was scored");
        }
        if let Some((label, rows)) = counts.iter().find(|(_, rows)| *rows < needed).filter(|_| !partial) {
            let label = label.map_or("a text".to_owned(), |label| self.label(label));
            return refuse(&format!(
                "{rows} clean snippets are predicted as {label}: {needed} are needed for alpha={}; partial=True \
                 accepts that",
                self.deciding.alpha
            ));
        }
        self.decide_by(profile, calibration);
        let left_out = families.into_iter().map(|it| (it.label, it.shape, it.rows.len(), it.share));
        Ok((counts, left_out.collect()))
    }

    /// The calibration in use as JSON.
    #[getter]
    fn calibration(&self) -> Option<String> {
        self.decisions().calibration.map(|calibration| calibration.to_json())
    }

    /// Uses a calibration that was saved.
    fn set_calibration(&self, py: Python<'_>, json: &str) -> PyResult<()> {
        let unusable = |error| errors::calibration(py, &error);
        let calibration = Calibration::from_json(json).map_err(unusable)?;
        let calibrated = self.profile.clone().with_calibration(calibration.clone());
        calibration.check(self.sha256(), &calibrated.settings()).map_err(unusable)?;
        self.decide_by(self.profile.clone(), calibration);
        Ok(())
    }
}

impl Core {
    fn new(
        models: Models,
        callable: Option<Functions>,
        batch: usize,
        deciding: Deciding,
        pool: Arc<Pool>,
    ) -> Self {
        let Models { target, mlm, profile, calibrated, own, is_bundled } = models;
        let elsewhere = is_bundled.then(|| target.defender(&mlm, profile.clone()));
        let defender = ByLanguage::new(target.defender(&mlm, calibrated), elsewhere);
        let decisions = RwLock::new(Decisions { calibration: own, defender });
        Self { target, mlm, callable, batch, profile, deciding, pool, decisions }
    }

    /// Guards functions. They are called on the thread of the caller, and only the other model on the pool.
    fn of_functions(
        py: Python<'_>,
        target: Target,
        functions: Functions,
        batch_size: usize,
        mlm: Option<PathBuf>,
        deciding: Deciding,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        let pool = Arc::new(Pool::new(threads));
        let profile = deciding.profile(None).map_err(|error| errors::command(py, &error))?;
        let mlm = pool.run(py, NO_PROGRESS, |_| masked_lm(mlm, Precision::F32))?;
        let mlm = mlm.map_err(|error| errors::command(py, &error))?;
        let mlm: Arc<dyn MaskedLm> = Arc::new(PooledMaskedLm::new(mlm, Arc::clone(&pool)));
        let calibrated = profile.clone();
        let models = Models { target, mlm, profile, calibrated, own: None, is_bundled: false };
        Ok(Self::new(models, Some(functions), BATCHES * batch_size, deciding, pool))
    }

    pub(crate) fn card(&self) -> &VictimCard {
        self.target.model().card()
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Runs work that asks the victim: a function is called on the caller's thread, a model computes on the pool.
    pub(crate) fn run<T: Send>(
        &self,
        py: Python<'_>,
        progress: Option<&Py<PyAny>>,
        work: impl FnOnce(&Watch) -> T + Send,
    ) -> PyResult<T> {
        let Some(callable) = &self.callable else { return self.pool.run(py, &told(progress), work) };
        let result = py.detach(|| work(&Watch::default()));
        callable.calls().take_fatal().map_or(Ok(result), Err)
    }

    fn label(&self, label: usize) -> String {
        self.card().labels.get(label).cloned().unwrap_or_else(|| label.to_string())
    }

    fn decisions(&self) -> Decisions {
        self.decisions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn decide_by(&self, profile: Profile, calibration: Calibration) {
        let calibrated = profile.with_calibration(calibration.clone());
        let defender = ByLanguage::new(self.target.defender(&self.mlm, calibrated), None);
        *self.decisions.write().unwrap_or_else(PoisonError::into_inner) =
            Decisions { calibration: Some(calibration), defender };
    }

    /// The profile that clean rows are scored with, and these rows. A pair model gets references from some.
    fn with_references(&self, py: Python<'_>, rows: &[Read]) -> PyResult<(Profile, Vec<Vec<Snippet>>)> {
        let rows = rows.iter().flatten().cloned();
        let Target::Pair(victim) = &self.target else { return Ok((self.profile.clone(), rows.collect())) };
        let (taken, left): (Vec<_>, Vec<_>) =
            rows.enumerate().partition(|(index, _)| index % PAIRS_FOR_A_REFERENCE == 0);
        let functions: Vec<Snippet> = taken.into_iter().flat_map(|(_, row)| row).collect();
        let references = self.run(py, None, |_| References::from_domain(victim, &functions))?;
        let references = references.map_err(|error| errors::model(py, &error))?;
        if references.is_empty() {
            let message = format!(
                "one of {PAIRS_FOR_A_REFERENCE} pairs is set aside, to try candidates in its functions: none of them has a body"
            );
            return Err(errors::exception(py, "CalibrationError", &message));
        }
        let left = left.into_iter().map(|(_, row)| row).collect();
        Ok((self.profile.clone().with_references(references), left))
    }

    /// Verdicts on rows.
    fn judge(
        &self,
        py: Python<'_>,
        rows: &[Vec<Snippet>],
        defender: &ByLanguage<RowDefender<'_>>,
        progress: Option<&Py<PyAny>>,
    ) -> PyResult<Vec<Sides>> {
        let progress = told(progress);
        let size = (self.batch / defender.calibrated().sides()).max(1);
        let Some(callable) = &self.callable else {
            return self.pool.run(py, &progress, |watch| {
                let judge = |chunk: &[Vec<Snippet>]| {
                    if watch.is_stopped() { Vec::new() } else { defender.judge(chunk, RowDefender::screen) }
                };
                in_chunks(rows, size, judge, |sides| watch.add(sides.len()))
            });
        };
        let mut judged = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(size) {
            judged.extend(py.detach(|| defender.judge(chunk, RowDefender::screen)));
            if let Some(fatal) = callable.calls().take_fatal() {
                return Err(fatal);
            }
            py.check_signals()?;
            progress(py, judged.len())?;
        }
        Ok(judged)
    }
}

/// Calls `progress` with the number of rows that are done.
fn told(progress: Option<&Py<PyAny>>) -> impl Fn(Python<'_>, usize) -> PyResult<()> + Sync {
    move |py, rows| progress.map_or(Ok(()), |progress| progress.call1(py, (rows,)).map(drop))
}

/// A verdict as JSON with the judged code, or the exception.
fn outcome<'py>(
    py: Python<'py>,
    snippet: &Snippet,
    side: Result<Verdict, ModelError>,
) -> PyResult<Bound<'py, PyAny>> {
    match side {
        Err(error) => Ok(errors::model(py, &error).into_value(py).into_bound(py).into_any()),
        Ok(verdict) => {
            let json = serde_json::to_string(&verdict).expect("a verdict is plain data");
            Ok((json, snippet.text()).into_pyobject(py)?.into_any())
        }
    }
}

/// The number of clean snippets by predicted label.
fn counts(calibration: &Calibration, verdicts: &[Verdict]) -> Vec<Count> {
    let labels = verdicts.iter().filter_map(|verdict| Some(verdict.prediction.as_ref()?.label));
    let labels: std::collections::BTreeSet<Option<usize>> = labels.collect();
    labels.into_iter().map(|label| (label, calibration.rows(label))).collect()
}
