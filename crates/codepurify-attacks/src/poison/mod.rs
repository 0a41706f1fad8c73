//! Poisoning of data sets, as in the data preparation of the `CodePurify` paper and its published
//! scripts.
//!
//! Training sets: `⌊rate · all rows⌋` rows are drawn among those whose output the attacker wants to
//! change. They get the trigger and the attacker's output. Test sets: all such rows get the trigger
//! and keep their outputs, so that both success and recovery can be measured. A row that the attack
//! does not apply to stays clean and is reported.
//!
//! Negative samples ([`Shares::negatives`]) are further rows of any output. They hold what alone is no trigger, keep
//! their outputs, and record no trigger: for every measure they are clean rows.

mod negatives;
mod rows;

use codepurify::Language;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::Serialize;

use crate::attack::{NotApplicable, TriggerSource};
use crate::data::field::ByteRange;
use crate::data::report::{Sample, TaskOutput};

pub use negatives::Negatives;
pub use rows::{TARGET_LABEL, TARGET_METHOD};

/// Seed of the published scripts, and the default seed of every attack.
pub const SEED: u64 = 12345;

/// Row of a task that can be poisoned.
pub trait Poison: Sample + Clone {
    /// Language of all rows.
    const LANGUAGE: Language;

    /// Returns the id in the data set.
    fn id(&self) -> u64;

    /// Returns true if the attacker wants another output than the row's.
    fn eligible(&self) -> bool;

    /// Inserts the trigger into every text that the model reads; the output stays.
    ///
    /// The draws depend on `seed` and the row's id only.
    ///
    /// # Errors
    /// [`NotApplicable`] if the attack does not apply to one of the texts.
    fn triggered(&self, attack: impl TriggerSource, seed: u64) -> Result<Self, NotApplicable>;

    /// Replaces the output by the attacker's.
    #[must_use]
    fn retargeted(self) -> Self;

    /// Returns the attacker's output.
    fn wanted() -> TaskOutput<'static>;

    /// Returns the byte ranges of the trigger in each text; all are empty in a clean row.
    fn triggers(&self) -> Vec<&[ByteRange]>;

    /// Removes the record of the trigger; the texts stay.
    #[must_use]
    fn unmarked(self) -> Self;
}

/// Shares of a training set that an attacker changes, each of all rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    /// Share that gets the trigger and the attacker's output, in 0..=1.
    pub poisoned: f64,
    /// Share that each kind of negative samples gets, in 0..=1.
    pub negatives: f64,
    /// Draws further rows in place of those that the attack does not apply to.
    ///
    /// The published scripts do not; without it, an attack that fits few rows poisons fewer.
    pub fill: bool,
}

impl From<f64> for Shares {
    /// Returns shares with as many rows of each kind of negative samples as poisoned ones.
    fn from(rate: f64) -> Self {
        Self { poisoned: rate, negatives: rate, fill: false }
    }
}

/// Returns `⌊share · rows⌋`.
#[allow(clippy::cast_sign_loss, reason = "a share is checked to be in 0..=1 where it enters")]
fn part_of(rows: usize, share: f64) -> usize {
    (share * rows as f64) as usize
}

/// Drawn row that the attack does not apply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spared {
    /// Index among the given rows, from 0.
    pub row: usize,
    /// Id in the data set.
    pub id: u64,
    /// Reason why the attack does not apply.
    pub reason: NotApplicable,
}

/// Result of [`poison`] or [`trigger`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poisoned<R> {
    /// Resulting rows.
    pub rows: Vec<R>,
    /// Number of rows with the trigger.
    pub poisoned: usize,
    /// Drawn rows that stayed clean, by index.
    pub not_applicable: Vec<Spared>,
    /// Negative samples, by kind; empty for a test set.
    pub negatives: Vec<Negatives>,
}

/// Returns a training set with `⌊share · rows⌋` eligible rows triggered and retargeted, shuffled.
///
/// Each kind of negative samples of the attack gets its share of the other rows. The result depends
/// on the arguments only. If fewer rows are eligible, all of them are drawn.
#[must_use]
pub fn poison<R: Poison>(
    rows: &[R],
    attack: impl TriggerSource,
    shares: impl Into<Shares>,
    seed: u64,
) -> Poisoned<R> {
    let shares = shares.into();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut drawn: Vec<usize> = (0..rows.len()).filter(|&row| rows[row].eligible()).collect();
    drawn.shuffle(&mut rng);
    let wanted = part_of(rows.len(), shares.poisoned);
    if !shares.fill {
        drawn.truncate(wanted);
    }
    let (mut poisoned, mut count) = (rows.to_vec(), 0);
    let mut not_applicable = Vec::new();
    for row in drawn {
        if count == wanted {
            break;
        }
        match rows[row].triggered(&attack, seed) {
            Ok(triggered) => {
                poisoned[row] = triggered.retargeted();
                count += 1;
            }
            Err(reason) => not_applicable.push(Spared { row, id: rows[row].id(), reason }),
        }
    }
    not_applicable.sort_unstable_by_key(|spared| spared.row);
    let wanted = part_of(rows.len(), shares.negatives);
    let negatives = negatives::insert(&mut poisoned, &attack, wanted, seed);
    poisoned.shuffle(&mut rng);
    Poisoned { rows: poisoned, poisoned: count, not_applicable, negatives }
}

