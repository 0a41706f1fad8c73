//! Published defences to compare with.
//!
//! An *input defence* ([`InputDefence`]) inspects one snippet at inference time: [`onion`],
//! [`oseql`], [`strip`], [`line_perplexity`], and [`official`], the released code of `CodePurify`.
//! A *training-set defence* inspects all training rows and selects rows to [remove](Removal):
//! [`spectral`], [`clustering`], [`code_detector`], [`kill_bad_code`]. The latter take plain data:
//! representations, token rows, labels.
//!
//! Both build on language models of code ([`lm`], [`ngram`]), principal components and k-means
//! ([`pca`], [`kmeans`]) and outlier tests ([`outliers`]). [`side`] presents one side of a pair to
//! an input defence.

pub mod clustering;
pub mod code_detector;
mod isolation_forest;
pub mod kill_bad_code;
pub mod kmeans;
pub mod line_perplexity;
pub mod lm;
pub mod ngram;
pub mod official;
pub mod onion;
pub mod oseql;
pub mod outliers;
pub mod pca;
mod removal;
pub mod side;
pub mod spectral;
pub mod strip;
mod variants;

pub use removal::Removal;

use std::collections::BTreeMap;

use codepurify::edit::EditError;
use codepurify::{ModelError, Snippet, Span};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Result of an input defence for one snippet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScreeningResult {
    /// Larger means more suspicious; never NaN, −∞ without any evidence.
    pub score: f64,
    /// True if the defence decides that the snippet is triggered.
    pub flagged: bool,
    /// Spans of the located trigger, sorted; `None` if it located nothing or cannot locate.
    pub spans: Option<Vec<Span>>,
    /// Text without the trigger; `None` if it is unchanged.
    pub text: Option<String>,
    /// Number of sequences that the victim judged.
    pub forwards: usize,
    /// Number of sequences that a language model scored.
    pub lm_forwards: usize,
}

impl ScreeningResult {
    /// Result for a snippet without any evidence against it.
    fn passed(score: f64) -> Self {
        Self { score, flagged: false, spans: None, text: None, forwards: 0, lm_forwards: 0 }
    }
}

/// Defence that inspects one snippet at a time.
pub trait InputDefence {
    /// Judges a snippet.
    ///
    /// # Errors
    /// [`BaselineError`] if a model fails or the defence cannot process the snippet.
    fn screen(&self, snippet: &Snippet) -> Result<ScreeningResult, BaselineError>;
}

/// Reason why a baseline has no result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// A model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A located trigger cannot be cut out of the text.
    #[error(transparent)]
    Splice(#[from] EditError),
    /// The lengths of the rows differ.
    #[error("row {row} has {given} {what}, not {wanted}")]
    Shape {
        /// Index of the row, from 0.
        row: usize,
        /// Counted items.
        what: &'static str,
        /// Number of items that the row has.
        given: usize,
        /// Number of items that it should have.
        wanted: usize,
    },
    /// A number of this row is NaN or infinite.
    #[error("row {0} holds a number that is not finite")]
    NotFinite(usize),
    /// There is not enough data.
    #[error("{0}")]
    TooLittle(&'static str),
    /// A setting is out of its range.
    #[error("{name} is {value}, not {range}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Value of the setting.
        value: String,
        /// Allowed range.
        range: &'static str,
    },
}

/// Returns the rows of each label, or all rows together, in order.
///
/// # Errors
/// [`BaselineError`] without any row, or if the numbers of rows and labels differ.
fn classes(
    representations: &[Vec<f32>],
    labels: &[u32],
    per_class: bool,
) -> Result<Vec<Vec<usize>>, BaselineError> {
    let (given, wanted) = (labels.len(), representations.len());
    if given != wanted {
        return Err(BaselineError::Shape { row: given.min(wanted), what: "labels in all", given, wanted });
    }
    if labels.is_empty() {
        return Err(BaselineError::TooLittle("there are no training rows"));
    }
    let mut classes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (row, &label) in labels.iter().enumerate() {
        classes.entry(if per_class { label } else { 0 }).or_default().push(row);
    }
    Ok(classes.into_values().collect())
}
