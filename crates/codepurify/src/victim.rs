//! The two doors to a model: [`Victim`] judges token sequences, [`MaskedLm`] fills masked positions.
//!
//! Everything that crosses a door is ragged: flat ids plus row ends, no padding. An implementation pads, packs or
//! splits into micro-batches as its runtime likes. Special tokens (`<s>`, `</s>` …) never cross: rows hold content
//! tokens only, and the implementation frames them.

use crate::error::ModelError;
use crate::snippet::Span;

/// What a text is to a model: content token ids and the bytes that each came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encoding {
    /// Token ids, without special tokens.
    pub ids: Vec<u32>,
    /// For each id, the bytes of the text it stands for (leading white space may be part of it); non-decreasing.
    pub spans: Vec<Span>,
}

/// Rows of token ids of unequal length, stored flat.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ragged {
    ids: Vec<u32>,
    ends: Vec<usize>,
}

impl Ragged {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one row.
    pub fn push(&mut self, row: impl IntoIterator<Item = u32>) {
        self.ids.extend(row);
        self.ends.push(self.ids.len());
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Number of tokens in all rows.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// Row `index`.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, index: usize) -> &[u32] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.ids[start..self.ends[index]]
    }

    /// All rows, in order.
    #[must_use]
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        (0..self.len()).map(|index| self.row(index))
    }
}

impl<R: IntoIterator<Item = u32>> FromIterator<R> for Ragged {
    fn from_iter<I: IntoIterator<Item = R>>(rows: I) -> Self {
        let mut batch = Self::new();
        rows.into_iter().for_each(|row| batch.push(row));
        batch
    }
}

/// The victim's raw output: one row of `classes` finite logits for each judged row.
///
/// A victim with one sigmoid logit has `classes == 1`; it still has two labels (see [`Logits::probabilities`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Logits {
    classes: usize,
    values: Vec<f32>,
}

impl Logits {
    /// Row-major logits, `values.len() == rows * classes`.
    ///
    /// # Errors
    /// [`ModelError::Output`] if the length does not fit, there is no class, or a value is NaN or infinite.
    pub fn new(classes: usize, values: Vec<f32>) -> Result<Self, ModelError> {
        if classes == 0 || !values.len().is_multiple_of(classes) {
            return Err(ModelError::Output(format!("{} logits do not make rows of {classes}", values.len())));
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(ModelError::Output(format!(
                "logit {} of row {} is {}",
                at % classes,
                at / classes,
                values[at]
            )));
        }
        Ok(Self { classes, values })
    }

    /// Number of judged rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.classes
    }

    /// Whether nothing was judged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The logits of row `index`.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.classes..(index + 1) * self.classes]
    }

    /// Class probabilities of row `index`: softmax, or `[1 - sigmoid, sigmoid]` for one logit. They sum to 1.
    #[must_use]
    pub fn probabilities(&self, index: usize) -> Vec<f64> {
        let scores = self.scores(index);
        let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let exponents: Vec<f64> = scores.iter().map(|score| (score - highest).exp()).collect();
        let total: f64 = exponents.iter().sum();
        exponents.into_iter().map(|exponent| exponent / total).collect()
    }

    /// The predicted label of row `index`: the class with the largest logit, the first of equals.
    #[must_use]
    pub fn label(&self, index: usize) -> usize {
        let scores = self.scores(index);
        (1..scores.len()).fold(0, |best, class| if scores[class] > scores[best] { class } else { best })
    }

    /// margin(x) = `z_y` − max over the other classes, in logits; negative once the answer is no longer `label`.
    /// For a single sigmoid logit it is ±z (method, section 1).
    ///
    /// # Panics
    /// If `label` is not a class of this victim.
    #[must_use]
    pub fn margin(&self, index: usize, label: usize) -> f64 {
        let scores = self.scores(index);
        let others = scores.iter().enumerate().filter(|&(class, _)| class != label).map(|(_, &score)| score);
        scores[label] - others.fold(f64::NEG_INFINITY, f64::max)
    }

    /// One score a label, at least two: a single logit `z` stands for the pair (0, z).
    fn scores(&self, index: usize) -> Vec<f64> {
        match self.row(index) {
            [logit] => vec![0.0, f64::from(*logit)],
            row => row.iter().copied().map(f64::from).collect(),
        }
    }
}

/// Who a victim is; printed with every verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VictimCard {
    /// Name for people.
    pub name: String,
    /// What it decides.
    pub task: Task,
    /// SHA-256 of the weights, hexadecimal; empty where there is no file.
    pub sha256: String,
    /// Label names by class index; empty where the model names none.
    pub labels: Vec<String>,
}

/// What a victim decides about code.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Is this function vulnerable?
    Defect,
    /// Do these two functions compute the same?
    Clone,
    /// Rewrite the buggy function.
    Repair,
    /// Any other classification.
    Classification,
}

/// A guarded model that classifies one snippet: the paper's *victim model*.
///
/// Deterministic: the same rows give the same logits, whatever else is in the batch (up to rounding).
pub trait Victim: Send + Sync {
    /// Who this is.
    fn card(&self) -> &VictimCard;

    /// Content tokens that fit into one forward pass; longer rows must not be passed to [`Victim::judge`].
    fn window(&self) -> usize;

    /// The id that stands for an occluded element (`<unk>` or the mask token of the victim's tokenizer).
    fn occlusion_id(&self) -> u32;

    /// Token ids of `text` with their bytes, preprocessing included, not cut to the window.
    ///
    /// # Errors
    /// [`ModelError`] if the text cannot be tokenised.
    fn encode(&self, text: &str) -> Result<Encoding, ModelError>;

    /// One row of logits for each row of the batch, in order. An empty row is a snippet without content.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails, a row exceeds the window or an output is not finite.
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError>;
}

/// One proposal for a masked position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proposal {
    /// The token.
    pub id: u32,
    /// Natural log of its probability, ≤ 0.
    pub log_probability: f32,
}

/// A masked language model over code, used to fill the places where a trigger was cut out.
pub trait MaskedLm: Send + Sync {
    /// Content tokens that fit into one forward pass.
    fn window(&self) -> usize;

    /// The mask token.
    fn mask_id(&self) -> u32;

    /// Token ids of `text` with their bytes, not cut to the window.
    ///
    /// # Errors
    /// [`ModelError`] if the text cannot be tokenised.
    fn encode(&self, text: &str) -> Result<Encoding, ModelError>;

    /// The text of one token as it stands in source code (a leading space kept), or `None` for special tokens and
    /// tokens that are no whole UTF-8 text.
    fn token_text(&self, id: u32) -> Option<String>;

    /// For each row, for each mask in it from left to right, the `top` most probable tokens, best first.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails, a row exceeds the window or an output is not finite.
    fn fill(&self, batch: &Ragged, top: usize) -> Result<Vec<Vec<Vec<Proposal>>>, ModelError>;
}
