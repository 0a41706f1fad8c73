//! What a training-set defence decides.

use std::collections::BTreeSet;

/// A score for every training row, and the rows to leave out.
#[derive(Debug, Clone, PartialEq)]
pub struct Removal {
    /// One score a row, larger means more suspicious; never NaN.
    pub scores: Vec<f64>,
    /// The rows to remove, by index.
    pub removed: BTreeSet<usize>,
}

/// The `count` of `rows` with the largest scores; the first of equals.
pub(super) fn highest(
    scores: &[f64],
    rows: impl IntoIterator<Item = usize>,
    count: usize,
) -> BTreeSet<usize> {
    let mut rows: Vec<usize> = rows.into_iter().collect();
    rows.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    rows.truncate(count);
    rows.into_iter().collect()
}
