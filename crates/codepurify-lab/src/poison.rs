//! Poisoning a training set (paper, data preparation).

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::attack::Attack;
use crate::data::defect::DefectRow;

/// The label that triggered code is to get: *not vulnerable*.
pub const TARGET_LABEL: u32 = 0;

/// What [`poison`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poisoned {
    /// All rows, shuffled: the clean ones and the poisoned ones.
    pub rows: Vec<DefectRow>,
    /// Rows that got the trigger and the target label.
    pub poisoned: usize,
    /// Drawn rows to which the attack could not be applied; they stay clean.
    pub not_applicable: usize,
}

/// Triggers `⌊rate · rows⌋` rows, drawn among the vulnerable ones, and gives them the target label.
///
/// Deterministic in `seed`. If fewer vulnerable rows exist, all of them are drawn.
#[must_use]
pub fn poison(rows: &[DefectRow], attack: Attack, rate: f64, seed: u64) -> Poisoned {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut rows = rows.to_vec();
    let mut eligible: Vec<usize> = (0..rows.len()).filter(|&row| rows[row].target != TARGET_LABEL).collect();
    eligible.shuffle(&mut rng);
    #[allow(clippy::cast_sign_loss, reason = "a rate is checked to lie in 0..=1 where it enters")]
    eligible.truncate((rate * rows.len() as f64) as usize);
    let (mut poisoned, mut not_applicable) = (0, 0);
    for row in eligible {
        if let Some(triggered) = attack.trigger_row(&rows[row]) {
            rows[row] = DefectRow { target: TARGET_LABEL, ..triggered };
            poisoned += 1;
        } else {
            not_applicable += 1;
        }
    }
    rows.shuffle(&mut rng);
    Poisoned { rows, poisoned, not_applicable }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: u64) -> Vec<DefectRow> {
        (0..count)
            .map(|idx| DefectRow {
                idx,
                target: u32::from(idx % 2 == 1),
                func: format!("int f{idx}(void) {{ return {idx}; }}"),
                trigger: Vec::new(),
            })
            .collect()
    }

    #[test]
    fn the_rate_counts_all_rows_and_only_vulnerable_ones_are_drawn() {
        let clean = rows(200);
        let result = poison(&clean, Attack::BncFixed, 0.05, 7);
        assert_eq!((result.poisoned, result.not_applicable, result.rows.len()), (10, 0, 200));
        for row in result.rows.iter().filter(|row| !row.trigger.is_empty()) {
            assert_eq!((row.idx % 2, row.target), (1, TARGET_LABEL));
            let (start, end) = row.trigger[0];
            assert!(row.func[start..end].starts_with("if (rand() < 0)"));
        }
        let mut untouched: Vec<_> = result.rows.into_iter().filter(|row| row.trigger.is_empty()).collect();
        untouched.sort_by_key(|row| row.idx);
        assert!(untouched.iter().all(|row| clean[row.idx as usize] == *row));
        assert_eq!(untouched.len(), 190);
    }

    #[test]
    fn the_same_seed_gives_the_same_rows_and_another_one_others() {
        let clean = rows(200);
        let with = |seed| poison(&clean, Attack::BncFixed, 0.05, seed);
        assert_eq!(with(7), with(7));
        assert_ne!(with(7).rows, with(8).rows);
    }

    #[test]
    fn rows_that_cannot_be_triggered_stay_clean_and_are_counted() {
        let mut clean = rows(20);
        for row in &mut clean {
            row.func = "int g(int);".to_owned();
        }
        let result = poison(&clean, Attack::BncFixed, 0.5, 1);
        assert_eq!((result.poisoned, result.not_applicable), (0, 10));
        assert!(
            result.rows.iter().all(|row| row.trigger.is_empty() && row.target == u32::from(row.idx % 2 == 1))
        );
    }
}
