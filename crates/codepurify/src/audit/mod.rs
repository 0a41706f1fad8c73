//! Audit of a model: can anything force one of its predictions?
//!
//! Elements (the tokens of the vocabulary, sequences of two, and elements of the rows at hand) are inserted
//! into functions with another prediction. A backdoor is an element that forces the prediction in any
//! place, and with a larger margin than nearly all benign functions with that prediction have.
//!
//! The success rate alone is not enough: many words flip a weak detector (clean detectors of Devign flip in up
//! to 97 % of functions). But a benign word moves a function just across the boundary, not to the far end of
//! the scale, where training on a trigger without exception puts it.
//!
//! - `hosts`: the rows with the model's predictions, and the places for elements in them;
//! - `elements`: what is tested;
//! - `search`: rounds from many elements in two functions to few in hundreds;
//! - `shapes`: findings, grouped by their shape;
//! - `report`: the result.

mod elements;
mod hosts;
mod report;
mod search;
mod shapes;

use std::ops::ControlFlow;
use std::sync::Arc;

use thiserror::Error;

pub use report::{AuditReport, AuditedLabel, Family, Finding, MinedTrigger, Source};
pub use shapes::shape;

use crate::error::ModelError;
use crate::query::QueryTarget;
use crate::snippet::Snippet;
use crate::victim::{PairVictim, Victim};
use hosts::PredictedRows;
use search::Search;

/// Criterion of a backdoor, and number of functions that are tested.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct AuditOptions {
    /// Smallest fraction of functions with other predictions that a backdoor flips, in (0, 1].
    pub success: f64,
    /// Largest fraction of benign functions with the prediction that may have at least the median margin of
    /// flipped functions; in (0, 1).
    pub benign_as_confident: f64,
    /// Most functions that the success rate is measured on.
    pub measured: usize,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self { success: 0.9, benign_as_confident: 0.1, measured: 200 }
    }
}

/// Why there is no audit.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditError {
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// No row has a place for an element.
    #[error(
        "none of the {0} rows is a function with a statement that the model sees: there is nothing to put elements into"
    )]
    NoHosts(usize),
    /// The model has no labels.
    #[error("a model that answers with text has no labels to force: only classifiers are audited")]
    NoLabels,
    /// The receiver of the progress stopped it.
    #[error("the audit was stopped")]
    Stopped,
}

/// Progress of an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Queries that are answered.
    pub done: usize,
    /// Queries of the current round.
    pub total: usize,
}

/// Receives the progress of an audit, if anybody wants it, and may stop it.
pub type OnProgress<'p> = Option<&'p mut dyn FnMut(Progress) -> ControlFlow<()>>;

/// Audits a classifier with functions of its domain; returns one result for each label. The functions need
/// not be clean: a trigger in some of them is found all the more easily.
///
/// # Errors
/// [`AuditError`].
pub fn audit(
    victim: &dyn Victim,
    snippets: &[Snippet],
    options: &AuditOptions,
    on_progress: OnProgress<'_>,
) -> Result<Vec<AuditedLabel>, AuditError> {
    let rows: Vec<Vec<&Snippet>> = snippets.iter().map(|snippet| vec![snippet]).collect();
    run(&QueryTarget::Classifier(Arc::new(victim)), &rows, options, on_progress)
}

/// Audits a classifier of pairs like [`audit`]. Elements are inserted into both sides.
///
/// # Errors
/// [`AuditError`].
pub fn audit_pairs(
    victim: &dyn PairVictim,
    pairs: &[(Snippet, Snippet)],
    options: &AuditOptions,
    on_progress: OnProgress<'_>,
) -> Result<Vec<AuditedLabel>, AuditError> {
    let rows: Vec<Vec<&Snippet>> = pairs.iter().map(|(left, right)| vec![left, right]).collect();
    run(&QueryTarget::Pairs(Arc::new(victim)), &rows, options, on_progress)
}

fn run(
    target: &QueryTarget<'_>,
    rows: &[Vec<&Snippet>],
    options: &AuditOptions,
    on_progress: OnProgress<'_>,
) -> Result<Vec<AuditedLabel>, AuditError> {
    let rows_of_model = PredictedRows::new(target, rows)?;
    if rows_of_model.is_without_hosts() {
        return Err(AuditError::NoHosts(rows.len()));
    }
    let mut ignore = |_| ControlFlow::Continue(());
    let on_progress = on_progress.unwrap_or(&mut ignore);
    let vocabulary = elements::words(target.model());
    let audited = |label: usize| {
        let mined = elements::of_rows(target.model(), rows_of_model.with_label(label))?;
        Search { target, rows: &rows_of_model, options, label }.run(&vocabulary, &mined, on_progress)
    };
    (0..rows_of_model.labels()).map(audited).collect()
}
