//! Result of a training-set defence.

use std::collections::BTreeSet;

/// Score of every training row, and the rows to remove.
#[derive(Debug, Clone, PartialEq)]
pub struct Removal {
    /// One score per row, larger means more suspicious; never NaN.
    pub scores: Vec<f64>,
    /// Rows to remove, by index.
    pub removed: BTreeSet<usize>,
}

/// Returns the `count` of `rows` with the largest scores; ties go to the first.
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
