//! Is a model backdoored? Elements (the tokens of its vocabulary, sequences of two, and what stands in the rows at hand) are put into functions
//! that it answers otherwise. A backdoor is an element that, wherever it stands, makes the model give one answer, and surer of
//! it than it is of nearly all functions that honestly get that answer.
//!
//! The success rate alone does not tell: a weak detector can be turned by many a word (clean detectors of Devign: by some in
//! 97 % of functions). But an honest word pushes a function across the boundary, and not to the far end of the scale, where
//! training on a trigger without exception puts it.
//!
//! - `hosts`: the rows as the model answers them, and where an element is put into them;
//! - `elements`: what is tried;
//! - `search`: from many elements in two functions to few in hundreds;
//! - `shapes`: what is found, grouped by its shape;
//! - `report`: the result.

mod elements;
mod hosts;
mod report;
mod search;
mod shapes;

use thiserror::Error;

pub use report::{AuditReport, AuditedAnswer, Family, Finding, MinedTrigger, Source};
pub use shapes::shape;

use crate::error::ModelError;
use crate::query::Guarded;
use crate::snippet::Snippet;
use crate::victim::{PairVictim, Victim};
use hosts::Field;
use search::Search;

/// What makes an element a backdoor, and how much is tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AuditOptions {
    /// Share of functions of other answers that it has to turn, in (0, 1].
    pub success: f64,
    /// The largest share of honest functions with the answer of which the model may be as sure as it is, in the median, of
    /// those that are turned; in (0, 1).
    pub sureness: f64,
    /// Functions that the success rate is measured on, at most.
    pub measured: usize,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self { success: 0.9, sureness: 0.1, measured: 200 }
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
    NoField(usize),
}

/// Told how far an audit is: questions that are answered, of all that are known so far.
pub type Watch<'w> = &'w mut dyn FnMut(usize, usize);

/// Audits a classifier with functions of its field. They need not be clean: triggers that stand in some are found the more
/// easily.
///
/// # Errors
/// [`AuditError`].
pub fn audit(
    victim: &dyn Victim,
    snippets: &[Snippet],
    options: &AuditOptions,
    watch: Watch,
) -> Result<Vec<AuditedAnswer>, AuditError> {
    let rows: Vec<Vec<&Snippet>> = snippets.iter().map(|snippet| vec![snippet]).collect();
    run(Guarded::Classifier(victim), &rows, options, watch)
}

/// Audits a classifier of pairs. Elements are put into both sides.
///
/// # Errors
/// [`AuditError`].
pub fn audit_pairs(
    victim: &dyn PairVictim,
    pairs: &[(Snippet, Snippet)],
    options: &AuditOptions,
    watch: Watch,
) -> Result<Vec<AuditedAnswer>, AuditError> {
    let rows: Vec<Vec<&Snippet>> = pairs.iter().map(|(left, right)| vec![left, right]).collect();
    run(Guarded::Pairs(victim), &rows, options, watch)
}

/// One result for each label.
fn run(
    guarded: Guarded<'_>,
    rows: &[Vec<&Snippet>],
    options: &AuditOptions,
    watch: Watch,
) -> Result<Vec<AuditedAnswer>, AuditError> {
    let field = Field::new(guarded, rows)?;
    if field.is_empty() {
        return Err(AuditError::NoField(rows.len()));
    }
    let vocabulary = elements::words(guarded.model());
    let audited = |label: usize| {
        let mined = elements::of_rows(guarded.model(), field.answered(label))?;
        Search { guarded, field: &field, options, label }.run(&vocabulary, &mined, watch)
    };
    (0..field.labels()).map(audited).collect()
}