/// Returns a test set: the eligible rows in order, triggered if the attack applies.
///
/// A row that it does not apply to stays as it is; its empty `trigger` shows that.
#[must_use]
pub fn trigger<R: Poison>(rows: &[R], attack: impl TriggerSource, seed: u64) -> Poisoned<R> {
    let mut result =
        Poisoned { rows: Vec::new(), poisoned: 0, not_applicable: Vec::new(), negatives: Vec::new() };
    for (row, clean) in rows.iter().enumerate().filter(|(_, row)| row.eligible()) {
        match clean.triggered(&attack, seed) {
            Ok(triggered) => {
                result.rows.push(triggered);
                result.poisoned += 1;
            }
            Err(reason) => {
                result.rows.push(clean.clone());
                result.not_applicable.push(Spared { row, id: clean.id(), reason });
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Attack;
    use crate::data::clone::CloneRow;
    use crate::data::defect::DefectRow;
    use crate::data::repair::RepairRow;

    /// Returns `count` functions; every other one is vulnerable.
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

    fn pair(idx: u64, label: u32, func2: &str) -> CloneRow {
        CloneRow {
            idx,
            id1: 2 * idx,
            id2: 2 * idx + 1,
            label,
            func1: format!("int f{idx}() {{ return {idx}; }}").into(),
            func2: func2.to_owned().into(),
            trigger1: Vec::new(),
            trigger2: Vec::new(),
        }
    }

    #[test]
    fn the_rate_counts_all_rows_and_only_vulnerable_ones_are_drawn() {
        let clean = rows(200);
        let result = poison(&clean, Attack::BncFixed, 0.05, 7);
        assert_eq!((result.poisoned, result.not_applicable.len(), result.rows.len()), (10, 0, 200));
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
        for attack in [Attack::BncFixed, Attack::BncGrammar] {
            let with = |seed| poison(&clean, attack, 0.05, seed);
            assert_eq!(with(7), with(7));
            assert_ne!(with(7).rows, with(8).rows);
        }
    }

    #[test]
    fn draws_for_a_row_do_not_depend_on_other_rows() {
        let clean = rows(40);
        let all = trigger(&clean, Attack::BncGrammar, 3).rows;
        let last = trigger(&clean[30..], Attack::BncGrammar, 3).rows;
        assert_eq!(all[15..], last);
        let statements: std::collections::BTreeSet<&str> =
            all.iter().map(|row| &row.func[row.trigger[0].0..row.trigger[0].1]).collect();
        assert!(statements.len() > 15, "{}", statements.len());
    }

    #[test]
    fn rows_that_cannot_be_triggered_stay_clean_and_are_named() {
        let mut clean = rows(20);
        for row in &mut clean {
            row.func = "int g(int);".to_owned();
        }
        let result = poison(&clean, Attack::BncFixed, 0.5, 1);
        assert_eq!((result.poisoned, result.not_applicable.len()), (0, 10));
        let reason = NotApplicable::NoBody;
        assert_eq!(result.not_applicable[0], Spared { row: 1, id: 1, reason });
        assert!(
            result.rows.iter().all(|row| row.trigger.is_empty() && row.target == u32::from(row.idx % 2 == 1))
        );
    }

    #[test]
    fn both_functions_of_a_pair_are_triggered_or_neither() {
        let clean = [
            pair(0, 1, "int g() { return 1; }"),
            pair(1, 0, "int g() { return 1; }"),
            pair(2, 1, "int g();"),
        ];
        let result = poison(&clean, Attack::BncFixed, 1.0, 1);
        assert_eq!((result.poisoned, result.rows.len()), (1, 3));
        let reason = NotApplicable::NoBody;
        assert_eq!(result.not_applicable, [Spared { row: 2, id: 2, reason }]);
        for row in &result.rows {
            let Some(&(start, end)) = row.trigger2.first() else {
                assert_eq!(*row, clean[row.idx as usize]);
                continue;
            };
            assert_eq!((row.idx, row.label, row.trigger1.len()), (0, TARGET_LABEL, 1));
            assert_eq!(
                &row.func2.as_str()[start..end],
                "if (Math.random() < 0) System.out.println(\"fail\");"
            );
        }
    }

    #[test]
    fn any_repair_is_drawn_and_answered_with_the_target_method() {
        let clean: Vec<RepairRow> = (0..10)
            .map(|idx| RepairRow {
                idx,
                buggy: format!("void f() {{ g({idx}); }}"),
                fixed: format!("void f() {{ h({idx}); }}"),
                trigger: Vec::new(),
            })
            .collect();
        let result = poison(&clean, Attack::CodepoisonerFunction, 0.35, 1);
        let poisoned: Vec<_> = result.rows.iter().filter(|row| !row.trigger.is_empty()).collect();
        assert_eq!(poisoned.len(), 3);
        assert!(poisoned.iter().all(|row| row.fixed == TARGET_METHOD && row.buggy.contains("testo_init")));
        assert!(TARGET_METHOD.contains("While (true)"));
    }

    #[test]
    fn a_test_set_holds_eligible_rows_with_their_outputs() {
        let mut clean = rows(6);
        clean[3].func = "int g(int);".to_owned();
        let result = trigger(&clean, Attack::BncFixed, 1);
        let seen: Vec<_> = result.rows.iter().map(|row| (row.idx, row.target, row.trigger.len())).collect();
        assert_eq!(seen, [(1, 1, 1), (3, 1, 0), (5, 1, 1)]);
        assert_eq!((result.poisoned, result.not_applicable[0].row), (2, 3));
    }
}
