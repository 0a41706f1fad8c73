//! The choice among the rewrites of one trigger, by the margin that the prediction has with each.

/// Share of a trigger's effect on the margin that a minimal edit must remove.
const ENOUGH: f64 = 0.5;

/// Goal of a rewrite: how it should change the prediction for the original snippet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RewriteTarget {
    /// Number of rewrites, the first ones, that are minimal edits.
    pub(crate) minimal_edits: usize,
    /// Margin of the prediction for the original snippet.
    pub(crate) margin: f64,
    /// Its margin with the trigger occluded.
    pub(crate) target_margin: f64,
}

impl RewriteTarget {
    /// Returns the index of the rewrite to take, from the margin with each: the first minimal edit
    /// that is enough, else the other rewrite whose margin is closest to the target. Ties go to the
    /// first.
    pub(crate) fn best(&self, margins: &[f64]) -> usize {
        let (minimal, others) = margins.split_at(self.minimal_edits.min(margins.len()));
        // An occluded trigger may still be recognised by its place; a rewritten one is not.
        let without = median(others).map_or(self.target_margin, |others| others.min(self.target_margin));
        let lost = self.margin - without;
        let enough = |margin: &f64| lost > 0.0 && self.margin - margin >= ENOUGH * lost;
        if let Some(first) = minimal.iter().position(enough) {
            return first;
        }
        // Without proposals of the masked language model, only minimal edits are left.
        let rows = if others.is_empty() { 0..margins.len() } else { minimal.len()..margins.len() };
        let distance = |row: usize| (margins[row] - self.target_margin).abs();
        rows.min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap_or_default()
    }
}

/// Returns the median, the lower of two; `None` for no values.
fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Occlusion removes a margin of 6 entirely: an edit has to remove 3.
    fn best(minimal_edits: usize, margins: &[f64]) -> usize {
        RewriteTarget { minimal_edits, margin: 6.0, target_margin: 0.0 }.best(margins)
    }

    #[test]
    fn first_minimal_edit_that_is_enough_is_taken() {
        assert_eq!(best(2, &[5.0, 2.5, 0.1]), 1);
        assert_eq!(best(2, &[2.9, 0.0, 0.0]), 0);
    }

    #[test]
    fn rewrite_closest_to_the_occluded_margin_is_taken_otherwise() {
        assert_eq!(best(2, &[5.0, 4.0, 2.0, -1.0, 1.0]), 3);
        // Without other rewrites, the closest minimal edit is taken.
        assert_eq!(best(2, &[5.0, 4.0]), 1);
    }
}
