//! The defences that others published, to compare with.
//!
//! Two kinds. An *input defence* ([`InputDefence`]) looks at one snippet while the model is in use: [`onion`], [`oseql`],
//! [`strip`], [`line_perplexity`], and [`official`], the released code of CodePurify. A *training-set defence* looks at
//! all training rows and says which to [`remove`](Removal): [`spectral`], [`clustering`], [`code_detector`],
//! [`kill_bad_code`]. The latter take plain data: representations, token rows, labels.
//!
//! Below them stand language models of code ([`lm`], [`ngram`]), principal components and k-means ([`pca`], [`kmeans`]),
//! outlier tests ([`outliers`]), and what one side of a pair is to an input defence ([`side`]).

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

/// What an input defence said about one snippet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Screened {
    /// Larger means more suspicious; never NaN, −∞ where there is no evidence at all.
    pub score: f64,
    /// Whether the defence takes the snippet for triggered.
    pub flagged: bool,
    /// Where it sees the trigger, sorted; `None` if it located nothing or cannot locate.
    pub spans: Option<Vec<Span>>,
    /// The text without the trigger; `None` if it was left as it is.
    pub text: Option<String>,
    /// Sequences that the guarded model judged.
    pub forwards: usize,
    /// Sequences that a language model scored.
    pub lm_forwards: usize,
}

impl Screened {
    /// Nothing to be said against the snippet.
    fn passed(score: f64) -> Self {
        Self { score, flagged: false, spans: None, text: None, forwards: 0, lm_forwards: 0 }
    }
}

/// A defence that looks at one snippet at a time.
pub trait InputDefence {
    /// Judges a snippet.
    ///
    /// # Errors
    /// [`BaselineError`] if a model fails or the snippet is beyond what the defence can work on.
    fn screen(&self, snippet: &Snippet) -> Result<Screened, BaselineError>;
}

/// What keeps a baseline from an answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// A model could not answer.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A located trigger cannot be cut out of the text.
    #[error(transparent)]
    Splice(#[from] EditError),
    /// The rows do not fit each other.
    #[error("row {row} has {given} {what}, not {wanted}")]
    Shape {
        /// The row, from 0.
        row: usize,
        /// What is counted.
        what: &'static str,
        /// How many it has.
        given: usize,
        /// How many it should have.
        wanted: usize,
    },
    /// A number of this row is NaN or infinite.
    #[error("row {0} holds a number that is not finite")]
    NotFinite(usize),
    /// There is too little to work on.
    #[error("{0}")]
    TooLittle(&'static str),
    /// A setting is out of its range.
    #[error("{name} is {value}, not {range}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        range: &'static str,
    },
}

/// The rows of each label, or all rows together, in order.
///
/// # Errors
/// [`BaselineError`] if there is no row or not one label a row.
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
