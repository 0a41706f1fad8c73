//! Counts of right and wrong decisions.

use std::collections::BTreeSet;

/// Returns the mean of 0/1 outcomes; `None` of none.
#[must_use]
pub fn share(outcomes: &[bool]) -> Option<f64> {
    share_of(outcomes.iter().copied())
}

/// Returns the mean of 0/1 outcomes, which need not be collected; `None` of none.
#[must_use]
pub fn share_of(outcomes: impl IntoIterator<Item = bool>) -> Option<f64> {
    let count = |(hits, all), hit| (hits + usize::from(hit), all + 1);
    let (hits, all) = outcomes.into_iter().fold((0, 0), count);
    ratio(hits, all)
}

/// Decisions compared with the truth: of a classifier, a detector, or a filter of training rows.
///
/// The positive class of a detector or filter is *poisoned*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Confusion {
    /// Positive, decided as positive.
    pub true_positives: usize,
    /// Negative, decided as positive.
    pub false_positives: usize,
    /// Positive, decided as negative.
    pub false_negatives: usize,
    /// Negative, decided as negative.
    pub true_negatives: usize,
}

impl Confusion {
    /// Counts pairs of (truth, decision).
    #[must_use]
    pub fn of(pairs: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut counts = Self::default();
        for pair in pairs {
            let count = match pair {
                (true, true) => &mut counts.true_positives,
                (false, true) => &mut counts.false_positives,
                (true, false) => &mut counts.false_negatives,
                (false, false) => &mut counts.true_negatives,
            };
            *count += 1;
        }
        counts
    }

    /// Counts a set of removed training rows; `removed` holds indices of `poisoned`.
    #[must_use]
    pub fn of_removed(poisoned: &[bool], removed: &BTreeSet<usize>) -> Self {
        Self::of(poisoned.iter().enumerate().map(|(row, &poisoned)| (poisoned, removed.contains(&row))))
    }

    /// Returns TP + FN.
    #[must_use]
    pub fn positives(&self) -> usize {
        self.true_positives + self.false_negatives
    }

    /// Returns FP + TN.
    #[must_use]
    pub fn negatives(&self) -> usize {
        self.false_positives + self.true_negatives
    }

    /// Returns TP / (TP + FN): recall, TPR.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        ratio(self.true_positives, self.positives())
    }

    /// Returns FP / (FP + TN): FPR.
    #[must_use]
    pub fn false_positive_rate(&self) -> Option<f64> {
        ratio(self.false_positives, self.negatives())
    }

    /// Returns TP / (TP + FP): precision.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        ratio(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Returns F1 of the positive class: 2 TP / (2 TP + FP + FN).
    #[must_use]
    pub fn f1(&self) -> Option<f64> {
        let hits = 2 * self.true_positives;
        ratio(hits, hits + self.false_positives + self.false_negatives)
    }

    /// Returns the share of right decisions.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        let right = self.true_positives + self.true_negatives;
        ratio(right, right + self.false_positives + self.false_negatives)
    }
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let truth = [true, true, true, false, false, false, false, false];
        let said = [true, true, false, true, false, false, false, false];
        let counts = Confusion::of(truth.into_iter().zip(said));
        assert_eq!(counts.recall(), Some(2.0 / 3.0));
        assert_eq!(counts.false_positive_rate(), Some(0.2));
        assert_eq!(counts.precision(), Some(2.0 / 3.0));
        assert_eq!(counts.f1(), Some(4.0 / 6.0));
        assert_eq!(counts.accuracy(), Some(0.75));
        assert_eq!(Confusion::of_removed(&truth, &[3, 0, 1].into()), counts);
    }

    #[test]
    fn no_decisions_have_no_rates() {
        let none = Confusion::default();
        assert_eq!((none.recall(), none.precision(), none.f1(), none.accuracy()), (None, None, None, None));
        assert_eq!((none.false_positive_rate(), share(&[])), (None, None));
        // Nothing removed: recall is defined, precision is not.
        let counts = Confusion::of_removed(&[true, false], &BTreeSet::new());
        assert_eq!((counts.precision(), counts.recall()), (None, Some(0.0)));
    }
}
