//! Audits of a guarded model.

use std::ops::ControlFlow;

use codepurify::Snippet;
use codepurify::audit::{AuditError, AuditOptions, AuditReport, AuditedLabel, Progress, audit, audit_pairs};
use codepurify::verdict::{ModelInfo, ToolInfo};
use pyo3::prelude::*;

use crate::errors;
use crate::guard::Core;
use crate::loading::Target;
use crate::pool::Watch;
use crate::rows::Rows;

/// Audits the guarded classifier with rows; those that cannot be read are left out. Returns the report as JSON.
#[pyfunction]
#[pyo3(name = "audit")]
pub(crate) fn audit_core(
    py: Python<'_>,
    core: &Core,
    rows: &Rows,
    success: f64,
    benign_as_confident: f64,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<String> {
    let options = options(py, success, benign_as_confident)?;
    let rows: Vec<&Vec<Snippet>> = rows.rows.iter().flatten().collect();
    let work = |watch: &Watch| labels(core.target(), &rows, &options, watch);
    let labels = core.run(py, progress.map(Bound::unbind).as_ref(), work)?;
    let labels = labels.map_err(|error| raised(py, &error))?;
    let card = core.card();
    let tool = ToolInfo { name: "codepurify".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let model = ModelInfo { name: card.name.clone(), task: card.task, sha256: card.sha256.clone() };
    let report = AuditReport::new(tool, model, rows.len(), labels);
    Ok(serde_json::to_string(&report).expect("a report is plain data"))
}

fn options(py: Python<'_>, success: f64, benign_as_confident: f64) -> PyResult<AuditOptions> {
    let is_share = |share: f64| share > 0.0 && share < 1.0;
    if !is_share(success) || !is_share(benign_as_confident) {
        let message = "success= and benign_as_confident= must be between 0 and 1";
        return Err(errors::exception(py, "UsageError", message));
    }
    let mut options = AuditOptions::default();
    (options.success, options.benign_as_confident) = (success, benign_as_confident);
    Ok(options)
}

/// Findings about each label; none if the model has no labels.
fn labels(
    target: &Target,
    rows: &[&Vec<Snippet>],
    options: &AuditOptions,
    watch: &Watch,
) -> Result<Vec<AuditedLabel>, AuditError> {
    let mut done = 0;
    let mut tell = |progress: Progress| {
        watch.add(progress.done.saturating_sub(done));
        done = progress.done;
        if watch.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    match target {
        Target::Classifier(victim) => {
            let functions: Vec<Snippet> = rows.iter().filter_map(|row| row.first().cloned()).collect();
            audit(victim.as_ref(), &functions, options, Some(&mut tell))
        }
        Target::Pair(victim) => {
            let pairs = rows.iter().filter_map(|row| Some((row.first()?.clone(), row.get(1)?.clone())));
            audit_pairs(victim.as_ref(), &pairs.collect::<Vec<_>>(), options, Some(&mut tell))
        }
        Target::Generator(_) => Err(AuditError::NoLabels),
    }
}

fn raised(py: Python<'_>, error: &AuditError) -> PyErr {
    match error {
        AuditError::Model(error) => errors::model(py, error),
        other => errors::exception(py, "UsageError", &other.to_string()),
    }
}
