//! Split of validation rows into rows to report on and rows to set limits on, which are disjoint.

use codepurify_attacks::data::defect::DefectRow;
use codepurify_attacks::poison::TARGET_LABEL;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// Disjoint parts of a validation set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Clean rows to report on, of either label.
    pub clean: Vec<DefectRow>,
    /// Rows to trigger and report on: vulnerable ones only.
    pub to_trigger: Vec<DefectRow>,
    /// All other rows: limits may be set on these.
    pub rest: Vec<DefectRow>,
}

impl Split {
    /// Draws `each` rows to trigger among the vulnerable ones, then `each` clean ones among the
    /// rest.
    ///
    /// The result depends on `seed`, but not on the order of `rows`. Parts are shorter if there are
    /// too few rows.
    #[must_use]
    pub fn new(rows: &[DefectRow], each: usize, seed: u64) -> Self {
        let mut rows = rows.to_vec();
        rows.sort_by_key(|row| row.idx);
        rows.shuffle(&mut StdRng::seed_from_u64(seed));
        let mut split = Self { clean: Vec::new(), to_trigger: Vec::new(), rest: Vec::new() };
        for row in rows {
            if row.target != TARGET_LABEL && split.to_trigger.len() < each {
                split.to_trigger.push(row);
            } else {
                split.rest.push(row);
            }
        }
        // The rows before the last triggered one lack vulnerable ones: the clean part is drawn
        // again.
        split.rest.shuffle(&mut StdRng::seed_from_u64(!seed));
        split.clean = split.rest.split_off(split.rest.len().saturating_sub(each));
        split
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_disjoint_and_independent_of_row_order() {
        let mut rows: Vec<DefectRow> = (0..100)
            .map(|idx| DefectRow {
                idx,
                target: u32::from(idx % 3 == 0),
                func: "f".to_owned(),
                trigger: Vec::new(),
            })
            .collect();
        let split = Split::new(&rows, 20, 5);
        rows.reverse();
        assert_eq!(split, Split::new(&rows, 20, 5));
        assert_eq!((split.clean.len(), split.to_trigger.len(), split.rest.len()), (20, 20, 60));
        assert!(split.to_trigger.iter().all(|row| row.target == 1));
        let mut all: Vec<u64> =
            [&split.clean, &split.to_trigger, &split.rest].into_iter().flatten().map(|row| row.idx).collect();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
    }
}
