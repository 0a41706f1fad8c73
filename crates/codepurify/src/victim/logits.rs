//! Outputs of classifiers.

use crate::error::ModelError;

/// Raw output of a classifier: one row of `classes` finite logits for each judged row.
///
/// A victim with one sigmoid logit has `classes == 1`; it still has two labels (see [`Logits::probabilities`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Logits {
    classes: usize,
    values: Vec<f32>,
}

impl Logits {
    /// Takes row-major logits, `values.len() == rows * classes`.
    ///
    /// # Errors
    /// [`ModelError::Output`] if the length does not fit, there is no class, or a value is NaN or infinite.
    pub fn new(classes: usize, values: Vec<f32>) -> Result<Self, ModelError> {
        if classes == 0 || !values.len().is_multiple_of(classes) {
            return Err(ModelError::output(format!("{} logits do not make rows of {classes}", values.len())));
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(ModelError::output(format!(
                "logit {} of row {} is {}",
                at % classes,
                at / classes,
                values[at]
            )));
        }
        Ok(Self { classes, values })
    }

    /// Returns the number of judged rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.classes
    }

    /// Returns whether nothing was judged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns the logits of row `index`.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.classes..(index + 1) * self.classes]
    }

    /// Number of labels, at least two.
    pub(crate) fn labels(&self) -> usize {
        self.classes.max(2)
    }

    /// Returns the class probabilities of row `index`: softmax, or `[1 - sigmoid, sigmoid]` for one logit. They sum to 1.
    #[must_use]
    pub fn probabilities(&self, index: usize) -> Vec<f64> {
        let scores = self.scores(index);
        let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let exponents: Vec<f64> = scores.iter().map(|score| (score - highest).exp()).collect();
        let total: f64 = exponents.iter().sum();
        exponents.into_iter().map(|exponent| exponent / total).collect()
    }

    /// Returns the predicted label of row `index`: the class with the largest logit, the first of equals.
    #[must_use]
    pub fn label(&self, index: usize) -> usize {
        let scores = self.scores(index);
        (1..scores.len()).fold(0, |best, class| if scores[class] > scores[best] { class } else { best })
    }

    /// Returns margin(x) = `z_y` − max over the other classes, in logits; negative if another label is predicted.
    /// For a single sigmoid logit it is ±z.
    ///
    /// # Panics
    /// If `label` is not a class of this victim.
    #[must_use]
    pub fn margin(&self, index: usize, label: usize) -> f64 {
        let scores = self.scores(index);
        let others = scores.iter().enumerate().filter(|&(class, _)| class != label).map(|(_, &score)| score);
        scores[label] - others.fold(f64::NEG_INFINITY, f64::max)
    }

    /// One score a label, at least two: a single logit `z` counts as the pair (0, z).
    fn scores(&self, index: usize) -> Vec<f64> {
        match self.row(index) {
            [logit] => vec![0.0, f64::from(*logit)],
            row => row.iter().copied().map(f64::from).collect(),
        }
    }
}
